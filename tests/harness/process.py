"""A process we started: its output kept, its death by pid only, its end checked."""
import datetime
import fcntl
import json
import os
import random
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time


class Deadline(Exception):
    """A condition did not come true in time."""


class SanitizerReport(Exception):
    """Undefined behaviour, a memory error or a leak in a process of ours."""


SANITIZER_REPORT = re.compile(r"ERROR: \w+Sanitizer|runtime error: |WARNING: ThreadSanitizer")


def wait_for(condition, timeout=10.0, what="condition", interval=0.01):
    """The first true value of `condition()`; Deadline after `timeout` seconds."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise Deadline(f"not within {timeout} s: {what}")
        time.sleep(interval)


def log_seconds(line):
    """When one of our programs wrote the line, in seconds; for the time between two of them."""
    return datetime.datetime.fromisoformat(json.loads(line)["time"].replace("Z", "+00:00")).timestamp()


# Outside of the kernel's ephemeral range, so that no outgoing connection takes a port between our look and
# the server's bind; locked, so that test runs side by side never hand out the same one.
PORTS = range(10000, 32000)
PORT_LOCKS = os.path.join(tempfile.gettempdir(), f"smpp-connector-ports-{os.getuid()}")
_locks = {}


def free_port():
    """A loopback port that is free now and that no running test process was given before."""
    os.makedirs(PORT_LOCKS, mode=0o700, exist_ok=True)
    while True:
        port = random.SystemRandom().choice(PORTS)
        if port in _locks:
            continue
        lock = os.open(os.path.join(PORT_LOCKS, str(port)), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as s:
                s.bind(("127.0.0.1", port))
        except OSError:
            os.close(lock)
            continue
        _locks[port] = lock
        return port


started = []  # every popen of this test process; what lives at its end was forgotten


def end_forgotten():
    """Kills what lives still; returns the commands."""
    left = [popen for popen in started if popen.poll() is None]
    for popen in left:
        popen.kill()
        popen.wait()
    return [" ".join(str(word) for word in popen.args) for popen in left]


class Process:
    """Runs `argv`; every line of its output goes to `log_path` and to `lines`."""

    def __init__(self, name, argv, log_path, env=None, cwd=None, preexec_fn=None, stdin=None):
        self.name = name
        self.argv = [str(a) for a in argv]
        self.log_path = str(log_path)
        self.env = env
        self.cwd = cwd
        self.preexec_fn = preexec_fn
        self.lines = []
        self.popen = None
        self._thread = None
        self._paused = False

    def start(self):
        assert self.popen is None or self.popen.poll() is not None, f"{self.name} runs already"
        self.popen = subprocess.Popen(
            self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=self.env, cwd=self.cwd, preexec_fn=self.preexec_fn)
        started.append(self.popen)
        self._thread = threading.Thread(target=self._drain, args=(self.popen,), daemon=True)
        self._thread.start()
        return self

    def _drain(self, popen):
        with open(self.log_path, "ab") as log:
            for raw in popen.stdout:
                log.write(raw)
                log.flush()
                self.lines.append(raw.decode("utf-8", "replace").rstrip("\n"))

    @property
    def pid(self):
        return self.popen.pid

    def alive(self):
        return self.popen is not None and self.popen.poll() is None

    def wait_line(self, text, timeout=20.0, since=0):
        def find():
            for line in self.lines[since:]:
                if text in line:
                    return line
            if not self.alive():
                time.sleep(0.1)
                for line in self.lines[since:]:
                    if text in line:
                        return line
                raise Deadline(f"{self.name} ended ({self.popen.returncode}) before it said "
                               f"{text!r}:\n" + "\n".join(self.lines[-15:]))
            return None
        return wait_for(find, timeout, f"{self.name} says {text!r}; last lines:\n"
                        + "\n".join(self.lines[-5:]))

    def send_signal(self, number):
        os.kill(self.pid, number)

    def pause(self):
        self.send_signal(signal.SIGSTOP)
        self._paused = True
        wait_for(lambda: self._state() in "TtZX", 5, f"{self.name} stands still")  # until then it may still answer

    def _state(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rsplit(")", 1)[1].split()[0]

    def resume(self):
        self.send_signal(signal.SIGCONT)
        self._paused = False

    def kill(self):
        """SIGKILL, and reaped."""
        if self.alive():
            self.popen.kill()
        return self.wait()

    def wait(self, timeout=30.0):
        code = self.popen.wait(timeout)
        self._thread.join(5)
        # Whatever a test looks at, and however the process ended: what a sanitizer found fails it.
        found = [n for n, line in enumerate(self.lines) if SANITIZER_REPORT.search(line)]
        if found:
            raise SanitizerReport(f"{self.name}, whole log in {self.log_path}:\n"
                                  + "\n".join(self.lines[found[0]:found[0] + 40]))
        return code

    def stop(self, timeout=15.0, number=signal.SIGTERM):
        """Asks to end and returns the exit code; kills what does not obey and says so."""
        if self.popen is None:
            return None
        if self.alive():
            if self._paused:
                self.resume()
            self.send_signal(number)
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.wait()
            raise Deadline(f"{self.name} did not end within {timeout} s of signal {number}")

    def rss_kib(self):
        return self._status_kib("VmRSS")

    def anonymous_kib(self):
        """Memory of its own: without mapped files, the agent's ledger among them."""
        return self._status_kib("RssAnon")

    def _status_kib(self, name):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as f:
            for line in f:
                if line.startswith(name + ":"):
                    return int(line.split()[1])
        return 0

    def cpu_seconds(self):
        """User and system time used so far, all threads."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
