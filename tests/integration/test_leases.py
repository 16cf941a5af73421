"""Two pods that share an operator by leases: one NATS, one Redis, one MNO, agent and bridge twice. The MNO's history
decides: never two sessions submitting at the same time, nothing lost. Times and duplicates are printed (-s)."""
import collections
import datetime
import json
import os
import socket
import threading
import time

import pytest

from harness.process import wait_for
from harness.programs import Agent
from harness.proxy import Proxy
from harness.stack import operator_id

TTL_MS, DEADLINE_MS = 6000, 3000
# A pod that is lost: TTL after what the other saw last, which is a look (0.5 s) after it was written; the share of
# the limit, where somebody says good-bye; the bind. A busy machine may take as long again.
TAKE_OVER_S = 16


class Pod:
    def __init__(self, stack, number, **settings):
        self.stack, self.name = stack, f"pod-{number}"
        self.proxy = Proxy(("127.0.0.1", stack.nats.port))
        self.agent = Agent(os.path.join(stack.directory, f"agent-{self.name}"))
        self.settings = {"IPC_URL": self.agent.ipc_url, "INSTANCE_ID": self.name,
                         "LEASE_TTL_MS": TTL_MS, "LEASE_DEADLINE_MS": DEADLINE_MS,
                         "NATS_URL": stack.nats.connector_url(self.proxy.port), **settings}
        self.assign("lease")

    def assign(self, how):
        self.bridge = self.stack.make_bridge(f"bridge-{self.name}", ASSIGNMENT=how, **self.settings)

    def start(self):
        self.agent.start()
        self.bridge.start()
        wait_for(lambda: self.bridge.http("/health")[0] == 200 or self.bridge._must_live(), 10, f"the bridge of {self.name} answers", 0.02)
        return self

    def kill(self):
        for process in (self.bridge, self.agent):
            if process.popen is not None and process.alive():
                if process._paused:
                    process.resume()
                process.kill()

    def start_bridge(self):
        self.bridge.start()

    def detail(self):
        return self.bridge.json(f"/sessions/{self.stack.ids[0]}")

    def holds(self):
        return self.bridge.alive() and self.bridge.metric("smpp_connector_lease_held") > 0

    def given(self, operator_id):
        return self.bridge.metric("smpp_connector_leases_given_total", operator_id=operator_id)

    def bound(self, operator_id=None, count=1):
        """So many binds of the operator (of any) are up."""
        rows = [r for r in self.bridge.sessions() if operator_id in (None, r["operatorId"])]
        return [r["state"] for r in rows].count("BOUND") >= count

    def lease_until(self):
        return self.detail()["leases"][0]["expiresAt"]

    def holders(self, operator_id):
        return [lease["holder"] for lease in self.bridge.json(f"/sessions/{operator_id}")["leases"]]


