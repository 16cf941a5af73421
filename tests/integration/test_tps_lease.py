"""Instances lend each other what they don't need of the limit; the MNO never gets more than it."""
import os
import socket
import threading
import time

import pytest

from harness import clock
from harness.instances import Pods
from harness.process import free_port, wait_for
from harness.smsc import BIND_TRANSCEIVER, Smsc
from harness.stack import operator_id
from harness.witness import Witness

LIMIT = 100


def witness_of(pods):
    return Witness(pods.stack, lambda: [pod.bridge for pod in pods.all], LIMIT)


@pytest.fixture
def pods(make_stack):
    made = []

    def make(count=2, idle=(1,), limit=LIMIT, later=(), **settings):
        stack = make_stack(tps=limit)
        made.append(Pods(stack, count, idle, later, **settings))
        made[-1].start().wait_shares(limit)
        return made[-1]

    yield make
    for p in made:
        p.stop()


def sent(pods):
    return pods.stack.mno.stats()["submits"]


def wait_sent(pods, more, timeout=30.0):
    at = sent(pods)
    wait_for(lambda: sent(pods) >= at + more, timeout, f"{more} more are sent", 0.02)


def used(pods):
    return pods.all[0].bridge.metric("smpp_connector_tps_leases_used_total")


def wait_leasing(pods, timeout=15.0):
    """Tokens of the idle ones are used: a second's worth of their part."""
    at = used(pods)
    wait_for(lambda: used(pods) >= at + LIMIT / 4, timeout, "tokens are leased and used", 0.05)


def test_the_busy_one_uses_what_the_idle_one_leaves(pods):
    pods = pods()
    witness = witness_of(pods)
    pods.stack.send(LIMIT * 14 + 100)
    wait_leasing(pods)
    began = time.time()
    busy, idle = (pod.bridge for pod in pods.all)

    def is_said():
        detail = busy.json(f"/sessions/{pods.stack.ids[0]}")
        return (detail["notSendingBecause"] == "tokens" and detail["tps"]["share"] == LIMIT / 2
                and detail["tps"]["leased"] > LIMIT and detail["tps"]["effective"] > LIMIT / 2
                and busy.metric("smpp_connector_tps_lease_size") >= 1
                and idle.metric("smpp_connector_tps_lent_total") > LIMIT)
    wait_for(is_said, 30, "what is leased, and why not more is sent", 0.05)
    # Nothing of a backlog is an event for the alert on throttling.
    assert busy.metric("smpp_connector_tps_throttle_total") <= 2 * (time.time() - began) + 20
    witness.check()


@pytest.mark.timing
def test_the_busy_one_gets_nearly_all_of_the_limit(pods):
    pods = pods()
    pods.stack.send(LIMIT * 14)
    wait_leasing(pods)
    lost = lambda: pods.all[0].bridge.metric("smpp_connector_tps_leases_lost_total")  # noqa: E731
    began, before = time.time(), lost()
    wait_sent(pods, LIMIT * 6)
    # A machine with other things to do wakes nobody in time: what it cost is known.
    assert (LIMIT * 6 + lost() - before) / (time.time() - began) >= 0.9 * LIMIT


@pytest.mark.timing
def test_a_newcomer_lends_as_soon_as_it_has_a_part(pods):
    """It knows Redis's clock by then, and takes none for what had to wait for that part."""
    pods = pods(later=(1,))
    pods.stack.send(LIMIT * 14)
    wait_sent(pods, LIMIT)
    newcomer = pods.all[1].start().bridge
    wait_for(lambda: newcomer.metric("smpp_connector_tps_share") > 0, 20, "its part", 0.02)
    began = time.monotonic()
    wait_for(lambda: newcomer.metric("smpp_connector_tps_lent_total") > 0, 20, "it lends", 0.02)
    assert time.monotonic() - began < 0.8
    wait_sent(pods, LIMIT)
    assert newcomer.metric("smpp_connector_tps_leased_total") == 0


def test_the_idle_one_has_its_part_when_it_needs_it(pods):
    pods = pods()
    witness = witness_of(pods)
    pods.stack.send(LIMIT * 25)
    wait_leasing(pods)
    idle = pods.all[1]
    before = idle.bridge.metric("smpp_connector_submit_sent_total")
    idle.bridge.kill()
    idle.settings["WINDOW_SIZE"] = 100
    pods.stack.mno.control(f"set system={idle.system_id} silent 0%")
    idle.start_bridge()
    wait_for(lambda: idle.bridge.metric("smpp_connector_submit_sent_total") - before > LIMIT, 15,
             "it sends its own", 0.05)
    witness.check()


FAULT_S = 1.5


