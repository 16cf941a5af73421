"""The pod that ships: what it may do, and what its bridge's death, hang, exchange and end cost."""
import os
import re
import signal
import subprocess
import time

import pytest
import yaml

from harness.process import wait_for

from kubelet import Kubelet
from manifest import Converted
from pod import AGENT_IMAGE, BRIDGE_IMAGE, NEXT_BRIDGE_IMAGE, REDIS_OVER_TLS, connect_as, mounts_of, podman, probe, status_of

AGENT, BRIDGE = 10001, 10002
GROUP = 20000
CURRENT = BRIDGE_IMAGE, os.environ["POD_VERSION"]
NEXT = NEXT_BRIDGE_IMAGE, os.environ["POD_NEXT_VERSION"]


def version_of(pod):
    return next(dict(pairs)["version"] for (name, pairs) in pod.bridge.metrics() if name == "smpp_connector_build_info")


class Load:
    """Commands that go out while something happens; at the end each was sent once, by one bind."""

    def __init__(self, stack, count):
        self.stack = stack
        self.before = stack.mno.stats()
        self.events_before = stack.client.stream_messages_count("DLR_EVENTS")
        self.restarts = stack.agent.restarts
        self.pid = stack.agent.pid
        self.bound = stack.bridge.sessions()[0]["lastBoundAt"]
        stamp = time.monotonic_ns()
        self.ids = stack.send(count, text=lambda i: f"Your code is {stamp}-{i}")

    def sent(self):
        return self.stack.mno.stats()["submits"] - self.before["submits"]

    def wait_sent(self, count, timeout=30):
        wait_for(lambda: self.sent() >= count, timeout, f"{count} submits at the MNO; {self.sent()} are there", 0.01)

    def check(self, timeout=60):
        stack, count = self.stack, len(self.ids)
        stack.wait_ready()
        wait_for(lambda: stack.client.stream_messages_count("DLR_EVENTS") - self.events_before >= count, timeout,
                 f"{count} events", 0.1)
        stack.wait_acknowledged()
        events = stack.dlr_events()[self.events_before:]
        assert [e for e in events if not e["messageId"]] == [], "receipts without their message"
        assert sorted(e["messageId"] for e in events) == sorted(self.ids), "lost or doubled"
        stats = stack.mno.stats()
        assert self.sent() == count and stats["duplicates"] == self.before["duplicates"]
        assert stats["binds"] == self.before["binds"] == 1, "one bind in the MNO's history"
        assert stats["unbinds"] == 0
        assert (stack.agent.restarts, stack.agent.pid) == (self.restarts, self.pid) and self.restarts == 0
        assert stack.bridge.sessions()[0]["lastBoundAt"] == self.bound


def test_every_dropped_field_is_named(pod, capsys):
    """So that nobody takes this test for more than it is."""
    with capsys.disabled():
        print("\n    not done by podman, or done otherwise:")
        for path, why in sorted(pod.converted.dropped.items()):
            print(f"      {path}: {why}")
    assert {"spec.securityContext.fsGroup", "spec.volumes.secret.optional", "NetworkPolicy"} <= set(pod.converted.dropped)


@pytest.mark.parametrize("where", ["spec", "container"])
def test_a_field_that_podman_may_ignore_is_noticed(where):
    with open(os.environ["POD_MANIFEST"], encoding="utf-8") as f:
        documents = [d for d in yaml.safe_load_all(f) if d]
    (spec,) = [d["spec"]["template"]["spec"] for d in documents if d["kind"] == "StatefulSet"]
    {"spec": spec, "container": spec["containers"][0]}[where]["hostname"] = "x"
    with pytest.raises(ValueError, match=rf"{where}\.hostname"):
        Converted(yaml.safe_dump_all(documents), {}, {}, "{}", False)


