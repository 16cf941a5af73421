"""A peer that is gone without a word: no FIN, no RST, packets vanish (found within 40 s: one heartbeat and its time-out)."""
import os

import pytest

from harness.fake_bridge import ACCEPTED, UNKNOWN, FakeBridge, operator_id
from harness.ipc import now_ms
from harness.netns import Cable, NameServer
from harness.process import wait_for
from harness.programs import Agent
from harness.smsc import BIND_TRANSCEIVER, SUBMIT_SM, Smsc

IDLE, BUSY, SPARED, HELD = [operator_id(n) for n in range(1, 5)]
BOUND, UNBOUND = 3, 4


@pytest.fixture
def cable():
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    made = Cable()
    yield made
    made.remove()


def test_half_open_is_found_within_40_seconds_and_costs_only_itself(cable, tmp_path):
    """With the contract's own timers: enquire_link every 30 s, 10 s for its answer. Meanwhile the session of a fourth
    operator, which its MNO has not noticed the end of, is waited for: 30 s."""
    with cable.peers_sockets():
        mnos = {oid: Smsc(host=cable.PEER) for oid in (IDLE, BUSY, SPARED)}
        holder, holding = Smsc(host=cable.PEER), [0x05]
    agent = Agent(tmp_path / "agent")
    agent.argv = cable.inside(agent.argv)
    agent.start()
    bridge = FakeBridge(agent.ipc_url)
    try:
        holder.handlers[BIND_TRANSCEIVER] = lambda c, p: holder.answer(c, p, holding.pop() if holding else 0)
        for oid, mno in (*mnos.items(), (HELD, holder)):
            bridge.credentials[oid] = {"host": cable.PEER, "port": mno.port}
        bridge.attach()
        bridge.declare(*[(oid, {}) for oid in (*mnos, HELD)])
        for oid in mnos:
            bridge.send("PACE", operator_id=oid, per_second=1000)
            bridge.session_state(oid, BOUND)
        assert bridge.outcome(bridge.submit(BUSY))["kind"] == ACCEPTED
        cut_ms = now_ms()
        cable.cut(mnos[IDLE].port, mnos[BUSY].port)
        lost = [bridge.submit(BUSY) for _ in range(5)]  # written into a hole
        for oid in (IDLE, BUSY):
            found = bridge.wait("HEALTH", operator_id=oid, status=2, timeout=60)
            assert found["at_ms"] - cut_ms <= 40500
        for key in lost:
            assert bridge.outcome(key)["kind"] == UNKNOWN
        assert "enquire_link" in bridge.all("HEALTH", operator_id=IDLE, status=2)[0]["reason"].decode()
        assert not bridge.all("HEALTH", operator_id=SPARED, status=2) and len(mnos[SPARED].connections) == 1
        assert bridge.outcome(bridge.submit(SPARED))["kind"] == ACCEPTED
        assert len(mnos[BUSY].connections) == 1, "nothing gets through"
        assert bridge.session_state(HELD, BOUND)["refused_status"] == 0x05
        (_, _, refused_at), (_, _, bound_at) = holder.binds()
        assert bound_at - refused_at >= 30
        cable.mend()
        for oid in (IDLE, BUSY):
            bridge.wait("HEALTH", operator_id=oid, status=1, count=2, timeout=20)
        assert bridge.outcome(bridge.submit(BUSY))["kind"] == ACCEPTED
        assert sum(p.command == SUBMIT_SM for c in mnos[BUSY].connections[1:] for p in c.received) == 1
    finally:
        bridge.die()
        agent.kill()
        for mno in (*mnos.values(), holder):
            mno.close()


def test_names_that_nobody_answers_for_keep_no_other_from_its_bind(cable, tmp_path):
    with cable.peers_sockets():
        mno = Smsc(host=cable.PEER)
        names = NameServer(cable.PEER, {"alive.test": cable.PEER})
    agent = Agent(tmp_path / "agent")
    agent.argv = cable.inside(agent.argv)
    cable.ask_names_of(cable.PEER)
    agent.start()
    bridge = FakeBridge(agent.ipc_url)
    try:
        dead = [operator_id(n) for n in range(2, 26)]
        bridge.credentials = {oid: {"host": f"dead{n}.test", "port": 1} for n, oid in enumerate(dead)}
        bridge.credentials[IDLE] = {"host": "alive.test", "port": mno.port}
        bridge.attach()
        bridge.declare(*[(oid, {}) for oid in dead])
        wait_for(lambda: len(names.unanswered) >= 2, 10, "dead names are asked for")
        bridge.declare((IDLE, {}))
        bridge.session_state(IDLE, BOUND, timeout=15)
        assert not any(name.startswith("alive") for name in names.unanswered)
    finally:
        bridge.die()
        agent.kill()
        mno.close()
        names.close()
