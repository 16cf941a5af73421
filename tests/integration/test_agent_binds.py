"""The agent's binds, seen from both of its sides: pairs, refusals, slow readers (README.md of the agent)."""
import threading
import time

import pytest

from harness.fake_bridge import ACCEPTED, FakeBridge, RECEIVER, TRANSCEIVER, TRANSMITTER, operator_id, submit_body
from harness.process import wait_for
from harness.smsc import (BIND_RECEIVER, BIND_TRANSCEIVER, BIND_TRANSMITTER, DELIVER_SM, ENQUIRE_LINK,
                          GENERIC_NACK, RESP, SUBMIT_SM, UNBIND, Smsc, cstring, pdu, receipt_body, tlv)

OP, OTHER = operator_id(1), operator_id(2)
BOUND, UNBOUND = 3, 4
RECONNECTS, BINDS_REFUSED, AUTH_FAILURES = 2, 5, 6


def refusing(status):
    return lambda c, p: c.smsc.answer(c, p, status)


def stat(bridge, index, oid=OP):
    values = bridge.stats(oid)
    return values[index] if values else 0


# --- pairs --------------------------------------------------------------------------------------


@pytest.fixture
def pair(declared, smsc):
    smsc.handlers[BIND_TRANSCEIVER] = refusing(0x03)

    def make(**settings):
        bridge = declared(**settings)
        bridge.session_state(OP, BOUND, bind_mode=TRANSMITTER)
        bridge.session_state(OP, BOUND, bind_mode=RECEIVER)
        return bridge
    return make


def test_a_pair_is_one_attempt_with_one_answer_of_credentials(pair, smsc):
    bridge = pair()
    assert len(bridge.all("CREDENTIALS_WANTED")) == 1
    assert bridge.wait("SESSION_GONE", bind_mode=TRANSCEIVER)
    assert bridge.wait("CREDIT", slots=200) and len(bridge.all("HEALTH", status=1)) == 1
    assert bridge.outcome(bridge.submit(OP))["kind"] == ACCEPTED


def test_both_halves_of_a_pair_are_attempts_that_are_bounded(declared, smsc):
    unanswered = []
    smsc.handlers[BIND_TRANSCEIVER] = refusing(0x03)
    smsc.handlers[BIND_TRANSMITTER] = smsc.handlers[BIND_RECEIVER] = lambda c, p: unanswered.append((c, p))
    bridge = declared(binds=32)
    wait_for(lambda: len(unanswered) >= 32, 10, "as many as are let in at a time")
    bridge.wait("HEARTBEAT", count=2, since=len(bridge.records))
    assert len(unanswered) == 32
    del smsc.handlers[BIND_TRANSMITTER], smsc.handlers[BIND_RECEIVER]
    for c, p in list(unanswered):
        smsc.answer(c, p)
    bridge.wait("CREDIT", slots=32 * 200)
    assert len(bridge.all("CREDENTIALS_WANTED")) == 32


def test_half_a_pair_is_no_bound_operator(pair, smsc):
    bridge = pair(reconnect_min_ms=1000)
    receiver = next(c for c in smsc.connections if c.bound_as == BIND_RECEIVER)
    receiver.close()
    bridge.wait("HEALTH", status=2)
    assert bridge.wait("CREDIT", slots=0)
    bridge.wait("HEALTH", status=1, count=2)
    assert bridge.last("CREDIT")["slots"] == 200
    kinds = [k for _, k, _ in smsc.binds()]
    assert kinds.count(BIND_TRANSCEIVER) == 1 and kinds.count(BIND_RECEIVER) == 2


