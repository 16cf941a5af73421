"""Traffic of an operator that is not bound goes to its backup, and comes back."""
import json
import threading
import time
import uuid

import pytest

from harness.fake_agent import FakeAgent
from harness.fake_bridge import ACCEPTED, TRANSCEIVER
from harness.ipc import now_ms, record
from harness.process import wait_for
from harness.smsc import BIND_RECEIVER, BIND_TRANSCEIVER, BIND_TRANSMITTER, SUBMIT_SM, Smsc
from harness.stack import command, now_iso, operator_id

FAST = {"RECONNECT_MIN_MS": 300, "RECONNECT_MAX_MS": 600, "FAILOVER_AFTER_MS": 1500, "SUBMIT_TIMEOUT_MS": 1500}


@pytest.fixture
def start_pair(make_stack):
    """Operator A on a scripted MNO with operator B, on the simulator, as its backup."""
    made = []

    def start(smsc=None, backup_of_backup=None, warm_up=(0, 1), operator_settings=None, **settings):
        smsc = smsc or Smsc()
        credentials = {operator_id(1): {"host": "127.0.0.1", "port": smsc.port, "backupOperatorId": operator_id(2)},
                       operator_id(2): {"backupOperatorId": backup_of_backup}}
        stack = make_stack(operators=2, credentials=credentials, bridge_settings={**FAST, **settings},
                           operator_settings=operator_settings, mno_options=["--detect-duplicates", "text"]).start()
        for i in warm_up:
            stack.send(1, operator=i, text="warm-up")
        stack.wait_acknowledged()
        stack.smsc = smsc
        made.append(stack)
        return stack
    yield start
    for stack in made:
        stack.smsc.close()


@pytest.fixture
def pair(start_pair):
    return start_pair()


def take_away(stack):
    port = stack.smsc.port
    stack.smsc.close()
    return port


def bring_back(stack, port):
    stack.smsc = Smsc(port=port)


def statuses(stack):
    return [e["status"] for e in stack.health_events() if e["operatorId"] == stack.ids[0]]


def detail(stack, operator=0):
    return stack.bridge.json("/sessions/" + stack.ids[operator])


def state(stack, operator=0):
    return next((r["state"] for r in stack.bridge.sessions() if r["operatorId"] == stack.ids[operator]), None)


def test_there_and_back(pair):
    """NATS stands still when the copies are to be made: FAILBACK lasts until they are stored."""
    stack = pair
    before = stack.mno.stats()["submits"]
    port = take_away(stack)
    ids = stack.send(40, operator=0, text=lambda i: f"number {i}")
    wait_for(lambda: detail(stack)["commands"]["fetched"] == 40, 10, "they wait")
    assert detail(stack)["notSendingBecause"] == "unbound"
    stack.nats.pause()
    stack.bridge.wait_line("traffic goes to the backup")
    bring_back(stack, port)
    wait_for(lambda: state(stack) == "FAILBACK", 20, "bound, and its traffic is elsewhere")
    stack.nats.resume()
    wait_for(lambda: stack.mno.stats()["submits"] == before + 40, 20, "the backup sends them", 0.05)
    stack.wait_acknowledged()
    events = wait_for(lambda: (lambda e: e if len(e) >= 40 else None)(
        [e for e in stack.dlr_events() if e["messageId"] in ids]), 20, "40 events", 0.1)
    assert {e["operatorId"] for e in events} == {stack.ids[1]}
    assert {e["originalOperatorId"] for e in events} == {stack.ids[0]}
    wait_for(lambda: state(stack) == "BOUND", 20, "traffic comes back")
    wait_for(lambda: len(statuses(stack)) == 4, 20, "the health events", 0.1)
    assert [(e["status"], e["previousStatus"]) for e in stack.health_events() if e["operatorId"] == stack.ids[0]] == [
        ("BOUND", None), ("UNBOUND", "BOUND"), ("FAILBACK", "UNBOUND"), ("BOUND", "FAILBACK")]
    stack.send(5, operator=0)
    wait_for(lambda: len(stack.smsc.submits()) == 5, 20, "traffic is back")
    stack.wait_acknowledged()
    assert stack.mno.stats()["duplicates"] == 0


def test_a_name_in_escapes_is_copied_too(pair):
    stack = pair
    before = stack.mno.stats()["submits"]
    take_away(stack)
    document = json.dumps(command(stack.ids[0])).replace('"operatorId"', '"operator\\u0049d"')
    stack.client.store(f"smpp.operator.{stack.ids[0]}", document)
    wait_for(lambda: stack.mno.stats()["submits"] == before + 1, 20, "the backup sends it", 0.05)
    stack.wait_acknowledged()
    assert stack.bridge.alive()