class Pods:
    def __init__(self, make_stack, tps=300, operators=1, mno_options=(), credentials=None, **settings):
        self.stack = make_stack(tps=tps, operators=operators, mno_options=mno_options, credentials=credentials)
        self.history = os.path.join(self.stack.directory, "history.jsonl")
        self.stack.mno.argv += ["--history", self.history]
        self.stack.start_servers()
        self.stack.start_mno()
        self.pods = [Pod(self.stack, n, **settings) for n in range(2)]
        self.sent, self.numbers, self._stop, self._thread = [], [], threading.Event(), None
        self._counted, self._counted_before = {}, 0

    def start(self):
        first, second = self.pods
        first.start()
        wait_for(lambda: first.holds() and first.bound(), 20, "the first holds and is bound", 0.02)
        second.start()
        second.bridge.wait_ready()
        return first, second

    # --- traffic, all the time ---

    def _feed(self):
        while not self._stop.wait(0.1):
            for i in range(5 * len(self.stack.ids)):
                self.numbers.append("+9998%07d" % len(self.numbers))
                self.sent += self.stack.send(1, operator=i % len(self.stack.ids), to=self.numbers[-1])

    def flow(self):
        self._thread = threading.Thread(target=self._feed, daemon=True)
        self._thread.start()

    def backlog(self, seconds):
        """More than can be sent within that time, for every operator."""
        for i in range(len(self.stack.ids)):
            self.sent += self.stack.send(int(seconds * self.stack.tps), operator=i)

    def wait_flowing(self, timeout=TAKE_OVER_S):
        at = self.stack.mno.stats()["submits"]
        wait_for(lambda: self.stack.mno.stats()["submits"] >= at + 10, timeout, "messages flow", 0.02)

    def end_flow(self):
        self._stop.set()
        self._thread.join(10)
        self.stack.wait_acknowledged(60)

    def redelivered(self):
        """What all bridges counted as possibly sent twice; asked before one of them ends, since it starts from 0 again."""
        for pod in self.pods:
            if pod.bridge.http("/health", 1)[0] == 200:
                count = pod.bridge.metric("smpp_connector_takeover_redelivered_total")
                last = self._counted.get(pod.name, 0)
                self._counted_before += last if count < last else 0
                self._counted[pod.name] = count
        return self._counted_before + sum(self._counted.values())

    def close(self):
        self._stop.set()
        for pod in self.pods:
            pod.kill()
            pod.proxy.close()

    # --- what the MNO saw ---

    def rows(self):
        self.stack.mno.control("history flush")
        with open(self.history, encoding="utf-8") as f:
            return [json.loads(line) for line in f if line.endswith("\n")]

    def check(self, binds=1):
        """Of each operator never the sessions of two pods at a time; nothing lost. Returns how many were sent twice.
        A pod's sessions are those that were opened one after the other."""
        spans, count, accepted = collections.defaultdict(dict), 0, set()
        for row in self.rows():
            if row["c"] != "submit_sm" or row.get("d") != "in":
                continue
            first, _ = spans[row["s"]].get(row["n"], (row["t"], None))
            spans[row["s"]][row["n"]] = (first, row["t"])
            accepted.add(row["to"].lstrip("+"))
            count += 1
        for of_one in spans.values():
            ordered = [of_one[n] for n in sorted(of_one)]
            held = [ordered[i:i + binds] for i in range(0, len(ordered), binds)]
            for old, new in zip(held, held[1:]):
                assert max(last for _, last in old) < min(first for first, _ in new), \
                    f"two pods submit at the same time: {spans}"
        assert count >= len(self.sent)
        assert {n.lstrip("+") for n in self.numbers} <= accepted, "something is lost"
        return count - len(self.sent)


@pytest.fixture
def pods(make_stack):
    made = []

    def make(**kwargs):
        made.append(Pods(make_stack, **kwargs))
        return made[-1]
    yield make
    for p in made:
        p.close()


def said_at(line):
    return datetime.datetime.strptime(json.loads(line)["time"], "%Y-%m-%dT%H:%M:%S.%fZ").timestamp()


def timed(what, began):
    print(f"{what}: {time.monotonic() - began:.1f} s")


def take_over(pods, old, new, what, harm):
    """`old` holds and is harmed; `new` takes over. Returns when messages flow again."""
    assert old.holds() and not new.holds()
    pods.wait_flowing()
    over = new.bridge.metric("smpp_connector_leases_taken_over_total")
    pods.redelivered()
    began = time.monotonic()
    harm()
    wait_for(lambda: new.bridge.metric("smpp_connector_leases_taken_over_total") > over, TAKE_OVER_S,
             f"{what}: the lease is taken over", 0.05)
    timed(f"{what}: lease taken over", began)
    wait_for(new.bound, 10, "it is bound", 0.02)
    pods.wait_flowing()
    timed(f"{what}: messages flow again", began)
    assert new.detail()["leases"][0]["holder"] == new.name


def wait_standby(pod, timeout=20):
    wait_for(lambda: pod.bridge.alive() and pod.bridge.http("/ready")[0] == 200 and not pod.holds(), timeout,
             f"{pod.name} is ready as a standby", 0.05)