def test_the_pair_is_remembered_and_a_transceiver_probed_later(pair, smsc):
    bridge = pair(pair_probe_ms=600000)
    transmitter = next(c for c in smsc.connections if c.bound_as == BIND_TRANSMITTER)
    transmitter.close()
    wait_for(lambda: [k for _, k, _ in smsc.binds()].count(BIND_TRANSMITTER) == 2, 5, "it is bound again as it was")
    assert [k for _, k, _ in smsc.binds()].count(BIND_TRANSCEIVER) == 1
    bridge.session_state(OP, BOUND, bind_mode=TRANSMITTER)
    del smsc.handlers[BIND_TRANSCEIVER]  # the MNO has learnt it
    bridge.declare((OP, {"pair_probe_ms": 0}))
    next(c for c in smsc.connections if c.bound_as == BIND_TRANSMITTER and not c.closed.is_set()).close()
    bridge.session_state(OP, BOUND, bind_mode=TRANSCEIVER)
    receiver = next(c for c in smsc.connections if c.bound_as == BIND_RECEIVER)
    receiver.wait(UNBIND)
    assert bridge.wait("SESSION_GONE", bind_mode=RECEIVER) and bridge.wait("SESSION_GONE", bind_mode=TRANSMITTER)


def test_a_probe_that_fails_keeps_the_receiver(pair, smsc):
    bridge = pair(pair_probe_ms=0)
    next(c for c in smsc.connections if c.bound_as == BIND_TRANSMITTER).close()
    wait_for(lambda: [k for _, k, _ in smsc.binds()].count(BIND_TRANSMITTER) == 2, 5, "transmitter again")
    kinds = [k for _, k, _ in smsc.binds()]
    assert kinds.count(BIND_TRANSCEIVER) == 2 and kinds.count(BIND_RECEIVER) == 1
    bridge.wait("HEALTH", status=1, count=2)


def drop_it(c, p):
    c.close()


def unbind_it(c, p):
    c.request(UNBIND)


@pytest.mark.parametrize("refuse", [refusing(0x05), refusing(0x0D), None, drop_it, unbind_it],
                         ids=["already bound", "bind failed", "silence", "close", "unbind"])
def test_a_probe_may_fail_in_any_way(pair, smsc, refuse):
    """The receiver is still bound, and an MNO may allow one bind of a kind."""
    bridge = pair(pair_probe_ms=0, bind_timeout_ms=1000)
    smsc.handlers[BIND_TRANSCEIVER] = refuse
    next(c for c in smsc.connections if c.bound_as == BIND_TRANSMITTER).close()
    wait_for(lambda: [k for _, k, _ in smsc.binds()].count(BIND_TRANSMITTER) == 2, 5, "transmitter again")
    bridge.wait("HEALTH", status=1, count=2)
    assert bridge.outcome(bridge.submit(OP))["kind"] == ACCEPTED
    kinds = [k for _, k, _ in smsc.binds()]
    assert kinds.count(BIND_TRANSCEIVER) == 2 and kinds.count(BIND_RECEIVER) == 1


def test_a_pair_again_while_its_old_receiver_ends(pair, smsc):
    bridge = pair(pair_probe_ms=0)
    receiver = next(c for c in smsc.connections if c.bound_as == BIND_RECEIVER)
    del smsc.handlers[BIND_TRANSCEIVER]
    receiver.request(DELIVER_SM, receipt_body("99970000001", "Acme", "id:1 stat:DELIVRD"))
    held = bridge.wait("DELIVER")
    next(c for c in smsc.connections if c.bound_as == BIND_TRANSMITTER).close()
    bridge.session_state(OP, BOUND, bind_mode=TRANSCEIVER)
    bridge.wait("SESSION", bind_mode=RECEIVER, phase=b"draining")  # until the receipt is answered
    smsc.handlers[BIND_TRANSCEIVER] = refusing(0x03)
    next(c for c in smsc.connections if c.bound_as == BIND_TRANSCEIVER).close()
    bridge.session_state(OP, BOUND, bind_mode=TRANSMITTER)
    bound_before = len(bridge.all("HEALTH", status=1))
    bridge.send("DELIVER_DONE", id=held["id"], status=0)
    receiver.wait(UNBIND)
    bridge.wait("HEALTH", status=1, count=bound_before + 1)
    assert [k for _, k, _ in smsc.binds()].count(BIND_RECEIVER) == 2


