"""Everything an MNO can do to a bind: survived, and shown. The MNO is scripted, byte by byte."""
import json
import re
import struct
import time

import pytest

from harness.process import Deadline, wait_for
from harness.smsc import (ALERT_NOTIFICATION, BIND_RECEIVER, BIND_TRANSCEIVER, BIND_TRANSMITTER, DATA_SM, DELIVER_SM,
                          ENQUIRE_LINK, GENERIC_NACK, RESP, SUBMIT_SM, UNBIND, Smsc, cstring, pdu, receipt_body, tlv)

FAST = {"RECONNECT_MIN_MS": 200, "RECONNECT_MAX_MS": 800, "BIND_TIMEOUT_MS": 1500, "SUBMIT_TIMEOUT_MS": 2000,
        "AUTH_RETRY_MIN_MS": 2000}
HEARTBEAT = {"ENQUIRE_LINK_INTERVAL_MS": 2000, "ENQUIRE_LINK_TIMEOUT_MS": 2000}  # only where it is what is tested


@pytest.fixture
def scripted(make_stack, smsc):
    """scripted(…) starts a stack bound to the scripted MNO."""
    def start(ready=True, bridge_settings=None, **kwargs):
        stack = make_stack(mno_address=("127.0.0.1", smsc.port),
                           bridge_settings={**FAST, **(bridge_settings or {})}, **kwargs)
        return stack.start(ready=ready)
    return start


def row(stack, i=0):
    return stack.bridge.sessions()[i]


def wait_state(stack, state, timeout=10):
    wait_for(lambda: [r["state"] for r in stack.bridge.sessions()] == [state], timeout,
             f"/sessions shows {state}", 0.02)


# --- bind ---------------------------------------------------------------------------------------


def test_bind_transceiver_with_the_fields_of_the_contract(scripted, smsc):
    stack = scripted(operator_settings={})
    (c,) = smsc.connections
    p = c.received[0]
    assert p.command == BIND_TRANSCEIVER and p.status == 0
    system_id, password, system_type, rest = p.body.split(b"\0", 3)
    assert (system_id, password, system_type) == (b"smsgw0001", b"s3cr3tpw", b"")
    assert rest[0] == 0x34
    assert row(stack)["bindMode"] == "TRANSCEIVER"


def test_pair_when_the_mno_knows_no_transceiver(scripted, smsc):
    smsc.handlers[BIND_TRANSCEIVER] = lambda c, p: smsc.answer(c, p, status=0x03)
    stack = scripted()
    rows = stack.bridge.sessions()
    assert sorted(r["bindMode"] for r in rows) == ["RECEIVER", "TRANSMITTER"]
    assert {r["state"] for r in rows} == {"BOUND"}
    kinds = [k for _, k, _ in smsc.binds()]
    assert sorted(kinds) == [BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER]
    stack.send(3)
    stack.wait_acknowledged()
    assert [c.bound_as for c in smsc.connections if c.count(SUBMIT_SM)] == [BIND_TRANSMITTER]


@pytest.mark.parametrize("mode,command", [("TRANSMITTER", BIND_TRANSMITTER), ("RECEIVER", BIND_RECEIVER)])
def test_bind_mode_of_the_credentials(scripted, smsc, mode, command):
    from harness.stack import operator_id
    stack = scripted(credentials={operator_id(1): {"bindMode": mode}})
    assert [k for _, k, _ in smsc.binds()] == [command]
    assert row(stack)["bindMode"] == mode


def test_another_bind_mode_applies_at_the_next_bind(scripted, smsc):
    stack = scripted()
    for mode, command in (("TRANSMITTER", BIND_TRANSMITTER), ("RECEIVER", BIND_RECEIVER),
                          ("TRANSCEIVER", BIND_TRANSCEIVER)):
        c = smsc.wait_bound()
        stack.mgmt.change(stack.ids[0], bindMode=mode)
        c.close()
        wait_for(lambda: [(r["bindMode"], r["state"]) for r in stack.bridge.sessions()] == [(mode, "BOUND")], 15,
                 f"bound as {mode}, and no other row is left")
        assert smsc.binds()[-1][1] == command
    assert len(smsc.binds()) == 4


