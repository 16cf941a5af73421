"""An independent witness of the pace: what the kernel saw on loopback, by its own time stamps."""
import os
import shutil
import signal
import struct
import subprocess

from .process import started, wait_for

SUBMIT_SM = 4
ETHERNET, IPV4, TCP = 14, 0x0800, 6


def available():
    return shutil.which("dumpcap") is not None and os.geteuid() == 0


class Capture:
    """submit_sm sent to a port, from the start to stop()."""

    def __init__(self, path, ports):
        self.path = str(path)
        self.ports = ports
        self.popen = None

    def __enter__(self):
        wanted = " or ".join(f"dst port {p}" for p in self.ports)
        self.popen = subprocess.Popen(
            ["dumpcap", "-q", "-i", "lo", "-P", "-B", "32", "-f", f"tcp and ({wanted})", "-w", self.path],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        started.append(self.popen)
        wait_for(lambda: os.path.exists(self.path) and os.path.getsize(self.path) >= 24, 10, "the capture runs")
        return self

    def __exit__(self, *exc):
        self.stop()

    def stop(self):
        if self.popen is None:
            return
        self.popen.send_signal(signal.SIGINT)
        self.popen.wait(timeout=20)
        self.popen = None

    def submit_times(self):
        """Seconds; a submit_sm counts when its last octet was sent."""
        return sorted(t for times in self.submit_times_by_flow() for t in times)

    def submit_times_by_flow(self):
        """The same, a list for each connection."""
        self.stop()
        return self._times_by_flow()

    def times_so_far(self):
        return sorted(t for times in self._times_by_flow() for t in times)

    def _times_by_flow(self):
        flows, times = {}, {}
        for t, flow, seq, data in _segments(self.path):
            reader = flows.get(flow)
            if reader is None:
                flows[flow] = reader = _Flow(seq)
                times[flow] = []
            times[flow].extend(t for command in reader.feed(seq, data) if command == SUBMIT_SM)
        return list(times.values())


class _Flow:
    """One direction of a connection from its first octet, back to PDUs. Loopback keeps the order; repeats are skipped,
    and what is missing is an error of the capture."""

    def __init__(self, seq):
        self.next, self.rest = seq, b""

    def feed(self, seq, data):
        skip = (self.next - seq) & 0xFFFFFFFF
        assert skip < 0x80000000, "the capture lacks octets"
        if skip >= len(data):
            return
        self.rest += data[skip:]
        self.next = (self.next + len(data) - skip) & 0xFFFFFFFF
        while len(self.rest) >= 16:
            length, command = struct.unpack_from(">II", self.rest)
            if len(self.rest) < length:
                return
            self.rest = self.rest[length:]
            yield command


def _segments(path):
    """(time, flow, sequence number, data) of the TCP segments with data, and of each SYN's successor."""
    with open(path, "rb") as f:
        raw = f.read()
    magic, = struct.unpack_from("<I", raw)
    scale = {0xA1B2C3D4: 1e6, 0xA1B23C4D: 1e9}[magic]
    at = 24
    while at + 16 <= len(raw):
        s, part, length, _ = struct.unpack_from("<IIII", raw, at)
        packet = raw[at + 16:at + 16 + length]
        at += 16 + length
        if at > len(raw):  # it is being written
            return
        if len(packet) < ETHERNET + 40 or struct.unpack_from(">H", packet, 12)[0] != IPV4:
            continue
        ip = packet[ETHERNET:]
        header = (ip[0] & 15) * 4
        if ip[9] != TCP:
            continue
        tcp = ip[header:struct.unpack_from(">H", ip, 2)[0]]
        source, target, seq = struct.unpack_from(">HHI", tcp)
        data = tcp[(tcp[12] >> 4) * 4:]
        if data:
            yield s + part / scale, (source, target), seq, data


# --- what is asked of such times ---

def most_in_window(times, window=1.0):
    best = first = 0
    for last, t in enumerate(times):
        while t - times[first] >= window:
            first += 1
        best = max(best, last - first + 1)
    return best


def mean_rate(times, begin, end):
    return sum(1 for t in times if begin <= t < end) / (end - begin)


def gaps(times, begin, end):
    inside = [t for t in times if begin <= t < end]
    return sorted(b - a for a, b in zip(inside, inside[1:]))


def percentile(ordered, part):
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0
