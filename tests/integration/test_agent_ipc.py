"""The agent alone, between a scripted bridge on the raw IPC and a scripted MNO: what it promises to any
bridge, good, bad, dead or of another version (proto/README.md)."""
import os
import re
import struct
import subprocess
import time

import pytest

from harness.fake_bridge import (ACCEPTED, CLOSED, EXPIRED, OPERATOR, REFUSED, SETTLED, TRANSCEIVER, UNKNOWN, UNSENT,
                                 FakeBridge, operator_id, submit_body)
from harness.ipc import Pipe, now_ms, record
from harness.process import Deadline, log_seconds, wait_for
from harness.programs import Agent
from harness.smsc import (BIND_TRANSCEIVER, DELIVER_SM, ENQUIRE_LINK, RESP, SUBMIT_SM, UNBIND, Smsc, cstring, pdu,
                          receipt_body)

OP = operator_id(1)
STATE_BOUND, STATE_UNBOUND = 3, 4
STATS = {name: i for i, name in enumerate(
    "BYTES_SENT BYTES_RECEIVED RECONNECTS ENQUIRE_TIMEOUTS BINDS_OK BINDS_REFUSED AUTH_FAILURES SUBMITS_SENT "
    "UNKNOWN LATE STRAY EXPIRED KNOWN DELIVERS BUSY PROTOCOL_ERRORS".split())}


@pytest.fixture
def attach(agent, smsc):
    """attach(…) gives another bridge that is attached; the first one also declares and is bound."""
    made = []

    def make(declare=True, pace=1000, credentials=None, **settings):
        bridge = FakeBridge(agent.ipc_url)
        bridge.credentials[OP] = {"port": smsc.port, **(credentials or {})}
        made.append(bridge)
        bridge.attach()
        if declare:
            bridge.declare((OP, settings))
            if pace is not None:
                bridge.send("PACE", operator_id=OP, per_second=pace)
        return bridge
    yield make
    for bridge in made:
        bridge.die()


@pytest.fixture
def bound(attach):
    def make(**settings):
        bridge = attach(**settings)
        bridge.session_state(OP, STATE_BOUND)
        return bridge
    return make


def attach_again(agent, smsc, dead):
    dead.die()
    bridge = FakeBridge(agent.ipc_url)
    bridge.sequence = dead.sequence
    bridge.credentials[OP] = {"port": smsc.port}
    return bridge.attach(timeout=15)


# --- introductions ------------------------------------------------------------------------------


@pytest.mark.quick
def test_listing_declaration_bind_submit_outcome(bound, smsc):
    bridge = bound()
    assert [r["type"] for r in bridge.listing] == ["HELLO", "ATTACHED", "HOME", "LIST_END"]
    assert bridge.listing[0]["role"] == 1 and bridge.listing[0]["major"] == 1
    key = bridge.submit(OP, context=b"\x01what a bridge needs")
    outcome = bridge.outcome(key)
    assert (outcome["kind"], outcome["status"], outcome["known"]) == (ACCEPTED, 0, 0)
    assert outcome["response"] == b"0000000001\0" and outcome["context"] == b"\x01what a bridge needs"
    (p,) = smsc.submits()
    assert p.body == submit_body() and p.sequence != 0
    health = bridge.wait("HEALTH")
    assert (health["number"], health["status"], health["previous"]) == (1, 1, 0)
    assert bridge.wait("CREDIT", slots=200) and bridge.gaps == 0
    bridge.send("SETTLED", key=key.message())


def test_another_major_is_refused_and_costs_no_bind(agent, bound, smsc):
    bridge = bound()
    bridge.die()
    other = Pipe(agent.ipc_url).connect()
    other.send_batch(record("HELLO", major=2, minor=0, role=2, instance=os.urandom(16), pid=1, version="9.9"))
    wait_for(lambda: other.closed, 5, "its pipe ends")
    assert [r["type"] for r in other.records] == ["REFUSED"] and b"IPC 2.0" in other.records[0]["reason"]
    again = attach_again(agent, smsc, bridge)
    rows = [r for r in again.listing if r["type"] == "SESSION"]
    assert [r["state"] for r in rows] == [STATE_BOUND] and len(smsc.connections) == 1


