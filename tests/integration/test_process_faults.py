"""Programs that abort, hang, stand still, run out of descriptors or of time."""
import resource
import signal
import time

from harness.memory import busy_loop, needs_root
from harness.process import wait_for
from harness.programs import Agent
from harness.smsc import SUBMIT_SM, Smsc
from harness.stack import unique

MNO = ["--detect-duplicates", "token", "--latency-ms", "0-20", "--receipt-delay-ms", "100-300"]


def all_have_an_event(stack, ids, timeout=60):
    wait_for(lambda: {e["messageId"] for e in stack.dlr_events()} >= set(ids), timeout, "an event for each", 0.2)
    stack.wait_acknowledged(60)


def test_bridge_aborts_and_hangs(make_stack):
    stack = make_stack(mno_options=MNO, tps=400).start()
    ids = stack.send(1000, text=unique)
    wait_for(lambda: stack.mno.stats()["submits"] > 200, 20, "some are sent")
    stack.bridge.send_signal(signal.SIGABRT)
    assert stack.bridge.wait() == -signal.SIGABRT
    stack.restart_bridge()
    wait_for(lambda: stack.mno.stats()["submits"] > 500, 20, "some more are sent")
    stack.bridge.pause()
    assert stack.bridge.http("/health", timeout=1.0)[0] == 0, "which the liveness probe sees"
    stack.restart_bridge()
    wait_for(lambda: stack.bridge.http("/health")[0] == 200, 10, "it is back")
    all_have_an_event(stack, ids)
    stats = stack.mno.stats()
    assert stats["submits"] == 1000 and stats["duplicates"] == 0 and stats["binds"] == 1, stats


@needs_root
def test_bridge_hangs_in_a_busy_loop(make_stack):
    """Its other threads go on, so that NATS has no doubts about it. No probe has an answer, SIGTERM neither; a new
    one attaches while it turns, and let go it makes way."""
    stack = make_stack(mno_options=MNO, tps=400).start()
    ids = stack.send(1500, text=unique)
    wait_for(lambda: stack.mno.stats()["submits"] > 200, 20, "some are sent")
    old = stack.bridge
    with busy_loop(old, "loop_lag_note"):
        wait_for(lambda: old.http("/health", timeout=3.0)[0] != 200, 30, "the liveness probe sees it")
        used = old.cpu_seconds()
        wait_for(lambda: old.cpu_seconds() > used + 0.5, 30, "it turns")
        old.send_signal(signal.SIGTERM)
        stack.bridge = stack.make_bridge("bridge-2").start()
        stack.bridge.wait_ready()
        sent = stack.mno.stats()["submits"]
        wait_for(lambda: stack.mno.stats()["submits"] > sent + 300, 30, "the new one sends")
        assert old.http("/health", timeout=3.0)[0] != 200 and old.alive()
    assert old.wait(10) == 75
    all_have_an_event(stack, ids)
    assert sorted(e["messageId"] for e in stack.dlr_events()) == sorted(ids)
    stats = stack.mno.stats()
    assert stats["submits"] == 1500 and stats["duplicates"] == 0 and stats["binds"] == 1, stats


def test_agent_paused_while_the_mno_gives_up(make_stack):
    """Three enquire_link are missed, the MNO closes: seen on waking, bound again, no burst, a window's worth unknown."""
    stack = make_stack(mno_options=MNO, tps=200, bridge_settings={
        "ENQUIRE_LINK_INTERVAL_MS": 1000, "ENQUIRE_LINK_TIMEOUT_MS": 1000, "RECONNECT_MIN_MS": 200,
        "WINDOW_SIZE": 20}).start()
    ids = stack.send(600, text=unique)
    wait_for(lambda: stack.mno.stats()["submits"] > 100, 20, "some are sent")
    stack.agent.pause()
    stack.mno.control("close")
    time.sleep(3.2)
    stack.agent.resume()
    all_have_an_event(stack, ids)
    stats = stack.mno.stats()
    assert stats["binds"] == 2 and stats["duplicates"] <= 20, stats
    assert stack.bridge.metric("smpp_connector_tps_peak", operator_id=stack.ids[0]) <= 200


