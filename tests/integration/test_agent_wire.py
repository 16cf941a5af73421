"""What comes over the wire that no specification promised: raw bytes of an MNO, and what the agent makes of them
(SMPP 3.4 §3.3, and what MNOs do in fact). Whatever it is, the worst it may cost is its own session."""
import json
import struct
import time

import pytest

from harness.fake_bridge import ACCEPTED, REFUSED, UNKNOWN, operator_id
from harness.memory import needs_root, overwrite
from harness.process import Deadline, wait_for
from harness.smsc import (ALERT_NOTIFICATION, BIND_TRANSCEIVER, DATA_SM, DELIVER_SM, ENQUIRE_LINK, GENERIC_NACK, RESP,
                          SUBMIT_SM, UNBIND, cstring, pdu, receipt_body, tlv)

OP = operator_id(1)
BOUND = 3
OUTBIND, QUERY_SM = 0x0B, 0x03
RECEIPT = receipt_body("99970000001", "Acme", "id:1 stat:DELIVRD")


@pytest.fixture
def bound(declared, smsc):
    """bound(…) → (the played bridge, the MNO's end of its bind)"""
    def make(**settings):
        bridge = declared(**settings)
        bridge.session_state(OP, BOUND)
        bridge.wait("CREDIT", slots=2 * settings.get("window_size", 100))
        return bridge, smsc.wait_bound()
    return make


def is_alive(connection):
    sequence = connection.request(ENQUIRE_LINK, sequence=0x0ABCDEF0 + len(connection.received))
    connection.wait(ENQUIRE_LINK | RESP, sequence=sequence)
    assert not connection.closed.is_set()
    return True


# What the MNO sends, and the (command_id, status) that answers it; None: nothing does.
ODDITIES = {
    "enquire_link with a body": (pdu(ENQUIRE_LINK, 0, 50, b"\0"), (ENQUIRE_LINK | RESP, 0)),
    "enquire_link_resp that nobody asked for": (pdu(ENQUIRE_LINK | RESP, 0, 51, b"\0"), None),
    "submit_sm_resp that nobody waits for": (pdu(SUBMIT_SM | RESP, 0, 52, cstring("x")), None),
    "bind_transceiver_resp once more": (pdu(BIND_TRANSCEIVER | RESP, 0, 53, b"mno\0"), None),
    "unbind_resp that nobody asked for": (pdu(UNBIND | RESP, 0, 54), None),
    "generic_nack of nothing": (pdu(GENERIC_NACK, 0x58, 55), None),
    "generic_nack with the number 0": (pdu(GENERIC_NACK, 0x03, 0), None),
    "outbind": (pdu(OUTBIND, 0, 56, b"mno\0pw\0"), None),
    "alert_notification": (pdu(ALERT_NOTIFICATION, 0, 57, b"\1\1" + cstring("99970000001") + b"\0\0Acme\0"), None),
    "a request of an ESME's": (pdu(SUBMIT_SM, 0, 58, b"\0" * 20), (GENERIC_NACK, 0x03)),
    "query_sm": (pdu(QUERY_SM, 0, 59, b"1\0\0\0\0"), (GENERIC_NACK, 0x03)),
    "an unknown request": (pdu(0x1234, 0, 60, b"what"), (GENERIC_NACK, 0x03)),
    "an unknown response": (pdu(0x80001234, 0, 61, b"what"), None),
    "a vendor's request with status": (pdu(0x00010200, 0x0400, 62), (GENERIC_NACK, 0x03)),
}


@pytest.mark.parametrize("what", ODDITIES)
def test_oddities_are_answered_or_noted_and_the_session_lives(bound, what):
    bridge, c = bound()
    raw, answer = ODDITIES[what]
    sequence = int.from_bytes(raw[12:16], "big")
    before = len(c.received)
    c.send(raw)
    if answer:
        got = c.wait(answer[0], sequence=sequence, after=before)
        assert got.status == answer[1]
    assert is_alive(c)
    assert len([p for p in c.received[before:] if p.command != ENQUIRE_LINK | RESP]) == (
        1 if answer and answer[0] != ENQUIRE_LINK | RESP else 0), "nothing else is said"
    assert bridge.outcome(bridge.submit(OP))["kind"] == ACCEPTED


