"""Watches the dispatch stream from outside, as JSON lines: `stored`, each command that the server stored
(stream sequence and Nats-Msg-Id, by the stream's republish), and `ack`, each ack that somebody sent.

A command that was stored twice is two commands to the connector: a work-queue stream forgets the ids of
what was acknowledged when its server is killed, so a publisher that never saw its PubAck stores it again."""
import json
import threading
import time

from harness.nats import NatsError

STREAM = "SMS_DISPATCH"
# Of SMS_DISPATCH: the server says what it stores, beside the stream's own traffic.
REPUBLISHED = {"republish": {"src": "smpp.operator.*", "dest": "observed.{{wildcard(1)}}", "headers_only": True}}
ACKS = {b"": "ack", b"+ACK": "ack", b"+TERM": "term"}  # the others end nothing


class Observer(threading.Thread):
    """Subscribes anew the moment the server is back; whoever publishes waits for `watching`, so that nothing
    is stored unseen but what the server stored in the instant of its death."""

    def __init__(self, nats, path):
        super().__init__(daemon=True)
        self.nats = nats
        self.watching = threading.Event()
        self._stopping = threading.Event()
        self._file = open(path, "a", encoding="utf-8", buffering=1)
        self._lock = threading.Lock()

    def _write(self, **fields):
        with self._lock:
            if not self._file.closed:
                self._file.write(json.dumps({"t": time.monotonic_ns(), **fields}) + "\n")

    def _on_stored(self, message):
        self._write(kind="stored", sequence=int(message.headers["Nats-Sequence"]),
                    messageId=message.headers.get("Nats-Msg-Id"))

    def _on_ack(self, message):
        kind = ACKS.get(message.data)
        if kind:
            self._write(kind=kind, sequence=int(message.subject.split(".")[-4]))

    def _watch(self):
        with self.nats.client(connect_timeout=1) as client:
            client.subscribe("observed.*", self._on_stored)
            client.subscribe(f"$JS.ACK.{STREAM}.>", self._on_ack)
            client.flush()
            self.watching.set()
            while not (client.closed or self._stopping.is_set()):
                time.sleep(0.002)

    def run(self):
        while not self._stopping.is_set():
            try:
                self._watch()
            except (OSError, NatsError):  # the server is away
                time.sleep(0.005)
            finally:
                self.watching.clear()

    def stop(self):
        self._stopping.set()
        self.join(5)
        with self._lock:
            self._file.close()