def test_another_pod_takes_over_while_the_mno_still_sees_the_old_bind(make_stack):
    """ESME_RALYBND is not taken for a wrong password; a window's worth at most is sent twice."""
    stack = make_stack(mno_options=MNO, tps=200, bridge_settings={
        "RECONNECT_MIN_MS": 200, "WINDOW_SIZE": 20}).start()
    ids = stack.send(600, text=unique)
    wait_for(lambda: stack.mno.stats()["submits"] > 100, 20, "some are sent")
    stack.bridge.kill()
    stack.agent.kill()
    stack.mno.control("set bind-status 0x05")
    stack.agent = Agent(f"{stack.agent.directory}2").start()
    stack.restart_bridge()
    stack.agent.wait_line("RALYBND")
    assert stack.bridge.http("/ready")[0] == 503
    stack.mno.control("set bind-status 0")
    assert stack.bridge.ctl("rebind", stack.ids[0]).returncode == 0  # in half a minute it would by itself
    all_have_an_event(stack, ids)
    assert stack.mno.stats()["duplicates"] <= 20
    assert stack.bridge.metric("smpp_connector_tps_peak", operator_id=stack.ids[0]) <= 200


def test_grace_runs_out(make_stack):
    """The MNO withholds every answer, so that draining takes longer than the pod may."""
    smsc = Smsc(handlers={SUBMIT_SM: None})
    stack = make_stack(mno_address=("127.0.0.1", smsc.port),
                       bridge_settings={"WINDOW_SIZE": 10, "RECONNECT_MIN_MS": 200}).start()
    stack.send(30, text=unique)
    wait_for(lambda: len(smsc.submits()) == 10, 20, "the window is full")
    for process in (stack.agent, stack.bridge):
        process.send_signal(signal.SIGTERM)
    time.sleep(1)
    assert stack.agent.alive(), "it waits for the answers"
    stack.agent.kill()
    stack.bridge.kill()
    del smsc.handlers[SUBMIT_SM]
    stack.agent.start()
    stack.restart_bridge()
    stack.wait_acknowledged(60)
    texts = [p.text() for p in smsc.submits()]
    assert set(texts) == {unique(i) for i in range(30)} and len(texts) <= 40, "at most the window is sent again"
    smsc.close()


def no_more_descriptors(process):
    """Those that are open stay so; returns the former limit."""
    soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (3, hard))
    return soft, hard


def test_out_of_descriptors(make_stack):
    """No connection can be made meanwhile; both live on, and nothing is left to do by hand."""
    stack = make_stack(mno_options=MNO, bridge_settings={"RECONNECT_MIN_MS": 200, "RECONNECT_MAX_MS": 500}).start()
    stack.send(1)
    wait_for(stack.dlr_events, 20, "the share of the limit is known")
    limits = no_more_descriptors(stack.agent)
    stack.mno.control("close")
    wait_for(lambda: stack.bridge.sessions()[0]["reconnectAttempts"] >= 2, 20, "attempts that fail")
    assert stack.bridge.sessions()[0]["state"] != "BOUND"
    resource.prlimit(stack.agent.pid, resource.RLIMIT_NOFILE, limits)
    wait_for(lambda: stack.bridge.sessions()[0]["state"] == "BOUND", 20, "bound again")
    limits = no_more_descriptors(stack.bridge)
    stack.redis.kill()
    stack.redis.start()
    ids = stack.send(20, text=unique)
    wait_for(lambda: stack.mno.stats()["submits"] == 21, 20, "they are sent all the same")
    assert stack.unacknowledged() == 20
    resource.prlimit(stack.bridge.pid, resource.RLIMIT_NOFILE, limits)
    all_have_an_event(stack, ids)
