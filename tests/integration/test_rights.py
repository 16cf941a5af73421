"""NATS and Redis allow what README lists and nothing else (harness/rights.py), in every stack of these tests; here in
the less usual arrangements."""
from harness.nats import create_platform_streams
from harness.process import wait_for
from harness.stack import operator_id


def test_a_domain_and_a_stream_for_one_operator_alone(make_stack):
    own = operator_id(2)
    stack = make_stack(operators=2, js_domain="hub", operator_settings={own: {"dispatchStream": "OWN"}})
    stack.start_servers(streams=False)
    create_platform_streams(stack.client, dispatch_subjects=[f"smpp.operator.{stack.ids[0]}"])
    stack.client.create_stream("OWN", [f"smpp.operator.{own}"], retention="workqueue")
    stack.start_mno()
    stack.agent.start()
    stack.bridge = stack.make_bridge().start()
    stack.bridge.wait_ready()
    ids = [stack.send(5, operator=n) for n in range(2)]
    stack.send(1, operator=1, to="no number")
    wait_for(lambda: len(stack.dlr_events()) == 11, 20, "the receipts and a refusal", 0.1)
    for n, oid in enumerate(stack.ids):
        delivered = [e["messageId"] for e in stack.dlr_events() if (e["operatorId"], e["source"]) == (oid, "MNO")]
        assert sorted(delivered) == sorted(ids[n])
    wait_for(lambda: stack.unacknowledged(0) + stack.unacknowledged(1, "OWN") == 0, 20, "all acknowledged", 0.1)
    assert stack.client.stream_messages_count("DEAD_LETTERS") == 1
