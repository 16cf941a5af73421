"""The StatefulSet that ships, made into what `podman kube play` (4.3) takes, mechanically.

Nothing is added but what stands for something outside of the pod; every field that podman can't do is
taken out by name and told (`dropped`), so that a reader sees what this test does not show.
"""
import base64
import copy

import yaml

# What podman 4.3 does as Kubernetes does, by path …
HONOURED = {
    "spec": {"containers", "volumes", "shareProcessNamespace", "securityContext"},
    "spec.securityContext": set(),
    "spec.volumes": {"name", "configMap", "secret"},
    "spec.volumes.configMap": {"name", "optional"},
    "spec.volumes.secret": {"secretName"},
    "container": {"name", "args", "command", "env", "volumeMounts", "securityContext", "resources"},
    "container.env": {"name", "value"},
    "container.volumeMounts": {"name", "mountPath", "readOnly"},
    "container.securityContext": {"runAsUser", "runAsGroup", "readOnlyRootFilesystem", "allowPrivilegeEscalation",
                                  "capabilities"},
    "container.resources": {"limits", "requests"},
    "container.resources.limits": {"memory", "cpu"},
    "container.resources.requests": {"memory"},
}
# … and what it has no word for, passes over in silence, or fails on. What stands in for it is the test's part.
INSTEAD = {
    "spec.serviceAccountName": "there is no API server",
    "spec.automountServiceAccountToken": "there is no API server",
    "spec.enableServiceLinks": "there are no Services",
    "spec.topologySpreadConstraints": "there is one node",
    "spec.initContainers": "podman starts them again with restartPolicy Always; the test runs the step apart",
    "spec.terminationGracePeriodSeconds": "not taken over; the test counts the seconds",
    "spec.securityContext.runAsNonRoot": "not asked; the test looks at the users",
    "spec.securityContext.runAsGroup": "written into each container",
    "spec.securityContext.fsGroup": "the owner of the tmpfs claims in its place",
    "spec.securityContext.seccompProfile": "podman's default profile; the test looks that there is one",
    "spec.volumes.emptyDir": "a tmpfs claim in its place, of the same owner and mode; sizeLimit is not taken for it",
    "spec.volumes.secret.defaultMode": "podman 4.3 fails on it",
    "spec.volumes.secret.optional": "podman 4.3 fails on a secret that is not there; the test makes each",
    "container.image": "the images of this build",
    "container.imagePullPolicy": "never pulled",
    "container.env.valueFrom": "its value instead: the pod's name",
    "container.livenessProbe": "podman's health timers need systemd; the test asks in its place",
    "container.readinessProbe": "podman's health timers need systemd; the test asks in its place",
    "container.ports": "only with a bridge network; the pod has its own loopback and nothing else",
    "container.terminationMessagePolicy": "nobody reads it",
    "container.resources.requests.cpu": "there is no scheduler",
}
# Taken out, since podman complains; the rest of INSTEAD it passes over, or it is replaced below.
REMOVED = ("spec.serviceAccountName", "spec.topologySpreadConstraints", "spec.initContainers", "container.livenessProbe",
           "container.readinessProbe", "container.ports", "container.terminationMessagePolicy")


def tmpfs_claim(name, uid, gid):
    """emptyDir in memory as the kubelet makes it: podman 4.3 knows neither medium nor fsGroup."""
    options = {"driver": "local", "type": "tmpfs", "device": "tmpfs", "uid": str(uid), "gid": str(gid),
               "mount-options": "mode=2777"}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "annotations": {f"volume.podman.io/{k}": v for k, v in options.items()}},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}}


