"""A bridge without JetStream and Redis: attaches to a real agent and does what a test tells it."""
import itertools
import os
import struct
import threading

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .ipc import Key, Pipe, now_ms, record, stream_id
from .process import wait_for

TRANSCEIVER, TRANSMITTER, RECEIVER = 1, 2, 3
ACCEPTED, REFUSED, UNKNOWN, EXPIRED, CLOSED, SETTLED, UNSENT = range(1, 8)

# A declaration with the product's defaults, made quick where a test would have to wait.
OPERATOR = {
    "name": "Operator A", "enquire_link_interval_ms": 30000, "enquire_link_timeout_ms": 10000,
    "bind_timeout_ms": 10000, "submit_timeout_ms": 30000, "reconnect_min_ms": 100,
    "reconnect_max_ms": 1000, "auth_retry_min_ms": 60000, "failover_after_ms": 30000,
    "pair_probe_ms": 3600000, "window_size": 100, "binds": 1, "deliver_hold_ms": 8000,
    "deliver_hold_max": 100, "busy_status": 0x14, "priority_share": 50,
}


def operator_id(n):
    return struct.pack(">QQ", 0x5A5A000000004000, 0x8000000000000000 + n)


def seal(public_key, operator, request, password):
    """proto/README.md, "The password"."""
    ephemeral = X25519PrivateKey.generate()
    own = ephemeral.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public_key))
    info = (b"smpp-connector credentials v1" + own + public_key + operator + struct.pack(">Q", request))
    key = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(shared)
    nonce = os.urandom(12)
    return own, nonce + ChaCha20Poly1305(key).encrypt(nonce, password, None)


class FakeBridge(Pipe):
    """`credentials` maps an operator's id to a dict of the answer's fields, or to None for "no answer"."""

    def __init__(self, url, **kwargs):
        super().__init__(url, **kwargs)
        self.instance = os.urandom(16)
        self.credentials = {}
        self.listing = None  # the records until LIST_END
        self.sequence = itertools.count(1)
        self._beat = threading.Event()

    # --- attaching ---

    def attach(self, major=1, minor=0, timeout=10.0):
        self.connect(timeout)
        self.send_batch(record("HELLO", major=major, minor=minor, role=2, instance=self.instance,
                               pid=os.getpid(), version="0.1.0"))
        self.wait("LIST_END", timeout=timeout)
        self.listing = list(self.records)
        threading.Thread(target=self._beats, daemon=True).start()
        return self

    def _beats(self):
        while not self._beat.wait(1.0) and not self.closed:
            try:
                self.send("HEARTBEAT", wall_ms=now_ms())
            except OSError:
                return

    def die(self):
        """As SIGKILL ends a bridge: no word, the socket is gone."""
        self._beat.set()
        self.close()

    def silence(self):
        self._beat.set()

    def declare(self, *operators, log_level=2):
        """Each operator: (id, {settings})"""
        self.send_batch(record("DECLARE", log_level=log_level),
                        *[record("OPERATOR", operator_id=oid, **{**OPERATOR, **settings})
                          for oid, settings in operators],
                        record("DECLARE_END"))

    def send(self, name, /, **values):
        self.send_batch(record(name, **values))

    # --- what comes ---

    def hear(self, r):
        super().hear(r)
        if r["type"] == "CREDENTIALS_WANTED":
            self._answer(r)

    def _answer(self, wanted):
        oid = wanted["operator_id"]
        answer = self.credentials.get(oid)
        if answer is None:
            return
        values = {"host": "127.0.0.1", "system_id": "smsgw0001", "password": b"s3cr3tpw",
                  "bind_mode": TRANSCEIVER, "tps_limit": 100000, "ok": 1, **answer}
        own, sealed = seal(wanted["public_key"], oid, wanted["request"], values.pop("password"))
        self.send("CREDENTIALS", operator_id=oid, request=wanted["request"], ephemeral_key=own,
                  sealed_password=sealed, **values)

    def all(self, name, /, **values):
        return [r for r in list(self.records)
                if r["type"] == name and all(r.get(k) == v for k, v in values.items())]

    def last(self, name, /, **values):
        found = self.all(name, **values)
        return found[-1] if found else None

    def wait(self, name, /, timeout=10.0, count=1, since=0, **values):
        """The `count`-th record of that kind after the first `since` records."""
        def find():
            found = [r for r in self.records[since:]
                     if r["type"] == name and all(r.get(k) == v for k, v in values.items())]
            if len(found) >= count:
                return found[count - 1]
            assert not self.closed, f"the pipe ended before {name} {values}"
            return None
        return wait_for(find, timeout, f"{name} {values} x{count}", 0.002)

    def wait_closed(self, timeout=10.0):
        wait_for(lambda: self.closed, timeout, "the pipe ends", 0.01)

    def session_state(self, oid, state, timeout=10.0, bind=0, **values):
        def find():
            last = None
            for r in list(self.records):
                if r["type"] == "SESSION" and r["operator_id"] == oid and r["bind"] == bind and all(
                        r[k] == v for k, v in values.items()):
                    last = r
            return last if last and last["state"] == state else None
        return wait_for(find, timeout, f"bind {bind} in state {state}", 0.005)

    def stats(self, oid):
        last = self.last("STATS", operator_id=oid)
        return list(struct.unpack(f">{len(last['values']) // 8}Q", last["values"])) if last else None

    # --- submits ---

    def key(self, segment=1, attempt=0):
        n = next(self.sequence)
        return Key(stream_id("SMS_DISPATCH"), n, 1700000000000000000 + n, segment, attempt)

    def submit(self, oid, key=None, body=None, context=b"\x01context", not_after_s=60.0, **values):
        key = key or self.key()
        self.send("SUBMIT", operator_id=oid, key=key, not_after_ms=now_ms() + int(not_after_s * 1000),
                  context=context, body=submit_body() if body is None else body, segments=1, **values)
        return key

    def outcome(self, key, timeout=10.0, **values):
        return self.wait("OUTCOME", timeout=timeout, key=key, **values)


def submit_body(text=b"hello", dest=b"99970000001"):
    return (b"\0" + b"\5\0Acme\0" + b"\1\1" + dest + b"\0" + b"\0\0\0" + b"\0\0" + b"\1\0\0\0"
            + bytes([len(text)]) + text)
