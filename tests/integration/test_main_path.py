"""A command goes out, its receipt comes back, and everything the contract promises is seen."""
import json
import re
import struct
import uuid

import pytest

from harness import rights
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
    assert stack.bridge.metric("smpp_connector_commands_expired_total") == 1
    line = json.loads(stack.bridge.wait_line("a message ends without being sent"))
    assert (line["messageId"], line["end"]) == (message_id, "expired")


def bad_payloads(oid):
    """(what is said of it, octets)"""
    def c(**more):
        return json.dumps(command(oid, **more)).encode()
    yield "not JSON", b"{not json"
    yield "not JSON", b""
    yield "not an object", b"[]"
    yield "a NUL character", c(text="a\u0000b")
    yield "ill-formed UTF-8", c(text="MARK").replace(b"MARK", b"\xff\xfe")
    yield "too large", c(text="x" * 100_000)
    for field in ("messageId", "to", "from", "text", "operatorId"):
        fields = command(oid)
        del fields[field]
        yield field + " is missing", json.dumps(fields).encode()
    yield "not the subject's", c(operatorId="11111111-2222-4333-8444-555555555555")
    yield "to is not a number", c(to="not-a-number")


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
    assert sorted(m.data for m in letters) == sorted(data for _, data in bad)
    found = [re.search(rb'"messageId": "([^"]+)"', data) for _, data in bad]
    wanted = [(m.group(1).decode() if m else None, says) for m, (says, _) in zip(found, bad)]
    rejected = [e for e in stack.dlr_events() if e["source"] == "CONNECTOR"]
    lines = [json.loads(line) for line in stack.bridge.lines if "a message ends without being sent" in line]
    lines.sort(key=lambda line: line["streamSequence"])
    assert len(rejected) == len(lines) == len(bad)
    for (message_id, says), line in zip(wanted, lines):
        assert (line["messageId"], line["end"]) == (message_id, "invalid") and says in line["reason"], line
        assert any((e["messageId"], e["status"], e["reason"]) == (message_id, "REJECTED", line["reason"]) for e in rejected)
    assert stack.bridge.metric("smpp_connector_commands_invalid_total") == len(bad)
    assert stack.bridge.alive() and stack.agent.alive()


# (what the SMSC sends, what the agent says of it, whether it costs the bind)
GARBAGE = [("unknown-command", "nobody here takes it", 0), ("nack-stray", "it answers nothing that was asked", 0),
           ("bind-resp", "nobody waits for it", 0), ("length-0", "a command_length of 0", 1),
           ("length-huge", "a command_length of 2147483647", 1), ("http", "a command_length of 1213486160", 1),
           ("garbage", "a command_length of", 1)]


def test_an_smsc_that_sends_garbage(make_stack):
    stack = make_stack(bridge_settings={"RECONNECT_MIN_MS": 100, "RECONNECT_MAX_MS": 200}).start()
    binds = 1
    for number, (name, says, costs) in enumerate(GARBAGE):
        since = len(stack.agent.lines)
        stack.mno.control(f"malformed {name}")
        stack.agent.wait_line(says, since=since)
        wait_for(lambda: stack.bridge.metric("smpp_connector_protocol_errors_total") == number + 1, 10, "it is counted", 0.05)
        binds += costs
        wait_for(lambda: stack.mno.stats()["binds"] == binds, 10, "bound", 0.05)
        wait_for(lambda: [r["state"] for r in stack.bridge.sessions()] == ["BOUND"], 10, "bound", 0.05)
    stack.send(5)
    stack.wait_acknowledged()
    assert stack.bridge.alive() and stack.agent.alive()


def test_permanent_refusal_is_reported(make_stack):
    stack = make_stack(mno_options=["--submit-status", "0x0B:100%"]).start()
    (message_id,) = stack.send(1)
    events = wait_for(stack.dlr_events, 20, "a REJECTED event")
    assert [(e["messageId"], e["status"], e["source"]) for e in events] == [(message_id, "REJECTED", "SUBMIT")]
    assert events[0]["errorCode"].lower() in ("0x0b", "0x0000000b")
    stack.wait_acknowledged()
    assert stack.mno.stats()["submits"] == 1


def test_logs_hold_no_password_number_or_text(make_stack):
    """Whatever goes wrong, and at the level that says most."""
    stack = make_stack(mno_options=["--status-for-dest", "1235=0x0B"], bridge_settings={"LOG_LEVEL": "debug"},
                       agent_settings={"LOG_LEVEL": "debug"})
    stack.operator_settings = {stack.ids[0]: {"traceText": True}}
    stack.start()
    text = "the very secret text 5551234"
    stack.send(20, text=text, to="+99970001234")
    stack.send(1, text=text, to="+99970001235")  # refused
    stack.send(1, text=text, to="99970001236x")  # invalid
    stack.send(1, text=text, to="+99970001237", expiresAt=now_iso(-60))
    stack.send(1, text="the very secret text " * 30, to="+99970001238")
    stack.client.store(f"smpp.operator.{stack.ids[0]}", b'{"to":"+99970001239","text":"the very secret text')
    stack.mno.control("mo 99970001240 99970001241 the very secret text")  # refused: no MO_SUBJECT
    receipt = b"id:99970001242 stat:DELIVRD err:000 text:the very secret text"  # of nobody
    body = b"\0\1\1" + b"99970001243\0" + b"\1\1" + b"99970001244\0" + bytes([4, 0, 0, 0, 0, 0, 0, 0, 0, len(receipt)]) + receipt
    stack.mno.control("send " + (struct.pack(">IIII", 16 + len(body), 5, 0, 70000) + body).hex())
    stack.mno.control("send " + (struct.pack(">IIII", 16 + len(body) - 9, 5, 0, 70001) + body[:-9]).hex())  # cut
    wait_for(lambda: len(stack.dlr_events()) >= 30, 20, "events", 0.1)
    metric = stack.bridge.metric
    wait_for(lambda: metric("smpp_connector_dlr_correlation_not_found_total") and metric("smpp_connector_mo_refused_total"),
             10, "a stranger's receipt and a message to us", 0.05)
    stack.bridge.wait_line("a deliver_sm can't be read")
    stack.bridge.stop()
    stack.agent.stop()
    logs = "\n".join(stack.bridge.lines + stack.agent.lines)
    assert '"debug"' in logs and "a message ends without being sent" in logs
    for secret in ("s3cr3tpw", "very secret", "7665727920736563726574", "9997000", "5551234", stack.mgmt.token, rights.PASSWORD):
        assert secret not in logs
    for line in logs.splitlines():
        json.loads(line)


def test_both_end_cleanly(stack):
    stack.send(10)
    stack.wait_acknowledged()
    assert stack.bridge.stop() == 0
    assert stack.agent.stop(timeout=30) == 0
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