def test_copies_that_can_not_be_stored(start_pair):
    """The permission is missing: traffic comes back as soon as the operator does, what was to be copied ends when it
    expires, and what does not expire is copied when that is possible."""
    stack = start_pair(WINDOW_SIZE=200)
    before = stack.mno.stats()["submits"]
    stack.deny("smpp.operator.*")
    stack.smsc.handlers[SUBMIT_SM] = lambda c, p: None
    stack.send(1, operator=0, text="it has time")
    expiring = stack.send(399, operator=0, expiresAt=now_iso(25))
    wait_for(lambda: detail(stack)["commands"]["queuedAtAgent"] > 60, 20, "the window is full, and more is there")
    port = take_away(stack)
    stack.bridge.wait_line("traffic goes to the backup")
    bring_back(stack, port)
    stack.bridge.wait_line("traffic comes back", timeout=30)
    stack.send(5, operator=0, text="afterwards")
    wait_for(lambda: len(stack.smsc.submits()) == 5, 20, "the operator sends, with more at their end than may be")
    assert stack.client.stream_messages_count("DEAD_LETTERS") == 0
    wait_for(lambda: stack.unacknowledged(0) == 1, 30, "what expired is given up", 0.1)
    events = [e for e in stack.dlr_events() if e["messageId"] in expiring]
    assert len(events) == stack.client.stream_messages_count("DEAD_LETTERS") == len(expiring)
    assert {(e["status"], e["source"]) for e in events} == {("EXPIRED", "CONNECTOR")}
    stack.deny()
    wait_for(lambda: stack.mno.stats()["submits"] == before + 1, 30, "the backup sends the last one", 0.1)
    stack.wait_acknowledged()


def test_only_one_hop(start_pair):
    """Each is the other's backup. A copy that the backup can't send waits there; it is not sent back or on."""
    stack = start_pair(backup_of_backup=operator_id(1))
    assert stack.bridge.ctl("pause", stack.ids[1]).returncode == 0
    port = take_away(stack)
    stack.send(3, operator=0)
    wait_for(lambda: stack.unacknowledged(0) == 0, 20, "copied")
    assert stack.unacknowledged(1) == 3
    mno_port = stack.mno.port
    stack.mno.kill()
    bring_back(stack, port)
    stack.bridge.wait_line(f'"operatorId":"{stack.ids[1]}","backupOperatorId":"{stack.ids[0]}"', timeout=20)
    stack.send(1, operator=1, text="never copied before")
    wait_for(lambda: [p.text() for p in stack.smsc.submits()] == ["never copied before"], 20, "that one is copied")
    stack.mno = type(stack.mno)(stack.directory + "/mno-2", port=mno_port)
    stack.mno.start()
    assert stack.bridge.ctl("resume", stack.ids[1]).returncode == 0
    stack.wait_acknowledged()
    assert stack.mno.stats()["submits"] == 3 and len(stack.smsc.submits()) == 1


def test_half_a_pair_is_no_bind_and_what_is_in_flight_stays(start_pair):
    """The receiver of a pair is lost: the operator is UNBOUND, what is new goes to the backup. What was sent over the
    transmitter is never copied: accepted it is settled, unknown it is reported, as the operator wants it."""
    held = []
    smsc = Smsc(handlers={BIND_TRANSCEIVER: lambda c, p: smsc.answer(c, p, 0x03),
                          SUBMIT_SM: lambda c, p: held.append((c, p))})
    stack = start_pair(smsc, warm_up=(1,), SUBMIT_TIMEOUT_MS=60000,
                       operator_settings={operator_id(1): {"onUnknown": "report"}})
    before = stack.mno.stats()["submits"]
    accepted, unknown = stack.send(2, operator=0, text=lambda i: f"in flight {i}")
    wait_for(lambda: len(held) == 2, 20, "they are in flight")
    smsc.handlers[BIND_RECEIVER] = lambda c, p: smsc.answer(c, p, 0x0D)
    next(c for c in smsc.connections if c.bound_as == BIND_RECEIVER).close()
    wait_for(lambda: detail(stack)["notSendingBecause"] == "unbound", 10, "it says so")
    stack.bridge.wait_line("traffic goes to the backup")
    stack.send(3, operator=0, text=lambda i: f"copied {i}")
    wait_for(lambda: stack.mno.stats()["submits"] == before + 3, 20, "the backup sends what is new")
    by_text = {p.text(): (c, p) for c, p in held}
    smsc.answer(*by_text["in flight 0"])
    wait_for(lambda: stack.unacknowledged(0) == 1, 20, "the accepted one is settled")
    next(c for c in smsc.connections if c.bound_as == BIND_TRANSMITTER).close()
    wait_for(lambda: stack.unacknowledged(0) == 0, 20, "and the other one")
    stack.wait_acknowledged()
    assert stack.mno.stats()["submits"] == before + 3
    events = {e["messageId"]: e for e in stack.dlr_events()}
    assert events[unknown]["status"] == "UNKNOWN" and accepted not in events


