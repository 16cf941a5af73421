"""The agent alone under leases: it opens and writes only until the moment the bridge named, whatever happens to
the bridge or to itself (proto/README.md, "Leases")."""
import time

import pytest

from harness.fake_bridge import ACCEPTED, OPERATOR, UNKNOWN, UNSENT, FakeBridge, operator_id
from harness.ipc import record
from harness.process import wait_for
from harness.programs import Agent
from harness.smsc import BIND_TRANSCEIVER, SUBMIT_SM, UNBIND, Smsc

OP = operator_id(1)
STATE_BOUND = 3


def boot_ns(after_s=0.0):
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) + int(after_s * 1e9)


def lease(seconds, bind=0, unbind_ms=1000):
    return record("LEASE", operator_id=OP, bind=bind, until_ns=boot_ns(seconds) if seconds else 0,
                  unbind_ms=unbind_ms)


@pytest.fixture
def smsc():
    made = Smsc()
    yield made
    made.close()


@pytest.fixture
def agent(tmp_path):
    made = Agent(tmp_path / "agent").start()
    yield made
    if made.alive():
        made.resume()
        made.kill()


@pytest.fixture
def attach(agent, smsc):
    made = []

    def make(*leases, **settings):
        bridge = FakeBridge(agent.ipc_url)
        bridge.credentials[OP] = {"port": smsc.port}
        made.append(bridge)
        bridge.attach(timeout=15)
        bridge.send_batch(record("DECLARE", log_level=2), *leases,
                          record("OPERATOR", operator_id=OP, **{**OPERATOR, **settings}), record("DECLARE_END"))
        bridge.send("PACE", operator_id=OP, per_second=1000)
        return bridge
    yield make
    for bridge in made:
        bridge.die()


def commands(smsc):
    return [p.command for c in smsc.connections for p in c.received]


def test_until_then_and_no_longer(attach, smsc):
    bridge = attach(lease(1.0))
    bridge.session_state(OP, STATE_BOUND)
    bridge.send_batch(lease(1.8))  # a renewal
    ends = time.monotonic() + 1.8
    assert bridge.outcome(bridge.submit(OP))["kind"] == ACCEPTED
    bridge.wait("SESSION_GONE", timeout=6)
    assert -0.05 < time.monotonic() - ends < 0.9
    assert commands(smsc) == [BIND_TRANSCEIVER, SUBMIT_SM, UNBIND]
    assert bridge.outcome(bridge.submit(OP))["kind"] == UNSENT
    bridge.send_batch(lease(20))  # held again: it binds again
    smsc.wait_bound(after=1)
    assert bridge.outcome(bridge.submit(OP))["kind"] == ACCEPTED


def test_a_lost_lease_ends_the_bind_at_once(attach, smsc):
    smsc.handlers[SUBMIT_SM] = None  # never answered: a drain would take 30 s
    bridge = attach(lease(60))
    bridge.session_state(OP, STATE_BOUND)
    bridge.submit(OP)
    wait_for(lambda: smsc.submits(), 5, "it is sent")
    bridge.send_batch(lease(0))
    bridge.wait("SESSION_GONE", timeout=1)
    assert bridge.wait("OUTCOME")["kind"] == UNKNOWN  # kept for whoever settles it


def test_a_drain_that_takes_too_long_is_cut(attach, smsc):
    smsc.handlers[SUBMIT_SM] = None
    bridge = attach(lease(1.0, unbind_ms=500))
    bridge.session_state(OP, STATE_BOUND)
    bridge.submit(OP)
    bridge.wait("SESSION_GONE", timeout=3)


def test_a_pause_beyond_the_end(agent, attach, smsc):
    bridge = attach(lease(1.5))
    bridge.session_state(OP, STATE_BOUND)
    bridge.silence()
    agent.pause()
    began = time.monotonic()
    keys = [bridge.submit(OP) for _ in range(50)]  # wait in the pipe
    wait_for(lambda: time.monotonic() - began > 2.6, 5, "the lease is over", 0.05)
    agent.resume()
    wait_for(lambda: smsc.connections[0].closed.is_set(), 1, "the bind is closed at once")
    assert not smsc.submits()
    assert len(keys) == 50 and len(smsc.connections) == 1


def test_a_pause_within_it_costs_nothing(agent, attach, smsc):
    bridge = attach(lease(6.0))
    bridge.session_state(OP, STATE_BOUND)
    agent.pause()
    key = bridge.submit(OP)
    time.sleep(1.5)  # what is tested is a pause
    agent.resume()
    assert bridge.outcome(key)["kind"] == ACCEPTED
    assert len(smsc.connections) == 1


def test_without_a_bridge_it_ends_by_itself_and_says_so_later(agent, attach, smsc):
    bridge = attach(lease(1.5))
    bridge.session_state(OP, STATE_BOUND)
    bridge.die()
    wait_for(lambda: UNBIND in commands(smsc), 4, "a clean good-bye")
    again = FakeBridge(agent.ipc_url).attach(timeout=15)
    health = [r["status"] for r in again.listing if r["type"] == "HEALTH"]
    assert health == [1, 2]
    homes = [[r["home"] for r in b.listing if r["type"] == "HOME"] for b in (bridge, again)]
    assert homes[0] == homes[1] and len(homes[0]) == 1
    again.die()


def test_a_bridge_that_knows_no_leases(agent, attach, smsc):
    """A former version, or ASSIGNMENT=static: the bind is nobody's but the agent's from then on."""
    bridge = attach(lease(1.2))
    bridge.session_state(OP, STATE_BOUND)
    bridge.die()
    static = attach()
    assert static.outcome(static.submit(OP))["kind"] == ACCEPTED
    static.die()
    time.sleep(1.5)  # what is tested is that nothing happens
    assert commands(smsc).count(BIND_TRANSCEIVER) == 1 and UNBIND not in commands(smsc)


def test_the_home_outlives_the_agent_and_not_the_ledger(agent, attach, tmp_path):
    first = attach().listing
    agent.kill()
    agent.start()
    second = attach().listing
    other = Agent(tmp_path / "other").start()
    try:
        third = FakeBridge(other.ipc_url).attach().listing
    finally:
        other.kill()
    homes = [[r["home"] for r in listing if r["type"] == "HOME"][0] for listing in (first, second, third)]
    assert homes[0] == homes[1] != homes[2] and homes[0] != bytes(16)
