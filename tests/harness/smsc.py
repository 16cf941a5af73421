"""A scripted MNO that speaks raw SMPP: a test decides every octet that it sends."""
import socket
import struct
import threading
import time

from .process import wait_for

BIND_RX, BIND_TX, BIND_TRX = 1, 2, 9
SUBMIT, DELIVER, UNBIND, ENQUIRE, DATA = 4, 5, 6, 0x15, 0x103
ALERT, NACK, RESP = 0x102, 0x80000000, 0x80000000


def pdu(command, sequence, status=0, body=b""):
    return struct.pack(">IIII", 16 + len(body), command, status, sequence) + body


class Received:
    def __init__(self, raw):
        _, self.command, self.status, self.sequence = struct.unpack(">IIII", raw[:16])
        self.body = raw[16:]
        self.at = time.monotonic()

    def __repr__(self):
        return f"<{self.command:#x} status {self.status:#x} seq {self.sequence} +{len(self.body)}>"


class Connection:
    """One TCP connection of the agent's."""

    def __init__(self, smsc, sock):
        self.smsc, self.socket = smsc, sock
        self.received = []
        self.closed = False
        self.mode = None
        self.reading = threading.Event()
        self.reading.set()

    def send(self, data):
        self.socket.sendall(data)

    def close(self, reset=False):
        if reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            try:
                self.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.socket.close()

    def of(self, command):
        return [p for p in list(self.received) if p.command == command]

    def wait(self, command, count=1, timeout=10.0):
        return wait_for(lambda: len(self.of(command)) >= count and self.of(command)[count - 1], timeout,
                        f"{count} x {command:#x}; got {self.received[-5:]}", 0.002)

    def wait_closed(self, timeout=10.0):
        wait_for(lambda: self.closed, timeout, "the agent closes the connection", 0.005)

    def run(self):
        data = b""
        try:
            while True:
                self.reading.wait()
                part = self.socket.recv(65536)
                if not part:
                    break
                data += part
                while len(data) >= 4:
                    length = struct.unpack(">I", data[:4])[0]
                    if len(data) < length:
                        break
                    received = Received(data[:length])
                    data = data[length:]
                    self.received.append(received)
                    self.smsc.handle(self, received)
        except OSError:
            pass
        self.closed = True


class Smsc:
    """Accepts and answers by `answers` (command -> function(connection, pdu) or None for silence)."""

    def __init__(self, port=0, tls=None):
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.tls = tls
        self.connections = []
        self.answers = {}
        self.bind_status = {}  # command -> status
        self.submit_status = 0
        self.submit_ids = 0
        self.closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while not self.closed:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
        except OSError:
            sock.close()
            return
        connection = Connection(self, sock)
        self.connections.append(connection)
        connection.run()

    def close(self):
        self.closed = True
        self.listener.close()
        for c in self.connections:
            c.close()

    def handle(self, c, p):
        if p.command in self.answers:
            if self.answers[p.command]:
                self.answers[p.command](c, p)
            return
        if p.command in (BIND_RX, BIND_TX, BIND_TRX):
            status = self.bind_status.get(p.command, 0)
            if not status:
                c.mode = p.command
            c.send(pdu(p.command | RESP, p.sequence, status, b"" if status else b"smsc\0"))
        elif p.command == SUBMIT:
            c.send(self.submit_resp(p))
        elif p.command in (ENQUIRE, UNBIND):
            c.send(pdu(p.command | RESP, p.sequence))

    def submit_resp(self, p):
        if self.submit_status:
            return pdu(SUBMIT | RESP, p.sequence, self.submit_status)
        self.submit_ids += 1
        return pdu(SUBMIT | RESP, p.sequence, 0, b"id%d\0" % self.submit_ids)

    def bound(self, count=1, timeout=10.0, mode=None):
        """The `count`-th connection that is bound (of that kind)."""
        def find():
            found = [c for c in self.connections if c.mode and (mode is None or c.mode == mode)]
            return found[count - 1] if len(found) >= count else None
        return wait_for(find, timeout, f"{count} connections bound", 0.005)

    def submits(self):
        return [p for c in self.connections for p in c.of(SUBMIT)]


def deliver_body(text=b"id:1 stat:DELIVRD", esm_class=4):
    return (b"\0" + b"\1\1" + b"99970000001\0" + b"\5\0Acme\0" + bytes([esm_class]) + b"\0\0" + b"\0\0"
            + b"\0\0\0\0" + bytes([len(text)]) + text)
