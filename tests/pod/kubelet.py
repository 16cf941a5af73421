"""As much of an API server and a kubelet as k8s/upgrade-bridge talks to, with the pod in podman behind it."""
import json
import os
import socketserver
import subprocess
import threading

from pod import podman, podman_run

HERE = os.path.dirname(os.path.abspath(__file__))


class Kubelet:
    def __init__(self, stack, directory):
        self.stack = stack
        self.puller = None  # the pod that pulls: its JSON, and what it printed
        self.template = None
        self.calls = []
        self.path = os.path.join(directory, "kubelet.sock")
        kubelet = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                request = json.loads(self.rfile.readline())
                code, out, err = kubelet.answer(request["words"], request["input"])
                self.wfile.write(json.dumps({"code": code, "out": out, "err": err}).encode() + b"\n")
        self._server = socketserver.UnixStreamServer(self.path, Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        os.unlink(self.path)

    def upgrade(self, *words):
        return subprocess.run([os.path.join(HERE, "../../k8s/upgrade-bridge"), *words], capture_output=True, text=True,
                              timeout=120, check=False, env={**os.environ, "KUBECTL": os.path.join(HERE, "kubectl"),
                                                             "POD_KUBELET": self.path, "POLL_SECONDS": "0.2"})

    def answer(self, words, text):
        self.calls.append(words[:2])
        try:
            return getattr(self, "_" + words[0])(words[1:], text)
        except (RuntimeError, KeyError) as e:
            return 1, "", f"{e}\n"

    def _get(self, words, _):
        name = words[1]
        if name == self.stack.pod:
            return 0, json.dumps(self._pod()), ""
        if self.puller and name == self.puller["metadata"]["name"]:
            return 0, json.dumps(self.puller), ""
        return 1, "", "not found\n"

    def _pod(self):
        stack = self.stack
        bridge = {**stack.converted.containers["bridge"], "image": stack.bridge_image}
        states = {"session-agent": (stack.agent.inspect(), True),
                  "bridge": (stack.bridge.container.inspect(), stack.bridge.http("/ready")[0] == 200)}
        return {"metadata": {"name": stack.pod, "uid": podman("pod", "inspect", "-f", "{{.Id}}", stack.pod),
                             "ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "smpp-connector"}]},
                "spec": {"nodeName": "here", "securityContext": {"runAsNonRoot": True},
                         "containers": [stack.converted.containers["session-agent"], bridge]},
                "status": {"containerStatuses": [
                    {"name": name, "containerID": "podman://" + state["Id"], "restartCount": state["RestartCount"],
                     "ready": bool(ready and state["State"]["Running"])} for name, (state, ready) in states.items()]}}

    def _create(self, _, text):
        self.puller = json.loads(text)
        (container,) = self.puller["spec"]["containers"]
        options = self.stack.arguments({**container, "env": [], "volumeMounts": []})
        done = podman_run(["--network", "none", *options], container["image"], *container["args"])
        self.puller["log"] = done.stdout + done.stderr
        if done.returncode == 125:
            self.puller["status"] = {"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull"}}}]}
        else:
            self.puller["status"] = {"phase": "Failed" if done.returncode else "Succeeded"}
        return 0, "created\n", ""

    def _delete(self, _words, _):
        self.puller = None
        return 0, "", ""

    def _logs(self, _words, _):
        return 0, self.puller["log"], ""

    def _exec(self, words, _):
        return 0, podman("exec", self.stack.bridge.container.name, *words[words.index("--") + 1:]) + "\n", ""

    def _patch(self, words, _):
        patch = json.loads(words[words.index("-p") + 1])
        if words[0] == "statefulset":
            self.template = patch["spec"]["template"]["spec"]
        else:
            (container,) = patch["spec"]["containers"]
            assert container["name"] == "bridge"
            self.stack.exchange_bridge(container["image"])
        return 0, "patched\n", ""