def test_an_outcome_that_crosses_the_close_calls_the_copy_off(make_stack, tmp_path):
    """The agent said that it was accepted before it heard of CLOSE: it is settled. Of another message one segment was
    accepted, and the other one is not sent any more: that is reported, since a copy would send the first one twice."""
    bound, unbound = 3, 4
    stack = make_stack(operators=2).start_servers().start_mno()
    primary, backup = (uuid.UUID(i).bytes for i in stack.ids)
    copies = []
    stack.client.subscribe(f"smpp.operator.{stack.ids[1]}", copies.append)

    def state(oid, is_bound, credit):
        return (record("OPERATOR_STATE", operator_id=oid, health=1 if is_bound else 2, credentials_ms=now_ms(),
                       backup_operator_id=backup if oid == primary else b"")
                + record("SESSION", operator_id=oid, bind=0, bind_mode=TRANSCEIVER,
                         state=bound if is_bound else unbound)
                + record("CREDIT", operator_id=oid, slots=credit))
    agent = FakeAgent(f"ipc://{tmp_path}/fake.ipc")
    stack.bridge = stack.make_bridge(IPC_URL=agent.url, FAILOVER_AFTER_MS=1000)
    stack.bridge.start()
    agent.accept().attach(listing=state(primary, True, 20) + state(backup, True, 0))
    texts = {"accepted": "short", "in part": "long " * 50, "untouched": "other"}
    ids = {}
    for name, text in texts.items():
        (ids[name],) = stack.send(1, operator=0, text=text)
    wait_for(lambda: sum(r["type"] == "SUBMIT" for r in agent.records) == 4, 15, "four segments are submitted")
    submits = [r for r in agent.records if r["type"] == "SUBMIT"]
    agent.send_batch(state(primary, False, 0))
    agent.wait("FAILOVER", begin=1)
    wait_for(lambda: sum(r["type"] == "CLOSE" for r in agent.records) == 3, 15, "all are to be closed")
    for r in submits[:2]:  # the short one, and the first segment of the long one
        agent.send_batch(record("OUTCOME", operator_id=primary, key=r["key"], segments=r["segments"], kind=ACCEPTED,
                                at_ms=now_ms(), response=b"id-%d\0" % r["key"][1], context=r["context"]))
    for r in [r for r in agent.records if r["type"] == "CLOSE"]:
        agent.send_batch(record("CLOSED", operator_id=primary, key=r["key"], verdict=1))
    agent.wait("SETTLED", key=submits[0]["key"].message())
    again = agent.wait("CLOSE", key=submits[1]["key"].message(), count=2)
    agent.send_batch(record("CLOSED", operator_id=primary, key=again["key"], verdict=1))
    wait_for(lambda: stack.unacknowledged(0) == 0, 20, "all have left the stream")
    assert [m.json()["messageId"] for m in copies] == [ids["untouched"]]
    assert [(e["messageId"], e["status"]) for e in stack.dlr_events()] == [(ids["in part"], "UNKNOWN")]
    agent.end()


def test_a_bind_that_comes_and_goes_is_none(start_pair):
    """It stands for a quarter of a second each time; FAILOVER_AFTER_MS goes on."""
    stack = start_pair(FAILOVER_AFTER_MS=5000)

    def bind_and_leave(connection, p):
        stack.smsc.answer(connection, p)
        timer = threading.Timer(0.25, connection.close)
        timer.daemon = True
        timer.start()
    stack.smsc.handlers[BIND_TRANSCEIVER] = bind_and_leave
    stack.smsc.wait_bound().close()
    stack.bridge.wait_line("traffic goes to the backup", timeout=40)
    assert len(stack.smsc.binds()) > 4
    stack.smsc.handlers.clear()
    stack.bridge.wait_line("traffic comes back", timeout=40)


