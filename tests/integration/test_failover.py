"""Traffic of an operator that is not bound goes to its backup, and comes back."""
import time

import pytest

from harness.process import wait_for
from harness.smsc import SUBMIT_SM, Smsc
from harness.stack import operator_id

FAST = {"RECONNECT_MIN_MS": 300, "RECONNECT_MAX_MS": 600, "FAILOVER_AFTER_MS": 1500, "SUBMIT_TIMEOUT_MS": 1500}


@pytest.fixture
def pair(make_stack):
    """Operator A on a scripted MNO with operator B, on the simulator, as its backup."""
    smsc = Smsc()
    credentials = {operator_id(1): {"host": "127.0.0.1", "port": smsc.port, "backupOperatorId": operator_id(2)}}
    stack = make_stack(operators=2, credentials=credentials, bridge_settings=FAST,
                       mno_options=["--detect-duplicates", "text"]).start()
    for i in (0, 1):
        stack.send(1, operator=i, text="warm-up")
    stack.wait_acknowledged()
    stack.smsc = smsc
    yield stack
    smsc.close()


def take_away(stack):
    port = stack.smsc.port
    stack.smsc.close()
    return port


def bring_back(stack, port):
    stack.smsc = Smsc(port=port)


def statuses(stack):
    return [e["status"] for e in stack.health_events() if e["operatorId"] == stack.ids[0]]


def test_there_and_back(pair):
    stack = pair
    before = stack.mno.stats()["submits"]
    port = take_away(stack)
    ids = stack.send(40, operator=0, text=lambda i: f"number {i}")
    wait_for(lambda: stack.mno.stats()["submits"] == before + 40, 20, "the backup sends them", 0.05)
    stack.wait_acknowledged()
    events = wait_for(lambda: (lambda e: e if len(e) >= 40 else None)(
        [e for e in stack.dlr_events() if e["messageId"] in ids]), 20, "40 events", 0.1)
    assert {e["operatorId"] for e in events} == {stack.ids[1]}
    assert {e["originalOperatorId"] for e in events} == {stack.ids[0]}
    bring_back(stack, port)
    wait_for(lambda: statuses(stack) == ["BOUND", "UNBOUND", "FAILBACK", "BOUND"], 20, "the health events in order",
             0.1)
    stack.send(5, operator=0)
    wait_for(lambda: len(stack.smsc.submits()) == 5, 20, "traffic is back")
    stack.wait_acknowledged()
    assert stack.mno.stats()["duplicates"] == 0


def test_only_one_hop(pair):
    """A copy that can't be sent by the backup waits there; it is not sent back or on."""
    stack = pair
    stack.mgmt.change(stack.ids[1], backupOperatorId=stack.ids[0])
    port = take_away(stack)
    stack.send(3, operator=0)
    stack.wait_acknowledged()
    bring_back(stack, port)
    wait_for(lambda: stack.bridge.sessions()[0]["state"] == "BOUND", 20, "bound again")
    assert len(stack.smsc.submits()) == 0


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