@pytest.mark.parametrize("name,uid", [("session-agent", AGENT), ("bridge", BRIDGE)])
def test_rights(pod, name, uid):
    pid = (pod.agent if name == "session-agent" else pod.bridge.container).pid
    status = status_of(pid)
    assert status["Uid"].split() == [str(uid)] * 4
    assert status["Gid"].split() == [str(GROUP)] * 4
    assert all(int(status[k], 16) == 0 for k in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))
    assert status["Seccomp"] == "2" and status["NoNewPrivs"] == "1"
    assert "ro" in mounts_of(pid)["/"]
    with pytest.raises(OSError, match="Read-only"):
        os.mkdir(f"/proc/{pid}/root/new")


def test_only_the_agent_writes_where_its_socket_is(pod):
    assert "rw" in mounts_of(pod.agent.pid)["/run/smpp-connector"]
    pid = pod.bridge.container.pid
    assert "ro" in mounts_of(pid)["/run/smpp-connector"]
    with pytest.raises(OSError, match="Read-only"):
        os.unlink(f"/proc/{pid}/root/run/smpp-connector/agent.ipc")


def test_nothing_but_the_program_is_in_the_image(pod):
    for container, program in ((pod.agent, "smpp-session-agent"), (pod.bridge.container, "smpp-bridge")):
        names = set()
        for directory, _, files in os.walk(f"/proc/{container.pid}/root", onerror=None):
            if directory.endswith(("/proc", "/sys", "/dev")):
                continue
            names.update(f for f in files if os.access(os.path.join(directory, f), os.X_OK)
                         and not re.search(r"\.so(\.|$)", f) and "/root/proc/" not in directory
                         and "/root/sys/" not in directory and "/root/dev/" not in directory)
        assert names - {".containerenv"} == {program}


def test_the_bridge_sees_no_process_but_its_own(pod):
    pids = [d for d in os.listdir(f"/proc/{pod.bridge.container.pid}/root/proc") if d.isdigit()]
    assert pids == ["1"]


def test_init_step_accepts_the_configuration(pod):
    code, text = pod.run_init_step()
    assert code == 0 and "operator-management-service" in text
    assert "test-token" not in text


@pytest.mark.parametrize("setting,value", [("OPERATORS_FILE", "/etc/smpp-connector/agent.env"), ("LEASE_TTL_MS", "soon"),
                                           ("OPERATOR_MGMT_KEY_FILE", "/run/secrets/tls/missing.key")])
def test_init_step_refuses_what_can_not_work(pod, setting, value):
    code, text = pod.run_init_step(**{setting: value})
    assert code != 0 and value.rsplit("/", 1)[-1] in text, text


def test_liveness_command_of_the_manifest(pod):
    podman("exec", pod.agent.name, "/smpp-session-agent", "--check")


def test_a_peer_of_a_wrong_uid_is_refused(pod):
    """In the group, so that the file's rights do not stop it: the uid has to."""
    bound = pod.mno.stats()["binds"]
    assert connect_as(pod.agent.pid, 10003, GROUP).startswith("closed")
    assert re.search(r'a peer of a wrong uid was refused.*"uid":10003', pod.agent.logs())
    assert connect_as(pod.agent.pid, AGENT, GROUP).startswith("closed")
    load = Load(pod, 20)
    load.check()
    assert pod.mno.stats()["binds"] == bound


def test_traffic_flows(pod):
    Load(pod, 400).check()


@pytest.mark.skipif(not REDIS_OVER_TLS, reason="the hiredis of these images can't")
def test_redis_is_asked_over_tls(pod):
    with pytest.raises((OSError, ValueError)):
        pod.redis.command("PING")  # it speaks nothing else
    assert pod.bridge.metric("smpp_connector_redis_connected") == 1


def test_bridge_killed_under_load(pod):
    load = Load(pod, 1600)
    for n in range(1, 6):
        load.wait_sent(n * 250)
        before = pod.bridge.container.restarts
        began = time.monotonic()
        pod.bridge.container.signal(signal.SIGKILL)
        pod.bridge.container.wait_restarted(before)
        pod.wait_ready()
        print(f"ready again after {time.monotonic() - began:.2f} s")
    load.check()


