"""The table: ratios first, absolutes second."""
import os
import statistics
from dataclasses import replace

from cases import Case
from rig import PARTS


def machine():
    """The line that names where the figures come from."""
    model = "unknown CPU"
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.2f} at the start"


def percentiles(values):
    """p50/p99/p99.9 in ms; '–' where there are none."""
    if not values:
        return "–"
    last = len(values) - 1
    return "/".join(f"{values[round(last * q)] / 1000:.2f}" for q in (0.5, 0.99, 0.999))


def head():
    return (f"{'case':14s} {'ops':>4s} {'window':>6s} {'MNO ms':>6s} {'rcpt':>4s} | {'rate':>5s} {'CPU':>5s} {'ops':>5s} | "
            f"{'msg/s':>7s} {'cores':>5s} | {'bridge':>7s} {'agent':>6s} {'nats':>6s} {'redis':>6s} {'sim':>6s} | {'RSS MiB':>9s} | "
            f"{'publish→submit_sm':>20s} | {'receipt→stored':>20s}")


def ratio(value, base):
    return f"{value / base:.2f}" if base else "–"


class Target:
    """A bound on one figure of one case; where `times_bare` is given, that multiple of the bare pipeline's also does."""

    def __init__(self, what, case, figure, most=None, least=None, times_bare=None):
        self.what, self.case, self.figure = what, case, figure
        self.most, self.least, self.times_bare = most, least, times_bare

    def judge(self, table, row):
        """(what to print, whether it is met); None: what it is compared with was not measured"""
        value = self.figure(table, row)
        if value is None:
            return None
        bound = self.most if self.least is None else self.least
        met = value <= bound if self.least is None else value >= bound
        text = f"{self.what}: {value:.2f}, at {'most' if self.least is None else 'least'} {bound:g}"
        bare = table.bare_cpu.get((row.case.receipts, row.case.paced))
        if self.times_bare and bare:
            met = met or row.ours() <= self.times_bare * bare
            text += f", or {self.times_bare:g} times the bare pipeline's, and it is {row.ours() / bare:.2f} times"
        return text, met


def _latency(values, share):
    return values[round((len(values) - 1) * share)] / 1000 if values else float("inf")


def _rss(_, row):
    return max(row.rss["bridge"], row.rss["agent"])


TARGETS = [
    Target("CPU a message without receipts, µs", Case(), lambda t, r: r.ours(), most=8, times_bare=1.5),
    Target("CPU a message with receipts, µs", Case(receipts=True), lambda t, r: r.ours(), most=16, times_bare=1.5),
    Target("messages/s without receipts, times the bare relay's", Case(), lambda t, r: r.rate / t.relay_rate, least=0.75),
    # At the same pace: under a backlog the server delivers to a hundred consumers of one stream a quarter as fast.
    Target("CPU a message with 100 operators at 10,000/s, times that with one", Case(operators=100, paced=10000),
           lambda t, r: t.against_one(r), most=1.5),
    Target("CPU a message at 2,778/s, µs", Case(paced=2778), lambda t, r: r.ours(), most=120),
    Target("cores at 2,778/s", Case(paced=2778), lambda t, r: r.cores(), most=0.35),
    Target("publish to submit_sm at 2,778/s, p50 in ms", Case(paced=2778), lambda t, r: _latency(r.submit, 0.5), most=3),
    Target("publish to submit_sm at 2,778/s, p99 in ms", Case(paced=2778), lambda t, r: _latency(r.submit, 0.99), most=10),
    Target("RSS at full load, MiB", Case(), _rss, most=64),
    Target("RSS at full load with receipts, MiB", Case(receipts=True), _rss, most=64),
]


class Table:
    """`relays`: (messages/s, CPU) of the bare relay; `pipelines`: rows of the bare pipeline; of the same run."""

    def __init__(self, relays, pipelines):
        self.relay_rate = statistics.mean(r[0] for r in relays)
        self.relay_cpu = statistics.mean(r[1]["relay"] for r in relays)
        self.relay_server = statistics.mean(r[1]["nats-server"] for r in relays)
        self.pipelines = pipelines
        self.bare_cpu = {}
        for key in {(r.case.receipts, r.case.paced) for r in pipelines}:
            self.bare_cpu[key] = statistics.mean(r.ours() for r in pipelines if (r.case.receipts, r.case.paced) == key)
        self.one_operator = {}

    def lines(self, rows):
        yield "rate: times the bare relay's; CPU: of bridge and agent together, times the bare pipeline's with as many"
        yield "receipts, at the same pace; ops: the same CPU, times that with one operator. Then cores that bridge and agent"
        yield "use, CPU in µs a message, the highest RSS of bridge and of agent, latencies p50/p99/p99.9 in ms."
        yield head()
        yield "-" * len(head())
        yield (f"{'bare relay':14s} {1:4d} {'–':>6s} {'–':>6s} {'–':>4s} | {1:5.2f} {'–':>5s} {'–':>5s} | "
               f"{self.relay_rate:7.0f} {'–':>5s} | {self.relay_cpu:7.1f} {'–':>6s} {self.relay_server:6.1f}")
        for row in (*self.pipelines, *rows):
            yield self.line(row)

    def verdicts(self, rows):
        """(line, met) for each target that the rows have the cases of."""
        for row in rows:
            if row.case.operators == 1:
                self.one_operator[row.case] = row.ours()
        for target in TARGETS:
            for row in rows:
                verdict = target.judge(self, row) if row.case == target.case else None
                if verdict:
                    yield verdict

    def against_one(self, row):
        """CPU times that with one operator; None: that was not measured (before)"""
        one = self.one_operator.get(replace(row.case, operators=1))
        return row.ours() / one if one else None

    def _operators(self, row):
        if row.case.operators == 1 and not row.case.bare:
            self.one_operator[row.case] = row.ours()
        times = self.against_one(row) if row.case.operators > 1 else None
        return f"{times:.2f}" if times else "–"

    def line(self, row):
        c = row.case
        rate = "–" if c.paced else ratio(row.rate, self.relay_rate)
        bare = ratio(row.ours(), self.bare_cpu.get((c.receipts, c.paced)))
        cpu = " ".join(f"{row.cpu[part]:{7 if part == 'bridge' else 6}.1f}" for part in PARTS)
        rss = f"{row.rss['bridge']:.0f}/{row.rss['agent']:.0f}"
        return (f"{c.name():14s} {c.operators:4d} {c.window:6d} {c.latency_ms:6d} {'on' if c.receipts else 'off':>4s} | "
                f"{rate:>5s} {bare:>5s} {self._operators(row):>5s} | {row.rate:7.0f} {row.cores():5.2f} | {cpu} | "
                f"{rss:>9s} | {percentiles(row.submit):>20s} | {percentiles(row.stored):>20s}")
