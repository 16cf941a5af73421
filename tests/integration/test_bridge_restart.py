"""The bridge dies at any instant, is paused, is told to end: nothing is lost, nothing is sent twice, and no bind
notices."""
import random
import time
import uuid

import pytest

from harness.fake_agent import FakeAgent
from harness.ipc import now_ms, record
from harness.process import log_seconds, wait_for
from harness.smsc import SUBMIT_SM, UNBIND, Smsc
from harness.stack import unique

LOAD = {"mno_options": ["--detect-duplicates", "token", "--latency-ms", "0-30", "--receipt-delay-ms", "100-300"], "tps": 600}


def all_sent_once(stack, count):
    wait_for(lambda: len(stack.dlr_events()) >= count, 90, f"{count} events", 0.2)
    stack.wait_acknowledged()
    stats = stack.mno.stats()
    assert stats["submits"] == count and stats["duplicates"] == 0, stats
    assert stats["binds"] == 1


def test_killed_at_many_instants(make_stack):
    stack = make_stack(**LOAD).start()
    rng = random.Random(4)
    ids = stack.send(2500, text=unique)
    wait_for(lambda: stack.mno.stats()["submits"] > 10, 20, "the first ones are sent")
    for _ in range(12):
        time.sleep(rng.uniform(0.01, 0.35))
        stack.restart_bridge()
    stack.bridge.wait_ready()
    all_sent_once(stack, 2500)
    assert sorted(e["messageId"] for e in stack.dlr_events()) == sorted(ids)


def test_outcomes_of_a_dead_bridge_are_settled_without_redelivery(make_stack):
    stack = make_stack(mno_options=["--latency-ms", "1500", "--receipt-delay-ms", "3000"]).start()
    ids = stack.send(50)
    wait_for(lambda: stack.mno.stats()["submits"] == 50, 20, "all are in flight")
    stack.bridge.kill()
    wait_for(lambda: stack.mno.stats()["receipts_sent"] == 50, 20, "they are answered while no bridge is there")
    stack.restart_bridge()
    stack.wait_acknowledged()
    assert stack.bridge.metric("smpp_connector_commands_fetched_total") == 0, "from the contexts alone"
    wait_for(lambda: len(stack.dlr_events()) == 50, 20, "50 events", 0.1)
    assert sorted(e["messageId"] for e in stack.dlr_events()) == sorted(ids)
    assert stack.mno.stats()["submits"] == 50


def test_half_a_long_message_is_completed_with_the_same_reference(make_stack):
    smsc = Smsc()
    held = []
    smsc.handlers[SUBMIT_SM] = lambda c, p: held.append((c, p))
    stack = make_stack(mno_address=("127.0.0.1", smsc.port), bridge_settings={"WINDOW_SIZE": 2}).start()
    stack.send(1, text="0123456789" * 58)
    wait_for(lambda: len(held) == 2, 20, "two segments are sent")
    stack.restart_bridge()
    stack.bridge.wait_ready()
    smsc.handlers.pop(SUBMIT_SM)
    for c, p in held:
        smsc.answer(c, p)
    submits = wait_for(lambda: (lambda s: s if len(s) == 4 else None)(
        [p.fields()["short_message"] for p in smsc.connections[0].received if p.command == SUBMIT_SM]),
        40, "four segments", 0.1)
    stack.wait_acknowledged()
    assert len({m[:4] for m in submits}) == 1, "one reference"
    assert [m[5] for m in submits] == [1, 2, 3, 4]
    assert b"".join(m[6:] for m in submits) == b"0123456789" * 58
    smsc.close()


@pytest.mark.timing
def test_first_submit_after_a_start(make_stack, smsc):
    stack = make_stack(mno_address=("127.0.0.1", smsc.port)).start()
    stack.send(1)
    wait_for(lambda: len(smsc.submits()) == 1, 10, "the share of the limit is known", 0.005)
    stack.bridge.kill()
    stack.send(1)
    since = len(stack.bridge.lines)
    stack.restart_bridge()
    wait_for(lambda: len(smsc.submits()) == 2, 10, "it is sent", 0.005)
    sent = time.time() - (time.monotonic() - smsc.submits()[1].at)
    took = sent - log_seconds(stack.bridge.wait_line("smpp-bridge", since=since))
    print(f"from the first line of the process to its first submit_sm: {took * 1000:.0f} ms")
    assert took < 0.3


def test_nothing_is_fetched_before_all_is_listed(make_stack, tmp_path):
    """What JetStream delivers again is recognised by what the agent lists: so that comes first, and all of it."""
    stack = make_stack().start_servers().start_mno()
    name = "smpp-connector-" + stack.ids[0]
    stack.client.api(f"CONSUMER.DURABLE.CREATE.SMS_DISPATCH.{name}", {"stream_name": "SMS_DISPATCH", "config": {
        "durable_name": name, "filter_subject": f"smpp.operator.{stack.ids[0]}", "ack_policy": "explicit",
        "ack_wait": 10_000_000_000, "max_deliver": -1}})
    agent = FakeAgent(f"ipc://{tmp_path}/slow.ipc")
    stack.bridge = stack.make_bridge(IPC_URL=agent.url)
    stack.bridge.start()
    agent.accept().attach(complete=False)
    stack.bridge.wait_line("connected to NATS")
    since = len(agent.records)
    wait_for(lambda: sum(r["type"] == "HEARTBEAT" for r in agent.records[since:]) >= 2, 10, "it has had time to")
    assert stack.client.consumer_info("SMS_DISPATCH", name)["num_waiting"] == 0
    agent.send_batch(record("LIST_END"))
    wait_for(lambda: stack.client.consumer_info("SMS_DISPATCH", name)["num_waiting"] == 1, 10, "now it fetches")
    agent.end()