def test_each_failover_asks_anew_whether_the_backup_is_served(make_stack):
    """The backup is another instance's; it serves it when the primary goes for the first time, and not the second."""
    smsc, other = Smsc(), operator_id(99)
    stack = make_stack(mno_address=("127.0.0.1", smsc.port), bridge_settings=FAST,
                       credentials={operator_id(1): {"backupOperatorId": other}}).start()
    stack.client.api(f"CONSUMER.DURABLE.CREATE.SMS_DISPATCH.smpp-connector-{other}", {
        "stream_name": "SMS_DISPATCH", "config": {
            "durable_name": f"smpp-connector-{other}", "filter_subject": f"smpp.operator.{other}",
            "ack_policy": "explicit", "max_deliver": -1}})

    def waiting():
        return stack.client.consumer_info("SMS_DISPATCH", f"smpp-connector-{other}")["num_waiting"]
    serves = stack.nats.client()
    serves.subscribe("_INBOX.other", lambda m: None)
    serves.publish(f"$JS.API.CONSUMER.MSG.NEXT.SMS_DISPATCH.smpp-connector-{other}",
                   {"batch": 100, "expires": int(120e9)}, reply="_INBOX.other")
    wait_for(lambda: waiting() == 1, 10, "somebody serves it")
    port = smsc.port
    smsc.close()
    stack.bridge.wait_line("traffic goes to the backup", timeout=20)
    smsc = Smsc(port=port)
    stack.bridge.wait_line("traffic comes back", timeout=20)
    serves.close()
    wait_for(lambda: waiting() == 0, 10, "nobody serves it any more")
    since, asked = len(stack.bridge.lines), []
    stack.client.subscribe(f"$JS.API.CONSUMER.INFO.SMS_DISPATCH.smpp-connector-{other}", asked.append)
    smsc.close()
    wait_for(lambda: len(asked) >= 3, 20, "asked, and asked again")
    assert not any("traffic goes to the backup" in line for line in stack.bridge.lines[since:])


def test_no_failover_to_a_backup_that_nobody_serves(pair):
    stack = pair
    stack.mno.kill()
    wait_for(lambda: stack.bridge.sessions()[1]["state"] != "BOUND", 10, "the backup is away")
    port = take_away(stack)
    stack.send(5, operator=0)
    time.sleep(4)
    assert not any("traffic goes to the backup" in line for line in stack.bridge.lines)
    assert stack.unacknowledged(0) == 5
    bring_back(stack, port)
    wait_for(lambda: len(stack.smsc.submits()) == 5, 20, "they are sent by their own operator")


def test_a_backup_that_is_withdrawn_or_exchanged_gets_nothing_more(pair):
    """In the middle of a failover the credentials name no backup, then one that nobody serves, then the first again."""
    stack = pair
    before = stack.mno.stats()["submits"]
    subjects = []
    stack.client.subscribe("smpp.operator.>", lambda m: subjects.append(m.subject))
    take_away(stack)
    stack.bridge.wait_line("traffic goes to the backup", timeout=20)
    stack.send(2, operator=0, text=lambda i: f"copied {i}")
    wait_for(lambda: stack.mno.stats()["submits"] == before + 2, 20, "the backup sends them")
    for count, other in ((3, None), (6, operator_id(99))):
        stack.mgmt.change(stack.ids[0], backupOperatorId=other)
        wait_for(lambda: detail(stack)["credentials"]["backupOperatorId"] == other, 20, "the new answer")
        wait_for(lambda: not detail(stack)["failedOver"], 10, "that failover is over")
        stack.send(3, operator=0, text=lambda i: f"{other}: {i}")
        wait_for(lambda: detail(stack)["commands"]["fetched"] == count, 10, "they wait")
    assert set(subjects) == {f"smpp.operator.{oid}" for oid in stack.ids}
    assert stack.unacknowledged(0) == 6
    stack.mgmt.change(stack.ids[0], backupOperatorId=stack.ids[1])
    wait_for(lambda: stack.mno.stats()["submits"] == before + 8, 20, "a new failover")
    stack.wait_acknowledged()
    assert stack.mno.stats()["duplicates"] == 0


def test_what_the_agent_has_queued_goes_too(pair):
    """Given to the agent, not yet handed to a socket: closed there, then copied."""
    stack = pair
    before = stack.mno.stats()["submits"]
    held = []
    stack.smsc.handlers[SUBMIT_SM] = lambda c, p: held.append(p)
    ids = stack.send(150, operator=0, text=lambda i: f"number {i}")
    wait_for(lambda: len(held) == 100, 20, "the window is full")
    take_away(stack)
    wait_for(lambda: stack.unacknowledged(0) == 0, 40, "all are settled", 0.1)
    sent = stack.mno.stats()["submits"] - before
    assert sent >= 50, "at least those that no socket had seen"
    assert sent <= 150 and stack.mno.stats()["duplicates"] == 0
    wait_for(lambda: {e["messageId"] for e in stack.dlr_events()} >= set(ids), 30, "each has an event", 0.2)


