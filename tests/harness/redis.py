"""redis-server, and a client of just what tests ask."""
import os
import shutil
import socket

from . import rights
from .process import Process, free_port, wait_for


class RedisServer(Process):
    def __init__(self, directory, port=None, extra=()):
        self.directory = str(directory)
        os.makedirs(self.directory, exist_ok=True)
        self.port = port or free_port()
        users = os.path.join(self.directory, "users.acl")
        with open(users, "w", encoding="ascii") as f:
            f.write(rights.redis_users())
        super().__init__("redis-server",
                         [shutil.which("redis-server"), "--port", self.port, "--bind", "127.0.0.1",
                          "--dir", self.directory, "--save", "", "--appendonly", "no",
                          "--aclfile", users, *extra],
                         os.path.join(self.directory, "redis.log"))

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    def connector_url(self, port=None):
        """For the bridge; `port`: of something between them."""
        return f"redis://{rights.USER}:{rights.PASSWORD}@127.0.0.1:{port or self.port}/0"

    def start(self):
        since = len(self.lines)
        super().start()
        self.wait_line("Ready to accept connections", since=since)
        return self

    def command(self, *words, timeout=5.0):
        with socket.create_connection(("127.0.0.1", self.port), timeout) as s:
            out = b"*%d\r\n" % len(words)
            for word in words:
                raw = word if isinstance(word, bytes) else str(word).encode()
                out += b"$%d\r\n%s\r\n" % (len(raw), raw)
            s.sendall(out)
            return _reply(s.makefile("rb"))

    def wait_answering(self, timeout=10):
        wait_for(lambda: self.command("PING") == "PONG", timeout, "redis answers")


def _reply(f):
    line = f.readline().rstrip(b"\r\n")
    kind, rest = line[:1], line[1:]
    if kind == b"+":
        return rest.decode()
    if kind == b"-":
        raise RuntimeError(rest.decode())
    if kind == b":":
        return int(rest)
    if kind == b"$":
        n = int(rest)
        if n < 0:
            return None
        return f.read(n + 2)[:-2]
    return [_reply(f) for _ in range(int(rest))]
