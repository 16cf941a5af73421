"""The publisher of commands, as a good client of JetStream: each waits for its PubAck and, when there is none,
is published again with the same Nats-Msg-Id. It journals what it did."""
import json
import threading
import time

from harness.stack import command, now_iso

# An unknown outcome rests for half of the remaining life before it is sent again: less than the wait at the end.
LIFE_S = 40
LONG = "part of a longer text that goes in several segments, "


class Journal:
    """JSON lines with monotonic time stamps, comparable with the MNO's."""

    def __init__(self, path):
        self._file = open(path, "a", encoding="utf-8", buffering=1)
        self._lock = threading.Lock()

    def write(self, **fields):
        with self._lock:
            self._file.write(json.dumps({"t": time.monotonic_ns(), **fields}) + "\n")

    def close(self):
        self._file.close()


class Workload(threading.Thread):
    """Publishes `rate` commands a second, each with a token of its own in its text."""

    def __init__(self, stack, observer, journal, rate, rng):
        super().__init__(daemon=True)
        self.stack, self.observer, self.journal, self.rate, self.rng = stack, observer, journal, rate, rng
        self.stopping = threading.Event()
        self.count = 0
        self.client = None

    def one(self):
        n = self.count
        oid = self.stack.ids[n % len(self.stack.ids)]
        token = f"T{n:07d}"
        kind = self.rng.random()
        text, expires = f"{token} your code is {n % 1000000:06d}", now_iso(LIFE_S)
        if kind < 0.05:
            text = f"{token} " + LONG * 6
        elif kind < 0.07:
            expires = now_iso(-5)
        elif kind < 0.10:
            text = f"{token} کد شما"
        c = command(oid, text=text, to="+9997%07d" % (n % 9999999), expiresAt=expires)
        if 0.10 <= kind < 0.11:  # poison: it can never be sent
            del c["to"]
        return oid, token, c

    def attempt(self, oid, c):
        """The PubAck; nothing is published while nobody watches."""
        if not self.observer.watching.wait(0.1):
            raise TimeoutError("the observer is not connected")
        if self.client is None or self.client.closed:
            self.client = self.stack.nats.client(connect_timeout=1)
        return self.client.store(f"smpp.operator.{oid}", c, msg_id=c["messageId"], timeout=1.0)

    def store(self, oid, token, c):
        attempts = 0
        while not self.stopping.is_set():
            attempts += 1
            begun = time.monotonic_ns()
            try:
                ack = self.attempt(oid, c)
            except Exception:  # the server is away: that is what this run is about
                time.sleep(0.1)
                continue
            self.journal.write(kind="stored", token=token, sequence=ack["seq"], attempts=attempts, begun=begun,
                               duplicate=ack.get("duplicate", False))
            return

    def run(self):
        begin = time.monotonic()
        while not self.stopping.is_set():
            ahead = self.count / self.rate - (time.monotonic() - begin)
            if ahead > 0:
                time.sleep(min(ahead, 0.05))
                continue
            oid, token, c = self.one()
            self.journal.write(kind="command", token=token, messageId=c["messageId"], operatorId=oid,
                               system="smsgw%04d" % (self.stack.ids.index(oid) + 1),
                               expired=c["expiresAt"] < now_iso(), poison="to" not in c,
                               until=time.monotonic_ns() + LIFE_S * 1_000_000_000)
            self.store(oid, token, c)
            self.count += 1

    def stop(self):
        self.stopping.set()
        self.join(10)
        if self.client:
            self.client.close()
