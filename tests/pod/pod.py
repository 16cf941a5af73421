"""One pod in podman, and what runs beside it on its loopback."""
import copy
import ctypes
import json
import os
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../sim"))

import sim_certificates  # noqa: E402
from harness import nats_jwt  # noqa: E402
from harness.nats import NatsServer, create_platform_streams  # noqa: E402
from harness.process import wait_for  # noqa: E402
from harness.programs import Bridge, MnoSim, OperatorMgmtSim  # noqa: E402
from harness.redis import RedisServer  # noqa: E402
from harness.stack import Stack  # noqa: E402

from manifest import Converted  # noqa: E402

CLONE_NEWNET = 0x40000000
REDIS_OVER_TLS = os.environ["POD_DEBIAN"] == "13"  # Debian 12's hiredis has none
_libc = ctypes.CDLL(None, use_errno=True)
_home = os.open("/proc/self/ns/net", os.O_RDONLY)


def join_network(fd):
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def podman(*words, check=True, timeout=120, stdin=None):
    done = subprocess.run(["podman", *map(str, words)], capture_output=True, text=True, timeout=timeout, check=False,
                          input=stdin, cwd=os.environ["POD_EMPTY_DIRECTORY"], preexec_fn=lambda: join_network(_home))
    if check and done.returncode != 0:
        raise RuntimeError(f"podman {' '.join(map(str, words[:3]))}: {done.stderr.strip()}")
    return done.stdout.strip()


def podman_run(options, image, *words):
    """A container of its own, to its end; 125 is podman's own trouble."""
    return subprocess.run(["podman", "run", "--rm", *map(str, options), image, *words], capture_output=True, text=True,
                          timeout=60, check=False, cwd=os.environ["POD_EMPTY_DIRECTORY"], preexec_fn=lambda: join_network(_home))