def test_parallel_binds_share_the_work(scripted, smsc):
    stack = scripted(bridge_settings={"BINDS": 3, "SUBMIT_TIMEOUT_MS": 20000})
    wait_for(lambda: sum(1 for c in smsc.connections if c.bound_as) == 3, 10, "three binds")
    wait_for(lambda: [r["state"] for r in stack.bridge.sessions()] == ["BOUND"] * 3, 10, "three rows")
    kept = []
    smsc.handlers[SUBMIT_SM] = lambda c, p: kept.append((c, p))
    stack.send(150, text=lambda i: f"Number {i}")
    wait_for(lambda: len(kept) == 150, 20, "all are sent before the first is answered")
    assert all(c.count(SUBMIT_SM) >= 30 for c in smsc.connections), [c.count(SUBMIT_SM) for c in smsc.connections]
    for c, p in kept:
        smsc.answer(c, p)
    stack.wait_acknowledged()


# --- refused ------------------------------------------------------------------------------------


def test_wrong_password_is_tried_slowly_and_told_once(scripted, smsc):
    smsc.handlers[BIND_TRANSCEIVER] = lambda c, p: smsc.answer(c, p, status=0x0E)
    stack = scripted(ready=False)
    wait_for(lambda: len(smsc.binds()) >= 3, 25, "three tries")
    times = [t for _, _, t in smsc.binds()]
    assert times[1] - times[0] >= 2.0 and times[2] - times[1] >= 4.0
    assert stack.bridge.http("/ready")[0] == 503
    assert row(stack)["state"] in ("DISCONNECTED", "CONNECTING")


def test_wrong_password_is_tried_at_once_when_the_credentials_change(scripted, smsc):
    """And not when they are looked at and have not changed: those of the second operator."""
    smsc.handlers[BIND_TRANSCEIVER] = lambda c, p: smsc.answer(
        c, p, status=0 if b"newpass" in p.body else 0x0E)
    stack = scripted(ready=False, operators=2, bridge_settings={"AUTH_RETRY_MIN_MS": 600000})
    wait_for(lambda: len(smsc.binds()) == 2, 10, "the first tries")
    stack.mgmt.change(stack.ids[0], password="newpass")

    def looks(n):
        return sum(f'"operatorId":"{stack.ids[n]}"' in line for line in stack.mgmt.lines)
    wait_for(lambda: looks(0) >= 2 and looks(1) >= 2, 75, "both are looked at", 0.1)
    wait_for(lambda: {r["operatorId"]: r["state"] for r in stack.bridge.sessions()} == {
        stack.ids[0]: "BOUND", stack.ids[1]: "DISCONNECTED"}, 10, "one is bound")
    binds = [p.body.split(b"\0")[0] for c in smsc.connections for p in c.received if p.command == BIND_TRANSCEIVER]
    assert sorted(binds) == [b"smsgw0001", b"smsgw0001", b"smsgw0002"]


def test_transient_refusals_back_off(scripted, smsc):
    refuse = [0x08, 0x08, 0x08]
    smsc.handlers[BIND_TRANSCEIVER] = lambda c, p: smsc.answer(c, p, refuse.pop() if refuse else 0)
    stack = scripted()
    times = [t for _, _, t in smsc.binds()]
    gaps = [b - a for a, b in zip(times, times[1:])]
    assert len(gaps) == 3
    assert gaps[0] >= 0.2 and gaps[1] >= 0.4 and gaps[2] >= 0.8
    wait_for(lambda: row(stack)["reconnectAttempts"] == 0, 5, "the count is reset by a bind")


def test_credentials_are_fetched_for_every_attempt(scripted, smsc):
    refuse = [0x08, 0x08]
    smsc.handlers[BIND_TRANSCEIVER] = lambda c, p: smsc.answer(c, p, refuse.pop() if refuse else 0)
    stack = scripted()
    wait_for(lambda: sum('"status":' in line.replace(" ", "") for line in stack.mgmt.lines) >= 3, 5, "three fetches")