def test_a_newer_minor_and_unknown_records_are_welcome(agent, bound, smsc):
    bridge = bound()
    unknown = struct.pack(">HHI", 999, 0, 5) + b"novel"
    longer = record("HEARTBEAT", wall_ms=1)
    longer = longer[:4] + struct.pack(">I", len(longer) - 8 + 3) + longer[8:] + b"new"
    bridge.send_batch(unknown, longer)
    assert bridge.outcome(bridge.submit(OP))["kind"] == ACCEPTED
    bridge.die()
    newer = FakeBridge(agent.ipc_url).attach(minor=7)
    assert [r["attachment"] for r in newer.listing if r["type"] == "ATTACHED"] == [2]
    newer.die()


@pytest.mark.parametrize("harm,word", [
    (lambda b: b.send_batch(record("OUTCOME", kind=1)), "not a bridge's to send"),
    (lambda b: b.send_batch(record("HEARTBEAT"), number=b.number_out + 2), "was due"),
    (lambda b: b.send_message(b"no batch of anything"), "no batch"),
    (lambda b: b.send_batch(record("PACE", operator_id=OP)[:-2]), "cut short"),
    (lambda b: b.send_batch(record("HELLO", major=1, role=2)), "second HELLO"),
    (lambda b: b.send_batch(struct.pack(">HHI", 24, 0, 3) + b"abc"), "malformed"),
])
def test_a_wrong_bridge_costs_its_pipe_and_no_bind(agent, bound, smsc, harm, word):
    bridge = bound()
    harm(bridge)
    bridge.wait_closed()
    agent.wait_line(word, timeout=5)
    again = attach_again(agent, smsc, bridge)
    assert again.outcome(again.submit(OP))["kind"] == ACCEPTED
    assert len(smsc.connections) == 1


def test_a_wrong_declaration_costs_its_operator_and_no_pipe(agent, bound, smsc):
    """Many operators stand in one declaration: one that is wrong may not keep the others from sending."""
    bridge = bound()
    new, other = operator_id(2), operator_id(3)
    bridge.credentials[other] = {"port": smsc.port}
    bridge.declare((OP, {"window_size": 0}), (new, {"hosts": ",".join(["127.0.0.1:1"] * 17)}), (other, {}))
    bridge.session_state(other, STATE_BOUND)
    agent.wait_line("window_size 0", timeout=5)
    agent.wait_line("hosts: at most 16", timeout=5)
    assert bridge.outcome(bridge.submit(OP))["kind"] == ACCEPTED
    assert not bridge.all("SESSION", operator_id=new) and len(smsc.connections) == 2


def test_records_of_an_attachment_that_is_over_are_not_heard(bound, smsc):
    bridge = bound()
    late = record("SUBMIT", operator_id=OP, key=bridge.key(), segments=1, not_after_ms=now_ms() + 60000,
                  body=submit_body())
    bridge.send_batch(late, attachment=bridge.attachment + 7)
    assert bridge.outcome(bridge.submit(OP))["kind"] == ACCEPTED
    assert len(smsc.submits()) == 1


def test_a_silent_bridge_loses_its_place_to_a_newcomer(agent, bound, smsc):
    bridge = bound()
    bridge.silence()
    newcomer = FakeBridge(agent.ipc_url)
    newcomer.credentials[OP] = {"port": smsc.port}
    wait_for(lambda: _try_attach(newcomer), 30, "the newcomer is let in", 0.2)
    silent_ms = int(re.search(r"it was silent for (\d+) ms", agent.wait_line("it was silent for")).group(1))
    assert 2000 <= silent_ms < 10000
    assert bridge.closed and len(smsc.connections) == 1
    newcomer.die()


def _try_attach(bridge):
    bridge.closed, bridge.records, bridge.number_out, bridge.number_in = False, [], 0, 0
    bridge.attachment = 0
    try:
        return bridge.attach(timeout=0.8)
    except (AssertionError, Deadline, OSError):
        if bridge.socket:
            bridge.close()
        return None


# --- idempotent submits ---------------------------------------------------------------------------


