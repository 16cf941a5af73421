"""Fixtures: a stack in a directory of its own, ended whatever happens."""
import os
import warnings

import pytest

from . import process, schemas
from .fake_bridge import FakeBridge, operator_id
from .programs import Agent
from .smsc import Smsc
from .stack import Stack


@pytest.fixture(scope="session", autouse=True)
def all_that_was_said_is_valid():
    """An error at the last test: an event or an answer of any test before (harness/schemas.py)."""
    yield
    if schemas.said and not schemas.can_validate():
        warnings.warn("events and /sessions are not validated: `npm ci` in tests/interop")
    else:
        assert schemas.invalid_said() == []


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_running():
    """Whatever a test that failed did not come to end; an error at the last test."""
    yield
    assert process.end_forgotten() == []


@pytest.fixture
def make_stack(tmp_path):
    """make_stack(...) gives a Stack that is not yet started."""
    made = []

    def make(**kwargs):
        directory = tmp_path / f"stack{len(made)}"
        os.makedirs(directory, mode=0o700)
        stack = Stack(directory, **kwargs)
        made.append(stack)
        return stack
    yield make
    try:
        refusals = [r for stack in made for r in stack.refusals()]
    finally:
        for stack in made:
            stack.stop()
    assert not refusals, "README's rights don't suffice"


@pytest.fixture
def stack(make_stack):
    """One operator, everything started and ready."""
    return make_stack().start()


@pytest.fixture
def smsc():
    """An MNO that a test scripts, byte by byte."""
    made = Smsc()
    yield made
    made.close()


@pytest.fixture
def agent(tmp_path):
    """The agent alone."""
    made = Agent(tmp_path / "agent").start()
    yield made
    if made.alive():
        made.kill()


@pytest.fixture
def declared(agent, smsc):
    """declared(…) gives a played bridge that has declared operator 1, on the scripted MNO (or another), with these
    settings."""
    made = []

    def make(mno=smsc, **settings):
        bridge = FakeBridge(agent.ipc_url)
        bridge.credentials[operator_id(1)] = {"port": mno.port}
        made.append(bridge)
        bridge.attach()
        bridge.declare((operator_id(1), settings))
        bridge.send("PACE", operator_id=operator_id(1), per_second=10000)
        return bridge
    yield make
    for bridge in made:
        bridge.die()