class Converted:
    """`documents` for podman, `dropped` {path: why}, and the containers by name."""

    def __init__(self, rendered, images, secrets, operators, redis_over_tls):
        """images: {container: image}; secrets: {name: {file: bytes}}; operators: text of operators.json."""
        self.dropped = {}
        documents = [d for d in yaml.safe_load_all(rendered) if d]
        for d in documents:
            if d["kind"] not in ("StatefulSet", "ConfigMap"):
                self.dropped[d["kind"]] = "Kubernetes' own; podman has only pods"
        stateful_set = self._one(documents, "StatefulSet")
        self.name = stateful_set["metadata"]["name"] + "-0"
        for field in set(stateful_set["spec"]) - {"template"}:
            self.dropped[f"StatefulSet.spec.{field}"] = "podman has only pods"
        template = stateful_set["spec"]["template"]
        self.dropped["metadata.annotations"] = "for kubectl and Prometheus"
        spec = copy.deepcopy(template["spec"])
        self._name_what_is_not_done(spec)
        self.init_containers = copy.deepcopy(spec.get("initContainers", []))
        self.grace_s = spec["terminationGracePeriodSeconds"]
        self._remove("spec", spec)
        spec["restartPolicy"] = "Always"  # what a StatefulSet means
        config = copy.deepcopy(self._one(documents, "ConfigMap", "smpp-connector"))
        config["data"]["operators.json"] = operators
        if redis_over_tls:
            self._use_redis_over_tls(config["data"], spec)
        claims = self._volumes(spec)
        self.containers = {c["name"]: self._container(c, spec, images) for c in spec["containers"]}
        self.init_containers = [self._container(c, spec, images) for c in self.init_containers]
        pod = {"apiVersion": "v1", "kind": "Pod",
               "metadata": {"name": self.name, "labels": template["metadata"]["labels"]}, "spec": spec}
        self.documents = claims + [config] + [self._secret(n, files) for n, files in secrets.items()] + [pod]

    @staticmethod
    def _one(documents, kind, name=None):
        (found,) = [d for d in documents if d["kind"] == kind and name in (None, d["metadata"]["name"])]
        return found

    def _name(self, path, mapping):
        """Every field is one that podman honours, or one that is told."""
        for key in mapping:
            if key in HONOURED[path]:
                continue
            if f"{path}.{key}" not in INSTEAD:
                raise ValueError(f"{path}.{key}: what podman does with it is not known to tests/pod/manifest.py")
            self.dropped[f"{path}.{key}"] = INSTEAD[f"{path}.{key}"]

    def _name_what_is_not_done(self, spec):
        self._name("spec", spec)
        self._name("spec.securityContext", spec["securityContext"])
        for volume in spec["volumes"]:
            self._name("spec.volumes", volume)
            for kind in ("configMap", "secret"):
                self._name(f"spec.volumes.{kind}", volume.get(kind, {}))
        for container in spec["containers"] + spec.get("initContainers", []):
            self._name("container", container)
            self._name("container.securityContext", container["securityContext"])
            self._name("container.resources", container["resources"])
            for kind, amounts in container["resources"].items():
                self._name(f"container.resources.{kind}", amounts)
            for part in ("env", "volumeMounts"):
                for entry in container.get(part, []):
                    self._name(f"container.{part}", entry)

    @staticmethod
    def _remove(path, mapping):
        for key in list(mapping):
            if f"{path}.{key}" in REMOVED:
                del mapping[key]

    def _use_redis_over_tls(self, data, spec):
        """What README says of a Redis with a CA of one's own."""
        data["bridge.env"] = data["bridge.env"].replace("=redis://", "=rediss://")
        for container in spec["containers"] + self.init_containers:
            if container["name"] != "session-agent":
                container["env"].append({"name": "SSL_CERT_FILE", "value": "/run/secrets/tls/ca.crt"})
        self.dropped["ConfigMap.data.bridge.env"] = "REDIS_URL is rediss://, and SSL_CERT_FILE names its CA"

    def _volumes(self, spec):
        claims = []
        uid = {"ipc": 10001, "ctl": 10002}
        for volume in spec["volumes"]:
            if volume.pop("emptyDir", None) is not None:
                volume["persistentVolumeClaim"] = {"claimName": volume["name"]}
                claims.append(tmpfs_claim(volume["name"], uid[volume["name"]], spec["securityContext"]["fsGroup"]))
            elif "secret" in volume:
                volume["secret"].pop("defaultMode", None)
                volume["secret"]["optional"] = False
        return claims

    def _container(self, container, spec, images):
        self._remove("container", container)
        container["image"] = images[container["name"]]
        container["imagePullPolicy"] = "Never"
        container["securityContext"].setdefault("runAsGroup", spec["securityContext"]["runAsGroup"])
        for entry in container.get("env", []):
            if entry.pop("valueFrom", None):
                entry["value"] = self.name
        return container

    @staticmethod
    def _secret(name, files):
        return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
                "data": {k: base64.b64encode(v).decode() for k, v in files.items()}}

    def text(self):
        return yaml.safe_dump_all(self.documents, sort_keys=False)