def test_paused_while_another_attaches_does_no_harm(make_stack):
    stack = make_stack(**LOAD).start()
    ids = stack.send(1500, text=unique)
    wait_for(lambda: stack.mno.stats()["submits"] > 100, 20, "some are sent")
    old = stack.bridge
    old.pause()
    paused = time.monotonic()
    stack.bridge = stack.make_bridge("bridge-2")
    stack.bridge.start()
    stack.bridge.wait_ready()
    wait_for(lambda: stack.mno.stats()["submits"] > 600, 30, "the new one sends")
    wait_for(lambda: time.monotonic() - paused > 6.5, 10, "the pause is long enough to be noticed")
    old.resume()
    assert old.wait(10) == 75
    all_sent_once(stack, 1500)
    assert sorted(e["messageId"] for e in stack.dlr_events()) == sorted(ids)


def test_woken_in_another_ones_place_it_waits_and_leaves_it_all_of_the_limit(make_stack):
    """Its timers are due before it can read that the pipe is closed, and anew it stands at the door: the one that is
    attached has the part of the limit all the time."""
    stack = make_stack(**LOAD).start()
    key = "smpp:tps:{%s}" % stack.ids[0]
    registered = lambda: dict(zip(*[iter(stack.redis.command("HGETALL", key))] * 2))  # noqa: E731
    for n in range(3):
        old = stack.bridge
        old.pause()
        stack.bridge = stack.make_bridge(f"bridge-{n}")
        stack.bridge.start()
        stack.bridge.wait_ready()
        wait_for(lambda: stack.bridge.metric("smpp_connector_tps_share") == LOAD["tps"], 10, "it has the part", 0.02)
        since = len(old.lines)
        old.resume()
        old.wait_line("starting anew", since=since)
        old.wait_line("the bridge starts", since=since)
        seen = set()
        for _ in range(5):
            value = list(registered().values())
            wait_for(lambda: list(registered().values()) != value, 5, "it is renewed", 0.02)
            seen |= set(registered())
            assert stack.bridge.metric("smpp_connector_tps_share") == LOAD["tps"]
        assert len(seen) == 1, seen
        stack.send(20, text=unique)
        wait_for(lambda: stack.mno.stats()["submits"] == 20 * (n + 1), 5, "it sends", 0.05)
        old.kill()
    assert stack.mno.stats()["binds"] == 1


@pytest.mark.timing
@pytest.mark.parametrize("frozen", [False, True], ids=["NATS there", "NATS frozen"])
def test_sigterm_alone_is_quick_and_drops_no_bind(make_stack, frozen):
    stack = make_stack(**LOAD).start()
    ids = stack.send(800, text=unique)
    wait_for(lambda: stack.mno.stats()["submits"] > 100, 20, "some are sent")
    if frozen:
        stack.nats.pause()
    assert stack.bridge.stop() == 0
    took = log_seconds(stack.bridge.wait_line("the bridge ends")) - log_seconds(stack.bridge.wait_line("the bridge stops"))
    if frozen:
        stack.nats.resume()
    assert 2 <= took < 3, "it listens for DRAINING, and leaves within 3 s all the same"
    assert stack.mno.stats()["unbinds"] == 0
    stack.restart_bridge()
    all_sent_once(stack, 800)
    assert sorted(e["messageId"] for e in stack.dlr_events()) == sorted(ids)


def test_what_was_fetched_and_not_submitted_follows(make_stack):
    """Given back at SIGTERM it waits for the next bridge instead of coming to the one that goes; left by one that was
    killed it comes back within AckWait."""
    stack = make_stack().start()

    def fetched(count):
        stack.bridge.wait_ready()
        assert stack.bridge.ctl("pause", stack.ids[0]).returncode == 0
        stack.send(count)
        wait_for(lambda: stack.bridge.json("/sessions/" + stack.ids[0])["commands"]["fetched"] == count, 20, "fetched")
        return stack.client.consumer_info("SMS_DISPATCH", "smpp-connector-" + stack.ids[0])["delivered"]["consumer_seq"]

    def follows(count):
        stack.bridge.wait_ready()
        assert stack.bridge.ctl("resume", stack.ids[0]).returncode == 0
        wait_for(lambda: stack.mno.stats()["submits"] == count, 15, "they follow", 0.05)
        stack.wait_acknowledged()
    delivered = fetched(5)
    assert stack.bridge.stop() == 0
    info = stack.client.consumer_info("SMS_DISPATCH", "smpp-connector-" + stack.ids[0])
    assert info["delivered"]["consumer_seq"] == delivered
    stack.restart_bridge()
    follows(5)
    fetched(5)
    stack.restart_bridge()
    follows(10)


