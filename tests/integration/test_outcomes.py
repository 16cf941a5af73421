"""What follows from each answer to a submit_sm: again, given up, or asked about."""
import time

import pytest

from harness.process import wait_for
from harness.smsc import RESP, SUBMIT_SM, UNBIND, Smsc, pdu
from harness.stack import now_iso

FAST = {"RECONNECT_MIN_MS": 200, "RECONNECT_MAX_MS": 800, "SUBMIT_TIMEOUT_MS": 5000}


@pytest.fixture
def scripted(make_stack, smsc):
    def start(**settings):
        stack = make_stack(mno_address=("127.0.0.1", smsc.port), bridge_settings=FAST)
        if settings:
            stack.operator_settings[stack.ids[0]] = settings
        return stack.start()
    return start


def refuse(smsc, *statuses):
    """The first answers carry these statuses, the rest are good; None: silence."""
    left = list(statuses)

    def handler(connection, p):
        status = left.pop(0) if left else 0
        if status is not None:
            smsc.answer(connection, p, status)
    smsc.handlers[SUBMIT_SM] = handler


def one_event(stack, timeout=20):
    events = wait_for(stack.dlr_events, timeout, "an event", 0.05)
    assert len(events) == 1
    return events[0]


def test_transient_refusals_are_tried_again_in_place(scripted, smsc):
    refuse(smsc, 0x08, 0x08)
    stack = scripted()
    stack.send(1)
    stack.wait_acknowledged()
    times = [p.at for p in smsc.submits()]
    assert len(times) == 3
    assert times[1] - times[0] > 0.9 and times[2] - times[1] > 1.9, "the pauses grow"
    assert len({p.body for p in smsc.submits()}) == 1, "the very same body"
    assert stack.bridge.metric("smpp_connector_submit_sm_total", status="error") == 2
    assert stack.bridge.metric("smpp_connector_submit_sm_total", status="success") == 1


def test_throttled_is_no_attempt(scripted, smsc):
    refuse(smsc, 0x58, 0x58, 0x14)
    stack = scripted(maxAttempts=1)
    stack.send(1)
    stack.wait_acknowledged()
    assert len(smsc.submits()) == 4
    assert stack.bridge.metric("smpp_connector_submit_sm_total", status="throttled") == 3


def test_who_is_throttled_for_long_keeps_its_turn(make_stack, smsc):
    """Longer than AckWait: JetStream has no part in it, and the backlog does not come first."""
    answers = []

    def throttle_the_first(connection, p):
        if not answers:
            answers.append((p.body, p.at, 0x58))
        is_first = p.body == answers[0][0]
        status = 0x58 if is_first and p.at < answers[0][1] + 12.5 else 0
        answers.append((p.body, p.at, status))
        smsc.answer(connection, p, status)

    smsc.handlers[SUBMIT_SM] = throttle_the_first
    stack = make_stack(tps=10, mno_address=("127.0.0.1", smsc.port)).start()
    stack.send(400)
    wait_for(lambda: any(body == answers[0][0] and not status for body, _, status in list(answers)[1:]), 60,
             "the first is accepted", 0.05)
    info = stack.client.consumer_info("SMS_DISPATCH", "smpp-connector-" + stack.ids[0])
    assert info["delivered"]["consumer_seq"] == info["delivered"]["stream_seq"], "each was delivered once"
    tries = [at for body, at, _ in answers[1:] if body == answers[0][0]]
    assert len(tries) > 3 and tries[-1] - tries[0] > 12
    assert info["num_pending"] > 0, "others wait yet"
    stack.agent.kill()


def test_attempts_are_bounded_and_the_event_carries_the_status(scripted, smsc):
    refuse(smsc, *[0x08] * 10)
    stack = scripted(maxAttempts=2)
    (message_id,) = stack.send(1)
    event = one_event(stack)
    assert event["messageId"] == message_id
    assert (event["status"], event["source"], event["errorCode"]) == ("REJECTED", "SUBMIT", "0x00000008")
    assert "RSYSERR" in event["reason"]
    stack.wait_acknowledged()
    assert len(smsc.submits()) == 2


def test_no_time_for_another_attempt_is_expired(scripted, smsc):
    refuse(smsc, *[0x08] * 10)
    stack = scripted()
    stack.send(1, expiresAt=now_iso(7))
    event = one_event(stack)
    assert (event["status"], event["errorCode"]) == ("EXPIRED", "0x00000008")
    stack.wait_acknowledged()


def test_expiry_between_two_attempts_keeps_the_status(scripted, smsc):
    """The pause ends before the message does, but another bind is not there in time."""
    stack = scripted()

    def refuse_and_go(connection, p):
        smsc.answer(connection, p, 0x08)
        smsc.closing = True
        connection.close()
    smsc.handlers[SUBMIT_SM] = refuse_and_go
    stack.send(1, expiresAt=now_iso(6))
    event = one_event(stack)
    assert (event["status"], event["errorCode"]) == ("EXPIRED", "0x00000008")
    assert "RSYSERR" in event["reason"]
    stack.wait_acknowledged()


def test_status_classes_are_the_operators(scripted, smsc):
    refuse(smsc, 0x0B, 0x0C, 0x45)
    stack = scripted(statusClasses={"0x0B": "retry", "0x0C": "throttle", "0x45": "permanent"}, maxAttempts=2)
    stack.send(1)
    assert one_event(stack)["errorCode"] == "0x00000045"
    assert len(smsc.submits()) == 3, "throttling is no attempt"
    assert stack.bridge.metric("smpp_connector_submit_sm_total", status="throttled") == 1


