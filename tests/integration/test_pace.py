"""One instance alone: its limit, nearly all of it and evenly, over all binds, and again soon after a fault. The
judge is a capture on loopback."""
import time

import pytest

from harness import capture
from harness.process import wait_for
from harness.witness import Witness

LIMIT = 100

needs_capture = pytest.mark.skipif(not capture.available(), reason="dumpcap, as root, is the witness")


@pytest.fixture
def sending(make_stack):
    """sending(…) gives a stack with a backlog that sends at its limit, and the witness of it."""
    def make(backlog_s, **settings):
        stack = make_stack(tps=LIMIT, bridge_settings={"WINDOW_SIZE": "100", "CREDENTIALS_REFRESH_MS": "200", **settings})
        stack.start()
        witness = Witness(stack, lambda: [stack.bridge], LIMIT)
        stack.send(LIMIT * backlog_s)
        wait_sent(stack, LIMIT)
        return stack, witness
    return make


def sent(stack):
    return stack.mno.stats()["submits"]


def wait_sent(stack, more, timeout=30):
    at = sent(stack)
    wait_for(lambda: sent(stack) >= at + more, timeout, f"{more} more are sent", 0.02)


@needs_capture
def test_over_two_binds_and_through_changes_of_the_limit(sending):
    """A new limit holds a second after it is fetched or in the file, the binds stay; of long messages each segment counts."""
    stack, witness = sending(4, BINDS="2")
    stack.send(200, text="x" * 300)
    oid = stack.ids[0]
    pacer_limit = lambda: stack.bridge.metric("smpp_connector_tps_pacer_limit")  # noqa: E731
    spans = []
    for limit, change in ((20, lambda limit: stack.mgmt.change(oid, tpsLimit=limit)),
                          (60, lambda limit: stack.mgmt.change(oid, tpsLimit=limit)),
                          (30, lambda limit: stack.write_operators(tpsLimit=limit))):
        changed = time.time()
        change(limit)
        wait_for(lambda: pacer_limit() == limit, 5, f"{limit}", 0.02)  # noqa: B023
        wait_sent(stack, 3 * limit)
        spans.append((limit, changed + 0.2 + 1, time.time()))  # 0.2: until it is fetched
    times = witness.check()
    for limit, begin, end in spans:
        inside = [t for t in times if begin <= t < end]
        assert len(inside) >= limit and capture.most_in_window(inside) <= limit
    stats = stack.mno.stats()
    assert stats["binds"] == 2 and stack.bridge.metric("smpp_connector_tps_peak") <= LIMIT
    stack.mgmt.change(oid, tpsLimit=5000)
    stack.write_operators()
    stack.wait_acknowledged()
    assert sent(stack) == LIMIT * 4 + 200 * 2


SPAN_S = 3


def spans_of(times, begin, end):
    """Of SPAN_S each. A machine with other things to do now and then wakes nobody in time: the best of them is what the
    programs can do."""
    starts = [t for t in times if begin <= t < end - SPAN_S]
    assert starts
    return [[t for t in times if start <= t < start + SPAN_S] for start in starts[::LIMIT // 2]]


def best_rate(spans):
    return max((len(span) - 1) / (span[-1] - span[0]) for span in spans)


@needs_capture
@pytest.mark.timing
def test_nearly_all_of_the_limit_and_evenly(sending):
    stack, witness = sending(12)
    began = time.time()
    wait_sent(stack, LIMIT * 8)
    times = witness.check()
    spans = spans_of(times, began, times[-1])
    assert best_rate(spans) >= 0.97 * LIMIT
    assert min(max(b - a for a, b in zip(span, span[1:])) for span in spans) <= 0.050


def redis_restarted(stack):
    stack.redis.kill()
    wait_sent(stack, LIMIT // 2)
    stack.redis.start()


def bridge_restarted(stack):
    stack.restart_bridge()
    stack.bridge.wait_ready()


def agent_paused(stack):
    stack.agent.pause()
    time.sleep(1.5)
    stack.agent.resume()


def mno_paused(stack):
    stack.mno.pause()
    time.sleep(1.5)
    stack.mno.resume()


@needs_capture
@pytest.mark.timing
def test_all_of_it_again_two_seconds_after_a_fault(sending):
    """Of those that do not end the session."""
    stack, witness = sending(60)
    spans = []
    for fault in (redis_restarted, bridge_restarted, agent_paused, mno_paused):
        fault(stack)
        ended = time.time()
        time.sleep(2)
        wait_sent(stack, LIMIT * (SPAN_S + 2))
        spans.append((fault.__name__, ended + 2, time.time()))
    times = witness.check()
    rates = {name: best_rate(spans_of(times, begin, end)) for name, begin, end in spans}
    assert min(rates.values()) >= 0.97 * LIMIT, rates
