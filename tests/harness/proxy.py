"""A TCP proxy that can fall silent (connections stay open and nothing passes, as behind a broken switch), in both
directions or in one, that can be slow, and that can cut."""
import socket
import struct
import threading
import time


class Proxy:
    """`delay_s`: how much later everything arrives."""

    def __init__(self, target, delay_s=0.0):
        self.target = target
        self.delay_s = delay_s
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self._to_server, self._to_client = threading.Event(), threading.Event()
        self.resume()
        self._rest = {}  # the direction: octets that still pass before the cut
        self._sockets = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self._keep(client)
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _keep(self, s):
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._sockets.add(s)

    def _connect(self, client):
        self._to_server.wait()
        try:
            server = socket.create_connection(self.target, 5)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        self._keep(server)
        threading.Thread(target=self._copy, args=(client, server, self._to_server), daemon=True).start()
        self._copy(server, client, self._to_client)

    def _copy(self, source, sink, passing):
        try:
            while True:
                data = source.recv(65536)
                if self.delay_s:
                    time.sleep(self.delay_s)
                passing.wait()
                if not data:
                    break
                rest = self._rest.get(passing)
                if rest is not None and len(data) >= rest:
                    del self._rest[passing]
                    sink.sendall(data[:rest])
                    self.cut()
                    break
                if rest is not None:
                    self._rest[passing] = rest - len(data)
                sink.sendall(data)
        except OSError:
            pass
        with self._lock:
            ours = {source, sink} & self._sockets  # those that were cut are to end by RST alone
        for s in ours:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def pause(self, to_server=True, to_client=True):
        if to_server:
            self._to_server.clear()
        if to_client:
            self._to_client.clear()

    def resume(self):
        self._to_server.set()
        self._to_client.set()

    def cut(self):
        """Resets every connection; what had not passed is lost."""
        with self._lock:
            sockets, self._sockets = self._sockets, set()
        for s in sockets:
            try:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                s.shutdown(socket.SHUT_RD)  # wakes the thread that reads it, or close() would not reset
            except OSError:
                pass
            s.close()

    def cut_after(self, octets, to_server=True):
        """Resets every connection when so many more octets have passed."""
        self._rest[self._to_server if to_server else self._to_client] = octets

    def close(self):
        self.listener.close()
        self.resume()
        self.cut()