def test_a_flood_of_oddities_is_a_few_lines_and_then_the_end(agent, bound, smsc):
    bridge, c = bound(reconnect_min_ms=1)
    c.send(pdu(0x80001234, 0, 1) * 9000)
    assert is_alive(c)
    c.send(pdu(0x80001234, 0, 1) * 1000)
    assert c.closed.wait(10)
    again = smsc.wait_bound(after=1)
    again.send(pdu(0x80001234, 0, 1) * 9000)
    assert is_alive(again), "on a new connection the count begins anew"
    assert any("10000 PDUs out of order" in line for line in agent.lines)
    assert len([line for line in agent.lines if "PDU of the MNO's is out of order" in line]) < 20
    assert bridge.outcome(bridge.submit(OP))["kind"] == ACCEPTED


def test_every_split_of_a_whole_conversation(declared, smsc):
    """bind_resp, submit_sm_resp, enquire_link and deliver_sm, octet by octet and all in one piece."""
    def in_pieces(command, body):
        return lambda c, p: c.send_in_pieces(pdu(command | RESP, 0, p.sequence, body))

    def bind(c, p):
        c.bound_as = p.command
        in_pieces(BIND_TRANSCEIVER, b"mno\0" + tlv(0x0210, b"\x34"))(c, p)
    smsc.handlers[BIND_TRANSCEIVER] = bind
    smsc.handlers[SUBMIT_SM] = in_pieces(SUBMIT_SM, b"id\0")
    bridge = declared()
    bridge.session_state(OP, BOUND)
    assert bridge.outcome(bridge.submit(OP))["response"] == b"id\0"
    c = smsc.wait_bound()
    c.send_in_pieces(pdu(DELIVER_SM, 0, 70, RECEIPT))
    bridge.send("DELIVER_DONE", id=bridge.wait("DELIVER")["id"], status=0)
    assert c.wait(DELIVER_SM | RESP, sequence=70).status == 0
    packed = [pdu(ENQUIRE_LINK, 0, 100 + i) for i in range(50)]
    packed.insert(25, pdu(DELIVER_SM, 0, 71, RECEIPT))
    packed = b"".join(packed)
    for size in (len(packed), 15, 17, 33):
        before = len(c.received)
        c.send_in_pieces(packed, size=size)
        wait_for(lambda: sum(p.command == ENQUIRE_LINK | RESP for p in c.received[before:]) == 50, 5,
                 f"50 answers to pieces of {size}")
    assert len(bridge.all("DELIVER")) == 5 and len(smsc.connections) == 1


def test_answers_in_any_order_twice_and_refused_in_every_shape(bound, smsc):
    kept = []
    smsc.handlers[SUBMIT_SM] = lambda c, p: kept.append(p)
    bridge, c = bound()
    keys = [bridge.submit(OP) for _ in range(6)]
    wait_for(lambda: len(kept) == 6, 5, "six at the MNO")
    shapes = [(0, b""), (0, b"id"), (0x0B, b""), (0x0B, b"\0"), (0x58, b"id\0" + tlv(0x1400, b"vendor")),
              (0x45, tlv(0x0425, b"\1")[:-1])]
    for p, (status, body) in reversed(list(zip(kept, shapes))):
        c.send(pdu(SUBMIT_SM | RESP, status, p.sequence, body) * 2)
    for key, (status, body) in zip(keys, shapes):
        outcome = bridge.outcome(key)
        assert (outcome["kind"], outcome["status"]) == (REFUSED if status else ACCEPTED, status)
        assert outcome["response"] == body
    assert is_alive(c) and len(bridge.all("OUTCOME")) == 6