class Container:
    def __init__(self, name):
        self.name = name

    def inspect(self):
        return json.loads(podman("inspect", self.name))[0]

    @property
    def pid(self):
        return self.inspect()["State"]["Pid"]

    @property
    def restarts(self):
        return self.inspect()["RestartCount"]

    def running(self):
        return self.inspect()["State"]["Running"]

    def signal(self, number):
        """To the process, from outside: podman takes its own `kill` for the user's stop."""
        os.kill(self.pid, number)

    def term(self, grace_s):
        """As the kubelet ends a pod: TERM now, KILL after the grace, and it is not started again."""
        self.stopping = subprocess.Popen(["podman", "stop", "-t", str(grace_s), self.name], stdout=subprocess.DEVNULL,
                                         cwd=os.environ["POD_EMPTY_DIRECTORY"], preexec_fn=lambda: join_network(_home))

    def wait_exit(self, grace_s):
        """The exit code; 137 is one that the grace was not enough for."""
        self.stopping.wait(grace_s + 15)
        return self.inspect()["State"]["ExitCode"]

    def wait_restarted(self, before, timeout=10.0):
        wait_for(lambda: self.restarts > before and self.pid, timeout, f"{self.name} is started again", 0.02)

    def logs(self):
        done = subprocess.run(["podman", "logs", "--tail", "50", self.name], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr


class BridgeInPod(Bridge):
    """The management API as the pod's loopback shows it; the process is podman's."""

    def __init__(self, directory, container):
        super().__init__(directory)
        self.port = 3001
        self.container = container

    def alive(self):
        return True

    def ctl(self, *words):
        return podman("exec", self.container.name, "/smpp-bridge", "ctl", *words)


class PodStack(Stack):
    """Servers and simulators on the pod's loopback, under the names and ports of the manifest that ships."""

    def __init__(self, directory, **kwargs):
        os.makedirs(directory, exist_ok=True)
        super().__init__(directory, **kwargs)
        self.nats = NatsServer(os.path.join(self.directory, "nats"), port=4222)
        self.redis = self.make_redis()
        self.mno = MnoSim(os.path.join(self.directory, "mno"), "--detect-duplicates", "text",
                          *kwargs.get("mno_options", ()), port=2775)
        self.pod = None
        self.network = None

    def make_redis(self):
        """Over TLS and nothing else, where the images can."""
        directory, certificates = os.path.join(self.directory, "redis"), os.path.join(self.directory, "mgmt")
        if not REDIS_OVER_TLS:
            return RedisServer(directory, port=6379)
        return RedisServer(directory, port=6379, extra=(
            "--port", "0", "--tls-port", "6379", "--tls-auth-clients", "no",
            *(w for k, f in (("cert-file", "server.pem"), ("key-file", "server.key"), ("ca-cert-file", "ca.pem"))
              for w in (f"--tls-{k}", os.path.join(certificates, f)))))

    def make_mgmt(self):
        self.mgmt = OperatorMgmtSim(os.path.join(self.directory, "mgmt"), {
            oid: {"operatorId": oid, "host": "127.0.0.1", "port": 2775, "systemId": f"smsgw{i + 1:04d}",
                  "password": "s3cr3tpw", "tpsLimit": self.tps, "bindMode": "TRANSCEIVER", "backupOperatorId": None}
            for i, oid in enumerate(self.ids)}, "--name", "operator-management-service", port=8443)
        sim_certificates.make(self.mgmt.directory, ["operator-management-service", "redis"])

    def secrets(self):
        def file(name):
            with open(os.path.join(self.mgmt.directory, name), "rb") as f:
                return f.read()
        return {"smpp-connector-tls": {"ca.crt": file("ca.pem"), "tls.crt": file("client.pem"), "tls.key": file("client.key")},
                "smpp-connector-nats": {"nats.creds": nats_jwt.Users().credentials("connector").encode()},
                "smpp-connector-token": {"token": self.mgmt.token.encode()},
                "smpp-connector-mno-tls": {"unused": b"-"}}

    def operators_text(self):
        return json.dumps({"operators": [{"operatorId": oid, "operatorName": self.name(i)}
                                         for i, oid in enumerate(self.ids)]})

    def start(self, ready=True):
        self.make_mgmt()
        with open(os.environ["POD_MANIFEST"], encoding="utf-8") as f:
            secrets = self.secrets()
            self.converted = Converted(f.read(), IMAGES, secrets, self.operators_text(), REDIS_OVER_TLS)
        self.pod, self.bridge_image = self.converted.name, BRIDGE_IMAGE
        self.yaml = os.path.join(self.directory, "pod.yaml")
        with open(self.yaml, "w", encoding="utf-8") as f:
            f.write(self.converted.text())
        podman("kube", "play", "--network", "none", "--build=false", "--start=false", self.yaml)
        self.write_secrets(secrets)
        infra = podman("pod", "inspect", "-f", "{{.InfraContainerID}}", self.pod)
        podman("start", infra)
        self.network = os.open(f"/proc/{podman('inspect', '-f', '{{.State.Pid}}', infra)}/ns/net", os.O_RDONLY)
        join_network(self.network)
        self.nats.start()
        self.redis.start()
        self.client = self.nats.client()
        create_platform_streams(self.client)
        self.mno.start()
        self.mgmt.start()
        self.agent = Container(f"{self.pod}-session-agent")
        container = Container(f"{self.pod}-bridge")
        self.bridge = BridgeInPod(os.path.join(self.directory, "bridge"), container)
        podman("start", self.agent.name)
        podman("start", container.name)
        if ready:
            self.wait_ready()
        return self

    @staticmethod
    def write_secrets(secrets):
        """podman 4.3 puts a Secret's base64 into the files as it is."""
        for name, files in secrets.items():
            directory = podman("volume", "inspect", "-f", "{{.Mountpoint}}", name)
            for file, content in files.items():
                with open(os.path.join(directory, file), "wb") as f:
                    f.write(content)

    def wait_ready(self, timeout=30.0):
        try:
            self.bridge.wait_ready(timeout)
        except Exception as e:
            raise AssertionError(f"{e}\n/ready: {self.bridge.http('/ready')}\n--- agent\n{self.agent.logs()}\n"
                                 f"--- bridge\n{self.bridge.container.logs()}") from e

    def arguments(self, container):
        """`podman create` with what the manifest says of a container: for another image, and for the init step."""
        rights = container["securityContext"]
        words = ["--user", f"{rights['runAsUser']}:{rights['runAsGroup']}", "--read-only", "--read-only-tmpfs=false",
                 "--security-opt", "no-new-privileges", "--memory", container["resources"]["limits"]["memory"].replace("Mi", "m"),
                 "--pull", "never"]
        words += [w for c in rights["capabilities"]["drop"] for w in ("--cap-drop", c)]
        words += [w for e in container["env"] for w in ("--env", f"{e['name']}={e['value']}")]
        spec = self.converted.documents[-1]["spec"]
        for mount in container["volumeMounts"]:
            volume = next(v for v in spec["volumes"] if v["name"] == mount["name"])
            source = (volume.get("persistentVolumeClaim", {}).get("claimName") or volume.get("configMap", {}).get("name")
                      or volume["secret"]["secretName"])
            words += ["--volume", f"{source}:{mount['mountPath']}" + (":ro" if mount.get("readOnly") else "")]
        return words

    def exchange_bridge(self, image):
        """As the kubelet does on a patched image: TERM, and a container of the new image in its place."""
        self.bridge_image = image
        container = self.bridge.container
        podman("stop", "-t", self.converted.grace_s, container.name)
        code = container.inspect()["State"]["ExitCode"]
        podman("rm", container.name)
        podman("run", "-d", "--restart", "always", "--pod", self.pod, "--name", container.name,
               *self.arguments(self.converted.containers["bridge"]), image)
        return code

    def run_init_step(self, **environment):
        (step,) = copy.deepcopy(self.converted.init_containers)
        step["env"] += [{"name": k, "value": v} for k, v in environment.items()]
        done = podman_run(["--pod", self.pod, *self.arguments(step)], step["image"], *step["args"])
        return done.returncode, done.stdout + done.stderr

    def submitted_ids(self):
        """MNO's view: (how many submits, how many of them came twice)."""
        stats = self.mno.stats()
        return stats["submits"], stats["duplicates"]

    def stop(self):
        if self.pod:
            podman("pod", "rm", "-f", "-t", "0", self.pod, check=False)
            podman("volume", "rm", "-af", check=False)
            podman("secret", "rm", "-a", check=False)
        self.agent = self.bridge = None
        super().stop()
        if self.network is not None:
            join_network(_home)
            os.close(self.network)
            self.network = None


AGENT_IMAGE = "localhost/smpp-connector/session-agent:1"
BRIDGE_IMAGE, NEXT_BRIDGE_IMAGE = "localhost/smpp-connector/bridge:1", "localhost/smpp-connector/bridge:2"
IMAGES = {"session-agent": AGENT_IMAGE, "bridge": BRIDGE_IMAGE, "check-config": BRIDGE_IMAGE}


def connect_as(pid, uid, gid):
    """What the agent's socket answers to somebody of that uid: b'' when it closes the connection."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.chdir(f"/proc/{pid}/root/run/smpp-connector")
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(5)
                s.connect("agent.ipc")
                s.sendall(b"\0SP\0" + struct.pack(">HH", 0x10, 0))
                # NNG greets before it knows the peer; a refused one hears nothing after it.
                answer = b""
                while True:
                    part = s.recv(64)
                    if not part:
                        break
                    answer += part
            os.write(writer, b"closed " + answer.hex().encode())
        except socket.timeout:
            os.write(writer, b"open")
        except OSError as e:
            os.write(writer, f"closed {e.strerror}".encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as f:
        text = f.read().decode()
    os.waitpid(child, 0)
    return text


def status_of(pid):
    """/proc/PID/status as a dict."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def mounts_of(pid):
    """{mount point: options}"""
    with open(f"/proc/{pid}/mountinfo", encoding="utf-8") as f:
        rows = [line.split() for line in f]
    return {row[4]: row[5].split(",") for row in rows}


def probe(stack, failures, period_s, timeout_s):
    """The kubelet's part: asks /health until it failed so often in a row; seconds it took."""
    began, failed = time.monotonic(), 0
    while failed < failures:
        failed = 0 if stack.bridge.http("/health", timeout_s)[0] == 200 else failed + 1
        time.sleep(period_s)
        assert time.monotonic() - began < 60, "/health goes on being answered"
    return time.monotonic() - began
