"""Our two programs and the two simulators, started the way a user starts them."""
import json
import os
import socket
import subprocess
import urllib.error
import urllib.request

from . import schemas
from .process import Process, free_port, wait_for

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD_DIR", os.path.join(ROOT, "build", "dev"))


def program_environment(values):
    """A clean environment: what the test says, and what sanitizers and the loader need."""
    env = {k: v for k, v in os.environ.items()
           if k in ("PATH", "HOME", "LANG", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS",
                    "LSAN_OPTIONS", "LD_LIBRARY_PATH")}
    env.update({k: str(v) for k, v in values.items() if v is not None})
    return env


def control(port, line, timeout=5.0):
    with socket.create_connection(("127.0.0.1", port), timeout) as s:
        s.sendall(line.encode() + b"\n")
        return json.loads(s.makefile("rb").readline())


class MnoSim(Process):
    def __init__(self, directory, *options, port=0):
        self.directory = str(directory)
        os.makedirs(self.directory, exist_ok=True)
        super().__init__("mno-sim", [os.path.join(BUILD, "tests/sim/mno-sim"),
                                     "--listen", f"127.0.0.1:{port}", *options],
                         os.path.join(self.directory, "mno-sim.log"))

    def start(self):
        since = len(self.lines)
        super().start()
        ready = json.loads(self.wait_line('"ready"', since=since))
        self.port = int(ready["smpp"].rsplit(":", 1)[1])
        self.control_port = int(ready["control"].rsplit(":", 1)[1])
        return self

    def control(self, line):
        return control(self.control_port, line)

    def stats(self):
        return self.control("stats")


class OperatorMgmtSim(Process):
    """operators: {operatorId: {fields of the credentials answer}}; change() rewrites the file."""

    def __init__(self, directory, operators, *options, port=0):
        self.directory = str(directory)
        os.makedirs(self.directory, exist_ok=True)
        self.operators = operators
        self.operators_file = os.path.join(self.directory, "operators.json")
        self.token_file = os.path.join(self.directory, "token")
        self.token = "test-token-1"
        self.write()
        super().__init__("operator-mgmt-sim",
                         [os.path.join(ROOT, "tests/sim/operator-mgmt-sim"), "--listen", f"127.0.0.1:{port}",
                          "--dir", self.directory, "--operators", self.operators_file,
                          "--token-file", self.token_file, *options],
                         os.path.join(self.directory, "operator-mgmt-sim.log"))

    def write(self):
        for path, text in ((self.operators_file, json.dumps(self.operators)),
                           (self.token_file, self.token + "\n")):
            with open(path + ".new", "w", encoding="utf-8") as f:
                f.write(text)
            os.rename(path + ".new", path)

    def change(self, operator_id, **fields):
        self.operators[operator_id].update(fields)
        self.write()

    def start(self):
        since = len(self.lines)
        super().start()
        ready = json.loads(self.wait_line('"ready"', since=since))
        self.port = int(str(ready.get("https", ready.get("port"))).rsplit(":", 1)[-1])
        self.control_port = int(ready["control"].rsplit(":", 1)[1])
        return self

    def control(self, line):
        answer = control(self.control_port, line)
        assert answer["ok"], answer
        return answer

    def restart(self):
        """Another process in its place, on the same port, without a fault."""
        self.kill()
        self.argv[self.argv.index("--listen") + 1] = f"127.0.0.1:{self.port}"
        return self.start()

    def bridge_environment(self):
        d = self.directory
        return {"OPERATOR_MGMT_URL": f"https://localhost:{self.port}",
                "OPERATOR_MGMT_CA_FILE": f"{d}/ca.pem", "OPERATOR_MGMT_CERT_FILE": f"{d}/client.pem",
                "OPERATOR_MGMT_KEY_FILE": f"{d}/client.key", "INTERNAL_SERVICE_TOKEN_FILE": self.token_file}


class Agent(Process):
    def __init__(self, directory, **settings):
        self.directory = str(directory)
        os.makedirs(self.directory, mode=0o700, exist_ok=True)
        self.ipc_url = settings.pop("IPC_URL", f"ipc://{self.directory}/agent.ipc")
        self.settings = {"IPC_URL": self.ipc_url, **settings}
        super().__init__("smpp-session-agent", [os.path.join(BUILD, "session-agent/smpp-session-agent")],
                         os.path.join(self.directory, "agent.log"))

    def start(self):
        self.env = program_environment(self.settings)
        return super().start()

    def check(self):
        return subprocess.run(self.argv + ["--check"], env=program_environment(self.settings),
                              capture_output=True, text=True, timeout=10, check=False)


class Bridge(Process):
    def __init__(self, directory, **settings):
        self.directory = str(directory)
        os.makedirs(self.directory, exist_ok=True)
        self.port = free_port()
        self.settings = {"MGMT_LISTEN": f"127.0.0.1:{self.port}",
                         "CTL_SOCKET": f"{self.directory}/ctl.sock", **settings}
        super().__init__("smpp-bridge", [os.path.join(BUILD, "bridge/smpp-bridge")],
                         os.path.join(self.directory, "bridge.log"))

    def start(self):
        self.env = program_environment(self.settings)
        return super().start()

    def http(self, path, timeout=5.0):
        """(status, body text); (0, reason) when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=timeout) as r:
                body = r.read().decode()
                if path == "/sessions":
                    schemas.note("Sessions", body)
                return r.status, body
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()
        except OSError as e:
            return 0, str(e)

    def json(self, path):
        status, body = self.http(path)
        assert status == 200, f"{path}: {status} {body}"
        return json.loads(body)

    def sessions(self):
        status, body = self.http("/sessions")
        return json.loads(body)["sessions"] if status == 200 else []

    def wait_ready(self, timeout=30.0):
        wait_for(lambda: self.http("/ready")[0] == 200 or self._must_live(), timeout,
                 "bridge is ready", 0.02)

    def _must_live(self):
        assert self.alive(), "bridge ended:\n" + "\n".join(self.lines[-10:])

    def metrics(self):
        """{(name, frozenset of label pairs): value}"""
        out = {}
        for line in self.http("/metrics")[1].splitlines():
            if not line or line.startswith("#"):
                continue
            left, value = line.rsplit(" ", 1)
            name, _, labels = left.partition("{")
            pairs = []
            for pair in filter(None, labels.rstrip("}").split('",')):
                k, _, v = pair.partition('="')
                pairs.append((k, v.rstrip('"')))
            out[(name, frozenset(pairs))] = float(value)
        return out

    def metric(self, name, **labels):
        """Sum over all series of `name` that carry these labels."""
        want = set(labels.items())
        return sum(v for (n, pairs), v in self.metrics().items() if n == name and want <= set(pairs))

    def ctl(self, *words):
        return self.run("ctl", *words)

    def run(self, *words, timeout=10, **more):
        """Another process of the same program and settings, which ends by itself."""
        return subprocess.run(self.argv + list(words), env=program_environment({**self.settings, **more}),
                              capture_output=True, text=True, timeout=timeout, check=False)