def test_holders_that_are_paused_cut_off_or_killed(pods):
    p = pods()
    a, b = p.start()
    assert a.holds() and not b.holds() and b.bridge.sessions() == []
    p.flow()
    p.wait_flowing()

    take_over(p, a, b, "agent paused", a.agent.pause)
    a.agent.resume()
    a.bridge.wait_line("attached to the agent", since=len(a.bridge.lines) - 3, timeout=20)
    wait_standby(a)

    take_over(p, b, a, "bridge paused", b.bridge.pause)
    b.bridge.resume()
    assert b.bridge.wait() == 75  # it stood still; the kubelet starts it again
    b.start_bridge()
    wait_standby(b)

    take_over(p, a, b, "cut off from NATS", a.proxy.pause)
    a.proxy.resume()
    wait_standby(a, 30)

    take_over(p, b, a, "pod killed", b.kill)
    p.end_flow()
    twice, counted = p.check(), p.redelivered()
    print(f"four take-overs: {twice} sent twice, {counted:.0f} counted as possibly so")
    assert twice <= counted


def test_what_costs_nothing(pods):
    """NATS away for less than the deadline, a new bridge: the bind stays, nothing is sent twice."""
    p = pods(LEASE_TTL_MS=30000, LEASE_DEADLINE_MS=15000)
    a, b = p.start()
    p.flow()
    p.wait_flowing()
    a.proxy.pause()
    b.proxy.pause()
    time.sleep(4)  # what is tested is an outage, of more than a renewal
    renewed = a.lease_until()
    a.proxy.resume()
    b.proxy.resume()
    p.wait_flowing()
    wait_for(lambda: a.lease_until() > renewed, 15, "the lease is renewed again", 0.05)
    a.bridge.kill()
    a.start_bridge()
    wait_for(lambda: a.bridge.http("/ready")[0] == 200, 15, "it is back", 0.02)
    p.wait_flowing()
    p.end_flow()
    assert p.check() == 0
    assert p.stack.mno.stats()["binds"] == 1 and a.holds() and not b.holds()


def test_handing_over(pods):
    """ctl release, and the end of a pod, with a backlog and two binds for each of two operators: at once (the leases
    would last a minute), nothing twice, and nothing goes to the backup while the other binds."""
    p = pods(operators=2, mno_options=("--bind-delay-ms", "1000"), BINDS=2, LEASE_TTL_MS=60000, LEASE_DEADLINE_MS=30000,
             credentials={operator_id(1): {"backupOperatorId": operator_id(2)}})
    a, b = p.start()
    one, two = p.stack.ids
    p.flow()
    p.backlog(2)
    p.wait_flowing()
    assert b.bridge.ctl("release", one).returncode != 0  # it holds nothing
    began = time.monotonic()
    assert a.bridge.ctl("release", two).returncode == 0
    wait_for(lambda: b.bound(two, 2), 15, "the other is bound", 0.02)
    timed("released under a backlog and bound by the other", began)
    wait_for(lambda: a.holders(one) == [a.name] * 2 and a.holders(two) == [b.name] * 2, 5, "each holds an operator", 0.05)
    assert a.given(two) == 2 and a.given(one) == 0 and a.bound(one, 2)

    assert a.bridge.ctl("release", one).returncode == 0
    wait_for(lambda: b.bound(one, 2), 15, "the other is bound", 0.02)
    wait_standby(a)

    p.backlog(2)
    p.wait_flowing()
    began = time.monotonic()
    b.agent.send_signal(15)  # the pod ends: both get SIGTERM
    b.bridge.send_signal(15)
    wait_for(lambda: a.bound(one, 2) and a.bound(two, 2), 20, "the first is bound again", 0.02)
    timed("pod ended under a backlog and bound by the other", began)
    assert (b.agent.wait(), b.bridge.wait()) == (0, 0)
    p.wait_flowing()
    p.end_flow()
    assert p.check(binds=2) == 0
    for operator in (one, two):
        statuses = [e["status"] for e in p.stack.health_events() if e["operatorId"] == operator]
        assert statuses == ["BOUND", "UNBOUND", "BOUND", "UNBOUND", "BOUND"]