@needs_root
def test_after_the_last_sequence_number_comes_the_first_that_is_free(agent, bound, smsc):
    """Nobody waits for two thousand million PDUs: the next number is set in the memory of the paused agent, where it
    follows a window's two limits."""
    bridge, c = bound(window_size=54321)
    smsc.handlers[SUBMIT_SM] = None
    unanswered = bridge.submit(OP)
    assert c.wait(SUBMIT_SM).sequence == 2  # 1 was the bind's
    del smsc.handlers[SUBMIT_SM]
    agent.pause()
    try:
        limits = struct.pack("=II", 54321, 4 * 54321)
        overwrite(agent.pid, limits + struct.pack("=I", 3), limits + struct.pack("=I", 0x7FFFFFFE))
    finally:
        agent.resume()
    keys = [bridge.submit(OP) for _ in range(4)]
    assert [bridge.outcome(key)["kind"] for key in keys] == [ACCEPTED] * 4
    assert [p.sequence for p in smsc.submits()] == [2, 0x7FFFFFFE, 0x7FFFFFFF, 1, 3]
    smsc.answer(c, smsc.submits()[0])
    assert bridge.outcome(unanswered)["kind"] == ACCEPTED and is_alive(c)


@pytest.mark.parametrize("length", [0, 15, 131073, 0x48545450, 0xFFFFFFFF])
def test_a_length_that_can_not_be_costs_that_session_alone(bound, smsc, length):
    bridge, c = bound()
    smsc.handlers[SUBMIT_SM] = None
    key = bridge.submit(OP)
    c.wait(SUBMIT_SM)
    c.send(pdu(ENQUIRE_LINK, 0, 1) + length.to_bytes(4, "big") + b"\0" * 12)
    c.wait(ENQUIRE_LINK | RESP, sequence=1)
    nack = c.wait(GENERIC_NACK)
    assert (nack.status, nack.sequence) == (0x02, 0) and c.closed.wait(5)
    assert bridge.outcome(key)["kind"] == UNKNOWN
    smsc.wait_bound(after=1)


def largest(command, sequence):
    body = RECEIPT + tlv(0x0424, b"x" * 60000) + tlv(0x1401, b"y" * 60000)
    return pdu(command, 0, sequence, body + tlv(0x1402, b"z" * (131072 - 16 - len(body) - 4)))


def test_the_largest_pdu_passes(bound):
    bridge, c = bound()
    c.send(largest(DATA_SM, 5))
    deliver = bridge.wait("DELIVER")
    assert len(deliver["body"]) == 131072 - 16
    bridge.send("DELIVER_DONE", id=deliver["id"], status=0)
    assert c.wait(DATA_SM | RESP, sequence=5).status == 0


def test_the_largest_pdus_wait_in_line_within_4_mib(bound):
    """100 are held, 32 more wait for a place; the next one is refused before those have waited for long enough."""
    bridge, c = bound()
    c.send(b"".join(largest(DELIVER_SM, n) for n in range(1, 141)))
    assert c.wait(DELIVER_SM | RESP).sequence == 133
    bridge.wait("DELIVER", count=100)
    for n in range(101, 141):
        assert c.wait(DELIVER_SM | RESP, sequence=n).status == 0x14
    assert is_alive(c)


def test_before_the_bind_stands(declared, smsc):
    """While bind_transceiver is unanswered: heartbeats are, everything else is not for this state."""
    smsc.handlers[BIND_TRANSCEIVER] = None
    bridge = declared()
    wait_for(lambda: smsc.binds(), 5, "a bind")
    c = smsc.connections[0]
    c.request(ENQUIRE_LINK, sequence=7)
    c.wait(ENQUIRE_LINK | RESP, sequence=7)
    c.request(DELIVER_SM, RECEIPT, sequence=8)
    assert c.wait(DELIVER_SM | RESP, sequence=8).status == 0x04
    c.send(pdu(BIND_TRANSCEIVER | RESP, 0, c.received[0].sequence ^ 1, b"mno\0"))  # of another request
    assert is_alive(c) and not bridge.all("DELIVER")
    c.request(UNBIND, sequence=9)
    c.wait(UNBIND | RESP, sequence=9)
    assert c.closed.wait(5) and "unbind" in bridge.wait("SESSION", phase=b"backoff")["reason"].decode()


