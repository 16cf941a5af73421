"""An ESME that speaks raw SMPP: a test decides every octet that goes to an SMSC."""
import socket
import struct
import time

BIND_RX, BIND_TX, BIND_TRX = 1, 2, 9
SUBMIT, DELIVER, UNBIND, ENQUIRE, DATA = 4, 5, 6, 0x15, 0x103
NACK = RESP = 0x80000000


def pdu(command, sequence, status=0, body=b""):
    return struct.pack(">IIII", 16 + len(body), command, status, sequence) + body


def tlv(tag, value):
    return struct.pack(">HH", tag, len(value)) + value


class Pdu:
    """One received PDU, its body read as far as it can be."""

    def __init__(self, raw):
        self.length, self.command, self.status, self.sequence = struct.unpack(">IIII", raw[:16])
        self.body = raw[16:]
        self.at = time.monotonic()

    def __repr__(self):
        return f"<{self.command:#x} status {self.status:#x} sequence {self.sequence} {self.body!r}>"

    def message_id(self):
        """Of a submit_sm_resp: the C-octet string it begins with."""
        return self.body.split(b"\0", 1)[0].decode()

    def deliver(self):
        """Fields of a deliver_sm or data_sm."""
        rest = self.body
        fields = {}

        def string(name):
            nonlocal rest
            value, rest = rest.split(b"\0", 1)
            fields[name] = value.decode("latin-1")

        def octet(name):
            nonlocal rest
            fields[name], rest = rest[0], rest[1:]

        string("service_type")
        for side in ("source", "dest"):
            octet(f"{side}_ton")
            octet(f"{side}_npi")
            string(side)
        octet("esm_class")
        if self.command == DATA:
            octet("registered_delivery")
            octet("data_coding")
            fields["text"] = b""
        else:
            octet("protocol_id")
            octet("priority")
            string("schedule")
            string("validity")
            for name in ("registered_delivery", "replace", "data_coding", "default_message"):
                octet(name)
            length, rest = rest[0], rest[1:]
            fields["text"], rest = rest[:length], rest[length:]
        fields["tlvs"] = {}
        while rest:
            tag, length = struct.unpack(">HH", rest[:4])
            fields["tlvs"][tag] = rest[4:4 + length]
            rest = rest[4 + length:]
        return fields


class Esme:
    """One connection. Every wait has a deadline and ends in an AssertionError."""

    def __init__(self, port, timeout=10.0):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timeout = timeout
        self.data = b""
        self.sequence = 0
        self.set_aside = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, octets):
        self.socket.sendall(octets)

    def request(self, command, body=b"", status=0):
        self.sequence += 1
        self.send(pdu(command, self.sequence, status, body))
        return self.sequence

    def receive(self, timeout=None):
        """The next PDU, or None when the SMSC closed the connection."""
        self.socket.settimeout(timeout or self.timeout)
        while len(self.data) < 4 or len(self.data) < struct.unpack(">I", self.data[:4])[0]:
            try:
                part = self.socket.recv(65536)
            except ConnectionResetError:
                return None
            except socket.timeout:
                raise AssertionError(f"nothing came; half a PDU: {self.data!r}") from None
            if not part:
                return None
            self.data += part
        length = struct.unpack(">I", self.data[:4])[0]
        assert 16 <= length < 1 << 20, f"command_length {length}"
        raw, self.data = self.data[:length], self.data[length:]
        return Pdu(raw)

    def expect(self, command, timeout=None, sequence=None):
        """The next PDU of that command (and sequence number); others are kept for later calls."""
        def fits(one):
            return one.command == command and sequence in (None, one.sequence)

        for kept in self.set_aside:
            if fits(kept):
                self.set_aside.remove(kept)
                return kept
        end = time.monotonic() + (timeout or self.timeout)
        while True:
            got = self.receive(max(0.001, end - time.monotonic()))
            assert got is not None, f"closed before {command:#x} came"
            if fits(got):
                return got
            self.set_aside.append(got)

    def expect_silence(self, seconds=0.2):
        self.socket.settimeout(seconds)
        try:
            octets = self.socket.recv(4096)
        except socket.timeout:
            octets = None
        assert not self.set_aside and not self.data and octets is None, f"came: {octets!r}"

    def expect_closed(self, timeout=None):
        while True:
            got = self.receive(timeout)
            if got is None:
                return
            self.set_aside.append(got)

    def bind(self, command=BIND_TRX, system_id="alpha", password="secret", version=0x34):
        body = (system_id.encode() + b"\0" + password.encode() + b"\0" + b"\0"
                + bytes([version, 0, 0]) + b"\0")
        self.request(command, body)
        return self.expect(command | RESP)

    @staticmethod
    def submit_body(dest="99970000001", text=b"Hello", source="Acme", esm_class=0, registered=1,
                    coding=0, validity="", tlvs=b"", length=None):
        return (b"\0" + b"\5\0" + source.encode() + b"\0" + b"\1\1" + dest.encode() + b"\0"
                + bytes([esm_class]) + b"\0\0" + b"\0" + validity.encode() + b"\0"
                + bytes([registered, 0, coding, 0])
                + bytes([len(text) if length is None else length]) + text + tlvs)

    def submit(self, **fields):
        """Sends one; the sequence number."""
        return self.request(SUBMIT, self.submit_body(**fields))

    def submitted(self, **fields):
        """Sends one and waits for the answer."""
        return self.expect(SUBMIT | RESP, sequence=self.submit(**fields))

    def receipt(self, status=0, timeout=None, command=DELIVER):
        """Waits for a deliver_sm, answers it, gives its fields."""
        got = self.expect(command, timeout)
        if status is not None:
            self.send(pdu(command | RESP, got.sequence, status, b"\0"))
        return got.deliver()