def test_a_known_key_is_answered_and_not_sent(agent, bound, smsc):
    kept = []
    bridge = bound()
    done = bridge.submit(OP)
    bridge.outcome(done)
    bridge.submit(OP, key=done)
    assert bridge.outcome(done, known=1)["kind"] == ACCEPTED
    bridge.send("SETTLED", key=done.message())
    bridge.submit(OP, key=done)
    assert bridge.outcome(done, known=1, kind=SETTLED)
    closed = bridge.key()
    bridge.send("CLOSE", operator_id=OP, key=closed.message())
    assert bridge.wait("CLOSED", key=closed.message())["verdict"] == 1
    bridge.submit(OP, key=closed)
    assert bridge.outcome(closed)["kind"] == CLOSED
    smsc.handlers[SUBMIT_SM] = lambda c, p: kept.append((c, p))
    in_flight = bridge.submit(OP)
    wait_for(lambda: kept, 5, "it is at the MNO")
    bridge.submit(OP, key=in_flight)
    bridge.send("CLOSE", operator_id=OP, key=in_flight.message())
    assert bridge.wait("CLOSED", key=in_flight.message())["verdict"] == 2
    smsc.answer(*kept[0])
    assert bridge.outcome(in_flight)["kind"] == ACCEPTED
    assert len(smsc.submits()) == 2


def test_retry_sends_the_kept_body_as_the_next_attempt(bound, smsc):
    statuses = [0, 0x58]
    smsc.handlers[SUBMIT_SM] = lambda c, p: smsc.answer(c, p, statuses.pop())
    bridge = bound()
    key = bridge.submit(OP)
    refused = bridge.outcome(key)
    assert (refused["kind"], refused["status"]) == (REFUSED, 0x58)
    bridge.send("RETRY", operator_id=OP, key=key, after_ms=300, context=b"\x01second")
    second = bridge.outcome(key.__class__(*key[:4], 1))
    assert second["kind"] == ACCEPTED and second["context"] == b"\x01second"
    first, again = smsc.submits()
    assert again.body == first.body and again.sequence != first.sequence and again.at - first.at >= 0.3


def test_retry_of_a_closed_message_is_not_sent(bound, smsc):
    """An outcome outlives CLOSE; a bridge that has lost its place must not have it sent again by RETRY."""
    smsc.handlers[SUBMIT_SM] = lambda c, p: smsc.answer(c, p, 0x58)
    bridge = bound()
    key = bridge.submit(OP)
    assert bridge.outcome(key)["kind"] == REFUSED
    bridge.send("CLOSE", operator_id=OP, key=key.message())
    assert bridge.wait("CLOSED", key=key.message())["verdict"] == 1
    bridge.send("RETRY", operator_id=OP, key=key, after_ms=0, context=b"\x01second")
    assert bridge.outcome(key, known=1)["kind"] == CLOSED
    bridge.outcome(bridge.submit(OP))
    assert len(smsc.submits()) == 2, "it and the other one, once each"


def test_not_after_is_kept_and_costs_no_turn(bound, smsc):
    bridge = bound(pace=0)
    key = bridge.submit(OP, not_after_s=0.3)
    assert bridge.outcome(key)["kind"] == EXPIRED
    bridge.send("PACE", operator_id=OP, per_second=100)
    assert bridge.outcome(bridge.submit(OP))["kind"] == ACCEPTED
    assert len(smsc.submits()) == 1


def test_an_expiry_in_the_year_9999_costs_no_turn(agent, bound):
    bridge = bound(pace=0)
    bridge.submit(OP, not_after_s=253402300799 - time.time())
    bridge.wait("HEARTBEAT", since=len(bridge.records))
    before = agent.cpu_seconds()
    bridge.wait("HEARTBEAT", count=3, since=len(bridge.records))
    assert agent.cpu_seconds() - before < 0.3


def test_nothing_is_sent_before_the_first_pace_nor_in_the_first_second(bound, smsc):
    began = time.monotonic()
    bridge = bound(pace=None)
    key = bridge.submit(OP)
    bridge.wait("STATS")
    assert not smsc.submits()
    bridge.send("PACE", operator_id=OP, per_second=50)
    assert bridge.outcome(key)["kind"] == ACCEPTED
    assert smsc.submits()[0].at - began >= 1.0


