"""A command goes out, its receipt comes back, and everything the contract promises is seen."""
import json
import re
import uuid

import pytest

from harness.process import wait_for
from harness.stack import command, now_iso

pytestmark = pytest.mark.quick

UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
ISO_MS = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


def test_command_out_and_receipt_back(stack):
    (message_id,) = stack.send(1, text="Your code is 482913")
    events = wait_for(stack.dlr_events, 20, "a receipt's event")
    assert len(events) == 1
    event = events[0]
    assert event["messageId"] == message_id
    assert event["operatorId"] == stack.ids[0]
    assert event["status"] == "DELIVERED"
    assert event["stat"] == "DELIVRD"
    assert event["version"] == event["schemaVersion"] == "1.0"
    assert event["source"] == "MNO"
    assert UUID.match(event["eventId"])
    assert uuid.UUID(event["eventId"]).version == 5
    assert event["segment"] == 1 and event["segments"] == 1
    stack.wait_acknowledged()
    assert stack.client.stream_messages_count("SMS_DISPATCH") == 0
    assert stack.mno.stats()["submits"] == 1


def test_500_commands_are_sent_once_and_correlated(stack):
    ids = stack.send(500, text=lambda i: f"Message number {i}")
    wait_for(lambda: len(stack.dlr_events()) >= 500, 60, "500 events", 0.2)
    events = stack.dlr_events()
    assert sorted(e["messageId"] for e in events) == sorted(ids)
    stack.wait_acknowledged()
    assert stack.mno.stats()["submits"] == 500


def test_sessions_to_the_letter(stack):
    body = stack.bridge.json("/sessions")
    assert list(body) == ["sessions"]
    (row,) = body["sessions"]
    assert set(row) == {"operatorId", "operatorName", "state", "bindMode", "lastBoundAt", "reconnectAttempts"}
    assert row["operatorId"] == stack.ids[0]
    assert row["operatorName"] == "Operator A"
    assert row["state"] == "BOUND"
    assert row["bindMode"] == "TRANSCEIVER"
    assert ISO_MS.match(row["lastBoundAt"])
    assert row["reconnectAttempts"] == 0


def test_health_and_ready(stack):
    assert stack.bridge.http("/health")[0] == 200
    assert stack.bridge.http("/ready")[0] == 200
    assert stack.bridge.http("/nothing-here")[0] == 404


def test_bound_is_told_once(stack):
    events = wait_for(stack.health_events, 10, "a health event")
    assert [e["status"] for e in events] == ["BOUND"]
    assert events[0]["operatorId"] == stack.ids[0]
    assert events[0]["operatorName"] == "Operator A"
    assert events[0]["version"] == "1.0"
    assert UUID.match(events[0]["eventId"])


def test_long_text_goes_in_four_segments(stack):
    stack.send(1, text="0123456789" * 58)
    events = wait_for(lambda: (lambda e: e if len(e) == 4 else None)(stack.dlr_events()), 20, "4 events", 0.1)
    assert sorted(e["segment"] for e in events) == [1, 2, 3, 4]
    assert {e["segments"] for e in events} == {4}
    stack.wait_acknowledged()
    assert stack.bridge.metric("smpp_connector_long_message_segments_total", strategy="csms") == 4


def test_expired_command_is_reported_and_never_sent(stack):
    (message_id,) = stack.send(1, expiresAt=now_iso(-60))
    events = wait_for(stack.dlr_events, 20, "an EXPIRED event")
    assert [(e["messageId"], e["status"], e["source"]) for e in events] == [(message_id, "EXPIRED", "CONNECTOR")]
    stack.wait_acknowledged()
    assert stack.mno.stats()["submits"] == 0
    assert stack.client.stream_messages_count("DEAD_LETTERS") == 1


