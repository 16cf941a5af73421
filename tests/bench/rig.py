"""Servers, simulators and the two programs for one run of the bench; what they cost, sampled from outside."""
import glob
import json
import os
import subprocess
import time

from harness.process import Process, wait_for
from harness.programs import BUILD, Agent, MnoSim
from harness.stack import Stack

OPERATORS_MAX = 300
TPS_LIMIT = 100000  # the highest there is: the limit is not what is measured
PARTS = ("bridge", "agent", "nats-server", "redis", "mno-sim")


def tool(name):
    return os.path.join(BUILD, "tests/bench/bench-" + name)


def cpu_ns(pid):
    """CPU time of all threads so far. The scheduler's own sum: /proc/PID/stat counts ticks of 10 ms."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        try:
            with open(path, encoding="ascii") as f:
                total += int(f.read().split()[0])
        except OSError:
            pass  # a thread ended
    return total


def peak_rss_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        for line in f:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0


def rss_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) / 1024 for line in f if line.startswith("VmRSS:"))


def private_kib(pid):
    """Memory that is the process's own: neither libraries nor the ledger's file."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        for line in f:
            if line.startswith("Anonymous:"):
                return int(line.split()[1])
    return 0


class Sample:
    """CPU of each part and the clock, at one moment."""

    def __init__(self, processes):
        self.at = time.monotonic()
        self.cpu = {name: cpu_ns(p.pid) for name, p in processes.items()}

    def since(self, before):
        """(seconds, {part: µs of CPU})"""
        return self.at - before.at, {n: (self.cpu[n] - before.cpu[n]) / 1e3 for n in self.cpu}


class Progress:
    """What the MNO has seen: messages in, receipts answered."""

    def __init__(self, stats, segments, receipts):
        self.submits = stats["submits"] / segments
        self.receipts = stats["receipts_acked"] / segments if receipts else self.submits

    def least(self):
        return min(self.submits, self.receipts)

    def mean(self):
        return (self.submits + self.receipts) / 2


