"""What is measured: the cases, and how each becomes a row of figures."""
import array
import os
import time
from dataclasses import dataclass, field

from rig import Sample, peak_rss_mib

SEGMENTS = {"gsm7": 1, "ucs2": 1, "long": 4}
START_PATIENCE_S = 40.0
BACKLOG_FROM, BACKLOG_TO = 0.08, 0.85  # what is measured of it: work of both kinds is under way at either end
WARM_UP_FIRST = 9000000  # number of the first message that no latency is taken of
RATE_GUESS = 60000  # messages/s: so many are put into a backlog for each second of measuring …
RECEIPTS_RATE_GUESS = 15000  # … and with receipts
RECEIPTS_PATIENCE = 4  # times the seconds that were asked for


@dataclass(frozen=True)
class Case:
    operators: int = 1
    window: int = 1000
    latency_ms: int = 0
    receipts: bool = False
    text: str = "gsm7"
    paced: int = 0  # messages/s; 0: a backlog
    bare: bool = False  # the bare pipeline in the place of the product

    def name(self):
        what = f"{self.paced}/s" if self.paced else "backlog"
        if self.text != "gsm7":
            what += " " + self.text
        return f"bare {what}" if self.bare else what

    def backlog(self, seconds):
        """Messages that last about as long as the measurement."""
        rate = (RECEIPTS_RATE_GUESS if self.receipts else RATE_GUESS) / SEGMENTS[self.text]
        if self.latency_ms:
            limit = self.operators * self.window / SEGMENTS[self.text] * 1000 / self.latency_ms
            rate = min(rate, 1.1 * limit)
        return max(500, int(rate * (seconds + 0.6)))


@dataclass
class Row:
    case: Case
    rate: float = 0.0  # messages/s
    cpu: dict = field(default_factory=dict)  # part → µs a message
    rss: dict = field(default_factory=dict)  # part → MiB, highest
    submit: list = field(default_factory=list)  # µs, sorted: publish → submit_sm
    stored: list = field(default_factory=list)  # µs, sorted: receipt → event stored

    def ours(self):
        """µs of CPU a message, bridge and agent together."""
        return self.cpu["bridge"] + self.cpu["agent"]

    def cores(self):
        return self.ours() * self.rate / 1e6


def _row(case, seconds, cpu, messages, processes):
    return Row(case, rate=messages / seconds, cpu={name: us / messages for name, us in cpu.items()},
               rss={name: peak_rss_mib(p.pid) for name, p in processes.items()})


def _measure(rig, case, begin, end, seconds):
    """Between `begin` messages done and `end`, or `seconds` later."""
    if case.receipts:
        seconds *= RECEIPTS_PATIENCE
    segments = SEGMENTS[case.text]
    start = time.monotonic()
    first = rig.run_until(lambda p: p.least() >= begin, start + START_PATIENCE_S, segments, case.receipts)
    if first.least() < begin:
        raise RuntimeError(f"{case}: {first.least():.0f} of the first {begin} messages within "
                           f"{START_PATIENCE_S:.0f} s")
    processes = rig.processes()
    before = Sample(processes)
    last = rig.run_until(lambda p: p.least() >= end, before.at + seconds, segments, case.receipts)
    took, cpu = Sample(processes).since(before)
    return _row(case, took, cpu, last.mean() - first.mean(), processes)


def _start(rig, case):
    if case.bare:
        rig.start_bare(case.receipts)
    else:
        rig.start_programs(case.operators, case.window, case.receipts)


def run_backlog(rig, case, seconds):
    """The backlog lies there before the programs start; the start-up and the end don't count."""
    count = case.backlog(seconds)
    rig.clean(case.latency_ms, case.window)
    rig.published(rig.publisher(case.operators, "--count", count, "--text", case.text))
    if case.bare:
        rig.start_bare(case.receipts)
    else:
        rig.start_programs(case.operators, case.window, case.receipts)
    # With receipts all must have come, or the mix would be another.
    row = _measure(rig, case, max(1, int(count * BACKLOG_FROM)), count if case.receipts else int(count * BACKLOG_TO),
                   seconds)
    rig.end_programs()
    if case.receipts and not case.bare:
        row.stored = rig.latencies()[1]
    return row


def run_paced(rig, case, seconds):
    """Publishing begins when the programs let messages through (an instance that is new takes no part of the
    limit at once); its first second doesn't count for the CPU."""
    rig.clean(case.latency_ms, case.window)
    _start(rig, case)
    rig.published(rig.publisher(case.operators, "--count", 10 * case.operators, "--first", WARM_UP_FIRST))
    warm = rig.run_until(lambda p: p.least() >= 10 * case.operators, time.monotonic() + START_PATIENCE_S,
                         1, case.receipts)
    if warm.least() < 10 * case.operators:
        raise RuntimeError(f"{case}: the first messages were not through within {START_PATIENCE_S:.0f} s")
    rig.stack.mno.control("reset-stats")
    stamps_path = os.path.join(rig.directory, "stamps")
    publisher = rig.publisher(case.operators, "--rate", case.paced, "--seconds", int(seconds) + 1,
                              "--text", case.text, "--stamps", stamps_path)
    count = case.paced * (int(seconds) + 1)
    row = _measure(rig, case, case.paced, count - 1, seconds + 2)
    rig.published(publisher)
    stamps = array.array("q")
    with open(stamps_path, "rb") as f:
        stamps.frombytes(f.read())
    rig.end_programs()
    if not case.bare:
        row.submit, row.stored = rig.latencies(stamps)
    return row


def run(rig, case, seconds):
    return run_paced(rig, case, seconds) if case.paced else run_backlog(rig, case, seconds)


def bare(paced):
    """The bare pipeline under a backlog, and at each pace that is measured."""
    for receipts in (False, True):
        for rate in (0, *paced):
            yield Case(receipts=receipts, paced=rate, bare=True)


def matrix():
    for receipts in (False, True):
        for operators in (1, 10, 100):
            for window in (10, 100, 1000):
                for latency_ms in (0, 20, 100):
                    yield Case(operators, window, latency_ms, receipts)


def paced():
    for rate in (500, 2778, 10000):
        for receipts in (False, True):
            yield Case(receipts=receipts, paced=rate)
            if rate > 500:
                yield Case(operators=100, receipts=receipts, paced=rate)


def texts():
    for text in ("ucs2", "long"):
        for receipts in (False, True):
            yield Case(receipts=receipts, text=text)


def quick():
    """One of each kind."""
    yield Case()
    yield Case(receipts=True)
    yield Case(operators=100)
    yield Case(paced=2778)
    yield Case(receipts=True, paced=2778)
    yield Case(receipts=True, text="long")