def redis_killed(pods):
    pods.stack.redis.kill()
    wait_sent(pods, LIMIT // 4)  # with what it has
    pods.stack.redis.start()


def redis_frozen(pods):
    pods.stack.redis.pause()
    time.sleep(5)
    pods.stack.redis.resume()


def redis_emptied(pods):
    for _ in range(20):
        pods.stack.redis.command("FLUSHALL")
        time.sleep(0.05)


def redis_failed_over(pods):
    pods.fail_redis_over()


def bridges_killed(pods):
    for pod in pods.all:
        pod.bridge.kill()
        pod.start_bridge()
        wait_sent(pods, LIMIT // 4)


def agent_paused(pods):
    for pod in pods.all:
        pod.agent.pause()
        time.sleep(FAULT_S)
        pod.agent.resume()


def bridge_paused(pods):
    for pod in pods.all:
        pod.bridge.pause()
        time.sleep(FAULT_S)
        pod.bridge.resume()


FAULTS = [redis_killed, redis_frozen, redis_emptied, redis_failed_over, bridges_killed, agent_paused, bridge_paused]


def test_never_above_the_limit_through_faults(pods):
    """One after the other, under one capture; after each, tokens are leased again."""
    pods = pods()
    witness = witness_of(pods)
    pods.stack.send(LIMIT * 90)
    wait_leasing(pods)
    for fault in FAULTS:
        fault(pods)
        wait_leasing(pods, 25)
    witness.check()


def test_instances_come_and_go_under_load(pods):
    pods = pods(count=3, idle=(1, 2))
    witness = witness_of(pods)
    pods.stack.send(LIMIT * 60)
    wait_leasing(pods)
    last = pods.all[2]
    for _ in range(2):
        last.bridge.stop()  # its part stays its own: its agent may still send
        last.agent.kill()
        wait_sent(pods, LIMIT // 2)
        last.agent.start()
        last.start_bridge()
        last.bridge.wait_ready()
        wait_leasing(pods, 25)
    witness.check()


@pytest.mark.skipif(not clock.available(), reason="no compiler for the library that moves the clock")
def test_the_clock_of_redis_is_stepped(make_stack, tmp_path):
    stepped = clock.SteppedClock(str(tmp_path))
    step = stepped.step
    stack = make_stack(tps=LIMIT)
    stack.redis.env = stepped.environment()
    pods = Pods(stack, 2, idle=(1,))
    try:
        pods.start().wait_shares(LIMIT)
        before = int(stack.redis.command("TIME")[0])
        step(3600 * 10 ** 6)
        assert int(stack.redis.command("TIME")[0]) >= before + 3600
        step(0)
        witness = witness_of(pods)
        stack.send(LIMIT * 60)
        wait_leasing(pods, 25)
        for us in (-3600 * 10 ** 6, -3600 * 10 ** 6 + 1150000, 0, 50000, 0):
            step(us)
            wait_leasing(pods, 25)
        assert any("was stepped" in line for line in pods.all[0].bridge.lines)
        witness.check()
    finally:
        pods.stop()


RATE = 8


@pytest.fixture
def fifty(make_stack):
    """50 operators with a backlog. The first never answers, the second's MNO reads nothing, the third's is gone; the
    other 47 are well."""
    deaf = Smsc()
    deaf.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    ended = threading.Event()

    def hear_no_more(c, p):
        deaf.answer(c, p)
        ended.wait(120)

    deaf.handlers[BIND_TRANSCEIVER] = hear_no_more
    stack = make_stack(operators=50, tps=RATE, bridge_settings={"WINDOW_SIZE": 20, "ENQUIRE_LINK_INTERVAL_MS": 300000},
                       credentials={operator_id(2): {"port": deaf.port}, operator_id(3): {"port": free_port()}})
    stack.start_servers()
    stack.start_mno()
    stack.mno.control("set system=smsgw0001 silent 100%")
    stack.agent.start()
    stack.bridge = stack.make_bridge()
    stack.bridge.start()
    wait_for(lambda: stack.bridge.http("/health")[0] == 200 and bound(stack) == 49, 60, "49 are bound", 0.1)
    yield stack
    ended.set()
    deaf.close()
    stack.agent.kill()  # it would wait for the answers


def bound(stack):
    return sum(row["state"] == "BOUND" for row in stack.bridge.sessions())


def sent_by(stack):
    out = {}
    for (name, labels), value in stack.bridge.metrics().items():
        if name == "smpp_connector_submit_sent_total":
            out[dict(labels)["operator_id"]] = value
    return [out.get(oid, 0) for oid in stack.ids]


def test_fifty_operators_three_of_them_stuck(fifty):
    stack, backlog = fifty, RATE * 6
    for i in range(3):
        stack.send(RATE * 30, operator=i)
    wait_for(lambda: sent_by(stack)[0] == 20 and sent_by(stack)[1] > 0, 30, "the window of the first is full", 0.1)
    for i in range(3, 50):
        stack.send(backlog, operator=i)
    wait_for(lambda: min(sent_by(stack)[3:]) == backlog, 120, "all of the others' is sent", 0.2)
    first, second, third = sent_by(stack)[:3]
    assert (first, third) == (20, 0) and second <= 20
    whys = [stack.bridge.json(f"/sessions/{oid}")["notSendingBecause"] for oid in stack.ids[:3]]
    assert whys[0] == "window" and whys[2] == "unbound"


@pytest.mark.timing
def test_fifty_operators_keep_their_rates(fifty):
    stack, seconds = fifty, 8
    for i in range(50):
        stack.send(RATE * (seconds + 20), operator=i)
    wait_for(lambda: min(sent_by(stack)[3:]) > RATE, 60, "all of them send", 0.05)
    before, began = sent_by(stack), time.monotonic()
    time.sleep(seconds)
    after, elapsed = sent_by(stack), time.monotonic() - began
    rates = sorted((b - a) / elapsed for a, b in zip(before[3:], after[3:]))
    # Counters are told once a second: up to a second's worth may be missing at each end.
    assert rates[0] >= 0.97 * RATE * (seconds - 1.2) / seconds, rates
