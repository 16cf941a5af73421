"""A backlog goes through in batches, end to end. Speed in detail is tests/bench's business; this is the
floor below which something is fundamentally wrong."""
import json
import time

import pytest

from harness.process import wait_for
from harness.stack import command

pytestmark = pytest.mark.timing

COUNT = 60000
FLOOR = 20000  # messages a second; one operator, window 1,000, no latency, no receipts


def test_backlog_without_receipts(make_stack):
    stack = make_stack(tps=100000, bridge_settings={"WINDOW_SIZE": 1000},
                       operator_settings={"5a5a0000-0000-4000-8000-000000000001": {"registeredDelivery": 0}})
    stack.start_servers()
    stack.start_mno()
    oid = stack.ids[0]
    fields = command(oid, to="+99970000000", text="Your one-time password is 000000")
    before, after = json.dumps(fields).split(fields["messageId"])
    base = fields["messageId"][:-12]
    stack.client.store_many(
        (f"smpp.operator.{oid}", f"{before}{base}{i:012x}{after}") for i in range(COUNT))
    stack.agent.start()
    stack.bridge = stack.make_bridge()
    stack.bridge.start()
    wait_for(lambda: stack.mno.stats()["submits"] >= 2000, 30, "it flows", 0.002)
    began, first = time.monotonic(), stack.mno.stats()["submits"]
    wait_for(lambda: stack.mno.stats()["submits"] >= COUNT, 60, "all are sent", 0.005)
    rate = (COUNT - first) / (time.monotonic() - began)
    stack.wait_acknowledged()
    cpu = (stack.bridge.cpu_seconds(), stack.agent.cpu_seconds())
    print(f"{rate:.0f} messages/s; bridge {cpu[0] / COUNT * 1e6:.1f} and agent {cpu[1] / COUNT * 1e6:.1f} us a message")
    assert stack.mno.stats()["submits"] == COUNT
    assert rate >= FLOOR
