"""An agent without sessions: listens where a real bridge dials, and says what a test tells it."""
import os
import socket
import struct
import threading

from .ipc import Pipe, now_ms, record
from .process import wait_for


class FakeAgent(Pipe):
    def __init__(self, url, **kwargs):
        super().__init__(url, **kwargs)
        self.url, self.instance = url, os.urandom(16)
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()

    def accept(self, timeout=15.0):
        """The bridge is there, and has said HELLO."""
        self.listener.settimeout(timeout)
        self.socket, _ = self.listener.accept()
        self.socket.sendall(b"\0SP\0" + struct.pack(">HH", self.protocol, 0))
        assert self._exactly(8)[:4] == b"\0SP\0"
        threading.Thread(target=self._read, daemon=True).start()
        wait_for(lambda: [r for r in self.records if r["type"] == "HELLO"], timeout, "the bridge's HELLO", 0.01)
        return self

    def attach(self, attachment=1, minor=0, listing=b"", version="0.1.0", complete=True):
        """`complete` False: LIST_END is the test's to send."""
        self.send_batch(record("HELLO", major=1, minor=minor, role=1, instance=self.instance, pid=os.getpid(),
                               version=version), attachment=0)
        self.attachment = attachment
        self.send_batch(record("ATTACHED", attachment=attachment, ledger_entries=20000, started_ms=now_ms()), listing,
                        *([record("LIST_END")] if complete else []))
        threading.Thread(target=self._beats, daemon=True).start()

    def _beats(self):
        stop = threading.Event()
        while not self.closed:
            stop.wait(1.0)
            try:
                self.send_batch(record("HEARTBEAT", wall_ms=now_ms()))
            except OSError:
                return

    def wait(self, name, /, timeout=10.0, count=1, **values):
        def find():
            found = [r for r in list(self.records)
                     if r["type"] == name and all(r.get(k) == v for k, v in values.items())]
            if len(found) >= count:
                return found[count - 1]
            assert not self.closed, f"the pipe ended before {name} {values}"
            return None
        return wait_for(find, timeout, f"{name} {values}", 0.01)

    def end(self):
        if self.socket:
            self.close()
        self.listener.close()