@pytest.mark.parametrize("what", ["credit", "segment"])
def test_bounds_are_kept(agent, attach, bound, what):
    bridge = bound(window_size=2, pace=0)
    if what == "credit":
        bridge.wait("CREDIT", slots=4)
        for _ in range(5):
            bridge.submit(OP)
        word = "beyond the credit of 4"
    else:
        bridge.submit(OP, key=bridge.key(segment=3))
        word = "segment 3 of 1"
    bridge.wait_closed()
    agent.wait_line(word, timeout=5)


def test_segments_go_over_one_bind_in_order(bound, smsc):
    bridge = bound(binds=3, window_size=4)
    wait_for(lambda: sum(1 for c in smsc.connections if c.bound_as) == 3, 10, "three binds")
    bridge.wait("CREDIT", slots=24)
    messages = []
    for m in range(4):
        key = bridge.key()
        parts = [key.__class__(*key[:3], n, 0) for n in range(1, 6)]
        bridge.send_batch(*[record("SUBMIT", operator_id=OP, key=k, segments=5, not_after_ms=now_ms() + 60000,
                                   context=b"\x01", body=submit_body(b"%d-%d" % (m, k[3]))) for k in parts])
        messages.append(parts)
    for parts in messages:
        for k in parts:
            assert bridge.outcome(k)["kind"] == ACCEPTED
    for m in range(4):
        places = [(c.number, i) for c in smsc.connections for i, p in enumerate(
            [p for p in c.received if p.command == SUBMIT_SM])
            if p.body.endswith(tuple(b"%d-%d" % (m, n) for n in range(1, 6)))]
        assert len({number for number, _ in places}) == 1
        texts = [p.body[-3:] for c in smsc.connections for p in c.received
                 if p.command == SUBMIT_SM and p.body[-3:].startswith(b"%d-" % m)]
        assert texts == sorted(texts)


def test_segments_of_a_lost_bind_go_over_another(bound, smsc):
    first = []
    smsc.handlers[SUBMIT_SM] = lambda c, p: first.append(c) if not first else smsc.answer(c, p)
    bridge = bound(binds=2, window_size=1)
    bridge.wait("CREDIT", slots=4)
    key = bridge.key()
    parts = [key.__class__(*key[:3], n, 0) for n in range(1, 4)]
    bridge.send_batch(*[record("SUBMIT", operator_id=OP, key=k, segments=3, not_after_ms=now_ms() + 60000,
                               context=b"\x01", body=submit_body()) for k in parts])
    wait_for(lambda: first, 5, "the first segment is at the MNO")
    smsc.handlers[BIND_TRANSCEIVER] = lambda c, p: smsc.answer(c, p, 0x08)
    first[0].close()
    assert bridge.outcome(parts[0])["kind"] == UNKNOWN
    for k in parts[1:]:
        assert bridge.outcome(k)["kind"] == ACCEPTED


# --- unknown ------------------------------------------------------------------------------------


def test_timed_out_is_unknown_and_a_late_answer_settles(bound, smsc):
    kept = []
    smsc.handlers[SUBMIT_SM] = lambda c, p: kept.append((c, p))
    bridge = bound(submit_timeout_ms=300)
    key = bridge.submit(OP)
    assert bridge.outcome(key)["kind"] == UNKNOWN
    smsc.answer(*kept[0])
    late = bridge.outcome(key, kind=ACCEPTED)
    assert late["response"] == b"0000000001\0"
    wait_for(lambda: (bridge.stats(OP) or [0] * 20)[STATS["LATE"]] == 1, 5, "it is counted")


def test_late_answer_spares_the_retry_that_waits(bound, smsc):
    kept = []
    smsc.handlers[SUBMIT_SM] = lambda c, p: kept.append((c, p))
    bridge = bound(submit_timeout_ms=300)
    key = bridge.submit(OP)
    assert bridge.outcome(key)["kind"] == UNKNOWN
    bridge.send("RETRY", operator_id=OP, key=key, after_ms=1500, context=b"\x01second")
    bridge.wait("HEARTBEAT", since=len(bridge.records))
    smsc.answer(*kept[0])
    assert bridge.outcome(key.__class__(*key[:4], 1))["kind"] == ACCEPTED
    bridge.wait("HEARTBEAT", count=2, since=len(bridge.records))
    assert len(smsc.submits()) == 1


