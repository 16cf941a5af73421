"""NATS or Redis is away, slow or forgetful; the agent dies. Everything comes back by itself."""
import random
import time

import pytest

from harness.process import wait_for
from harness.smsc import ENQUIRE_LINK, RESP, SUBMIT_SM, Smsc, pdu
from harness.stack import Stack, unique

LOAD = {"mno_options": ["--detect-duplicates", "token", "--latency-ms", "0-20", "--receipt-delay-ms", "100-300"],
        "tps": 600}


def all_sent_once(stack, ids, acknowledged=Stack.wait_acknowledged):
    wait_for(lambda: len(stack.dlr_events()) >= len(ids), 90, f"{len(ids)} events", 0.2)
    acknowledged(stack, 60)
    stats = stack.mno.stats()
    assert stats["submits"] == len(ids) and stats["duplicates"] == 0, stats
    assert sorted(e["messageId"] for e in stack.dlr_events()) == sorted(ids)


def settled(stack, timeout):
    """A server that is killed may forget an ack and remember that the message was removed for it: it counts that one as
    unacknowledged for ever, and can't deliver it. What is asked is that nothing is left to do for anybody."""
    def nothing_left():
        here = stack.bridge.json("/sessions/" + stack.ids[0])["commands"]
        info = stack.client.consumer_info("SMS_DISPATCH", "smpp-connector-" + stack.ids[0])
        return info["num_pending"] == 0 and not any(
            here[k] for k in ("fetched", "queuedAtAgent", "atAgent", "unsettled", "unknownOutcomes"))
    wait_for(nothing_left, timeout, "all that can be is acknowledged", 0.1)


def test_nats_killed_again_and_again_sends_nothing_twice(make_stack):
    """A server that is killed right after it confirmed acks forgets some of them and delivers again."""
    stack = make_stack(**LOAD).start()
    rng = random.Random(11)
    ids = stack.send(2000, text=unique)
    for _ in range(5):
        target = stack.mno.stats()["submits"] + rng.randint(50, 200)
        wait_for(lambda: stack.mno.stats()["submits"] >= min(target, 2000), 60, "some more are sent", 0.002)
        stack.nats.kill()
        time.sleep(rng.uniform(0.05, 0.5))
        stack.nats.start()
    stack.client = stack.nats.client()
    all_sent_once(stack, ids, settled)
    assert stack.mno.stats()["binds"] == 1


def test_nats_frozen_for_ten_seconds(make_stack):
    stack = make_stack(**LOAD).start()
    ids = stack.send(1500, text=unique)
    wait_for(lambda: stack.mno.stats()["submits"] > 200, 20, "some are sent")
    stack.nats.pause()
    until = time.monotonic() + 10
    while time.monotonic() < until:
        assert stack.bridge.http("/health")[0] == 200, "the loop never waits for NATS"
        time.sleep(0.2)
    stack.nats.resume()
    all_sent_once(stack, ids)


@pytest.mark.timing
def test_the_loops_turn_while_nats_stands_still(make_stack):
    """Fifty milliseconds at most, while the bridge is full of what it can't get rid of."""
    stack = make_stack(**LOAD).start()
    ids = stack.send(1500, text=unique)

    def seconds(program, bucket=None):
        name, more = ("bucket", {"le": bucket}) if bucket else ("count", {})
        return stack.bridge.metric(f"smpp_connector_loop_lag_seconds_{name}", program=program, **more)
    wait_for(lambda: stack.mno.stats()["submits"] > 200, 20, "some are sent")
    before = {p: seconds(p, "0.05") - seconds(p) for p in ("bridge", "agent")}
    since = seconds("bridge")
    stack.nats.pause()
    wait_for(lambda: seconds("bridge") >= since + 6, 15, "six seconds have been measured", 0.2)
    stack.nats.resume()
    all_sent_once(stack, ids)
    assert {p: seconds(p, "0.05") - seconds(p) for p in before} == before, "no turn was longer"
    assert seconds("agent") >= 6


def test_redis_away_commands_wait_for_their_correlation(make_stack):
    stack = make_stack(mno_options=["--detect-duplicates", "token", "--receipt-delay-ms", "8000"], tps=600).start()
    stack.send(1)
    wait_for(lambda: stack.mno.stats()["submits"] == 1, 20, "the share of the limit is known")
    stack.wait_acknowledged()
    stack.redis.kill()
    wait_for(lambda: stack.bridge.http("/ready")[0] == 503, 10, "not ready")
    ids = stack.send(100, text=unique)
    wait_for(lambda: stack.mno.stats()["submits"] == 101, 30, "they are sent all the same")
    time.sleep(1)
    assert stack.unacknowledged() == 100, "none is acknowledged without its correlation"
    stack.redis.start()
    stack.wait_acknowledged()
    wait_for(lambda: len(stack.dlr_events()) == 101, 40, "events", 0.2)
    assert set(ids) <= {e["messageId"] for e in stack.dlr_events()}


def test_agent_killed_with_a_full_window(make_stack):
    stack = make_stack(**LOAD, bridge_settings={"RECONNECT_MIN_MS": 200, "WINDOW_SIZE": 50}).start()
    ids = stack.send(1500, text=unique)
    pid = stack.bridge.pid
    for _ in range(2):
        target = stack.mno.stats()["submits"] + 200
        wait_for(lambda: stack.mno.stats()["submits"] >= target, 30, "some more are sent")
        stack.agent.kill()
        stack.agent.start()
    wait_for(lambda: {e["messageId"] for e in stack.dlr_events()} >= set(ids), 90, "every message has an event", 0.2)
    stack.wait_acknowledged(60)
    assert stack.mno.stats()["duplicates"] <= 2 * 50, "at most the window, each time"
    assert stack.bridge.pid == pid and stack.bridge.alive(), "the container did not restart"


