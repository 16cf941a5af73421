"""Two instances share one operator's limit through Redis: never above it, and nobody starves."""
import json
import os
import signal
import time

import pytest

from harness.instances import Pods
from harness.process import free_port, wait_for
from harness.witness import Witness

LIMIT = 60


@pytest.fixture
def pair(make_stack):
    """Two pods of which the second is started by hand; both have a backlog, so that nothing is lent."""
    pods = Pods(make_stack(tps=LIMIT), 2)
    pods.stack.start_servers()
    pods.stack.start_mno()
    pods.all[0].start().bridge.wait_ready()
    yield pods
    pods.stop()


def witness_of(pods):
    return Witness(pods.stack, lambda: [pod.bridge for pod in pods.all], LIMIT)


def shares(pods):
    return [pod.share() for pod in pods.all if pod.bridge and pod.bridge.alive()]


def wait_shares(pods, *expected):
    wait_for(lambda: shares(pods) == list(expected), 15, f"shares {expected}", 0.05)


def wait_sent(pods, more, timeout=15):
    at = pods.stack.mno.stats()["submits"]
    wait_for(lambda: pods.stack.mno.stats()["submits"] >= at + more, timeout, f"{more} more are sent", 0.05)


def test_an_instance_comes_and_goes(pair):
    first, second = pair.all
    stack = pair.stack
    wait_shares(pair, LIMIT)
    witness = witness_of(pair)
    stack.send(4000)
    wait_sent(pair, LIMIT * 2)
    second.start().bridge.wait_ready()
    wait_shares(pair, LIMIT / 2, LIMIT / 2)
    wait_sent(pair, 3 * LIMIT)
    detail = second.bridge.json(f"/sessions/{stack.ids[0]}")["tps"]
    assert (detail["instances"], detail["limit"], detail["share"]) == (2, LIMIT, LIMIT / 2)

    # Redis away: both go on with what they have.
    stack.redis.kill()
    wait_sent(pair, 3 * LIMIT)
    stack.redis.start()  # and back, empty
    wait_for(lambda: all(pod.bridge.metric("smpp_connector_redis_connected") for pod in pair.all), 15,
             "Redis is back", 0.05)
    wait_sent(pair, 3 * LIMIT)
    assert shares(pair) == [LIMIT / 2, LIMIT / 2]

    # A bridge dies and comes back: its part is still its own.
    first.bridge.kill()
    first.start_bridge()
    wait_shares(pair, LIMIT / 2, LIMIT / 2)
    wait_sent(pair, 3 * LIMIT)

    # A pod that ends in peace leaves its part at once.
    second.bridge.send_signal(signal.SIGTERM)
    assert second.agent.stop() == 0 and second.bridge.wait() == 0
    wait_shares(pair, LIMIT)
    wait_sent(pair, 2 * LIMIT)
    witness.check()


