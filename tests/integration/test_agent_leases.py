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


@pytest.fixture
def bound(attach):
    """Under a lease of a minute: a shorter one begins when the bind stands, however long that took."""
    def make():
        bridge = attach(lease(60))
        bridge.session_state(OP, STATE_BOUND)
        return bridge
    return make


def commands(smsc):
    return [p.command for c in smsc.connections for p in c.received]


def test_until_then_and_no_longer(bound, smsc):
    bridge = bound()
    bridge.send_batch(lease(0.5), lease(2.0, unbind_ms=60000))  # and a renewal
    ends = time.monotonic() + 2.0
    assert bridge.outcome(bridge.submit(OP))["kind"] == ACCEPTED
    bridge.wait("SESSION_GONE", timeout=30)
    assert time.monotonic() - ends > -0.05
    assert commands(smsc) == [BIND_TRANSCEIVER, SUBMIT_SM, UNBIND]
    assert bridge.outcome(bridge.submit(OP))["kind"] == UNSENT
    bridge.send_batch(lease(20))  # held again: it binds again
    smsc.wait_bound(after=1)
    assert bridge.outcome(bridge.submit(OP))["kind"] == ACCEPTED


def test_a_lost_lease_ends_the_bind_at_once(bound, smsc):
    smsc.handlers[SUBMIT_SM] = None  # never answered: a drain would take 30 s
    bridge = bound()
    bridge.submit(OP)
    wait_for(lambda: smsc.submits(), 5, "it is sent")
    bridge.send_batch(lease(0))
    bridge.wait("SESSION_GONE", timeout=15)
    assert bridge.wait("OUTCOME")["kind"] == UNKNOWN  # kept for whoever settles it


def test_a_drain_that_takes_too_long_is_cut(bound, smsc):
    smsc.handlers[SUBMIT_SM] = None
    bridge = bound()
    bridge.submit(OP)
    wait_for(lambda: smsc.submits(), 5, "it is sent")
    bridge.send_batch(lease(0.5, unbind_ms=500))
    bridge.wait("SESSION_GONE", timeout=15)


def test_a_pause_beyond_the_end(agent, bound, smsc):
    bridge = bound()
    ends = time.monotonic() + 2.0
    bridge.send_batch(lease(2.0, unbind_ms=60000))
    assert bridge.outcome(bridge.submit(OP))["kind"] == ACCEPTED  # so the lease was heard, too
    bridge.silence()
    agent.pause()
    for _ in range(50):
        bridge.submit(OP)  # wait in the pipe
    wait_for(lambda: time.monotonic() > ends + 1.1, 5, "the lease is over", 0.05)
    smsc.handlers[UNBIND] = None
    agent.resume()
    assert smsc.connections[0].closed.wait(10), "the bind is closed at once"
    assert len(smsc.submits()) == 1 and len(smsc.connections) == 1


def test_a_pause_within_it_costs_nothing(agent, bound, smsc):
    bridge = bound()
    agent.pause()
    key = bridge.submit(OP)
    time.sleep(1.5)  # what is tested is a pause
    agent.resume()
    assert bridge.outcome(key)["kind"] == ACCEPTED
    assert len(smsc.connections) == 1


def test_without_a_bridge_it_ends_by_itself_and_says_so_later(agent, bound, smsc):
    bridge = bound()
    bridge.send_batch(lease(1.5))
    bridge.outcome(bridge.submit(OP))
    bridge.die()
    wait_for(lambda: UNBIND in commands(smsc), 15, "a clean good-bye")
    again = FakeBridge(agent.ipc_url).attach(timeout=15)
    health = [r["status"] for r in again.listing if r["type"] == "HEALTH"]
    assert health == [1, 2]
    homes = [[r["home"] for r in b.listing if r["type"] == "HOME"] for b in (bridge, again)]
    assert homes[0] == homes[1] and len(homes[0]) == 1
    again.die()


def test_a_bridge_that_knows_no_leases(bound, attach, smsc):
    """A former version, or ASSIGNMENT=static: the bind is nobody's but the agent's from then on."""
    bridge = bound()
    ends = time.monotonic() + 4
    bridge.send_batch(lease(4))
    bridge.outcome(bridge.submit(OP))
    bridge.die()
    static = attach()
    assert static.outcome(static.submit(OP))["kind"] == ACCEPTED
    static.die()
    wait_for(lambda: time.monotonic() > ends + 0.3, 10, "the lease is over")
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