def test_a_late_refusal_of_an_attempt_beyond_those_that_are_counted(agent, bound, smsc):
    """An MNO that throttles for minutes drives the attempts to the 255 at which their number stays."""
    kept = []
    smsc.handlers[SUBMIT_SM] = lambda c, p: kept.append((c, p))
    bridge = bound(submit_timeout_ms=300)
    key = bridge.key()
    key = bridge.submit(OP, key=key.__class__(*key[:4], 255))
    assert bridge.outcome(key)["kind"] == UNKNOWN
    bridge.send("RETRY", operator_id=OP, key=key, after_ms=1500, context=b"\x01second")
    bridge.wait("HEARTBEAT", since=len(bridge.records))
    smsc.answer(*kept[0], 0x58)
    smsc.handlers[SUBMIT_SM] = smsc.answer
    assert bridge.outcome(key, kind=ACCEPTED)["context"] == b"\x01second"
    assert len(smsc.submits()) == 2 and agent.alive()


def test_a_lost_connection_makes_its_window_unknown(bound, smsc):
    smsc.handlers[SUBMIT_SM] = None
    bridge = bound()
    keys = [bridge.submit(OP) for _ in range(7)]
    wait_for(lambda: len(smsc.submits()) == 7, 5, "all are at the MNO")
    smsc.connections[0].close()
    for key in keys:
        assert bridge.outcome(key)["kind"] == UNKNOWN
    bridge.wait("HEALTH", count=3)
    assert [h["status"] for h in bridge.all("HEALTH")] == [1, 2, 1]
    assert len(smsc.submits()) == 7


# --- deaths -------------------------------------------------------------------------------------


def test_bridge_killed_in_the_middle_the_next_one_hears_everything(agent, bound, smsc):
    kept = []
    bridge = bound()
    settled, done = bridge.submit(OP), bridge.submit(OP, context=b"\x01done")
    bridge.outcome(settled)
    bridge.outcome(done)
    bridge.send("SETTLED", key=settled.message())
    smsc.handlers[SUBMIT_SM] = lambda c, p: kept.append((c, p))
    flying = bridge.submit(OP, context=b"\x01flying")
    wait_for(lambda: kept, 5, "it is at the MNO")
    smsc.connections[0].request(DELIVER_SM, receipt_body("99970000001", "Acme", "id:1 stat:DELIVRD"), sequence=5)
    bridge.wait("DELIVER")
    again = attach_again(agent, smsc, bridge)
    listed = {r["type"]: r for r in again.listing}
    assert listed["OUTCOME"]["key"] == done and listed["OUTCOME"]["context"] == b"\x01done"
    assert listed["IN_FLIGHT"]["key"] == flying and listed["IN_FLIGHT"]["handed"] == 1
    assert sum(r["type"] == "OUTCOME" for r in again.listing) == 1
    assert [h["number"] for h in again.listing if h["type"] == "HEALTH"] == [1]
    assert 0 < listed["DELIVER"]["hold_left_ms"] <= 8000
    again.send("DELIVER_DONE", id=listed["DELIVER"]["id"], status=0)
    assert smsc.connections[0].wait(DELIVER_SM | RESP, sequence=5).status == 0
    again.send("HEALTH_DONE", operator_id=OP, number=1)
    smsc.answer(*kept[0])
    assert again.outcome(flying)["kind"] == ACCEPTED
    assert len(smsc.connections) == 1 and len(smsc.submits()) == 3
    third = attach_again(agent, smsc, again)
    assert not [r for r in third.listing if r["type"] == "HEALTH"]
    third.die()


def test_an_outcome_keeps_the_bind_it_came_over(agent, bound, smsc):
    kept = []
    smsc.handlers[SUBMIT_SM] = lambda c, p: kept.append((c, p))
    bridge = bound(binds=2, window_size=1)
    bridge.wait("CREDIT", slots=4)
    keys = [bridge.submit(OP) for _ in range(2)]
    wait_for(lambda: len(kept) == 2, 5, "both binds have one")
    for c, p in kept:
        smsc.answer(c, p, 0x0B)
    binds = {key: bridge.outcome(key)["bind"] for key in keys}
    assert set(binds.values()) == {0, 1}
    again = attach_again(agent, smsc, bridge)
    assert {r["key"]: r["bind"] for r in again.listing if r["type"] == "OUTCOME"} == binds
    for key in keys:
        again.submit(OP, key=key)
    assert {key: again.outcome(key, known=1)["bind"] for key in keys} == binds
    again.die()