def test_agent_death_spares_what_was_answered(make_stack):
    """Answered, but no bridge had heard of it: the ledger has. What was not answered is reported, as this operator
    wants it."""
    smsc, held = Smsc(), []
    smsc.handlers[SUBMIT_SM] = lambda c, p: held.append((c, p))
    stack = make_stack(mno_address=("127.0.0.1", smsc.port), bridge_settings={"RECONNECT_MIN_MS": 200})
    stack.operator_settings[stack.ids[0]] = {"onUnknown": "report"}
    stack.start()
    ids = stack.send(20, text=lambda i: f"number {i}")
    wait_for(lambda: len(held) == 20, 20, "all are in the window")
    stack.bridge.kill()
    unanswered = {ids[int(p.text().split()[1])] for _, p in held[15:]}
    for c, p in held[:15]:
        smsc.answer(c, p)
    held[0][0].send(pdu(ENQUIRE_LINK, 0, 77))
    held[0][0].wait(ENQUIRE_LINK | RESP, sequence=77)  # it has read the answers before
    stack.agent.kill()
    stack.agent.start()
    stack.restart_bridge()
    stack.wait_acknowledged()
    assert {(e["messageId"], e["status"]) for e in stack.dlr_events()} == {(i, "UNKNOWN") for i in unanswered}
    stack.send(1)
    wait_for(lambda: len(smsc.submits()) == 21, 20, "only the new one is sent")
    smsc.close()


def test_a_thousand_poison_messages_delay_the_good_ones_by_seconds_at_most(make_stack):
    stack = make_stack().start()
    oid = stack.ids[0]
    stack.client.store_many([(f"smpp.operator.{oid}", b"poison %d" % i) for i in range(1000)])
    stack.send(1)
    wait_for(lambda: stack.mno.stats()["submits"] == 1, 20, "the good one is sent")
    stack.wait_acknowledged()
    assert stack.client.stream_messages_count("DEAD_LETTERS") == 1000
    letter = stack.client.read_stream("DEAD_LETTERS")[0]
    assert letter.headers["Smpp-Operator"] == oid
    assert letter.headers["Smpp-Stream"] == "SMS_DISPATCH" and letter.headers["Smpp-Stream-Sequence"] == "1"
    assert letter.headers["Smpp-Reason"].startswith("not_json")


def test_dead_letters_without_a_stream_block_nobody(make_stack):
    """More of them than may be on their way out at a time, one too large to be published with its headers: they are
    given up, and what they were is told by their events."""
    stack = make_stack(bridge_settings={"DEADLETTER": "on"}, nats_config="max_payload: 4096").start()
    stack.client.api("STREAM.DELETE.DEAD_LETTERS")
    subject = f"smpp.operator.{stack.ids[0]}"
    stack.client.store_many([(subject, b"poison " * 580)] + [(subject, b"poison %d" % i) for i in range(299)])
    stack.send(1, registeredDelivery=0)
    stack.bridge.wait_line("a dead letter can't be stored: it is given up", timeout=40)
    wait_for(lambda: stack.mno.stats()["submits"] == 1, 40, "the good one is sent")
    stack.wait_acknowledged()
    assert stack.bridge.metric("smpp_connector_dead_letters_lost_total") == 300
    assert [e["status"] for e in stack.dlr_events()] == ["REJECTED"] * 300
    assert stack.bridge.http("/ready")[0] == 200


def test_nothing_is_fetched_while_events_can_not_be_stored(make_stack):
    """The stream of the events is gone: /ready says so, and all resumes by itself when it is back."""
    stack = make_stack(bridge_settings={"WINDOW_SIZE": 5}).start()
    stack.client.api("STREAM.DELETE.DLR_EVENTS")
    stack.client.store(f"smpp.operator.{stack.ids[0]}", b"poison")
    wait_for(lambda: "sms.dlr.inbound" in stack.bridge.http("/ready")[1], 20, "/ready names it", 0.1)
    assert stack.bridge.http("/ready")[0] == 503 and stack.bridge.http("/health")[0] == 200
    ids = stack.send(200, registeredDelivery=0)  # a pull from before may bring 64 of them

    def waiting():
        info = stack.client.consumer_info("SMS_DISPATCH", "smpp-connector-" + stack.ids[0])
        return info["num_pending"] if info["num_waiting"] == 0 else 0
    left = wait_for(waiting, 40, "no pull waits at the server any more", 0.1)
    assert left > 100
    assert len([line for line in stack.bridge.lines if "publishes are not getting through" in line]) == 1
    stack.client.create_stream("DLR_EVENTS", ["sms.dlr.inbound"])
    wait_for(lambda: stack.mno.stats()["submits"] == len(ids), 20, "the good ones are sent")
    stack.wait_acknowledged()
    assert [e["status"] for e in stack.dlr_events()] == ["REJECTED"]
    assert stack.bridge.http("/ready")[0] == 200
    stack.bridge.wait_line("publishes are getting through again")


def test_a_frozen_smsc_costs_the_other_operators_nothing(make_stack):
    smsc = Smsc()
    smsc.handlers[SUBMIT_SM] = None
    stack = make_stack(operators=2)
    stack.credentials[stack.ids[1]] = {"host": "127.0.0.1", "port": smsc.port}
    stack.start()
    stack.send(300, operator=1)
    wait_for(lambda: len(smsc.submits()) == 100, 20, "its window is full")
    stack.send(500, operator=0)
    wait_for(lambda: stack.mno.stats()["submits"] == 500, 20, "the other operator's are sent")
    wait_for(lambda: stack.unacknowledged(0) == 0, 20, "and settled")
    assert len(smsc.submits()) == 100 and stack.unacknowledged(1) == 300
    smsc.close()