def test_a_receiver_in_place_of_a_pair_keeps_its_row(pair, smsc):
    """The pair's own receiver says good-bye to an MNO that does not answer, beside the new one."""
    bridge = pair()
    smsc.handlers[UNBIND] = None
    bridge.credentials[OP] = {**bridge.credentials[OP], "bind_mode": RECEIVER}
    old = next(c for c in smsc.connections if c.bound_as == BIND_RECEIVER)
    next(c for c in smsc.connections if c.bound_as == BIND_TRANSMITTER).close()
    wait_for(lambda: [k for _, k, _ in smsc.binds()].count(BIND_RECEIVER) == 2, 5, "the new one binds")
    assert old.closed.wait(10), "and the old one is gone"
    bridge.wait("HEARTBEAT", count=2, since=len(bridge.records))
    last = [r for r in bridge.records if r["type"] in ("SESSION", "SESSION_GONE") and r["bind_mode"] == RECEIVER][-1]
    assert last["type"] == "SESSION" and last["state"] == BOUND


@pytest.mark.parametrize("configured", [True, False])
def test_other_statuses_mean_a_pair_only_where_configured(declared, smsc, configured):
    smsc.handlers[BIND_TRANSCEIVER] = refusing(0x04)
    bridge = declared(pair_on=b"\0\0\0\x04" if configured else b"")
    if configured:
        bridge.session_state(OP, BOUND, bind_mode=RECEIVER)
    else:
        wait_for(lambda: len(smsc.binds()) >= 3, 5, "it tries again")
        assert {k for _, k, _ in smsc.binds()} == {BIND_TRANSCEIVER}


# --- refused ------------------------------------------------------------------------------------


def test_already_bound_is_patience_and_no_alarm(declared, smsc):
    smsc.handlers[BIND_TRANSCEIVER] = refusing(0x05)
    bridge = declared()
    row = bridge.wait("SESSION", phase=b"backoff")
    assert row["refused_status"] == 5 and b"ESME_RALYBND" in row["reason"]
    bridge.wait("HEARTBEAT", count=3, since=len(bridge.records))
    assert len(smsc.binds()) == 1
    assert stat(bridge, BINDS_REFUSED) == 1 and stat(bridge, AUTH_FAILURES) == 0


@pytest.mark.parametrize("status", [0x0D, 0x0E, 0x0F])
def test_wrong_credentials_are_an_alarm_told_once(declared, smsc, status):
    smsc.handlers[BIND_TRANSCEIVER] = refusing(status)
    bridge = declared(auth_retry_min_ms=300)
    wait_for(lambda: stat(bridge, AUTH_FAILURES) >= 3, 10, "three refusals")
    times = [t for _, _, t in smsc.binds()]
    assert times[1] - times[0] >= 0.3 and times[2] - times[1] >= 0.6, "slower each time"
    assert [h["status"] for h in bridge.all("HEALTH")] == [2]
    del smsc.handlers[BIND_TRANSCEIVER]
    bridge.wait("HEALTH", status=1)


def test_credentials_that_are_refused_later_are_told_too(declared, smsc):
    bridge = declared(auth_retry_min_ms=200)
    c = smsc.wait_bound()
    smsc.handlers[BIND_TRANSCEIVER] = refusing(0x0E)
    c.close()
    wait_for(lambda: stat(bridge, AUTH_FAILURES) >= 2, 10, "two refusals")
    told = bridge.all("HEALTH")
    assert [(h["status"], h["previous"]) for h in told] == [(1, 0), (2, 1), (2, 2)]
    assert b"RINVPASWD" in told[2]["reason"] and b"RINVPASWD" not in told[1]["reason"]
    del smsc.handlers[BIND_TRANSCEIVER]
    bridge.wait("HEALTH", status=1, previous=2)


