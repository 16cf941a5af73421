"""A TCP proxy that can fall silent: connections stay open and nothing passes, as behind a broken switch."""
import socket
import threading


class Proxy:
    def __init__(self, target):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self._passing = threading.Event()
        self._passing.set()
        self._sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self._sockets.append(client)
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client):
        self._passing.wait()
        try:
            server = socket.create_connection(self.target, 5)
        except OSError:
            client.close()
            return
        self._sockets.append(server)
        server.settimeout(None)
        threading.Thread(target=self._copy, args=(client, server), daemon=True).start()
        self._copy(server, client)

    def _copy(self, source, sink):
        try:
            while True:
                data = source.recv(65536)
                self._passing.wait()
                if not data:
                    break
                sink.sendall(data)
        except OSError:
            pass
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def pause(self):
        self._passing.clear()

    def resume(self):
        self._passing.set()

    def close(self):
        self.listener.close()
        self._passing.set()
        for s in self._sockets:
            s.close()