def test_no_bind_response(scripted, smsc):
    silent = [True]
    smsc.handlers[BIND_TRANSCEIVER] = lambda c, p: None if silent[0] else smsc.answer(c, p)
    stack = scripted(ready=False)
    wait_for(lambda: len(smsc.connections) >= 2, 10, "a second try after the bind's time-out")
    assert smsc.connections[0].closed.wait(5)
    silent[0] = False
    stack.bridge.wait_ready()


# --- alive --------------------------------------------------------------------------------------


def test_enquire_link_both_ways_whatever_the_traffic(scripted, smsc):
    stack = scripted(bridge_settings=HEARTBEAT)
    c = smsc.wait_bound()
    sequence = c.request(ENQUIRE_LINK, sequence=0xFFFFFFF0)
    assert c.wait(ENQUIRE_LINK | RESP, sequence=sequence).status == 0
    stack.send(50)
    c.wait(ENQUIRE_LINK, timeout=5)
    wait_for(lambda: c.count(ENQUIRE_LINK) >= 3, 15, "three of our own")


def test_unanswered_enquire_link_ends_the_bind(scripted, smsc):
    stack = scripted(bridge_settings=HEARTBEAT)
    c = smsc.wait_bound()
    smsc.handlers[ENQUIRE_LINK] = None
    assert c.closed.wait(15)
    del smsc.handlers[ENQUIRE_LINK]
    smsc.wait_bound(after=1)
    wait_state(stack, "BOUND")
    wait_for(lambda: stack.bridge.metric("smpp_connector_enquire_link_timeout_total") == 1, 5, "it is counted")
    statuses = wait_for(lambda: (lambda s: s if len(s) >= 3 else None)([e["status"] for e in stack.health_events()]),
                        10, "three health events")
    assert statuses == ["BOUND", "UNBOUND", "BOUND"]


def test_unbind_from_the_mno_is_answered_and_followed_by_a_new_bind(scripted, smsc):
    stack = scripted()
    c = smsc.wait_bound()
    sequence = c.request(UNBIND)
    c.wait(UNBIND | RESP, sequence=sequence)
    smsc.wait_bound(after=1)
    wait_state(stack, "BOUND")


def test_our_unbind_comes_after_the_window_is_empty(scripted, smsc):
    kept = []
    smsc.handlers[SUBMIT_SM] = lambda c, p: kept.append((c, p))
    stack = scripted(bridge_settings={"SUBMIT_TIMEOUT_MS": 20000})
    stack.send(5)
    wait_for(lambda: len(kept) == 5, 10, "five submits")
    stack.agent.send_signal(15)
    c = smsc.connections[0]
    with pytest.raises(Deadline):
        c.wait(UNBIND, timeout=1.5)
    for connection, p in kept:
        smsc.answer(connection, p)
    c.wait(UNBIND, timeout=5)
    assert stack.agent.wait() == 0


def test_paused_agent_believes_no_timer_before_reading(scripted, smsc):
    """The answer comes while the agent sleeps; when it wakes its time-out has passed."""
    stack = scripted(bridge_settings=HEARTBEAT)
    c = smsc.wait_bound()
    kept = []
    smsc.handlers[ENQUIRE_LINK] = lambda connection, p: kept.append((connection, p))
    wait_for(lambda: kept, 5, "a heartbeat")
    stack.agent.pause()
    try:
        del smsc.handlers[ENQUIRE_LINK]
        for connection, p in kept:
            smsc.answer(connection, p)
        asleep = kept[0][1].at + 2.5
        wait_for(lambda: time.monotonic() > asleep, 5, "the time-out has passed")
    finally:
        stack.agent.resume()
    wait_for(lambda: c.count(ENQUIRE_LINK) >= 3, 15, "heartbeats go on")
    assert len(smsc.connections) == 1


# --- on the wire --------------------------------------------------------------------------------