def test_what_a_bind_asks_for_changes_and_is_tried_at_once(declared, smsc):
    """Refused for its system_type, which no look at the credentials would heal."""
    def choosy(c, p):
        smsc.answer(c, p, 0 if b"\0VMS\0" in p.body else 0x53)
    smsc.handlers[BIND_TRANSCEIVER] = choosy
    bridge = declared(reconnect_min_ms=60000, reconnect_max_ms=60000)
    bridge.wait("SESSION", phase=b"backoff", refused_status=0x53)
    assert stat(bridge, AUTH_FAILURES) == 0
    bridge.declare((OP, {"reconnect_min_ms": 60000, "reconnect_max_ms": 60000, "window_size": 5}))
    bridge.wait("HEARTBEAT", count=2, since=len(bridge.records))
    assert len(smsc.binds()) == 1, "a window is nothing that a bind asks for"
    bridge.declare((OP, {"reconnect_min_ms": 60000, "reconnect_max_ms": 60000, "system_type": "VMS"}))
    bridge.session_state(OP, BOUND)


def test_no_credentials_back_off_and_live_binds_stay(declared, smsc):
    bridge = declared()
    c = smsc.wait_bound()
    answer = bridge.credentials[OP]
    bridge.credentials[OP] = {"ok": 0, "error": "the service is away"}
    bridge.send("REBIND", operator_id=OP, reason="asked for")
    wait_for(lambda: len(bridge.all("CREDENTIALS_WANTED")) >= 4, 10, "asked again and again")
    assert c.closed.is_set() and len(smsc.connections) == 1
    assert b"the service is away" in bridge.last("SESSION")["reason"] or bridge.all("SESSION", phase=b"backoff")
    bridge.credentials[OP] = answer
    smsc.wait_bound(after=1)


def test_a_bind_that_ends_at_once_is_no_tight_loop(declared, smsc):
    def brief(c, p):
        smsc.answer(c, p)
        c.close()
    smsc.handlers[BIND_TRANSCEIVER] = brief
    declared(reconnect_min_ms=300, reconnect_max_ms=60000, enquire_link_interval_ms=400)
    wait_for(lambda: len(smsc.binds()) >= 3, 10, "three binds")
    del smsc.handlers[BIND_TRANSCEIVER]
    c = smsc.wait_bound(after=3)
    times = [t for _, _, t in smsc.binds()]
    assert all(b - a >= pause for a, b, pause in zip(times, times[1:], (0.3, 0.6, 1.2))), "slower each time"
    ended = c.wait(ENQUIRE_LINK).at
    c.close()
    smsc.wait_bound(after=4)
    assert smsc.binds()[-1][2] - ended < 2.4, "one that stood makes them short again"


@pytest.mark.parametrize("how", ["generic_nack", "resp with body"])
def test_a_pair_however_the_transceiver_is_refused(declared, smsc, how):
    smsc.handlers[BIND_TRANSCEIVER] = lambda c, p: c.send(
        pdu(GENERIC_NACK if how == "generic_nack" else p.command | RESP, 0x03, p.sequence,
            b"" if how == "generic_nack" else b"mno\0"))
    bridge = declared()
    bridge.session_state(OP, BOUND, bind_mode=TRANSMITTER)
    bridge.session_state(OP, BOUND, bind_mode=RECEIVER)


def test_what_an_operator_wants_in_its_bind(declared, smsc):
    def with_version(c, p):
        c.bound_as = p.command
        c.send(pdu(p.command | RESP, 0, p.sequence, b"mno\0" + tlv(0x0210, b"\x34")))
    smsc.handlers[BIND_TRANSCEIVER] = with_version
    bridge = declared(system_type="VMS", address_range="^9997", addr_ton=1, addr_npi=8)
    row = bridge.session_state(OP, BOUND)
    assert row["sc_interface_version"] == 0x34
    p = smsc.connections[0].received[0]
    assert p.body == b"smsgw0001\0s3cr3tpw\0VMS\0" + bytes([0x34, 1, 8]) + b"^9997\0"


