"""The end of the pod that ships: an unbind, settled messages, exit 0, whichever hears of it first."""
import time

import pytest

from harness.process import wait_for

ORDERS = {
    "agent first": (("agent", 0), ("bridge", 0)),
    "bridge first": (("bridge", 0), ("agent", 0)),
    "agent, 2 s later the bridge": (("agent", 0), ("bridge", 2)),
    "bridge, 1 s later the agent": (("bridge", 0), ("agent", 1)),
}


@pytest.mark.parametrize("order", ORDERS, ids=list(ORDERS))
def test_end_of_the_pod_under_load(make_pod, order):
    stack = make_pod(tps=400, mno_options=("--latency-ms", "50-300", "--receipt-delay-ms", "400-600")).start()
    total = 4000
    stack.send(total, text=lambda i: f"Your code is {i}")
    wait_for(lambda: stack.mno.stats()["submits"] >= 300, 30, "300 submits", 0.01)
    containers = {"agent": stack.agent, "bridge": stack.bridge.container}
    began = time.monotonic()
    for name, delay in ORDERS[order]:
        time.sleep(delay)  # what the order is about
        containers[name].term(stack.converted.grace_s)
    codes = {name: c.wait_exit(stack.converted.grace_s) for name, c in containers.items()}
    print(f"{order}: ended after {time.monotonic() - began:.2f} s")
    assert codes == {"agent": 0, "bridge": 0}
    stats = stack.mno.stats()
    assert (stats["binds"], stats["unbinds"], stats["duplicates"]) == (1, 1, 0)
    left = stack.client.stream_messages_count("SMS_DISPATCH")
    if order.startswith("agent"):
        assert left == total - stats["submits"], "what was sent is acknowledged, what was not is still there"
        assert [e["status"] for e in stack.health_events()] == ["BOUND", "UNBOUND"]
    else:  # the bridge left before it could know: at least what was not sent is still there
        assert left >= total - stats["submits"]
