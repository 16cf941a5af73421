"""The agent's pacer, between a scripted bridge and a scripted MNO."""
import socket
import threading
import time

import pytest

from harness.fake_bridge import ACCEPTED, REFUSED, FakeBridge, operator_id, submit_body
from harness.ipc import now_ms, record
from harness.process import wait_for
from harness.smsc import BIND_TRANSCEIVER, SUBMIT_SM, Smsc

OP = operator_id(1)
SUBMITS_SENT, TPS_PEAK, PACER_LIMIT = 7, 18, 23
PACE_LIFE_S = 58  # IPC_PACE_LIFE_MS


@pytest.fixture
def narrow():
    """An MNO whose sockets take little."""
    smsc = Smsc()
    smsc.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    yield smsc
    smsc.close()


def test_a_bind_that_is_not_read_costs_the_other_nothing(declared, narrow):
    """Two binds; the kernel holds back what was written over one of them."""
    pace, gate = 40, threading.Event()

    def bind(c, p):
        narrow.answer(c, p)
        if c is narrow.connections[0]:
            gate.wait(30)  # its thread reads nothing any more

    narrow.handlers[BIND_TRANSCEIVER] = bind
    bridge = declared(narrow, binds=2)
    bridge.send("PACE", operator_id=OP, per_second=pace)
    wait_for(lambda: sum(1 for c in narrow.connections if c.bound_as) == 2, 10, "two binds")
    bridge.wait("CREDIT", slots=400)
    stopped, other = narrow.connections
    keys = [bridge.submit(OP, body=submit_body() + b"\x04\x24\x40\x00" + b"x" * 0x4000) for _ in range(5 * pace)]
    wait_for(lambda: other.count(SUBMIT_SM) >= 4 * pace, 20, "the other one goes on")
    assert stopped.count(SUBMIT_SM) == 0
    gate.set()
    for key in keys:
        assert bridge.outcome(key)["kind"] == ACCEPTED
    assert len(narrow.submits()) == 5 * pace and stopped.count(SUBMIT_SM) > 0
    bridge.wait("STATS", since=len(bridge.records))
    assert 0 < bridge.stats(OP)[TPS_PEAK] <= pace


def put_acknowledgements_off(mno):
    """As the kernel does by itself where a connection talks both ways; it forgets what it was told here."""
    try:
        while not mno.closed.wait(0.003):
            mno.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
    except OSError:
        pass


@pytest.mark.timing
def test_a_slow_pace_waits_for_no_acknowledgement(declared, smsc):
    """Until an MNO answers, the acknowledgement is left to TCP, which takes 40 ms for it."""
    pace, count = 30, 240
    smsc.handlers[SUBMIT_SM] = None
    bridge = declared(window_size=500)
    bridge.send("PACE", operator_id=OP, per_second=pace)
    mno = smsc.wait_bound()
    bridge.wait("CREDIT", slots=1000)
    threading.Thread(target=put_acknowledgements_off, args=(mno,), daemon=True).start()
    for n in range(count):  # of all sizes
        bridge.submit(OP, body=submit_body(b"x" * (n * 37 % 160)))
    wait_for(lambda: len(smsc.submits()) == count, 20, "all are sent")
    times = [p.at for p in smsc.submits()][pace:]
    assert (len(times) - 1) / (times[-1] - times[0]) >= 0.97 * pace


def test_segments_and_retries_cost_a_token_each(declared, smsc):
    pace, seen = 2, set()

    def throttle(c, p):
        is_new = p.body not in seen and p.body.endswith((b"text 1", b"text 2"))
        seen.add(p.body)
        smsc.answer(c, p, 0x58 if is_new else 0)

    smsc.handlers[SUBMIT_SM] = throttle
    bridge = declared()
    bridge.send("PACE", operator_id=OP, per_second=pace)
    bridge.wait("CREDIT", slots=200)
    key = bridge.key()
    parts = [key.__class__(*key[:3], n, 0) for n in range(1, 5)]
    bridge.send_batch(*[record("SUBMIT", operator_id=OP, key=k, segments=4, not_after_ms=now_ms() + 60000,
                               context=b"\x01", body=submit_body(b"text %d" % k[3])) for k in parts])
    for k in parts[:2]:
        assert bridge.outcome(k)["kind"] == REFUSED
        bridge.send("RETRY", operator_id=OP, key=k, after_ms=0, context=b"\x01")
        assert bridge.outcome(key.__class__(*k[:4], 1), timeout=20)["kind"] == ACCEPTED
    assert [bridge.outcome(k)["kind"] for k in parts[2:]] == [ACCEPTED] * 2
    assert len(smsc.submits()) == 6
    wait_for(lambda: bridge.stats(OP)[SUBMITS_SENT] == 6, 5, "told")
    assert bridge.stats(OP)[TPS_PEAK] == pace


@pytest.mark.parametrize("paused", [False, True], ids=["awake", "paused"])
def test_without_a_bridge_the_pace_ends(agent, declared, smsc, paused):
    """Nobody renews this instance's part of the limit, which others may take after a minute: what is queued has to wait,
    also when the agent wakes only then."""
    pace, count = 2, 3 * PACE_LIFE_S
    bridge = declared(window_size=500)
    bridge.send("PACE", operator_id=OP, per_second=pace)
    smsc.wait_bound()
    bridge.wait("CREDIT", slots=1000)
    keys = [bridge.submit(OP, not_after_s=300) for _ in range(count)]
    wait_for(lambda: len(smsc.submits()) >= pace, 10, "some are sent")
    bridge.die()
    died = time.monotonic()
    agent.wait_line("the bridge is gone")
    if paused:
        agent.pause()
        sent = len(smsc.submits())
        wait_for(lambda: time.monotonic() - died > PACE_LIFE_S + 1, PACE_LIFE_S + 10, "others have its part", 0.1)
        agent.resume()
        agent.wait_line("no bridge was heard for long")
    else:
        agent.wait_line("no bridge was heard for long", timeout=PACE_LIFE_S + 5)
        assert PACE_LIFE_S - 1 < time.monotonic() - died < PACE_LIFE_S + 2.5
        sent = len(smsc.submits())
        assert sent >= pace * (PACE_LIFE_S - 3), "until then it went on"
    again = FakeBridge(agent.ipc_url)
    again.credentials = bridge.credentials
    again.attach()
    assert again.stats(OP)[PACER_LIMIT] == 0
    again.wait("HEARTBEAT", count=3)
    assert len(smsc.submits()) == sent < count
    again.declare((OP, {"window_size": 500}))
    again.send("PACE", operator_id=OP, per_second=1000)
    for key in keys:
        assert again.wait("OUTCOME", key=key)["kind"] == ACCEPTED
    assert len(smsc.submits()) == count
    again.die()
