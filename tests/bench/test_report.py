"""The arithmetic of the table and of its verdicts, on invented rows."""
import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

from cases import Case, Row  # noqa: E402
from report import Table, percentiles  # noqa: E402

CPU = {"bridge": 6.0, "agent": 1.5, "nats-server": 10.0, "redis": 3.0, "mno-sim": 1.0}
BARE = {"bridge": 4.0, "agent": 1.0, "nats-server": 8.0, "redis": 3.0, "mno-sim": 1.0}
ONE_PACED, HUNDRED_PACED = Case(paced=10000), Case(operators=100, paced=10000)


def row(case=Case(), rate=40000.0, rss=30, submit=(), **cpu):
    return Row(case, rate, {**CPU, **cpu}, {name: rss for name in CPU}, list(submit))


def table():
    pipelines = [Row(Case(receipts=r, paced=p, bare=True), 50000.0, BARE, {name: 9 for name in BARE})
                 for r in (False, True) for p in (0, 2778)]
    return Table([(40000, {"relay": 5.0, "nats-server": 9.0}), (60000, {"relay": 7.0, "nats-server": 9.0})], pipelines)


def verdicts(*rows):
    return {line.split(":")[0]: met for line, met in table().verdicts(rows)}


def test_ratios_are_of_the_same_run():
    line = table().line(row())
    assert " 0.80  1.50     – |   40000  0.30 |" in line  # of 50,000/s; of 5 µs; 7.5 µs × 40,000/s
    assert "30/30" in line


def test_with_many_operators_against_one_in_the_same_circumstances():
    t = table()
    t.line(row())
    assert "  1.20 |" in t.line(row(Case(operators=100), bridge=7.5))
    assert "     – |" in t.line(row(Case(operators=100, window=10), bridge=7.5))


@pytest.mark.parametrize("rows,what,met", [
    ([row()], "CPU a message without receipts, µs", True),
    ([row(bridge=6.51)], "CPU a message without receipts, µs", False),  # 8.01 µs, and 1.6 times
    ([row(Case(receipts=True), bridge=15.0)], "CPU a message with receipts, µs", False),
    ([row(rate=37500.0)], "messages/s without receipts, times the bare relay's", True),
    ([row(rate=37000.0)], "messages/s without receipts, times the bare relay's", False),
    ([row(ONE_PACED), row(HUNDRED_PACED, bridge=9.0)], "CPU a message with 100 operators at 10,000/s, times that with one", True),
    ([row(ONE_PACED), row(HUNDRED_PACED, bridge=10.0)], "CPU a message with 100 operators at 10,000/s, times that with one", False),
    ([row(Case(paced=2778), 2778.0, bridge=100.0)], "cores at 2,778/s", True),
    ([row(Case(paced=2778), 2778.0, bridge=130.0)], "cores at 2,778/s", False),
    ([row(Case(paced=2778), submit=[1000] * 98 + [11000] * 2)], "publish to submit_sm at 2,778/s, p99 in ms", False),
    ([row(Case(paced=2778))], "publish to submit_sm at 2,778/s, p50 in ms", False),  # none arrived
    ([row(rss=65)], "RSS at full load, MiB", False),
])
def test_targets(rows, what, met):
    assert verdicts(*rows)[what] is met


def test_no_verdict_without_its_cases():
    assert verdicts(row(Case(window=10))) == {}
    assert "CPU a message with 100 operators at 10,000/s, times that with one" not in verdicts(row(HUNDRED_PACED))


def test_percentiles():
    assert percentiles([]) == "–"
    assert percentiles([n * 1000 for n in range(1001)]) == "500.00/990.00/999.00"
