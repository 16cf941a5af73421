"""A command's text is needed once more, and its message is gone from the stream: purged, too old, one too many."""
import time

import pytest

from harness.process import wait_for
from harness.smsc import SUBMIT_SM, Smsc
from harness.stack import now_iso, operator_id

FAST = {"RECONNECT_MIN_MS": 300, "RECONNECT_MAX_MS": 600, "FAILOVER_AFTER_MS": 1500}


@pytest.fixture
def holding(smsc):
    """An MNO that answers nothing until it is told to."""
    smsc.held = []
    smsc.handlers[SUBMIT_SM] = lambda c, p: smsc.held.append((c, p))
    return smsc


def purge(stack):
    stack.client.api("STREAM.PURGE.SMS_DISPATCH", {})
    assert stack.client.stream_messages_count("SMS_DISPATCH") == 0


def entries_used(stack):
    return stack.bridge.metric("smpp_connector_ledger_entries_used")


def nothing_left(stack):
    return not stack.bridge.json("/sessions/" + stack.ids[0])["commands"]["unsettled"] and entries_used(stack) == 0


def told_once(stack, message_id, status):
    events = [e for e in stack.dlr_events() if e["messageId"] == message_id]
    assert [e["status"] for e in events] == [status]
    assert events[0]["source"] == "CONNECTOR" or status == "EXPIRED"
    return events[0]


def test_the_rest_of_a_long_message(make_stack, holding):
    stack = make_stack(mno_address=("127.0.0.1", holding.port), bridge_settings={"WINDOW_SIZE": 1}).start()
    expiry = now_iso(15)
    (message_id,) = stack.send(1, text="0123456789" * 58, expiresAt=expiry)
    wait_for(lambda: holding.held and stack.bridge.json("/sessions/" + stack.ids[0])["commands"]["queuedAtAgent"] == 1,
             20, "two of four segments are at the agent")
    purge(stack)
    stack.restart_bridge()
    stack.bridge.wait_ready()
    holding.handlers.pop(SUBMIT_SM)
    holding.answer(*holding.held[0])
    wait_for(lambda: stack.bridge.metric("smpp_connector_submit_sm_total", status="success") == 2, 10, "answered")
    wait_for(lambda: nothing_left(stack), 60, "it has ended", 0.1)
    event = told_once(stack, message_id, "UNKNOWN")
    assert "text" in event["reason"] and event["occurredAt"] >= expiry
    assert len(stack.redis.command("KEYS", "smpp:dlr:*")) >= 2, "what was accepted can still have its receipts"
    assert len(holding.submits()) == 2


def test_a_dead_letter(make_stack, smsc):
    """The event comes at once; what it leaves behind waits for the text, and not for ever."""
    stack = make_stack(mno_address=("127.0.0.1", smsc.port)).start()
    smsc.handlers[SUBMIT_SM] = lambda c, p: smsc.answer(c, p, 0x08)
    (message_id,) = stack.send(1, expiresAt=now_iso(7))
    wait_for(smsc.submits, 10, "the first attempt")
    purge(stack)
    wait_for(stack.dlr_events, 20, "an event", 0.05)
    wait_for(lambda: nothing_left(stack), 60, "it has ended", 0.1)
    told_once(stack, message_id, "EXPIRED")
    assert stack.bridge.metric("smpp_connector_dead_letters_lost_total") == 1
    assert stack.client.stream_messages_count("DEAD_LETTERS") == 0


def test_copies_for_the_backup(make_stack, holding):
    """Closed at the agent, where they were queued, and never copied: traffic comes back without them, and the one
    that expires has its end."""
    credentials = {operator_id(1): {"host": "127.0.0.1", "port": holding.port, "backupOperatorId": operator_id(2)}}
    stack = make_stack(operators=2, credentials=credentials, bridge_settings={**FAST, "WINDOW_SIZE": 2}).start()
    wait_for(lambda: len(stack.bridge.sessions()) == 2 and all(r["state"] == "BOUND" for r in stack.bridge.sessions()),
             20, "both are bound")
    stack.send(2)
    wait_for(lambda: len(holding.held) == 2, 10, "the window is full")
    stack.send(1)
    expiry = time.monotonic() + 10
    (expires,) = stack.send(1, expiresAt=now_iso(10))
    detail = lambda: stack.bridge.json("/sessions/" + stack.ids[0])["commands"]
    wait_for(lambda: detail()["queuedAtAgent"] == 2, 10, "two are queued")
    purge(stack)
    port = holding.port
    holding.close()
    wait_for(lambda: stack.bridge.metric("smpp_connector_commands_failed_over_total") == 4,
             20, "all are closed, to be copied")
    back = Smsc(port=port)
    stack.bridge.wait_line("traffic comes back", timeout=40)
    wait_for(stack.dlr_events, 40, "the one that expires has ended", 0.1)
    assert time.monotonic() >= expiry
    told_once(stack, expires, "UNKNOWN")
    wait_for(lambda: detail()["unsettled"] == 3, 10, "the others have time left")
    back.close()
