"""The IPC between session-agent and bridge for tests: records from ipc_records.def, on a raw socket.

Speaks what NNG speaks on ipc:// (an 8-octet greeting, then 0x01, a 64-bit length and the message), so
that a test can be a good bridge, a bad one, or an old one.
"""
import os
import re
import select
import socket
import struct
import threading
import time

from .process import wait_for

_DEF = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../proto/ipc_records.def")
MAGIC = 0x534D5031
KEY = struct.Struct(">QQQBB")


class Cut(Exception):
    """A record is shorter than its declaration."""


class Key(tuple):
    """(stream, sequence, time_ns, segment, attempt)"""

    def __new__(cls, stream, sequence, time_ns, segment=0, attempt=0):
        return super().__new__(cls, (stream, sequence, time_ns, segment, attempt))

    @property
    def attempt(self):
        return self[4]

    def message(self):
        return Key(*self[:3])


class Record:
    """One row of the table: number, name, sender and fields."""

    def __init__(self, number, name, sender):
        self.number, self.name, self.sender, self.fields = number, name, sender, []
        self.since = {}  # index of the first field of a later minor version: that version

    def encode(self, **values):
        out = b""
        for kind, field, size in self.fields:
            value = values.pop(field, None)
            if kind in ("U8", "U16", "U32", "U64", "I64"):
                out += struct.pack(">" + {"U8": "B", "U16": "H", "U32": "I", "U64": "Q", "I64": "q"}[kind],
                                   value or 0)
            elif kind == "FIXED":
                out += (value or b"").ljust(size, b"\0")
            elif kind == "KEY":
                out += KEY.pack(*(value or Key(0, 0, 0)))
            else:
                value = (value.encode() if isinstance(value, str) else value) or b""
                out += struct.pack(">H" if kind == "BYTES" else ">I", len(value)) + value
        assert not values, f"{self.name} has no {sorted(values)}"
        return out

    def decode(self, body):
        out, at = {"type": self.name}, 0

        def take(n):
            nonlocal at
            if at + n > len(body):
                raise Cut(self.name)
            at += n
            return body[at - n:at]
        for i, (kind, field, size) in enumerate(self.fields):
            if i in self.since and at == len(body):
                break
            if kind in ("U8", "U16", "U32", "U64"):
                out[field] = int.from_bytes(take(int(kind[1:]) // 8), "big")
            elif kind == "I64":
                out[field] = struct.unpack(">q", take(8))[0]
            elif kind == "FIXED":
                out[field] = bytes(take(size))
            elif kind == "KEY":
                out[field] = Key(*KEY.unpack(take(KEY.size)))
            else:
                width = 2 if kind == "BYTES" else 4
                out[field] = bytes(take(int.from_bytes(take(width), "big")))
        return out


def _load():
    records = {}
    with open(_DEF, encoding="utf-8") as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    text = re.sub(r"#define .*", "", text)
    current = None
    for word, args in re.findall(r"IPC_(\w+)\(([^)]*)\)", text):
        args = [a.strip() for a in args.split(",")]
        if word == "RECORD":
            current = records[args[0]] = Record(len(records) + 1, args[0], args[2])
        elif word == "SINCE":
            current.since[len(current.fields)] = int(args[0])
        elif word != "END":
            current.fields.append((word, args[0], int(args[1]) if len(args) > 1 else 0))
    return records


RECORDS = _load()
NAMES = {r.number: r for r in RECORDS.values()}


def stream_id(name):
    value = 0xCBF29CE484222325
    for octet in name.encode():
        value = ((value ^ octet) * 0x100000001B3) % (1 << 64)
    return value


def record(name, /, **values):
    body = RECORDS[name].encode(**values)
    return struct.pack(">HHI", RECORDS[name].number, 0, len(body)) + body


class Pipe:
    """One connection to the agent's socket. What comes is decoded into `records`, in order."""

    def __init__(self, url, protocol=0x10):
        self.path = url[len("ipc://"):]
        self.protocol = protocol
        self.socket = None
        self.attachment = 0
        self.number_out = 0
        self.number_in = 0
        self.records = []
        self.gaps = 0
        self.closed = False
        self._lock = threading.Lock()

    def connect(self, timeout=10.0):
        self.socket = wait_for(self._dial, timeout, f"somebody listens at {self.path}", 0.02)
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def _dial(self):
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect(self.path)
            s.sendall(b"\0SP\0" + struct.pack(">HH", self.protocol, 0))
            s.settimeout(5)
            greeting = b""
            while len(greeting) < 8:
                part = s.recv(8 - len(greeting))
                if not part:
                    raise OSError("closed in the greeting")
                greeting += part
            assert greeting[:4] == b"\0SP\0", greeting
            s.settimeout(None)
            return s
        except OSError:
            s.close()
            return None

    def close(self):
        self.closed = True
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def send_message(self, message):
        with self._lock:
            self.socket.sendall(b"\1" + struct.pack(">Q", len(message)) + message)

    def send_batch(self, *records, attachment=None, number=None):
        with self._lock:
            self.number_out += 1
            head = struct.pack(">IIQ", MAGIC, self.attachment if attachment is None else attachment,
                               self.number_out if number is None else number)
            message = head + b"".join(records)
            self.socket.sendall(b"\1" + struct.pack(">Q", len(message)) + message)

    def _exactly(self, n):
        parts, left = [], n
        while left:
            part = self.socket.recv(min(left, 1 << 20))
            if not part:
                raise OSError("closed")
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def _read(self):
        try:
            while True:
                head = self._exactly(9)
                self._message(self._exactly(struct.unpack(">Q", head[1:])[0]))
        except (OSError, ValueError, AttributeError):
            self.closed = True

    def _message(self, message):
        if self.protocol == 0x11:
            message = message[4:]
        magic, _, number = struct.unpack(">IIQ", message[:16])
        assert magic == MAGIC
        self.gaps += number != self.number_in + 1
        self.number_in = number
        at = 16
        while at < len(message):
            kind, _, length = struct.unpack(">HHI", message[at:at + 8])
            body = message[at + 8:at + 8 + length]
            at += 8 + length
            if kind in NAMES:
                self.hear(NAMES[kind].decode(body))

    def hear(self, r):
        if r["type"] == "ATTACHED":
            self.attachment = r["attachment"]
        self.records.append(r)


def readable(sock, timeout):
    return bool(select.select([sock], [], [], timeout)[0])


def now_ms():
    return int(time.time() * 1000)
