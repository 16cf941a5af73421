"""A peer that is gone without a word: no FIN, no RST, packets vanish (design.md: found within 40 s)."""
import os

import pytest

from harness.fake_bridge import ACCEPTED, UNKNOWN, FakeBridge, operator_id
from harness.ipc import now_ms
from harness.netns import Cable, NameServer
from harness.process import wait_for
from harness.programs import Agent
from harness.smsc import SUBMIT_SM, Smsc

IDLE, BUSY, SPARED = operator_id(1), operator_id(2), operator_id(3)
BOUND, UNBOUND = 3, 4


@pytest.fixture
def cable():
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    made = Cable()
    yield made
    made.remove()


def test_half_open_is_found_within_40_seconds_and_costs_only_itself(cable, tmp_path):
    """With the contract's own timers: enquire_link every 30 s, 10 s for its answer."""
    with cable.peers_sockets():
        mnos = {oid: Smsc(host=cable.PEER) for oid in (IDLE, BUSY, SPARED)}
    agent = Agent(tmp_path / "agent")
    agent.argv = cable.inside(agent.argv)
    agent.start()
    bridge = FakeBridge(agent.ipc_url)
    try:
        for oid, mno in mnos.items():
            bridge.credentials[oid] = {"host": cable.PEER, "port": mno.port}
        bridge.attach()
        bridge.declare(*[(oid, {}) for oid in mnos])
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
        cable.mend()
        for oid in (IDLE, BUSY):
            bridge.wait("HEALTH", operator_id=oid, status=1, count=2, timeout=20)
        assert bridge.outcome(bridge.submit(BUSY))["kind"] == ACCEPTED
        assert sum(p.command == SUBMIT_SM for c in mnos[BUSY].connections[1:] for p in c.received) == 1
    finally:
        bridge.die()
        agent.kill()
        for mno in mnos.values():
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
