"""An MNO that speaks raw bytes as a test tells it: every PDU can be answered, kept back, cut in pieces or
replaced. What is not scripted is answered as a well-behaved SMSC would."""
import itertools
import queue
import socket
import struct
import threading
import time

from .process import wait_for

BIND_RECEIVER, BIND_TRANSMITTER, SUBMIT_SM, DELIVER_SM = 0x01, 0x02, 0x04, 0x05
UNBIND, BIND_TRANSCEIVER, ENQUIRE_LINK, DATA_SM = 0x06, 0x09, 0x15, 0x103
ALERT_NOTIFICATION, GENERIC_NACK, RESP = 0x102, 0x80000000, 0x80000000
BINDS = (BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER)


def pdu(command, status=0, sequence=1, body=b""):
    return struct.pack(">IIII", 16 + len(body), command, status, sequence) + body


def cstring(text):
    return text.encode("latin-1") + b"\0"


def receipt_body(source, dest, text, esm_class=0x04, tlvs=b"", data_coding=0):
    raw = text.encode("latin-1") if isinstance(text, str) else text
    return (b"\0" + b"\1\1" + cstring(source) + b"\0\0" + cstring(dest) + bytes([esm_class, 0, 0]) + b"\0\0"
            + bytes([0, 0, data_coding, 0, len(raw)]) + raw + tlvs)


def tlv(tag, value):
    return struct.pack(">HH", tag, len(value)) + value


class Pdu:
    __slots__ = ("command", "status", "sequence", "body", "at")

    def __init__(self, raw):
        _, self.command, self.status, self.sequence = struct.unpack(">IIII", raw[:16])
        self.body, self.at = raw[16:], time.monotonic()

    def fields(self):
        """Those of a submit_sm that tests look at."""
        b, i = self.body, 0

        def c():
            nonlocal i
            end = b.index(0, i)
            text, i = b[i:end].decode("latin-1"), end + 1
            return text
        out = {"service_type": c()}
        out["source_ton"], out["source_npi"], i = b[i], b[i + 1], i + 2
        out["source"] = c()
        out["dest_ton"], out["dest_npi"], i = b[i], b[i + 1], i + 2
        out["dest"] = c()
        out["esm_class"], out["protocol_id"], out["priority"], i = b[i], b[i + 1], b[i + 2], i + 3
        out["schedule"], out["validity"] = c(), c()
        out["registered_delivery"], out["replace"], out["data_coding"], _, n = b[i:i + 5]
        out["short_message"] = b[i + 5:i + 5 + n]
        out["tlvs"] = b[i + 5 + n:]
        return out

    def text(self):
        """The words of a plain GSM 7 or UCS-2 short message."""
        f = self.fields()
        raw = f["short_message"]
        if f["esm_class"] & 0x40:
            raw = raw[raw[0] + 1:]
        return raw.decode("utf-16-be") if f["data_coding"] & 0x0C == 8 else raw.decode("latin-1")


class Connection:
    def __init__(self, smsc, sock, number):
        self.smsc, self.socket, self.number = smsc, sock, number
        self.received, self.closed, self.bound_as = [], threading.Event(), None
        self.opened = time.monotonic()
        self._sequence = itertools.count(1)
        self._lock = threading.Lock()

    def start(self):
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        data = b""
        try:
            while True:
                chunk = self.socket.recv(65536)
                if not chunk:
                    break
                data += chunk
                while len(data) >= 16:
                    length = struct.unpack(">I", data[:4])[0]
                    if len(data) < length:
                        break
                    p, data = Pdu(data[:length]), data[length:]
                    self.received.append(p)
                    self.smsc._handle(self, p)
        except OSError:
            pass
        self.closed.set()

    def send(self, raw):
        try:
            with self._lock:
                self.socket.sendall(raw)
        except OSError:
            self.closed.set()

    def send_in_pieces(self, raw, size=1, pause=0.0):
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(0, len(raw), size):
            self.send(raw[i:i + size])
            if pause:
                time.sleep(pause)

    def request(self, command, body=b"", sequence=None):
        """Sends a request of the MNO's; returns its sequence number."""
        sequence = sequence if sequence is not None else next(self._sequence)
        self.send(pdu(command, 0, sequence, body))
        return sequence

    def wait(self, command, timeout=10.0, sequence=None, after=0):
        def find():
            for p in self.received[after:]:
                if p.command == command and sequence in (None, p.sequence):
                    return p
            return None
        return wait_for(find, timeout, f"PDU 0x{command:08x} on connection {self.number}")

    def count(self, command):
        return sum(p.command == command for p in self.received)

    def close(self, reset=False):
        if reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            try:
                self.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.socket.close()


class Smsc:
    """handlers: {command_id: function(connection, pdu)}; None there: stay silent."""

    def __init__(self, port=0, handlers=None, host="127.0.0.1"):
        self.handlers = dict(handlers or {})
        self.connections, self.events = [], queue.Queue()
        self._ids = itertools.count(1)
        self.listener = socket.create_server((host, port))
        self.port = self.listener.getsockname()[1]
        self.closing = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            if self.closing:
                sock.close()
                return
            self.connections.append(Connection(self, sock, len(self.connections)))
            self.connections[-1].start() # who sees its bind finds it in the list

    def _handle(self, connection, p):
        if p.command in self.handlers:
            handler = self.handlers[p.command]
            if handler:
                handler(connection, p)
        else:
            self.answer(connection, p)

    def answer(self, connection, p, status=0):
        """As a well-behaved SMSC does."""
        if p.command in BINDS:
            if status == 0:
                connection.bound_as = p.command
            connection.send(pdu(p.command | RESP, status, p.sequence, b"mno\0" if status == 0 else b""))
        elif p.command == SUBMIT_SM:
            body = cstring(f"{next(self._ids):010d}") if status == 0 else b""
            connection.send(pdu(SUBMIT_SM | RESP, status, p.sequence, body))
        elif p.command in (ENQUIRE_LINK, UNBIND):
            connection.send(pdu(p.command | RESP, 0, p.sequence))

    def wait_bound(self, timeout=15.0, after=0):
        """The newest connection that is bound, among those after the first `after`."""
        def find():
            for c in reversed(self.connections[after:]):
                if c.bound_as and not c.closed.is_set():
                    return c
            return None
        return wait_for(find, timeout, "a bound connection")

    def binds(self):
        """(connection number, command_id, seconds) of every bind request so far."""
        return [(c.number, p.command, p.at) for c in self.connections for p in c.received if p.command in BINDS]

    def submits(self):
        return [p for c in self.connections for p in c.received if p.command == SUBMIT_SM]

    def close(self):
        self.closing = True
        self.listener.close()
        for c in self.connections:
            c.close()