def test_a_holder_without_a_session_offers_its_bind(pods):
    p = pods(FAILOVER_AFTER_MS=1000, RECONNECT_MIN_MS=200, RECONNECT_MAX_MS=400)
    a, b = p.start()
    port = p.stack.mno.port
    p.stack.mno.kill()
    wait_for(lambda: b.bridge.metric("smpp_connector_leases_taken_free_total") > 0, 20, "the other tries", 0.05)
    assert a.bridge.metric("smpp_connector_leases_given_total") > 0
    p.stack.mno.argv[p.stack.mno.argv.index("--listen") + 1] = f"127.0.0.1:{port}"
    p.stack.mno.start()
    wait_for(lambda: a.bound() or b.bound(), 20, "somebody is bound", 0.05)
    assert [a.holds(), b.holds()].count(True) == 1


def test_who_takes_what_was_offered_fails_over_soon(pods):
    """The other one has waited for the bind already: FAILOVER_AFTER_MS is not waited for again, but a try is made."""
    primary, backup = operator_id(1), operator_id(2)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        p = pods(operators=2, FAILOVER_AFTER_MS=6000, RECONNECT_MIN_MS=200, RECONNECT_MAX_MS=400,
                 credentials={primary: {"port": s.getsockname()[1], "backupOperatorId": backup}})
        a, b = p.pods
        a.start()
        wait_for(lambda: a.bound(backup), 20, "the backup is bound", 0.05)
        b.start()
        taken = b.bridge.wait_line("a lease is taken", timeout=40)
        failed_over = b.bridge.wait_line("traffic goes to the backup", timeout=20)
    assert primary in taken and primary in failed_over
    assert 1.5 < said_at(failed_over) - said_at(taken) < 5.5


def test_refused_credentials_are_not_offered(pods):
    """A password is tried at the pace of AUTH_RETRY_MIN_MS, however many pods there are: MNOs lock accounts. Another
    operator of the same pod, whose MNO is not there, shows that time enough has passed for an offer."""
    refused, absent = operator_id(1), operator_id(2)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        p = pods(operators=2, mno_options=("--bind-status", "0x0E"), credentials={absent: {"port": s.getsockname()[1]}},
                 FAILOVER_AFTER_MS=1000, RECONNECT_MIN_MS=200, RECONNECT_MAX_MS=400)
        a, b = p.pods
        a.start()
        wait_for(lambda: a.given(absent) >= 1, 20, "a bind that can't be had is offered", 0.05)
        b.start()
        wait_for(lambda: b.given(absent) >= 1 and a.given(absent) >= 2, 30, "it goes to and fro", 0.05)
    assert p.stack.mno.stats()["binds_refused"] == 1
    assert a.given(refused) == b.given(refused) == 0
    assert a.detail()["leases"][0]["holder"] == a.name


def test_from_one_pod_without_leases_to_two(pods):
    """A pod that came before the leases holds none: it is waited for, and its end is the hand-over."""
    p = pods()
    a, b = p.pods
    a.assign("static")
    a.start()
    a.bridge.wait_ready()
    p.flow()
    p.wait_flowing()
    b.start()
    wait_for(lambda: f"{a.name} sends for it without a lease" in b.bridge.http("/ready")[1], 15, "it says why it waits", 0.05)
    assert not b.holds() and p.stack.mno.stats()["binds"] == 1

    began = time.monotonic()
    a.agent.send_signal(15)  # deleted: both get SIGTERM
    a.bridge.send_signal(15)
    wait_for(b.bound, 15, "the second is bound", 0.02)
    timed("a pod without leases ended, bound by the other", began)
    assert (a.agent.wait(), a.bridge.wait()) == (0, 0)
    a.assign("lease")
    a.start()
    wait_standby(a)
    p.wait_flowing()
    p.end_flow()
    assert p.check() == 0 and b.holds()
