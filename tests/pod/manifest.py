"""The StatefulSet that ships, made into what `podman kube play` (4.3) takes, mechanically.

Nothing is added but what stands for something outside of the pod; every field that podman can't do is
taken out by name and told (`dropped`), so that a reader sees what this test does not show.
"""
import base64
import copy

import yaml

# What podman has no word for, by path in the template's spec. What stands in for it is the test's part.
POD_FIELDS = {
    "serviceAccountName": "there is no API server",
    "topologySpreadConstraints": "there is one node",
    "initContainers": "podman starts them again with restartPolicy Always; the test runs the step apart",
}
CONTAINER_FIELDS = {
    "livenessProbe": "podman's health timers need systemd; the test asks in its place",
    "readinessProbe": "the same",
    "ports": "only with a bridge network; the pod has its own loopback and nothing else",
    "terminationMessagePolicy": "nobody reads it",
}


def tmpfs_claim(name, uid, gid):
    """emptyDir in memory as the kubelet makes it: podman 4.3 knows neither medium nor fsGroup."""
    options = {"driver": "local", "type": "tmpfs", "device": "tmpfs", "uid": str(uid), "gid": str(gid),
               "mount-options": "mode=2777"}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "annotations": {f"volume.podman.io/{k}": v for k, v in options.items()}},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}}


class Converted:
    """`documents` for podman, `dropped` {path: why}, and the containers by name."""

    def __init__(self, rendered, images, secrets, operators):
        """images: {container: image}; secrets: {name: {file: bytes}}; operators: text of operators.json."""
        self.dropped = {}
        documents = [d for d in yaml.safe_load_all(rendered) if d]
        stateful_set = self._one(documents, "StatefulSet")
        self.name = stateful_set["metadata"]["name"] + "-0"
        self._drop_all_but("StatefulSet.spec", stateful_set["spec"], {"template"}, "podman has only pods")
        template = stateful_set["spec"]["template"]
        spec = copy.deepcopy(template["spec"])
        self.init_containers = copy.deepcopy(spec.get("initContainers", []))
        for field, why in POD_FIELDS.items():
            if spec.pop(field, None) is not None:
                self.dropped[f"spec.{field}"] = why
        self.dropped["spec.terminationGracePeriodSeconds"] = "not taken over; the test counts the seconds"
        self.grace_s = spec["terminationGracePeriodSeconds"]
        spec["restartPolicy"] = "Always"  # what a StatefulSet means
        claims = self._volumes(spec)
        self.containers = {c["name"]: self._container(c, spec, images) for c in spec["containers"]}
        self.init_containers = [self._container(c, spec, images) for c in self.init_containers]
        config = copy.deepcopy(self._one(documents, "ConfigMap", "smpp-connector"))
        config["data"]["operators.json"] = operators
        pod = {"apiVersion": "v1", "kind": "Pod",
               "metadata": {"name": self.name, "labels": template["metadata"]["labels"]}, "spec": spec}
        self.documents = claims + [config] + [self._secret(n, files) for n, files in secrets.items()] + [pod]

    @staticmethod
    def _one(documents, kind, name=None):
        (found,) = [d for d in documents if d["kind"] == kind and name in (None, d["metadata"]["name"])]
        return found

    def _drop_all_but(self, path, mapping, keep, why):
        for key in mapping:
            if key not in keep:
                self.dropped[f"{path}.{key}"] = why

    def _volumes(self, spec):
        claims = []
        uid = {"ipc": 10001, "ctl": 10002}
        for volume in spec["volumes"]:
            if "emptyDir" in volume:
                self.dropped[f"spec.volumes.{volume['name']}.emptyDir.medium"] = "a tmpfs claim in its place"
                self.dropped[f"spec.volumes.{volume['name']}.emptyDir.sizeLimit"] = "not taken for a claim"
                del volume["emptyDir"]
                volume["persistentVolumeClaim"] = {"claimName": volume["name"]}
                claims.append(tmpfs_claim(volume["name"], uid[volume["name"]], spec["securityContext"]["fsGroup"]))
            elif "secret" in volume:
                if volume["secret"].pop("defaultMode", None) is not None:
                    self.dropped[f"spec.volumes.{volume['name']}.secret.defaultMode"] = "podman 4.3 fails on it"
                volume["secret"]["optional"] = False  # podman 4.3 fails on a secret that is not there
        return claims

    def _container(self, container, spec, images):
        for field, why in CONTAINER_FIELDS.items():
            if container.pop(field, None) is not None:
                self.dropped[f"container.{field}"] = why
        self.dropped["container.image, imagePullPolicy"] = "the images of this build, never pulled"
        container["image"] = images[container["name"]]
        container["imagePullPolicy"] = "Never"
        container["securityContext"].setdefault("runAsGroup", spec["securityContext"]["runAsGroup"])
        for entry in container.get("env", []):
            if entry.pop("valueFrom", None):
                self.dropped["container.env.valueFrom"] = "its value instead: the pod's name"
                entry["value"] = self.name
        return container

    @staticmethod
    def _secret(name, files):
        return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
                "data": {k: base64.b64encode(v).decode() for k, v in files.items()}}

    def text(self):
        return yaml.safe_dump_all(self.documents, sort_keys=False)