def test_second_sigterm_hurries(make_stack):
    stack = make_stack(mno_options=["--latency-ms", "20000"], agent_settings={"DRAIN_MS": 1000}).start()
    stack.send(5)
    wait_for(lambda: stack.mno.stats()["submits"] == 5, 20, "they are in flight")
    stack.bridge.send_signal(15)
    stops = stack.bridge.wait_line("the bridge stops")
    stack.bridge.send_signal(15)
    assert stack.bridge.wait(5) == 0
    took = log_seconds(stack.bridge.wait_line("the bridge ends")) - log_seconds(stops)
    assert took < 2, "so long it would wait for a DRAINING alone"


def test_ctl_restart_starts_anew_in_the_same_process(make_stack):
    stack = make_stack(**LOAD).start()
    ids = stack.send(1000, text=unique)
    wait_for(lambda: stack.mno.stats()["submits"] > 100, 20, "some are sent")
    pid = stack.bridge.pid
    since = len(stack.bridge.lines)
    assert stack.bridge.ctl("restart").returncode == 0
    stack.bridge.wait_line("the bridge starts", since=since)
    all_sent_once(stack, 1000)
    assert stack.bridge.pid == pid and stack.bridge.alive()
    assert sorted(e["messageId"] for e in stack.dlr_events()) == sorted(ids)


def test_both_are_told_to_end_while_nats_stands_still(make_stack):
    """The agent is gone before anything could be settled, and its ledger goes with the pod: the bridge stays until
    what the agent had handed over is acknowledged, and UNBOUND is stored."""
    smsc, held = Smsc(), []
    smsc.handlers[SUBMIT_SM] = lambda c, p: held.append((c, p))
    stack = make_stack(mno_address=("127.0.0.1", smsc.port)).start()
    wait_for(lambda: len(stack.health_events()) == 1, 10, "BOUND is stored")
    stack.send(50)
    wait_for(lambda: len(held) == 50, 20, "all are in flight")
    stack.nats.pause()
    stack.bridge.send_signal(15)
    stack.agent.send_signal(15)
    for c, p in held:
        smsc.answer(c, p)
    assert stack.agent.wait(20) == 0
    stack.bridge.wait_line("the agent is about to exit")
    assert stack.bridge.alive()
    stack.nats.resume()
    assert stack.bridge.wait(20) == 0
    assert stack.unacknowledged() == 0, "JetStream has nothing to deliver again"
    assert [e["status"] for e in stack.health_events()] == ["BOUND", "UNBOUND"]
    assert smsc.connections[0].count(UNBIND) == 1
    smsc.close()


def test_the_agent_is_gone_before_the_bridge_is_told(make_stack, tmp_path):
    """The containers of a pod are told some milliseconds apart. What the agent handed over is stored all the same."""
    stack = make_stack().start_servers().start_mno()
    agent = FakeAgent(f"ipc://{tmp_path}/fake.ipc")
    stack.bridge = stack.make_bridge(IPC_URL=agent.url)
    stack.bridge.start()
    agent.accept().attach()
    agent.wait("DECLARE_END")
    stack.bridge.wait_line("connected to NATS")
    stack.nats.pause()
    oid = uuid.UUID(stack.ids[0]).bytes
    agent.send_batch(*[record("HEALTH", operator_id=oid, agent_instance=agent.instance, number=n, status=status,
                              previous=previous, at_ms=now_ms()) for n, status, previous in ((1, 1, 0), (2, 2, 1))],
                     record("DRAINING", left_ms=30000), record("GONE"))
    stack.bridge.wait_line("the agent is about to exit")
    stack.bridge.send_signal(15)
    stack.bridge.wait_line("the bridge stops")
    agent.end()
    stack.nats.resume()
    assert stack.bridge.wait(20) == 0
    assert [e["status"] for e in stack.health_events()] == ["BOUND", "UNBOUND"]


def test_both_are_told_to_end_under_load(make_stack):
    stack = make_stack(**LOAD).start()
    ids = stack.send(1200, text=unique)
    wait_for(lambda: stack.mno.stats()["submits"] > 200, 20, "some are sent")
    stack.bridge.send_signal(15)
    stack.agent.send_signal(15)
    assert stack.agent.wait(40) == 0
    assert stack.bridge.wait(20) == 0
    assert stack.mno.stats()["unbinds"] == 1
    statuses = [e["status"] for e in stack.health_events()]
    assert statuses == ["BOUND", "UNBOUND"]
    stack.agent.start()
    stack.restart_bridge()
    wait_for(lambda: len(stack.dlr_events()) >= 1200, 90, "1200 events", 0.2)
    stack.wait_acknowledged()
    assert stack.mno.stats()["submits"] == 1200 and stack.mno.stats()["duplicates"] == 0
    assert sorted(e["messageId"] for e in stack.dlr_events()) == sorted(ids)
