"""Beside the run: a kubelet that starts a program again which ended by itself, and a sampler of what only the running
programs know."""
import json
import threading
import time


class Repeating(threading.Thread):
    """Calls once() until it is stopped."""

    def __init__(self, interval_s):
        super().__init__(daemon=True)
        self._interval_s = interval_s
        self._stopping = threading.Event()

    def run(self):
        while not self._stopping.wait(self._interval_s):
            self.once()

    def stop(self):
        self._stopping.set()
        self.join(10)


class Kubelet(Repeating):
    """Faults hold a program's lock while they are about to start it themselves."""

    def __init__(self, stack):
        super().__init__(0.05)
        self.stack = stack

    def once(self):
        for name, restart in (("bridge", self.stack.restart_bridge), ("agent", self.stack.agent.start)):
            with self.stack.locks[name]:
                process = getattr(self.stack, name)
                if not process.alive():
                    self.stack.journal.write(kind="exit", program=name, code=process.wait())
                    restart()


class Sampler(Repeating):
    """samples.jsonl: once a second the memory of both, and the bridge's count of unknown outcomes."""

    def __init__(self, stack, path):
        super().__init__(1.0)
        self.stack = stack
        self._file = open(path, "a", encoding="utf-8", buffering=1)

    def once(self):
        bridge, agent = self.stack.bridge, self.stack.agent
        try:
            row = {"agent": agent.pid, "agentKib": agent.anonymous_kib(),
                   "bridge": bridge.pid, "bridgeKib": bridge.anonymous_kib()}
        except OSError:  # it has just died
            return
        status, text = bridge.http("/metrics", timeout=0.5)
        if status == 200:
            row["unknown"] = sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                                 if line.startswith("smpp_connector_submit_unknown_total"))
        self._file.write(json.dumps({"t": time.monotonic_ns(), **row}) + "\n")