def test_work_goes_where_the_window_has_most_room(declared, smsc):
    """Two binds, one of them with an MNO that does not answer: the other one takes what comes."""
    deaf = []

    def first_is_deaf(c, p):
        deaf[:] = deaf or [c]
        if c is not deaf[0]:
            smsc.answer(c, p)
    smsc.handlers[SUBMIT_SM] = first_is_deaf
    bridge = declared(binds=2, window_size=20)
    bridge.wait("CREDIT", slots=80)
    keys = [bridge.submit(OP) for _ in range(80)]
    wait_for(lambda: len(smsc.submits()) == len(keys), 10, "all are sent")
    kept = deaf[0].count(SUBMIT_SM)
    assert kept <= 20
    wait_for(lambda: len(bridge.all("OUTCOME")) == len(keys) - kept, 10, "all but what one window holds")


def test_a_refusal_stays_known_after_the_bind(declared, smsc):
    smsc.handlers[BIND_TRANSCEIVER] = refusing(0x08)
    bridge = declared()
    bridge.wait("SESSION", refused_status=8)
    del smsc.handlers[BIND_TRANSCEIVER]
    row = bridge.session_state(OP, BOUND)
    assert row["refused_status"] == 8 and abs(row["refused_ms"] / 1000 - time.time()) < 10
    assert row["bytes_sent"] > 16 and row["bytes_received"] > 16


# --- alive --------------------------------------------------------------------------------------


def test_unbind_of_the_mno_waits_for_the_window_but_not_for_ever(declared, smsc):
    kept = []
    smsc.handlers[SUBMIT_SM] = lambda c, p: kept.append((c, p))
    bridge = declared()
    bridge.wait("CREDIT", slots=200)
    key = bridge.submit(OP)
    wait_for(lambda: kept, 5, "it is at the MNO")
    c = kept[0][0]
    sequence = c.request(UNBIND)
    bridge.wait("SESSION", phase=b"peer_unbinding")
    c.request(ENQUIRE_LINK, sequence=99)
    c.wait(ENQUIRE_LINK | RESP, sequence=99)
    assert c.count(UNBIND | RESP) == 0
    smsc.answer(*kept[0])
    assert bridge.outcome(key)["kind"] == ACCEPTED
    c.wait(UNBIND | RESP, sequence=sequence)
    assert c.closed.wait(5)
    smsc.wait_bound(after=1)


def test_a_good_bye_waits_for_old_receipts_and_not_for_new_ones(declared, smsc):
    kept = []
    smsc.handlers[SUBMIT_SM] = lambda c, p: kept.append((c, p))
    bridge = declared()
    bridge.wait("CREDIT", slots=200)
    key = bridge.submit(OP)
    wait_for(lambda: kept, 5, "it is at the MNO")
    c = kept[0][0]
    body = receipt_body("99970000001", "Acme", "id:1 stat:DELIVRD")
    c.request(DELIVER_SM, body, sequence=1)
    old = bridge.wait("DELIVER")
    bridge.send("REBIND", operator_id=OP, reason="asked for")
    bridge.wait("SESSION", phase=b"rebind_draining")
    c.request(DELIVER_SM, body, sequence=2)
    new = bridge.wait("DELIVER", count=2)
    smsc.answer(*kept[0])
    bridge.outcome(key)
    assert c.count(UNBIND) == 0
    bridge.send("DELIVER_DONE", id=new["id"], status=0)
    assert c.wait(DELIVER_SM | RESP, sequence=2).status == 0 and c.count(UNBIND) == 0
    c.request(DELIVER_SM, body, sequence=3)
    bridge.wait("DELIVER", count=3)
    bridge.send("DELIVER_DONE", id=old["id"], status=0)
    assert c.wait(DELIVER_SM | RESP, sequence=1).status == 0
    c.wait(UNBIND, timeout=2)
    smsc.wait_bound(after=1)