def test_agent_killed_remembers_what_it_sent(agent, bound, smsc):
    smsc_kept = []
    bridge = bound()
    done, settled = bridge.submit(OP), bridge.submit(OP)
    bridge.outcome(done)
    bridge.outcome(settled)
    bridge.send("SETTLED", key=settled.message())
    bridge.send("ACK_FLOOR", operator_id=OP, stream=77, sequence=4711)
    smsc.handlers[SUBMIT_SM] = lambda c, p: smsc_kept.append(p)
    flying = bridge.submit(OP)
    wait_for(lambda: smsc_kept, 5, "it is at the MNO")
    bridge.send("PACE", operator_id=OP, per_second=0)
    queued = bridge.submit(OP)
    bridge.wait("HEARTBEAT", count=2, since=len(bridge.records))
    agent.kill()
    del smsc.handlers[SUBMIT_SM]
    agent.start()
    again = attach_again(agent, smsc, bridge)
    outcomes = {r["key"]: r["kind"] for r in again.listing if r["type"] == "OUTCOME"}
    assert outcomes == {done: ACCEPTED, flying: UNKNOWN}
    assert [(r["stream"], r["sequence"]) for r in again.listing if r["type"] == "ACK_FLOOR"] == [(77, 4711)]
    again.declare((OP, {}))
    again.send("PACE", operator_id=OP, per_second=1000)
    again.wait("CREDIT", slots=200)
    for key in (done, settled, flying, queued):
        again.submit(OP, key=key)
    assert again.outcome(done, known=1)["kind"] == ACCEPTED
    assert again.outcome(settled, known=1)["kind"] == SETTLED
    assert again.outcome(flying, known=1)["kind"] == UNKNOWN
    assert again.outcome(queued)["kind"] == ACCEPTED
    again.send("RETRY", operator_id=OP, key=flying, context=b"\x01")  # its body died with the process
    assert again.outcome(flying, kind=UNSENT)
    again.submit(OP, key=flying)
    assert again.outcome(flying, kind=ACCEPTED)
    assert len(smsc.submits()) == 5
    again.die()


def test_deliver_sm_without_a_bridge_is_held_then_busy(bound, smsc):
    bridge = bound(deliver_hold_ms=700, deliver_hold_max=2)
    bridge.die()
    c = smsc.connections[0]
    body = receipt_body("99970000001", "Acme", "id:1 stat:DELIVRD")
    for sequence in (11, 12, 13):
        c.request(DELIVER_SM, body, sequence=sequence)
    assert c.wait(DELIVER_SM | RESP, sequence=13).status == 0x14
    assert c.count(DELIVER_SM | RESP) == 1
    assert c.wait(DELIVER_SM | RESP, sequence=11).status == 0x14
    assert c.wait(DELIVER_SM | RESP, sequence=12).status == 0x14
    c.request(ENQUIRE_LINK, sequence=14)
    c.wait(ENQUIRE_LINK | RESP, sequence=14)


# --- operators ----------------------------------------------------------------------------------


def test_drop_gives_back_drains_unbinds_and_forgets(bound, smsc):
    bridge = bound(pace=0)
    queued = bridge.submit(OP)
    bridge.wait("STATS", since=len(bridge.records))
    bridge.send("DROP", operator_id=OP, reason="removed")
    assert bridge.outcome(queued)["kind"] == UNSENT
    smsc.connections[0].wait(UNBIND)
    bridge.wait("SESSION_GONE", bind_mode=TRANSCEIVER)
    after = bridge.submit(OP)
    assert bridge.outcome(after)["kind"] == UNSENT
    bridge.declare((OP, {}))
    smsc.wait_bound(after=1)


def test_the_last_word_about_a_dropped_operator_is_not_lost(agent, bound, smsc):
    bridge = bound()
    bridge.send("HEALTH_DONE", operator_id=OP, number=1)
    bridge.send("DROP", operator_id=OP, reason="removed")
    bridge.wait("SESSION_GONE", bind_mode=TRANSCEIVER)
    again = attach_again(agent, smsc, bridge)
    assert [(r["number"], r["status"], r["previous"]) for r in again.listing if r["type"] == "HEALTH"] == [(2, 2, 1)]
    assert not [r for r in again.listing if r["type"] in ("OPERATOR_STATE", "SESSION")]
    again.declare((OP, {}))
    assert again.wait("HEALTH", status=1)["number"] == 3
    again.send("HEALTH_DONE", operator_id=OP, number=2)
    third = attach_again(agent, smsc, again)
    assert [r["number"] for r in third.listing if r["type"] == "HEALTH"] == [3]
    third.die()