def test_bridge_killed_in_the_middle(pair):
    stack = pair
    before = stack.mno.stats()["submits"]
    port = take_away(stack)
    ids = stack.send(300, operator=0, text=lambda i: f"number {i}")
    wait_for(lambda: stack.mno.stats()["submits"] > before + 30, 20, "copies are sent", 0.005)
    stack.restart_bridge()
    wait_for(lambda: stack.mno.stats()["submits"] >= before + 300, 40, "all are sent by the backup", 0.05)
    wait_for(lambda: stack.unacknowledged(0) == 0 and stack.unacknowledged(1) == 0, 30, "all are settled", 0.1)
    assert stack.mno.stats()["submits"] == before + 300 and stack.mno.stats()["duplicates"] == 0
    bring_back(stack, port)
    wait_for(lambda: statuses(stack)[-1] == "BOUND", 20, "failed back", 0.1)
    wait_for(lambda: {e["messageId"] for e in stack.dlr_events()} >= set(ids), 30, "each has an event", 0.2)


def test_what_was_withdrawn_is_accounted_for_by_the_next_bridge(pair):
    """Long messages wait in the agent, behind a full window, when their MNO goes; the bridge is killed while it
    withdraws them. Nothing may stay behind: no segment queued, no entry of the ledger, no credit."""
    stack = pair
    held = []
    before = stack.mno.stats()["submits"]
    stack.smsc.handlers[SUBMIT_SM] = lambda c, p: held.append(p)
    ids = stack.send(60, operator=0, text=lambda i: f"{i:03d} " + "long " * 60)  # three segments each
    wait_for(lambda: len(held) == 100, 20, "the window is full")
    port = take_away(stack)
    stack.bridge.wait_line("traffic goes to the backup", timeout=20)
    stack.restart_bridge()
    wait_for(lambda: stack.unacknowledged(0) == 0 and stack.unacknowledged(1) == 0, 60, "all are settled", 0.1)
    wait_for(lambda: {e["messageId"] for e in stack.dlr_events()} >= set(ids), 30, "each has an event", 0.2)
    sent = stack.mno.stats()["submits"] - before
    assert sent % 3 == 0 and sent <= 180 and stack.mno.stats()["duplicates"] == 0, "whole messages, once each"
    bring_back(stack, port)
    wait_for(lambda: statuses(stack) == ["BOUND", "UNBOUND", "FAILBACK", "BOUND"], 20, "the health events in order", 0.1)

    def nothing_left():
        detail = stack.bridge.json("/sessions/" + stack.ids[0])
        return not detail["commands"]["queuedAtAgent"] and not detail["commands"]["unsettled"] and (
            stack.bridge.metric("smpp_connector_ledger_entries_used") == 0)
    wait_for(nothing_left, 15, "nothing is left of them in the agent", 0.1)
    stack.send(250, operator=0, text=lambda i: f"afterwards {i}")  # more than a credit
    stack.wait_acknowledged()
    assert len(stack.smsc.submits()) == 250


def test_bridge_killed_while_traffic_comes_back(pair):
    """Between FAILBACK and BOUND: the next bridge ends the failover that the dead one had begun, once."""
    stack = pair
    before = stack.mno.stats()["submits"]
    port = take_away(stack)
    ids = stack.send(100, operator=0, text=lambda i: f"number {i}")
    wait_for(lambda: stack.mno.stats()["submits"] > before + 30, 20, "copies are sent", 0.005)
    bring_back(stack, port)
    wait_for(lambda: "FAILBACK" in [r["state"] for r in stack.bridge.sessions()] or "FAILBACK" in statuses(stack)
             or stack.smsc.binds(), 20, "the primary is back", 0.002)
    stack.restart_bridge()
    wait_for(lambda: statuses(stack) == ["BOUND", "UNBOUND", "FAILBACK", "BOUND"], 30, "the health events in order", 0.1)
    wait_for(lambda: stack.unacknowledged(0) == 0 and stack.unacknowledged(1) == 0, 30, "all are settled", 0.1)
    assert len(stack.smsc.submits()) + stack.mno.stats()["submits"] - before == len(ids), "by one of the two, once"
    assert stack.mno.stats()["duplicates"] == 0
