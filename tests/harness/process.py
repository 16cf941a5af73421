"""A process we started: its output kept, its death by pid only, its end checked."""
import os
import signal
import socket
import subprocess
import threading
import time


class Deadline(Exception):
    """A condition did not come true in time."""


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


_taken = set()


def free_port():
    """A loopback port that is free now and that we have not handed out before."""
    while True:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        if port not in _taken:
            _taken.add(port)
            return port


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
        with open(f"/proc/{self.pid}/status", encoding="ascii") as f:
            for line in f:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        return 0

    def cpu_seconds(self):
        """User and system time used so far, all threads."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