def test_rebind_asks_for_fresh_credentials(bound, smsc):
    bridge = bound()
    bridge.credentials[OP]["system_id"] = "smsgw0002"
    bridge.send("REBIND", operator_id=OP, reason="asked for")
    c = smsc.wait_bound(after=1)
    assert c.received[0].body.startswith(b"smsgw0002\0")
    wanted = bridge.all("CREDENTIALS_WANTED")
    assert len({r["public_key"] for r in wanted}) == len(wanted) == 2


def test_a_password_sealed_for_another_request_is_not_used(attach, smsc):
    bridge = attach(declare=False)
    answer, bridge.credentials[OP] = bridge.credentials[OP], None
    bridge.declare((OP, {}))
    first = bridge.wait("CREDENTIALS_WANTED")
    bridge.credentials[OP] = answer
    bridge._answer({**first, "operator_id": OP, "public_key": os.urandom(32)})
    bridge.wait("CREDENTIALS_WANTED", count=2)
    smsc.wait_bound()
    assert bridge.session_state(OP, STATE_BOUND)


def test_hosts_are_tried_in_turn(attach, smsc):
    bridge = attach(declare=False)
    bridge.credentials[OP]["port"] = 1  # nobody listens there
    bridge.declare((OP, {"hosts": f"127.0.0.1:2,127.0.0.1:{smsc.port}"}))
    row = bridge.session_state(OP, STATE_BOUND)
    assert row["peer"] == b"127.0.0.1:%d" % smsc.port
    assert len(bridge.all("CREDENTIALS_WANTED")) == 1


def test_attempts_are_bounded_over_all_operators(attach, smsc):
    bridge = attach(declare=False)
    many = [operator_id(n) for n in range(1, 101)]
    bridge.credentials = {}
    bridge.declare(*[(oid, {}) for oid in many])
    bridge.wait("CREDENTIALS_WANTED", count=32)
    bridge.wait("HEARTBEAT", count=2, since=len(bridge.records))
    waiting = bridge.all("CREDENTIALS_WANTED")
    assert len(waiting) == 32
    bridge.credentials = {oid: {"port": smsc.port} for oid in many}
    for wanted in waiting:
        bridge._answer(wanted)
    wait_for(lambda: sum(1 for c in list(smsc.connections) if c.bound_as) == 100, 20, "all are bound")


# --- the process --------------------------------------------------------------------------------


def test_sigterm_drains_and_says_gone(agent, bound, smsc):
    kept = []
    smsc.handlers[SUBMIT_SM] = lambda c, p: kept.append((c, p))
    bridge = bound()
    flying = bridge.submit(OP)
    wait_for(lambda: kept, 5, "it is at the MNO")
    bridge.send("PACE", operator_id=OP, per_second=0)
    queued = bridge.submit(OP)
    bridge.wait("STATS", since=len(bridge.records))
    agent.send_signal(15)
    bridge.wait("DRAINING")
    assert bridge.outcome(queued)["kind"] == UNSENT
    late = bridge.submit(OP)
    assert bridge.outcome(late)["kind"] == UNSENT
    smsc.answer(*kept[0])
    assert bridge.outcome(flying)["kind"] == ACCEPTED
    smsc.connections[0].send(pdu(ENQUIRE_LINK, 0, 77))
    smsc.connections[0].wait(ENQUIRE_LINK | RESP, sequence=77)
    assert smsc.connections[0].count(UNBIND) == 0, "the bind stands until the outcome is settled"
    bridge.send("SETTLED", key=flying.message())
    smsc.connections[0].wait(UNBIND, timeout=2)
    assert bridge.wait("GONE")["unsettled"] == 0
    assert agent.wait() == 0