class Rig:
    """The servers live as long as the rig; agent and bridge are new for every case."""

    def __init__(self, directory):
        self.directory = str(directory)
        self.history = os.path.join(self.directory, "history.jsonl")
        self.stack = Stack(self.directory, operators=OPERATORS_MAX, tps=TPS_LIMIT)
        self.number = 0
        self.wall_offset_ns = 0

    def start(self):
        self.stack.start_servers()
        self.stack.start_mno()  # its port is in the credentials, and stays
        return self

    def stop(self):
        self.stack.stop()

    # --- one case ---

    def clean(self, latency_ms=0, deliver_window=100, duplicate_window_s=1800, events_bytes=4 << 30):
        """Empty streams, an empty Redis, no programs."""
        self.end_programs()
        client = self.stack.client
        for stream in ("SMS_DISPATCH", "DLR_EVENTS"):
            client.api(f"STREAM.DELETE.{stream}")
        client.create_stream("SMS_DISPATCH", ["smpp.operator.*"], retention="workqueue",
                             duplicate_window_s=120)
        client.create_stream("DLR_EVENTS", ["sms.dlr.inbound"], max_bytes=events_bytes,
                             duplicate_window_s=duplicate_window_s)
        self.stack.redis.command("FLUSHALL")
        self._new_mno("--latency-ms", latency_ms, "--deliver-window", deliver_window)

    def _new_mno(self, *options):
        """A simulator that remembers nothing; its history is of every tenth handset."""
        mno = self.stack.mno
        mno.stop()
        if os.path.exists(self.history):
            os.unlink(self.history)
        self.stack.mno = MnoSim(mno.directory, *options, "--history", self.history, "--history-to", "0",
                                port=mno.port).start()
        with open(self.history, encoding="utf-8") as f:
            first = json.loads(f.readline())
        self.wall_offset_ns = first["wall"] * 1000 - first["t"]

    def publisher(self, operators, *options):
        """A process of ours that has begun to publish."""
        path = os.path.join(self.directory, "publish-to")
        with open(path, "w", encoding="utf-8") as f:
            f.write("".join(oid + "\n" for oid in self.stack.ids[:operators]))
        p = Process("publisher", [tool("publisher"), "--url", self.stack.nats.url, "--operators", path,
                                  *options], os.path.join(self.directory, "publisher.log"))
        return p.start()

    @staticmethod
    def published(process, timeout=120):
        if process.wait(timeout) != 0:
            raise RuntimeError("the publisher failed: " + " ".join(process.lines[-3:]))
        return json.loads(process.lines[-1])

    def start_programs(self, operators, window, receipts, wrap=None, **settings):
        """`window`: unanswered submit_sm, and unanswered receipts, of each bind; `wrap`: {program: command
        that runs it}."""
        self.number += 1
        stack = self.stack
        stack.agent = Agent(os.path.join(self.directory, f"agent{self.number}"))
        stack.bridge_settings = {"WINDOW_SIZE": window, "CORRELATION_TTL_S": 3600, **settings}
        stack.bridge = stack.make_bridge(f"bridge{self.number}")
        stack.write_operators(stack.ids[:operators], registeredDelivery=int(receipts), deliverHoldMax=window)
        for name, program in (("agent", stack.agent), ("bridge", stack.bridge)):
            program.argv[:0] = (wrap or {}).get(name, [])
            program.start()

    def start_bare(self, receipts):
        """The bare pipeline in the place of the two programs."""
        s = self.stack
        self._durable("bare")
        ipc = f"ipc://{self.directory}/bare.ipc"
        self._bare_program("agent", "bare_back", "--mno-port", s.mno.port, "--ipc", ipc)
        self._bare_program("bridge", "bare_front", "--url", s.nats.url, "--redis-port", s.redis.port,
                           "--ipc", ipc, "--receipts", int(receipts))

    def _bare_program(self, place, name, *options):
        log = os.path.join(self.directory, name + ".log")
        setattr(self.stack, place, Process(name, [tool(name), *options], log).start())

    def end_programs(self):
        """Killed: what is left of a backlog is nobody's, and nothing is measured any more."""
        for process in (self.stack.bridge, self.stack.agent):
            if process is not None and process.popen is not None and process.alive():
                process.kill()

    def processes(self):
        s = self.stack
        for p in (s.bridge, s.agent):
            if not p.alive():
                raise RuntimeError(f"{p.name} ended: " + "\n".join(p.lines[-5:]))
        return dict(zip(PARTS, (s.bridge, s.agent, s.nats, s.redis, s.mno)))

    def progress(self, segments, receipts):
        return Progress(self.stack.mno.stats(), segments, receipts)

    def run_until(self, reached, deadline, segments, receipts, interval=0.01):
        """Looks now and then; the last progress, also when the deadline came first."""
        while True:
            seen = self.progress(segments, receipts)
            if reached(seen) or time.monotonic() > deadline:
                return seen
            self.processes()
            time.sleep(interval)

    # --- latencies of the sample ---

    def latencies(self, stamps=None, sample=10):
        """({µs, sorted: publish → submit_sm}, {receipt → event stored}) of every `sample`-th message."""
        self.stack.mno.control("history flush")
        sent, received = self._history()
        submit = []
        if stamps:
            submit = sorted((t - stamps[n]) / 1e3 for n, t in sent.items() if n < len(stamps))
        return submit, self._stored(received, sample)

    def _history(self):
        sent, received = {}, {}
        with open(self.history, encoding="utf-8") as f:
            for line in f:
                row = json.loads(line)
                if row["c"] == "submit_sm" and row["d"] == "in":
                    sent.setdefault(int(row["to"][-7:]), row["t"] + self.wall_offset_ns)
                elif row["c"] == "deliver_sm" and row["d"] == "out":
                    received.setdefault(row["id"], row["t"] + self.wall_offset_ns)
        return sent, received

    def _stored(self, received, sample):
        if not received:
            return []
        out = subprocess.run([tool("event_reader"), "--url", self.stack.nats.url, "--every", str(sample)],
                             capture_output=True, text=True, timeout=120, check=True).stdout
        stored = []
        for line in out.splitlines():
            sim_id, ns = line.split()
            if sim_id in received:
                stored.append((int(ns) - received[sim_id]) / 1e3)
        return sorted(stored)

    # --- the ceiling ---

    def _durable(self, name):
        self.stack.client.api(f"CONSUMER.DURABLE.CREATE.SMS_DISPATCH.{name}", {
            "stream_name": "SMS_DISPATCH", "config": {
                "durable_name": name, "ack_policy": "explicit", "deliver_policy": "all",
                "max_ack_pending": 20000, "filter_subject": f"smpp.operator.{self.stack.ids[0]}"}})

    def relay(self, count, timeout=60):
        """(messages/s, {part: µs of CPU a message}) of the bare relay, after its first twentieth."""
        self.clean()
        self.published(self.publisher(1, "--count", count))
        self._durable("relay")
        process = Process("relay", [tool("bare_relay"), "--url", self.stack.nats.url, "--count", count],
                          os.path.join(self.directory, "relay.log")).start()
        try:
            parts = {"relay": process, "nats-server": self.stack.nats}
            wait_for(lambda: process.lines, timeout, "the relay is steady", 0.001)
            before = Sample(parts)
            line = process.wait_line("done", timeout)
            seconds, cpu = Sample(parts).since(before)
            messages = int(line.split()[1])
        finally:
            process.wait()
        return messages / seconds, {name: us / messages for name, us in cpu.items()}
