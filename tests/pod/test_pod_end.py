"""The end of the pod that ships: an unbind, settled messages, exit 0, whichever hears of it first."""
import datetime
import json
import time

import pytest

from harness.process import wait_for

ORDERS = {
    "agent first": (("agent", 0), ("bridge", 0)),
    "bridge first": (("bridge", 0), ("agent", 0)),
    "agent, 2 s later the bridge": (("agent", 0), ("bridge", 2)),
    "bridge, 1 s later the agent": (("bridge", 0), ("agent", 1)),
    "bridge, 2 s later the agent": (("bridge", 0), ("agent", 2)),
}
# So long the bridge waits for word that the agent ends too, but for what a log line may be late by.
HEARS_S = 1.8
WINDOW = 100


def said_at(container, text):
    """When the container's log has the line, in seconds; the machine may be slow to pass on a signal."""
    for line in container.logs().splitlines():
        if f'"{text}' in line:
            stamp = json.loads(line)["time"]
            return datetime.datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%fZ").timestamp()
    raise AssertionError(f"{container.name} does not say {text!r}:\n{container.logs()}")


def flowing(make_pod, total, *mno_options):
    stack = make_pod(tps=400, mno_options=("--receipt-delay-ms", "400-600", *mno_options)).start()
    stack.send(total, text=lambda i: f"Your code is {i}")
    return stack


@pytest.mark.parametrize("order", ORDERS, ids=list(ORDERS))
def test_end_of_the_pod_under_load(make_pod, order):
    total = 2000
    stack = flowing(make_pod, total, "--latency-ms", "50-300")
    wait_for(lambda: stack.mno.stats()["submits"] >= 300, 30, "300 submits", 0.01)
    containers = {"agent": stack.agent, "bridge": stack.bridge.container}
    began = time.monotonic()
    for name, delay in ORDERS[order]:
        time.sleep(delay)  # what the order is about
        containers[name].term(stack.converted.grace_s)
    codes = {name: c.wait_exit(stack.converted.grace_s) for name, c in containers.items()}
    gap = said_at(stack.agent, "the agent drains") - said_at(stack.bridge.container, "the bridge stops")
    print(f"{order}: ended after {time.monotonic() - began:.2f} s; the agent heard of it {gap:.2f} s after the bridge")
    assert codes == {"agent": 0, "bridge": 0}
    stats = stack.mno.stats()
    assert (stats["binds"], stats["unbinds"], stats["duplicates"]) == (1, 1, 0)
    left = stack.client.stream_messages_count("SMS_DISPATCH")
    if gap < HEARS_S:
        assert left == total - stats["submits"], "what was sent is acknowledged, what was not is still there"
        assert [e["status"] for e in stack.health_events()] == ["BOUND", "UNBOUND"]
    else:  # the bridge had left: at least what was not sent is still there
        assert left >= total - stats["submits"]


def test_the_grace_runs_out(make_pod):
    """An MNO that answers nothing, and less time than SUBMIT_TIMEOUT_MS: nothing is lost. What ends when the other one
    was killed may still end by itself."""
    total = 300
    stack = flowing(make_pod, total, "--latency-ms", "120000")
    wait_for(lambda: stack.mno.stats()["submits"] == WINDOW, 30, "a full window at the MNO", 0.01)
    for container in (stack.agent, stack.bridge.container):
        container.term(3)
    assert stack.agent.wait_exit(3) == 137 and stack.bridge.container.wait_exit(3) in (0, 137)
    stats = stack.mno.stats()
    assert (stats["submits"], stats["binds"], stats["unbinds"]) == (WINDOW, 1, 0), "so many may be sent twice"
    assert stack.client.stream_messages_count("SMS_DISPATCH") == total