@pytest.mark.parametrize("there", [False, True], ids=["no bridge", "a bridge that settles nothing"])
def test_a_second_sigterm_hurries(agent, bound, smsc, there):
    smsc.handlers[SUBMIT_SM] = None
    bridge = bound()
    bridge.submit(OP)
    wait_for(smsc.submits, 5, "it is at the MNO")
    if not there:
        bridge.die()
    agent.send_signal(15)
    agent.wait_line("drains", timeout=5)
    agent.send_signal(15)
    hurries = agent.wait_line("a second signal")
    assert agent.wait(timeout=5) == 0
    over = agent.wait_line("all is unbound")
    assert '"unsettled":1' in over
    assert log_seconds(over) - log_seconds(hurries) < 2, "nothing was waited for"
    smsc.connections[0].wait(UNBIND)


def test_liveness(agent, tmp_path):
    wait_for(lambda: agent.check().returncode == 0, 5, "alive")
    agent.pause()
    wait_for(lambda: agent.check().returncode == 1, 20, "no sign of life", 0.5)
    agent.resume()
    wait_for(lambda: agent.check().returncode == 0, 5, "alive again")
    nobody = Agent(tmp_path / "nobody")
    assert nobody.check().returncode == 1


def test_a_second_agent_is_refused_and_harms_nothing(agent, bound):
    bridge = bound()
    second = Agent(agent.directory, LEDGER_FILE=os.path.join(agent.directory, "other.ledger")).start()
    assert second.wait(timeout=10) == 1
    assert bridge.outcome(bridge.submit(OP))["kind"] == ACCEPTED


def test_who_may_attach_changes_without_a_restart(tmp_path, smsc):
    """Another uid for the bridge's container must not cost a bind."""
    def write(text):
        (tmp_path / "settings.new").write_text(text)
        os.rename(tmp_path / "settings.new", tmp_path / "settings")
    me = os.getuid()
    write(f"IPC_PEER_UIDS={me}\n")
    agent = Agent(tmp_path / "agent", SETTINGS_FILE=tmp_path / "settings").start()
    bridge = FakeBridge(agent.ipc_url)
    try:
        bridge.credentials[OP] = {"port": smsc.port}
        bridge.attach().declare((OP, {}))
        bridge.session_state(OP, STATE_BOUND)
        write("IPC_PEER_UIDS=nobody\n")
        agent.wait_line("the settings are not reloaded")
        write(f"IPC_PEER_UIDS={me + 1}\n")
        agent.wait_line("setting changed")
        assert not bridge.closed
        bridge.die()
        with pytest.raises(Deadline):
            Pipe(agent.ipc_url).connect(timeout=0.5)
        agent.wait_line("wrong uid")
        write(f"IPC_PEER_UIDS={me + 1},{me}\n")
        agent.wait_line('"to":"%d,%d"' % (me + 1, me))
        again = attach_again(agent, smsc, bridge)
        assert [r["state"] for r in again.listing if r["type"] == "SESSION"] == [STATE_BOUND]
        again.die()
        assert len(smsc.connections) == 1
    finally:
        agent.kill()


def test_options(agent):
    def run(*words):
        return subprocess.run([agent.argv[0], *words], capture_output=True, text=True, timeout=10, check=False,
                              env=agent.env)
    assert run("--version").stdout.startswith("smpp-session-agent ")
    assert "--check-config" in run("--help").stdout
    assert "LEDGER_BYTES" in run("--print-settings").stdout
    assert "| bound | enquire_timeout | backoff |" in run("--print-states").stdout
    config = run("--check-config")
    assert config.returncode == 0 and f"IPC_URL={agent.ipc_url}" in config.stdout
    agent.env = {**agent.env, "LEDGER_BYTES": "17"}
    config = run("--check-config")
    assert config.returncode == 1 and "LEDGER_BYTES" in config.stderr
    assert run("--nonsense").returncode == 2


def test_nothing_secret_is_logged(agent, bound, smsc):
    bridge = bound(credentials={"password": b"verysecret"}, trace_text=1)
    bridge.outcome(bridge.submit(OP, body=submit_body(b"my private words", b"99970000042")))
    assert smsc.connections[0].received[0].command == BIND_TRANSCEIVER
    assert b"verysecret" in smsc.connections[0].received[0].body
    agent.wait_line("submit_sm")
    log = "\n".join(agent.lines)
    for secret in ("verysecret", "private", "99970000042"):
        assert secret not in log