def test_bridge_out_of_memory_under_load(pod):
    """Something in the bridge's cgroup eats what its limit allows; the kernel kills the bridge."""
    load = Load(pod, 800)
    load.wait_sent(200)
    pid, before = pod.bridge.container.pid, pod.bridge.container.restarts
    with open(f"/proc/{pid}/cgroup", encoding="ascii") as f:
        path = next(line.rstrip("\n").split(":", 2)[2] for line in f if re.search(r":memory:|^0::", line))
    base = "/sys/fs/cgroup/memory" if os.path.isdir("/sys/fs/cgroup/memory") else "/sys/fs/cgroup"
    with open(f"/proc/{pid}/oom_score_adj", "w", encoding="ascii") as f:
        f.write("1000")
    eater = subprocess.Popen(["/usr/bin/python3", "-c", "import sys; sys.stdin.read(1); b = bytearray(b'x' * (1 << 20))\n"
                              "import time; a = []\nfor _ in range(400): a.append(bytes(b))\ntime.sleep(1)"],
                             stdin=subprocess.PIPE)
    try:
        with open(f"{base}{path}/cgroup.procs", "w", encoding="ascii") as f:
            f.write(str(eater.pid))
        eater.stdin.write(b"x")
        eater.stdin.close()
        pod.bridge.container.wait_restarted(before, 30)
    finally:
        eater.kill()
        eater.wait()
    load.check()


def test_bridge_that_hangs_is_found_and_replaced(pod):
    """Stopped, it answers no probe; what the kubelet then does is a kill."""
    load = Load(pod, 800)
    load.wait_sent(200)
    before = pod.bridge.container.restarts
    pod.bridge.container.signal(signal.SIGSTOP)
    probe(pod, failures=3, period_s=1, timeout_s=1)
    pod.bridge.container.signal(signal.SIGKILL)
    pod.bridge.container.wait_restarted(before)
    load.check()


def test_bridge_exchanged_for_another_version_under_load(pod):
    load = Load(pod, 1600)
    for n, (image, version) in enumerate((NEXT, CURRENT), 1):
        load.wait_sent(n * 300)
        began = time.monotonic()
        assert pod.exchange_bridge(image) == 0
        pod.wait_ready()
        assert version_of(pod) == version
        print(f"version {version} ready after {time.monotonic() - began:.2f} s")
    load.check()


@pytest.fixture
def kubelet(pod, tmp_path):
    made = Kubelet(pod, str(tmp_path))
    yield made
    made.close()


def test_upgrade_bridge_under_load(pod, kubelet):
    load = Load(pod, 800)
    load.wait_sent(200)
    missing = kubelet.upgrade("localhost/smpp-connector/bridge:none")
    assert missing.returncode == 1 and "nothing was changed" in missing.stderr
    assert ["patch", "pod"] not in kubelet.calls
    done = kubelet.upgrade("-t", "20", NEXT[0])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 binds as before, agent not restarted" in done.stdout
    assert version_of(pod) == NEXT[1] and kubelet.puller is None
    assert {c["image"] for c in kubelet.template["containers"] + kubelet.template["initContainers"]} == {NEXT[0]}
    load.check()


def test_upgrade_to_what_never_is_ready_is_taken_back(pod, kubelet):
    load = Load(pod, 800)
    load.wait_sent(200)
    before = version_of(pod)
    done = kubelet.upgrade("-t", "4", AGENT_IMAGE)  # it runs, and is no bridge
    assert done.returncode == 1 and "the old bridge is back, binds as before" in done.stderr, done.stdout + done.stderr
    assert version_of(pod) == before and kubelet.template is None
    load.check()


def test_restart_by_ctl_under_load(pod):
    load = Load(pod, 800)
    load.wait_sent(200)
    pod.bridge.ctl("restart")
    load.check()
