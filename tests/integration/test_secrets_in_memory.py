"""The password is in nobody's memory but while a bind is attempted, and nobody's memory gets into a core file."""
import os
import resource
import signal
import subprocess

import pytest

from harness.memory import Snapshot, needs_root
from harness.process import Process, wait_for
from harness.programs import BUILD

PASSWORD = 'Zq"7xK\\9'  # eight octets, of which two look different in JSON


@needs_root
def test_no_password_in_memory(make_stack):
    """One bind stands, one is refused for a wrong password and waits for its next attempt."""
    stack = make_stack(operators=2, mno_options=["--run", "set system=smsgw0002 bind-status 0x0E"])
    for oid in stack.ids:
        stack.credentials[oid] = {"password": PASSWORD}
    stack.start(ready=False)
    wait_for(lambda: [s["state"] for s in stack.bridge.sessions()][:1] == ["BOUND"], 20, "the first is bound")
    wait_for(lambda: stack.mno.stats()["binds_refused"] >= 1, 20, "the second is refused")
    wait_for(lambda: any("0000000e" in line.lower() or "password" in line.lower() for line in stack.agent.lines), 10,
             "and knows")
    for process in (stack.bridge, stack.agent):
        assert Snapshot(process, known=stack.ids[0]).traces_of(PASSWORD) == []


def dumped(process, number):
    """Ends it by this signal. Whether the kernel made a core of it, wherever this machine puts such."""
    process.send_signal(number)
    ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert process.wait() == -number
    return ended.si_code == os.CLD_DUMPED


@pytest.fixture
def cores(tmp_path, monkeypatch):
    """As large as may be, of whatever is started from here on."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    monkeypatch.chdir(tmp_path)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    try:
        if not dumped(Process("sleep", ["sleep", "60"], tmp_path / "sleep.log").start(), signal.SIGABRT):
            pytest.skip("no program leaves a core file on this machine")
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)


@pytest.mark.usefixtures("cores")
@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV])
def test_who_crashes_leaves_no_core_file(make_stack, number):
    if os.path.basename(BUILD) != "release":
        pytest.skip("a sanitizer has limits and handlers of its own")
    stack = make_stack().start()
    for process in (stack.bridge, stack.agent):
        assert resource.prlimit(process.pid, resource.RLIMIT_CORE) == (0, 0)
        assert not dumped(process, number)


UNPRIVILEGED = ["setpriv", "--bounding-set", "-sys_ptrace"]  # root otherwise may, whatever the other one is


def may_be_looked_into(process):
    """By another process of its user. What may not is not dumped either, also where cores go into a pipe, which knows
    no limit."""
    return subprocess.run([*UNPRIVILEGED, "sh", "-c", f": < /proc/{process.pid}/mem"], stderr=subprocess.DEVNULL,
                          check=False).returncode == 0


@needs_root
def test_no_process_of_the_same_user_looks_into_them(make_stack, tmp_path):
    sleeper = Process("sleep", [*UNPRIVILEGED, "sleep", "60"], tmp_path / "sleep.log").start()
    wait_for(lambda: may_be_looked_into(sleeper), 10, "into another program it may be looked")
    sleeper.kill()
    stack = make_stack().start_servers().start_mno()
    stack.bridge = stack.make_bridge()
    for process in (stack.agent, stack.bridge):
        process.argv = UNPRIVILEGED + process.argv
        process.start()
    stack.bridge.wait_ready()
    for process in (stack.agent, stack.bridge):
        assert not may_be_looked_into(process)