def test_a_refused_segment_is_sent_again_alone(scripted, smsc):
    stack = scripted()
    refuse(smsc, 0, 0x08)
    stack.send(1, text="0123456789" * 45)  # three segments
    stack.wait_acknowledged()
    parts = [p.fields()["short_message"][5] for p in smsc.submits()]
    assert parts == [1, 2, 3, 2]


def test_a_permanent_refusal_of_a_segment_names_it(scripted, smsc):
    stack = scripted()
    refuse(smsc, 0, 0x0B)
    (message_id,) = stack.send(1, text="0123456789" * 45)
    event = one_event(stack)
    assert event["messageId"] == message_id and event["status"] == "REJECTED"
    assert (event["segment"], event["segments"]) == (2, 3)
    stack.wait_acknowledged()


def test_a_message_ends_once_however_long_redis_is_away(scripted, smsc):
    """One segment is refused, the correlation of the other one has to wait: told, counted and logged once."""
    held = []
    smsc.handlers[SUBMIT_SM] = lambda c, p: held.append((c, p))
    stack = scripted()
    stack.send(1, text="0123456789" * 30)  # two segments
    wait_for(lambda: len(held) == 2, 20, "both are sent")
    stack.redis.kill()
    wait_for(lambda: "Redis" in stack.bridge.http("/ready")[1], 10, "Redis is away")
    smsc.answer(*held[0])
    smsc.answer(*held[1], 0x0B)
    assert one_event(stack)["segment"] == 2
    assert stack.unacknowledged() == 1, "its other segment waits for its correlation"
    stack.redis.start()
    stack.wait_acknowledged()
    assert len([line for line in stack.bridge.lines if "a message ends without being sent" in line]) == 1
    assert stack.bridge.metric("smpp_connector_commands_rejected_total") == 1


def test_a_bind_that_is_no_good_is_made_anew(scripted, smsc):
    stack = scripted(binds=2)
    wait_for(lambda: len([r for r in stack.bridge.sessions() if r["state"] == "BOUND"]) == 2, 10, "both are bound")
    refuse(smsc, 0x04)
    stack.send(1)
    stack.wait_acknowledged()
    assert len(smsc.submits()) == 2
    (refused,) = [c for c in smsc.connections if any(p is smsc.submits()[0] for p in c.received)]
    assert [c for c in smsc.connections if c.count(UNBIND)] == [refused], "the other one stays"
    assert len(smsc.binds()) == 3


def test_a_lost_connection_is_resubmitted_at_once_and_only_once(scripted, smsc):
    stack = scripted()
    smsc.handlers[SUBMIT_SM] = lambda c, p: c.close(reset=True)
    (message_id,) = stack.send(1)
    event = one_event(stack, 30)
    assert event["messageId"] == message_id
    assert (event["status"], event["source"]) == ("UNKNOWN", "CONNECTOR")
    stack.wait_acknowledged()
    assert len(smsc.submits()) == 2  # the second at once: half of its life is longer than this test waits


def test_unknown_is_reported_where_the_operator_wants_that(scripted, smsc):
    stack = scripted(onUnknown="report", submitTimeoutMs=1000)
    refuse(smsc, None)
    stack.send(1)
    event = one_event(stack)
    assert (event["status"], event["source"]) == ("UNKNOWN", "CONNECTOR")
    stack.wait_acknowledged()
    assert len(smsc.submits()) == 1


def test_on_a_session_that_stays_up_patience_comes_first(scripted, smsc):
    stack = scripted(submitTimeoutMs=3000)
    refuse(smsc, None)
    end = time.monotonic() + 14
    stack.send(1, expiresAt=now_iso(14))
    stack.wait_acknowledged()
    first, second = smsc.submits()
    unknown_at = first.at + 3
    assert unknown_at + (end - unknown_at) / 2 - 0.5 < second.at < end, "half of what was left of its life"


def test_a_late_answer_settles_what_rests(scripted, smsc):
    stack = scripted(submitTimeoutMs=1000)
    held = []
    smsc.handlers[SUBMIT_SM] = lambda c, p: held.append((c, p))
    stack.send(1)
    wait_for(lambda: stack.bridge.metric("smpp_connector_submit_unknown_total") == 1, 20, "it is unknown")
    c, p = held[0]
    c.send(pdu(SUBMIT_SM | RESP, 0, p.sequence, b"late-id\0"))
    stack.wait_acknowledged()
    assert len(smsc.submits()) == 1
    keys = stack.redis.command("KEYS", "smpp:dlr:*")
    assert any(b"late-id" in (k if isinstance(k, bytes) else k.encode()) for k in keys)


def test_expiry_while_unbound_is_reported_within_seconds(make_stack):
    smsc = Smsc()
    stack = make_stack(mno_address=("127.0.0.1", smsc.port), bridge_settings=FAST).start()
    smsc.close()
    wait_for(lambda: stack.bridge.sessions()[0]["state"] != "BOUND", 10, "the bind is lost")
    expiry = now_iso(2)
    ids = stack.send(3, expiresAt=expiry)
    wait_for(lambda: len(stack.dlr_events()) == 3, 15, "three events", 0.05)
    assert all(e["occurredAt"] >= expiry for e in stack.dlr_events())
    assert {e["status"] for e in stack.dlr_events()} == {"EXPIRED"}
    assert sorted(e["messageId"] for e in stack.dlr_events()) == sorted(ids)
    stack.wait_acknowledged()
    assert stack.client.stream_messages_count("DEAD_LETTERS") == 3
