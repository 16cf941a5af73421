"""The table: ratios first, absolutes second."""
import os
import statistics

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
            f"{'msg/s':>7s} | {'bridge':>7s} {'agent':>6s} {'nats':>6s} {'redis':>6s} {'sim':>6s} | {'RSS MiB':>9s} | "
            f"{'publish→submit_sm':>20s} | {'receipt→stored':>20s}")


def ratio(value, base):
    return f"{value / base:.2f}" if base else "–"


class Table:
    """`relays`: (messages/s, CPU) of the bare relay; `pipelines`: rows of the bare pipeline; of the same run."""

    def __init__(self, relays, pipelines):
        self.relay_rate = statistics.mean(r[0] for r in relays)
        self.relay_cpu = statistics.mean(r[1]["relay"] for r in relays)
        self.relay_server = statistics.mean(r[1]["nats-server"] for r in relays)
        self.pipelines = pipelines
        self.bare_cpu = {on: statistics.mean(r.ours() for r in pipelines if r.case.receipts == on)
                         for on in (False, True)}
        self.one_operator = {}

    def lines(self, rows):
        yield "rate: times the bare relay's; CPU: of bridge and agent together, times the bare pipeline's with as many"
        yield "receipts; ops: the same CPU, times that with one operator. Then CPU in µs a message, the highest RSS of"
        yield "bridge and of agent, latencies p50/p99/p99.9 in ms."
        yield head()
        yield "-" * len(head())
        yield (f"{'bare relay':14s} {1:4d} {'–':>6s} {'–':>6s} {'–':>4s} | {1:5.2f} {'–':>5s} {'–':>5s} | "
               f"{self.relay_rate:7.0f} | {self.relay_cpu:7.1f} {'–':>6s} {self.relay_server:6.1f}")
        for row in (*self.pipelines, *rows):
            yield self.line(row)

    def _against_one(self, row):
        c = row.case
        key = (c.window, c.latency_ms, c.receipts, c.text, c.paced)
        if c.operators > 1:
            return ratio(row.ours(), self.one_operator.get(key))
        if not c.bare:
            self.one_operator[key] = row.ours()
        return "–"

    def line(self, row):
        c = row.case
        rate = "–" if c.paced else ratio(row.rate, self.relay_rate)
        bare = ratio(row.ours(), self.bare_cpu[c.receipts])
        cpu = " ".join(f"{row.cpu[part]:{7 if part == 'bridge' else 6}.1f}" for part in PARTS)
        rss = f"{row.rss['bridge']:.0f}/{row.rss['agent']:.0f}"
        return (f"{c.name():14s} {c.operators:4d} {c.window:6d} {c.latency_ms:6d} {'on' if c.receipts else 'off':>4s} | "
                f"{rate:>5s} {bare:>5s} {self._against_one(row):>5s} | {row.rate:7.0f} | {cpu} | "
                f"{rss:>9s} | {percentiles(row.submit):>20s} | {percentiles(row.stored):>20s}")