def test_answers_cut_at_every_octet_and_packed(scripted, smsc):
    def in_pieces(c, p):
        c.send_in_pieces(pdu(SUBMIT_SM | RESP, 0, p.sequence, cstring(f"piece{p.sequence}")))
    smsc.handlers[SUBMIT_SM] = in_pieces
    stack = scripted()
    stack.send(20)
    stack.wait_acknowledged()
    kept = []
    smsc.handlers[SUBMIT_SM] = lambda c, p: kept.append(p)
    stack.send(20, text="packed")
    wait_for(lambda: len(kept) == 20, 10, "twenty more")
    c = smsc.connections[0]
    c.send(b"".join(pdu(SUBMIT_SM | RESP, 0, p.sequence, cstring(f"packed{p.sequence}")) for p in reversed(kept)))
    stack.wait_acknowledged()
    assert len(smsc.connections) == 1


@pytest.mark.parametrize("raw", [struct.pack(">IIII", n, ENQUIRE_LINK, 0, 1) for n in (0, 1, 15, 0x7FFFFFFF, 0xFFFFFFFF)]
                         + [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_nonsense_lengths_cost_that_session_only(scripted, smsc, raw):
    stack = scripted()
    c = smsc.wait_bound()
    c.send(raw)
    assert c.closed.wait(5)
    nack = c.wait(GENERIC_NACK, timeout=2)
    assert nack.status == 0x02 and nack.sequence == 0
    smsc.wait_bound(after=1)
    wait_state(stack, "BOUND")
    stack.send(1)
    stack.wait_acknowledged()


def test_unknown_command_is_nacked_and_the_session_lives(scripted, smsc):
    scripted()
    c = smsc.wait_bound()
    c.request(0x00000777, b"whatever", sequence=77)
    nack = c.wait(GENERIC_NACK, sequence=77)
    assert nack.status == 0x03
    c.send(pdu(0x80000777, 0, 78))  # an unknown answer is only noted
    c.request(ENQUIRE_LINK, sequence=79)
    c.wait(ENQUIRE_LINK | RESP, sequence=79)
    assert not c.closed.is_set() and c.count(GENERIC_NACK) == 1


def test_twice_stray_and_bodyless_answers(scripted, smsc):
    def odd(c, p):
        c.send(pdu(SUBMIT_SM | RESP, 0, p.sequence ^ 0x40000000, b"stray\0"))
        c.send(pdu(SUBMIT_SM | RESP, 0, p.sequence, cstring(f"id{p.sequence}")) * 2)
    smsc.handlers[SUBMIT_SM] = odd
    stack = scripted()
    stack.send(10)
    stack.wait_acknowledged()
    smsc.handlers[SUBMIT_SM] = lambda c, p: c.send(pdu(SUBMIT_SM | RESP, 0, p.sequence))
    stack.send(10, text="no body")
    stack.wait_acknowledged()
    smsc.handlers[SUBMIT_SM] = lambda c, p: c.send(
        pdu(SUBMIT_SM | RESP, 0x0B, p.sequence, b"\0" + tlv(0x001D, b"no such number")))
    ids = stack.send(3, text="refused")
    stack.wait_acknowledged()
    events = {e["messageId"]: e for e in stack.dlr_events()}
    assert all(events[i]["status"] == "REJECTED" for i in ids)
    assert len(smsc.submits()) == 23 and len(smsc.connections) == 1


def test_generic_nack_completes_the_request_it_names(scripted, smsc):
    smsc.handlers[SUBMIT_SM] = lambda c, p: c.send(pdu(GENERIC_NACK, 0x0B, p.sequence))
    stack = scripted()
    (message_id,) = stack.send(1)
    stack.wait_acknowledged()
    assert [(e["messageId"], e["status"]) for e in stack.dlr_events()] == [(message_id, "REJECTED")]


def test_receipt_packed_with_the_bind_response(scripted, smsc):
    def bind(c, p):
        c.bound_as = p.command
        c.send(pdu(p.command | RESP, 0, p.sequence, b"mno\0") + pdu(
            DELIVER_SM, 0, 500, receipt_body("99970000001", "Acme", "id:77 stat:DELIVRD err:000")))
    smsc.handlers[BIND_TRANSCEIVER] = bind
    stack = scripted()
    events = wait_for(stack.dlr_events, 10, "its event")
    assert events[0]["operatorMessageId"] == "77" and events[0]["messageId"] is None
    assert smsc.connections[0].wait(DELIVER_SM | RESP, sequence=500).status == 0


def test_data_sm_and_alert_notification(scripted, smsc):
    stack = scripted()
    c = smsc.wait_bound()
    c.request(ALERT_NOTIFICATION, b"\1\1" + cstring("99970000001") + b"\0\0" + cstring("Acme"), sequence=900)
    body = (b"\0" + b"\1\1" + cstring("99970000001") + b"\0\0" + cstring("Acme") + bytes([0x04, 0, 0])
            + tlv(0x001E, b"88\0") + tlv(0x0427, b"\2"))
    c.request(DATA_SM, body, sequence=901)
    assert c.wait(DATA_SM | RESP, sequence=901).status == 0
    events = wait_for(stack.dlr_events, 10, "its event")
    assert (events[0]["operatorMessageId"], events[0]["status"]) == ("88", "DELIVERED")
    assert not c.closed.is_set()


def test_sequence_numbers_of_the_mno_are_echoed(scripted, smsc):
    scripted()
    c = smsc.wait_bound()
    for sequence in (0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
        c.request(ENQUIRE_LINK, sequence=sequence)
        c.wait(ENQUIRE_LINK | RESP, sequence=sequence)


def test_malformed_deliver_sm_is_refused_and_the_session_lives(scripted, smsc):
    stack = scripted()
    c = smsc.wait_bound()
    body = receipt_body("99970000001", "Acme", "id:1 stat:DELIVRD")
    cut = body[:-5]
    c.request(DELIVER_SM, cut, sequence=321)
    answer = c.wait(DELIVER_SM | RESP, sequence=321)
    assert answer.status != 0
    c.request(DELIVER_SM, body, sequence=322)
    assert c.wait(DELIVER_SM | RESP, sequence=322).status == 0
    assert stack.agent.alive() and stack.bridge.alive()


# --- outcomes -----------------------------------------------------------------------------------


def test_unanswered_submit_is_unknown_and_sent_again_at_most_once(scripted, smsc):
    smsc.handlers[SUBMIT_SM] = None
    stack = scripted()
    from harness.stack import now_iso
    (message_id,) = stack.send(1, expiresAt=now_iso(20))
    wait_for(lambda: len(smsc.submits()) == 2, 30, "the second try")
    events = wait_for(stack.dlr_events, 30, "an event")
    assert [(e["messageId"], e["source"]) for e in events] == [(message_id, "CONNECTOR")]
    assert events[0]["status"] in ("UNKNOWN", "EXPIRED")
    stack.wait_acknowledged()
    assert len(smsc.submits()) == 2


def test_late_answer_still_settles(scripted, smsc):
    kept = []
    smsc.handlers[SUBMIT_SM] = lambda c, p: kept.append((c, p))
    stack = scripted()
    stack.send(1)
    wait_for(lambda: kept, 10, "the submit")
    wait_for(lambda: stack.bridge.metric("smpp_connector_submit_unknown_total") >= 1, 10, "it is counted as unknown")
    smsc.answer(*kept[0])
    stack.wait_acknowledged()
    assert len(smsc.submits()) == 1


# --- operators come and go -----------------------------------------------------------------------


def test_operators_come_and_go_without_touching_the_others(make_stack):
    stack = make_stack(operators=3, bridge_settings=FAST)
    all_ids = stack.ids
    stack.start_servers()
    stack.start_mno()
    stack.agent.start()
    stack.bridge = stack.make_bridge()
    stack.write_operators(all_ids[:2])
    stack.bridge.start()
    stack.bridge.wait_ready()
    before = {r["operatorId"]: r["lastBoundAt"] for r in stack.bridge.sessions()}
    assert set(before) == set(all_ids[:2])
    stack.write_operators(all_ids[1:])
    wait_for(lambda: {r["operatorId"] for r in stack.bridge.sessions()} == set(all_ids[1:])
             and all(r["state"] == "BOUND" for r in stack.bridge.sessions()), 20, "the new set is bound", 0.05)
    after = {r["operatorId"]: r["lastBoundAt"] for r in stack.bridge.sessions()}
    assert after[all_ids[1]] == before[all_ids[1]]
    wait_for(lambda: stack.mno.stats()["unbinds"] == 1, 10, "the removed one unbound")
    with open(stack.operators_path, "w", encoding="utf-8") as f:
        f.write('{"operators": []}')
    since = len(stack.bridge.lines)
    stack.bridge.wait_line("operators", timeout=15, since=since)
    assert {r["operatorId"] for r in stack.bridge.sessions()} == set(all_ids[1:])
    assert stack.mno.stats()["binds"] == 3


def test_details_for_an_engineer_at_3_am(scripted, smsc):
    refuse = [0x08]
    smsc.handlers[BIND_TRANSCEIVER] = lambda c, p: smsc.answer(c, p, refuse.pop() if refuse else 0)
    stack = scripted(bridge_settings={**HEARTBEAT, "WINDOW_SIZE": 3, "SUBMIT_TIMEOUT_MS": 60000}, tps=500)
    smsc.handlers[SUBMIT_SM] = None
    stack.send(5)
    path = "/sessions/" + stack.ids[0]

    def settled():
        d = stack.bridge.json(path)
        b = d["binds"][0]
        full = b["windowUsed"] == 3 and d["commands"]["queuedAtAgent"] == 2
        told_both = d["bytesSent"] >= b["bytesSent"]  # the operator's numbers come once a second, a bind's with its news
        return d if full and told_both and b["enquireLinkRoundTripMs"] and not d["tps"]["current"] else None
    detail = wait_for(settled, 15, "a full window, a queue behind it, a heartbeat and a quiet second", 0.1)
    (bind,) = detail["binds"]
    assert (bind["state"], bind["phase"], bind["bindMode"], bind["bind"]) == ("BOUND", "bound", "TRANSCEIVER", 0)
    assert bind["reason"].startswith("bound with 127.0.0.1:") and bind["peer"] == f"127.0.0.1:{smsc.port}"
    assert bind["since"] == bind["lastBoundAt"] == row(stack)["lastBoundAt"]
    assert bind["lastRefusal"]["status"] == "0x00000008" and bind["lastRefusal"]["name"] == "ESME_RSYSERR"
    assert bind["lastRefusal"]["at"] <= bind["since"] and bind["reconnectAttempts"] == 0
    assert (bind["windowLimit"], bind["windowUsed"]) == (3, 3)
    assert 0 < bind["enquireLinkRoundTripMs"] < 1000
    assert bind["bytesSent"] > 3 * 50 and bind["bytesReceived"] > 16
    assert bind["tls"] is bind["tlsPeer"] is bind["tlsPeerExpiresAt"] is None
    assert detail["commands"]["atAgent"] == 5 and detail["notSendingBecause"] == "window"
    assert detail["tps"]["limit"] == detail["credentials"]["tpsLimit"] == 500
    assert detail["tps"]["peak"] == 3
    fetched = detail["credentials"]["fetchedAt"]
    assert fetched <= bind["since"] and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", fetched)
    assert detail["credentials"]["lastError"] is None and detail["health"] == "BOUND"
    assert "s3cr3tpw" not in json.dumps(detail)
    assert stack.bridge.http("/sessions/11111111-2222-4333-8444-555555555555")[0] == 404


def test_what_is_shown_while_the_mno_refuses(scripted, smsc):
    smsc.handlers[BIND_TRANSCEIVER] = lambda c, p: smsc.answer(c, p, 0x0E)
    stack = scripted(ready=False)

    def refused():
        binds = stack.bridge.json("/sessions/" + stack.ids[0])["binds"] if stack.bridge.sessions() else []
        return binds[0] if binds and binds[0]["lastRefusal"] and binds[0]["phase"] == "backoff" else None
    bind = wait_for(refused, 15, "a refusal", 0.05)
    assert bind["state"] == "DISCONNECTED" and bind["lastBoundAt"] is None
    assert bind["lastRefusal"]["name"] == "ESME_RINVPASWD" and "ESME_RINVPASWD" in bind["reason"]
    assert bind["enquireLinkRoundTripMs"] is None and bind["reconnectAttempts"] >= 1
    wait_for(lambda: stack.bridge.metric("smpp_connector_bind_auth_failures_total") >= 2, 15, "it is counted", 0.1)
    assert [e["status"] for e in stack.health_events()] == ["UNBOUND"], "told once"