def test_fewer_and_more_binds_live(declared, smsc):
    bridge = declared(binds=3)
    for n in range(3):
        bridge.session_state(OP, BOUND, bind=n)
    bridge.declare((OP, {"binds": 1}))
    wait_for(lambda: sum(c.count(UNBIND) for c in smsc.connections) == 2, 5, "two unbind")
    wait_for(lambda: {r["bind"] for r in bridge.all("SESSION_GONE")} == {1, 2}, 5, "their rows are gone")
    assert bridge.last("CREDIT")["slots"] == 200
    bridge.declare((OP, {"binds": 2}))
    smsc.wait_bound(after=3)
    wait_for(lambda: bridge.last("CREDIT")["slots"] == 400, 5, "credit of two")


def test_one_bind_is_rebound_or_all(declared, smsc):
    bridge = declared(binds=2)
    for n in range(2):
        bridge.session_state(OP, BOUND, bind=n)
    bridge.send("REBIND", operator_id=OP, reason="this one", bind_plus_1=2)
    bridge.wait("SESSION", bind=1, phase=b"rebind_unbinding")
    smsc.wait_bound(after=2)
    assert sum(c.count(UNBIND) for c in smsc.connections) == 1
    assert not bridge.all("SESSION", bind=0, phase=b"rebind_unbinding")
    bridge.session_state(OP, BOUND, bind=1)
    bridge.send("REBIND", operator_id=OP, reason="all of them")
    wait_for(lambda: sum(c.count(UNBIND) for c in smsc.connections) == 3, 5, "both unbind")


def test_no_heartbeat_before_the_bind_stands(declared, smsc):
    unanswered = []
    smsc.handlers[BIND_TRANSCEIVER] = lambda c, p: unanswered.append((c, p))
    bridge = declared(enquire_link_interval_ms=100)
    wait_for(lambda: unanswered, 5, "it asks for a bind")
    c, p = unanswered[0]
    bridge.declare((OP, {"enquire_link_interval_ms": 50}))
    bridge.wait("HEARTBEAT", count=2, since=len(bridge.records))
    assert c.count(ENQUIRE_LINK) == 0
    smsc.answer(c, p)
    c.wait(ENQUIRE_LINK)


def test_window_and_timers_change_without_a_rebind(declared, smsc):
    bridge = declared()
    bridge.session_state(OP, BOUND)
    bridge.declare((OP, {"window_size": 7, "enquire_link_interval_ms": 100}))
    bridge.wait("CREDIT", slots=14)
    c = smsc.connections[0]
    wait_for(lambda: c.count(ENQUIRE_LINK) >= 3, 5, "heartbeats at the new pace")
    assert len(smsc.connections) == 1


def test_a_reader_that_stops_costs_only_itself(agent, declared, smsc):
    """The MNO's socket is not read any more: output stays bounded, the heartbeat ends the bind."""
    healthy = Smsc()
    try:
        bridge = declared(enquire_link_interval_ms=1000, enquire_link_timeout_ms=1500, window_size=5000)
        bridge.credentials[OTHER] = {"port": healthy.port}
        bridge.declare((OTHER, {}))
        bridge.send("PACE", operator_id=OTHER, per_second=1000)
        bridge.session_state(OP, BOUND)
        wait_for(lambda: healthy.wait_bound(), 5, "the other one is bound")
        gate = threading.Event()
        smsc.handlers[SUBMIT_SM] = lambda c, p: gate.wait(20)  # the thread that reads stands still
        body = submit_body() + b"\x04\x24\x80\x00" + b"x" * 0x8000
        for _ in range(400):
            bridge.submit(OP, body=body)
        bridge.wait("HEALTH", operator_id=OP, status=2, timeout=15)
        assert _rss_kib(agent) < 120 * 1024
        for _ in range(20):
            assert bridge.outcome(bridge.submit(OTHER))["kind"] == ACCEPTED
        gate.set()
    finally:
        healthy.close()


def _rss_kib(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