def bad_payloads(oid):
    def c(**more):
        return json.dumps(command(oid, **more)).encode()
    yield "not json", b"{not json"
    yield "empty", b""
    yield "array", b"[]"
    yield "NUL", c(text="a\u0000b")
    yield "invalid UTF-8", c(text="MARK").replace(b"MARK", b"\xff\xfe")
    yield "100 KB", c(text="x" * 100_000)
    for field in ("messageId", "to", "from", "text", "operatorId"):
        fields = command(oid)
        del fields[field]
        yield "without " + field, json.dumps(fields).encode()
    yield "another operator", c(operatorId="11111111-2222-4333-8444-555555555555")
    yield "bad number", c(to="not-a-number")


def test_poison_is_reported_kept_and_blocks_nobody(stack):
    oid = stack.ids[0]
    bad = list(bad_payloads(oid))
    stack.client.store_many([(f"smpp.operator.{oid}", data) for _, data in bad])
    (good,) = stack.send(1)
    wait_for(lambda: any(e["messageId"] == good and e["source"] == "MNO" for e in stack.dlr_events()), 20,
             "the good one's receipt", 0.1)
    stack.wait_acknowledged()
    assert stack.mno.stats()["submits"] == 1
    letters = stack.client.read_stream("DEAD_LETTERS")
    assert len(letters) == len(bad)
    assert sorted(m.data for m in letters) == sorted(data for _, data in bad)
    rejected = [e for e in stack.dlr_events() if e["source"] == "CONNECTOR"]
    assert all(e["status"] == "REJECTED" for e in rejected)
    assert stack.bridge.alive() and stack.agent.alive()


def test_permanent_refusal_is_reported(make_stack):
    stack = make_stack(mno_options=["--submit-status", "0x0B:100%"]).start()
    (message_id,) = stack.send(1)
    events = wait_for(stack.dlr_events, 20, "a REJECTED event")
    assert [(e["messageId"], e["status"], e["source"]) for e in events] == [(message_id, "REJECTED", "SUBMIT")]
    assert events[0]["errorCode"].lower() in ("0x0b", "0x0000000b")
    stack.wait_acknowledged()
    assert stack.mno.stats()["submits"] == 1


def test_logs_hold_no_password_number_or_text(stack):
    stack.send(20, text="the very secret text 5551234", to="+99970001234")
    wait_for(lambda: len(stack.dlr_events()) >= 20, 20, "events", 0.1)
    stack.bridge.stop()
    stack.agent.stop()
    logs = "\n".join(stack.bridge.lines + stack.agent.lines)
    for secret in ("s3cr3tpw", "very secret", "99970001234", stack.mgmt.token):
        assert secret not in logs
    for line in logs.splitlines():
        json.loads(line)


def test_both_end_cleanly(stack):
    stack.send(10)
    stack.wait_acknowledged()
    assert stack.bridge.stop(timeout=5) == 0
    assert stack.agent.stop(timeout=20) == 0
    wait_for(lambda: stack.mno.stats()["unbinds"] >= 1, 5, "the MNO saw an unbind")


def test_bridge_killed_under_load_keeps_the_bind(stack):
    ids = stack.send(3000, text=lambda i: f"Number {i}")
    before = stack.bridge.sessions()[0]["lastBoundAt"]
    for _ in range(3):
        target = stack.mno.stats()["submits"] + 200
        wait_for(lambda: stack.mno.stats()["submits"] >= min(target, 3000), 30, "some more are sent")
        stack.restart_bridge()
        stack.bridge.wait_ready()
    wait_for(lambda: len(stack.dlr_events()) >= 3000, 90, "3000 events", 0.2)
    stack.wait_acknowledged()
    stats = stack.mno.stats()
    assert stats["submits"] == 3000, "each sent once"
    assert stats["binds"] == 1, "one bind in the MNO's history"
    assert stack.bridge.sessions()[0]["lastBoundAt"] == before
    assert sorted(e["messageId"] for e in stack.dlr_events()) == sorted(ids)