@pytest.mark.parametrize("agent_is_older", [False, True])
def test_two_processes_with_one_instance_id(pair, agent_is_older):
    """Each would take the one registration for its own, and all of the limit. The newcomer's pacer is silent at first; not
    so when its agent ran before, and was never told a pace."""
    second = pair.all[1]
    wait_shares(pair, LIMIT)
    witness = witness_of(pair)
    pair.stack.send(2400)
    wait_sent(pair, LIMIT)
    if agent_is_older:
        second.start(INSTANCE_ID="pod-0", REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
        started = time.monotonic()
        wait_for(lambda: second.bridge.metric("smpp_connector_submit_queue_length") and time.monotonic() > started + 2, 20,
                 "it could send, if it might", 0.05)
        second.bridge.kill()
        del second.settings["REDIS_URL"]
        second.start_bridge()
    else:
        second.start(INSTANCE_ID="pod-0")
    second.bridge.wait_ready()
    wait_shares(pair, LIMIT / 2, LIMIT / 2)
    wait_sent(pair, 3 * LIMIT)
    assert sum("same INSTANCE_ID" in line for pod in pair.all for line in pod.bridge.lines) == 1
    assert shares(pair) == [LIMIT / 2, LIMIT / 2]
    witness.check()


def test_a_new_limit_applies_within_a_second(make_stack):
    stack = make_stack(tps=50, bridge_settings={"CREDENTIALS_REFRESH_MS": "200"}).start()
    wait_for(lambda: stack.bridge.metric("smpp_connector_tps_effective") == 50, 15, "50", 0.05)
    for limit in (20, 0, 80):
        stack.mgmt.change(stack.ids[0], tpsLimit=limit)
        wait_for(lambda: stack.bridge.metric("smpp_connector_tps_pacer_limit") == limit, 3, f"{limit}", 0.05)
    for absurd in (-1, "many", None, 10 ** 9):
        stack.mgmt.change(stack.ids[0], tpsLimit=absurd)
        failed = stack.bridge.metric("smpp_connector_credentials_failed_total")
        wait_for(lambda: stack.bridge.metric("smpp_connector_credentials_failed_total") > failed, 5, "refused", 0.05)
        assert stack.bridge.metric("smpp_connector_tps_effective") == 80
    assert stack.mno.stats()["binds"] == 1


def test_a_lower_limit_outlives_the_bridge_that_heard_of_it(make_stack):
    stack = make_stack(tps=50, bridge_settings={"CREDENTIALS_REFRESH_MS": "200", "RECONNECT_MIN_MS": "300"}).start()
    oid = stack.ids[0]
    pacer_limit = lambda: stack.bridge.metric("smpp_connector_tps_pacer_limit")  # noqa: E731
    contract = lambda: stack.bridge.json(f"/sessions/{oid}")["credentials"]["tpsLimit"]  # noqa: E731
    wait_for(lambda: pacer_limit() == 50, 15, "50", 0.05)
    stack.mgmt.change(oid, tpsLimit=20)
    wait_for(lambda: pacer_limit() == 20, 5, "20", 0.05)
    stack.mgmt.pause()  # from here on nothing is fetched
    stack.restart_bridge(CREDENTIALS_REFRESH_MS="200").wait_ready()
    wait_for(lambda: stack.bridge.metric("smpp_connector_tps_effective") == 20, 15, "still 20", 0.05)
    assert contract() == 20
    stack.mno.kill()  # whatever else of the operator's state is told
    wait_for(lambda: stack.bridge.json(f"/sessions/{oid}")["health"] != "BOUND", 15, "the MNO is gone", 0.05)
    assert contract() == 20 and pacer_limit() == 20

    # Redis away at the start: what a former bridge told the agent is only ever lowered.
    stack.redis.kill()
    stack.restart_bridge(CREDENTIALS_REFRESH_MS="200")
    wait_for(lambda: stack.bridge.http(f"/sessions/{oid}")[0] == 200 and pacer_limit() == 20, 15, "20", 0.05)
    stack.write_operators(tpsLimit=9)
    wait_for(lambda: pacer_limit() == 9, 5, "9", 0.05)
    stack.mgmt.resume()
    stack.mgmt.change(oid, tpsLimit=0)
    wait_for(lambda: pacer_limit() == 0, 15, "0", 0.05)


def test_the_operators_own_setting_lowers_it(make_stack):
    stack = make_stack(tps=50)
    stack.operator_settings = {stack.ids[0]: {"tpsLimit": 7}}
    stack.start()
    wait_for(lambda: stack.bridge.metric("smpp_connector_tps_effective") == 7, 15, "7", 0.05)
    stack.write_operators(tpsLimit=9)
    wait_for(lambda: stack.bridge.metric("smpp_connector_tps_effective") == 9, 15, "9", 0.05)
    for absurd in (-1, "many", 10 ** 9):
        since = len(stack.bridge.lines)
        stack.write_operators(tpsLimit=absurd)
        assert "tpsLimit" in stack.bridge.wait_line("the operators are not reloaded", since=since)
        assert stack.bridge.metric("smpp_connector_tps_effective") == 9
    assert stack.mno.stats()["binds"] == 1


def test_an_operator_that_takes_less_than_it_promised(make_stack):
    stack = make_stack(tps=100, mno_options=["--max-tps", "40"]).start()
    stack.send(400)
    stack.wait_acknowledged(60)
    stats = stack.mno.stats()
    assert stats["submits_accepted"] == 400
    slow_downs = stack.bridge.metric("smpp_connector_tps_slow_downs_total")
    assert stack.bridge.metric("smpp_connector_submit_sm_total", status="throttled") > 0
    assert 0 < stats["submits_throttled"] <= 50 * slow_downs  # half a second's, until it is slower
    assert stack.bridge.metric("smpp_connector_tps_throttle_total") >= stats["submits_throttled"] * 0.9


def test_an_operator_whose_answers_get_slow(make_stack):
    """No refusal: it is slowed down by its answers' time alone, and does not climb before they are fast again."""
    stack = make_stack(tps=40, bridge_settings={"WINDOW_SIZE": "200"}).start()
    effective = lambda: stack.bridge.metric("smpp_connector_tps_effective")  # noqa: E731
    stack.send(1500)
    wait_for(lambda: stack.mno.stats()["submits_accepted"] > 40, 20, "it sends at its limit", 0.05)
    assert effective() == 40
    stack.mno.control("set latency-ms 1500")
    told = [40]

    def falls():
        told.append(effective())
        return told[-1] < 30
    wait_for(falls, 30, "slower step by step", 0.1)
    assert told == sorted(told, reverse=True)
    assert stack.mno.stats()["submits_throttled"] == 0
    stack.mno.control("set latency-ms 0")
    wait_for(lambda: effective() == 40, 20, "at its limit again", 0.1)


def why(bridge, oid):
    return bridge.json(f"/sessions/{oid}")["notSendingBecause"]


def gauge_says(bridge, oid):
    return [dict(labels)["reason"] for (name, labels), value in bridge.metrics().items()
            if name == "smpp_connector_not_sending" and value == 1 and dict(labels)["operator_id"] == oid]


def test_why_nothing_is_sent(make_stack):
    stack = make_stack(tps=3, mno_options=["--silent-after", "1000000"],
                       bridge_settings={"CREDENTIALS_REFRESH_MS": "200", "RECONNECT_MIN_MS": "300"})
    stack.start_servers()
    stack.start_mno()
    oid = stack.ids[0]
    stack.mgmt.pause()  # no credentials yet: nothing is paused, there is no bind
    stack.redis.kill()
    stack.agent.start()
    stack.bridge = stack.make_bridge()
    stack.bridge.start()
    reason = lambda text: wait_for(  # noqa: E731
        lambda: stack.bridge.http("/health")[0] == 200 and stack.bridge.http(f"/sessions/{oid}")[0] == 200 and
        why(stack.bridge, oid) == text and gauge_says(stack.bridge, oid) == [text], 20, text, 0.05)
    reason("unbound")
    stack.mgmt.resume()
    reason("redis")  # bound, and the share is not known
    stack.redis.start()
    reason("empty")
    stack.send(60)
    reason("tokens")
    stack.mgmt.change(oid, tpsLimit=0)
    reason("paused")
    stack.mgmt.change(oid, tpsLimit=500)
    stack.wait_acknowledged(30)
    wait_for(lambda: waited(stack.bridge, "token")[0] == 60, 5, "all are counted", 0.05)
    assert waited(stack.bridge, "token")[1] > 10
    reason("empty")
    stack.redis.kill()  # what is accepted can't be stored, and JetStream delivers no more
    stack.send(600)
    reason("redis")
    stack.redis.start()
    stack.wait_acknowledged(30)
    reason("empty")
    stack.mno.control("set silent 100%")
    stack.send(400)
    reason("window")
    stack.agent.kill()


def waited(bridge, kind):
    return [bridge.metric(f"smpp_connector_{kind}_wait_seconds_{part}") for part in ("count", "sum")]


def test_a_wait_for_the_window_is_none_for_tokens(make_stack):
    """A window of one, an MNO that takes its time, and more tokens than anybody needs."""
    stack = make_stack(tps=5000, mno_options=["--latency-ms", "100"], bridge_settings={"WINDOW_SIZE": 1}).start()
    stack.send(1)  # a pacer without memory holds the first one for a second
    stack.wait_acknowledged()
    wait_for(lambda: waited(stack.bridge, "token")[0] == 1, 5, "it is counted", 0.05)
    _, before = waited(stack.bridge, "token")
    stack.send(20)
    stack.wait_acknowledged()
    wait_for(lambda: waited(stack.bridge, "token")[0] == 21, 5, "all are counted", 0.05)
    assert waited(stack.bridge, "token")[1] - before < 0.02
    assert waited(stack.bridge, "turn")[1] > 20 * 19 / 2 * 0.1 * 0.5  # one behind the other


def test_an_operator_that_refuses_is_named_throttled(make_stack):
    stack = make_stack(tps=100, mno_options=["--max-tps", "20"]).start()
    stack.send(2000)
    oid = stack.ids[0]

    def is_said():
        tps = stack.bridge.json(f"/sessions/{oid}")["tps"]
        return (tps["throttled"] and tps["limit"] == 100 and tps["effective"] < 100 and why(stack.bridge, oid) == "throttled"
                and 0 < stack.bridge.metric("smpp_connector_tps_accepted") <= 20)
    wait_for(is_said, 60, "throttled, and what it accepts", 0.05)
    stack.agent.kill()  # most of it is still there


def order_of_senders(path):
    with open(path, encoding="utf-8") as f:
        entries = [json.loads(line) for line in f]
    return [e["from"] for e in entries if e["d"] == "in" and e["c"] == "submit_sm"]


@pytest.mark.parametrize("share", [50, 80])
def test_one_time_passwords_pass_a_campaign(make_stack, share):
    """Up to their share of the tokens: neither lane starves."""
    stack = make_stack(tps=20)
    stack.operator_settings = {stack.ids[0]: {} if share == 50 else {"priorityShare": share}}
    history = os.path.join(stack.directory, "history.jsonl")
    stack.mno.argv += ["--history", history]
    stack.start()
    fetched = lambda: stack.bridge.metric("smpp_connector_commands_fetched_total")  # noqa: E731
    stack.send(80, sender="Campaign")
    wait_for(lambda: fetched() == 80 and stack.mno.stats()["submits"] >= 5, 20, "the campaign is under way", 0.02)
    stack.send(20, sender="Passwords", priority=2)
    wait_for(lambda: fetched() == 100, 10, "they are here", 0.02)
    before = stack.mno.stats()["submits"]
    wait_for(lambda: stack.mno.stats()["submits"] == 100, 30, "all are sent", 0.05)
    stack.mno.control("history flush")
    senders = order_of_senders(history)
    first = senders.index("Passwords")
    assert first <= before + 3  # not behind the rest of the campaign
    between = senders[first:100 - senders[::-1].index("Passwords")]
    assert abs(between.count("Campaign") - 20 * (100 - share) / share) <= 2
    assert senders[first:first + 10].count("Campaign") >= 10 * (100 - share) / 100 - 1
