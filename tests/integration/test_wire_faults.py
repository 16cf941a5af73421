"""The connection to the MNO is cut in the middle of a PDU, or passes in one direction only."""
import pytest

from harness.process import wait_for
from harness.proxy import Proxy
from harness.smsc import DELIVER_SM, RESP, Smsc, receipt_body
from harness.stack import unique

RECEIPT = "id:%s sub:001 dlvrd:001 submit date:2611280000 done date:2611280001 stat:DELIVRD err:000 text:x"
SETTINGS = {"RECONNECT_MIN_MS": 200, "RECONNECT_MAX_MS": 400, "BIND_TIMEOUT_MS": 1000, "SUBMIT_TIMEOUT_MS": 2000,
            "ENQUIRE_LINK_INTERVAL_MS": 1000, "ENQUIRE_LINK_TIMEOUT_MS": 1000, "WINDOW_SIZE": 10}


@pytest.fixture
def line(make_stack):
    """(stack, scripted MNO, what is between)"""
    smsc = Smsc()
    proxy = Proxy(("127.0.0.1", smsc.port))
    stack = make_stack(mno_address=("127.0.0.1", proxy.port), bridge_settings=dict(SETTINGS)).start()
    yield stack, smsc, proxy
    proxy.close()
    smsc.close()


def test_reset_in_the_middle_of_a_pdu(line):
    """Half a deliver_sm is none: it is stored when it comes whole. Half a submit_sm is sent again, whole."""
    stack, smsc, proxy = line
    body = receipt_body("99970000001", "1234", RECEIPT % "0000000009")
    proxy.cut_after(40, to_server=False)
    smsc.wait_bound().request(DELIVER_SM, body)
    second = smsc.wait_bound(after=1)
    assert stack.dlr_events() == []
    second.request(DELIVER_SM, body)
    second.wait(DELIVER_SM | RESP)
    assert [e["operatorMessageId"] for e in stack.dlr_events()] == ["0000000009"]

    proxy.cut_after(500)
    stack.send(40, text=unique)
    smsc.wait_bound(after=2)
    stack.wait_acknowledged(60)
    texts = [p.text() for p in smsc.submits()]
    assert set(texts) == {unique(i) for i in range(40)}
    assert len(texts) <= 40 + 10, "at most the window is sent again"


def test_nothing_comes_back(line):
    """What we write arrives, the answers do not: found by the missing enquire_link_resp, and bound anew when it is mended."""
    stack, smsc, proxy = line
    stack.send(5, text=unique)
    stack.wait_acknowledged()
    proxy.pause(to_server=False)
    stack.send(30, text=lambda i: unique(5 + i))
    wait_for(lambda: stack.bridge.sessions()[0]["state"] != "BOUND", 10, "found")
    wait_for(lambda: len(smsc.binds()) >= 3, 20, "binds that get no answer either")
    assert len(smsc.submits()) <= 5 + 10, "the window, and nothing over a bind that is not answered"
    proxy.cut()
    proxy.resume()
    stack.wait_acknowledged(60)
    texts = [p.text() for p in smsc.submits()]
    assert set(texts) == {unique(i) for i in range(35)} and len(texts) <= 35 + 10


def test_closed_at_once(make_stack):
    """A listener that closes what it accepted: tried again with growing waits, and bound when it behaves."""
    stack = make_stack(bridge_settings={"RECONNECT_MIN_MS": 200, "RECONNECT_MAX_MS": 800},
                       mno_options=["--on-connect", "close"]).start(ready=False)
    wait_for(lambda: stack.mno.stats()["connections"] >= 4, 20, "four attempts")
    assert stack.bridge.http("/ready")[0] == 503
    row = stack.bridge.sessions()[0]
    assert row["lastBoundAt"] is None and row["reconnectAttempts"] >= 3
    stack.mno.control("set on-connect accept")
    stack.bridge.wait_ready()
    stack.send(1)
    stack.wait_acknowledged()
