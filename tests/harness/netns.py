"""Two network namespaces joined by a cable that a test can cut: nothing is closed or reset, packets just vanish.

Needs root, iproute2 and nftables."""
import contextlib
import ctypes
import os
import shutil
import socket
import struct
import subprocess
import threading

_libc = ctypes.CDLL(None, use_errno=True)


def _setns(file):
    if _libc.setns(file.fileno(), 0):
        raise OSError(ctypes.get_errno(), "setns")


def _run(*argv, text=None):
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stderr.strip()}"


class Cable:
    """`here` is the side of the program under test, `there` the MNO's, each a namespace with one address."""
    MINE, PEER = "192.0.2.1", "192.0.2.2"

    def __init__(self):
        tag = f"{os.getpid() % 100000}"
        self.here, self.there = f"smpp-a{tag}", f"smpp-b{tag}"
        for name in (self.here, self.there):
            _run("ip", "netns", "add", name)
        _run("ip", "link", "add", "a0", "netns", self.here, "type", "veth", "peer", "name", "b0", "netns", self.there)
        for name, device, address in ((self.here, "a0", self.MINE), (self.there, "b0", self.PEER)):
            _run("ip", "-n", name, "address", "add", f"{address}/24", "dev", device)
            _run("ip", "-n", name, "link", "set", device, "up")
            _run("ip", "-n", name, "link", "set", "lo", "up")

    def inside(self, argv):
        """The command line that runs `argv` in the namespace `here`, as the same process."""
        return ["ip", "netns", "exec", self.here, *argv]

    @contextlib.contextmanager
    def peers_sockets(self):
        """Sockets that this thread makes meanwhile are in the namespace `there`."""
        with open("/proc/thread-self/ns/net", "rb") as home, open(f"/run/netns/{self.there}", "rb") as there:
            _setns(there)
            try:
                yield
            finally:
                _setns(home)

    def cut(self, *ports):
        """Drops what goes to and comes from these ports of the MNO's."""
        ports = f"{{ {', '.join(map(str, ports))} }}"
        _run("ip", "netns", "exec", self.there, "nft", "-f", "-", text=f"""table inet cut {{
            chain coming {{ type filter hook prerouting priority 0; tcp dport {ports} drop; }}
            chain going {{ type filter hook postrouting priority 0; tcp sport {ports} drop; }}
        }}""")

    def mend(self):
        _run("ip", "netns", "exec", self.there, "nft", "delete", "table", "inet", "cut")

    def ask_names_of(self, address):
        """Programs that are started inside from now on resolve names there; one try, 30 s."""
        directory = f"/etc/netns/{self.here}"
        os.makedirs(directory, exist_ok=True)
        with open(f"{directory}/resolv.conf", "w", encoding="ascii") as f:
            f.write(f"nameserver {address}\noptions timeout:30 attempts:1\n")

    def remove(self):
        shutil.rmtree(f"/etc/netns/{self.here}", ignore_errors=True)
        for name in (self.here, self.there):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


class NameServer:
    """Answers for the names it knows and is silent about all others."""

    def __init__(self, address, names):
        self.names = {name: socket.inet_aton(a) for name, a in names.items()}
        self.unanswered = set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                query, peer = self.socket.recvfrom(512)
            except OSError:
                return
            end, labels = 12, []
            while query[end]:
                labels.append(query[end + 1:end + 1 + query[end]].decode("ascii"))
                end += 1 + query[end]
            name, question = ".".join(labels), query[12:end + 5]
            if name not in self.names:
                self.unanswered.add(name)
                continue
            is_a = question[-4:] == b"\0\1\0\1"
            answer = b"\xc0\x0c\0\1\0\1" + struct.pack(">IH", 60, 4) + self.names[name] if is_a else b""
            self.socket.sendto(query[:2] + struct.pack(">HHHHH", 0x8180, 1, int(is_a), 0, 0) + question + answer, peer)

    def close(self):
        self.socket.close()