@pytest.mark.parametrize("how", ["answers", "closes", "says nothing"])
def test_our_unbind_however_it_is_taken(agent, bound, smsc, how):
    bridge, c = bound()
    if how != "answers":
        smsc.handlers[UNBIND] = (lambda connection, p: connection.close()) if how == "closes" else None
    bridge.send("DROP", operator_id=OP, reason="no longer wanted")
    asked = c.wait(UNBIND).at
    if how == "says nothing":  # it may still ask and deliver meanwhile
        c.request(ENQUIRE_LINK, sequence=11)
        c.wait(ENQUIRE_LINK | RESP, sequence=11)
    bridge.wait("SESSION_GONE", timeout=20)
    agent.wait_line('"to":"closed"')
    assert any('"unbind_timeout"' in line for line in agent.lines) == (how == "says nothing")
    assert time.monotonic() - asked > 4 or how != "says nothing"
    assert c.closed.wait(5) and len(smsc.connections) == 1


# --- a process that was paused -------------------------------------------------------------------


def paused_over(agent, seconds):
    agent.pause()
    try:
        with pytest.raises(Deadline):
            wait_for(lambda: False, seconds, "the time-out to pass")
    finally:
        agent.resume()


def test_answers_that_came_while_it_was_paused_are_answers(agent, bound, smsc):
    """To submit_sm, past SUBMIT_TIMEOUT_MS."""
    kept = []
    smsc.handlers[SUBMIT_SM] = lambda c, p: kept.append((c, p))
    bridge, _ = bound(submit_timeout_ms=3000)
    keys = [bridge.submit(OP) for _ in range(20)]
    wait_for(lambda: len(kept) == 20, 5, "twenty at the MNO")
    agent.pause()
    try:
        for c, p in kept:
            smsc.answer(c, p)
    finally:
        paused_over(agent, 3.5)
    assert [bridge.outcome(key)["kind"] for key in keys] == [ACCEPTED] * 20
    assert len(bridge.all("OUTCOME")) == 20


def test_a_bind_that_was_answered_while_it_was_paused_stands(agent, declared, smsc):
    smsc.handlers[BIND_TRANSCEIVER] = None
    bridge = declared(bind_timeout_ms=2000)
    wait_for(lambda: smsc.binds(), 5, "a bind")
    agent.pause()
    try:
        smsc.answer(smsc.connections[0], smsc.connections[0].received[0])
    finally:
        paused_over(agent, 2.5)
    bridge.session_state(OP, BOUND)
    assert len(smsc.connections) == 1


# --- what is said about it -----------------------------------------------------------------------


def test_each_change_of_state_is_one_line_of_the_log(agent, bound):
    bridge, c = bound()
    c.close()
    bridge.wait("HEALTH", status=1, count=2)
    lines = [json.loads(line) for line in agent.lines if '"session"' in line]
    steps = [(x["from"], x["to"], x["event"]) for x in lines if x["msg"] == "session"]
    attempt = [("wait_credentials", "connecting", "credentials"), ("connecting", "binding", "connected"),
               ("binding", "bound", "bind_ok")]
    assert steps == [("idle", "wait_credentials", "start"), *attempt, ("bound", "backoff", "socket_closed"),
                     ("backoff", "wait_credentials", "backoff_over"), *attempt]
    assert all(x["reason"] and x["operatorId"] and "bind" in x for x in lines if x["msg"] == "session")
