"""The durable consumers: made where that is safe, obeyed, or refused so that a person can see why."""
import time

from harness.nats import create_platform_streams
from harness.process import wait_for

CREATE = {"ack_policy": "explicit", "ack_wait": 10_000_000_000, "max_deliver": -1, "max_ack_pending": 1000,
          "deliver_policy": "all", "replay_policy": "instant"}


def prepare(make_stack, retention="limits", **kwargs):
    stack = make_stack(**kwargs)
    stack.start_servers(streams=False)
    create_platform_streams(stack.client, dispatch_retention=retention)
    stack.start_mno()
    stack.agent.start()
    return stack


def durable(stack):
    return "smpp-connector-" + stack.ids[0]


def make_consumer(stack, **more):
    config = {**CREATE, "durable_name": durable(stack), "filter_subject": f"smpp.operator.{stack.ids[0]}", **more}
    stack.client.api(f"CONSUMER.DURABLE.CREATE.SMS_DISPATCH.{durable(stack)}",
                     {"stream_name": "SMS_DISPATCH", "config": config})


def run(stack, **settings):
    stack.bridge = stack.make_bridge(**settings)
    stack.bridge.start()
    return stack


def wait_not_ready(stack, text):
    wait_for(lambda: text in stack.bridge.http("/ready")[1], 20, f"/ready says {text!r}", 0.1)
    assert stack.bridge.http("/ready")[0] == 503
    assert stack.bridge.http("/health")[0] == 200


def test_made_on_a_work_queue_from_the_start(make_stack):
    stack = prepare(make_stack, retention="workqueue")
    stack.send(3)
    run(stack)
    stack.bridge.wait_ready()
    wait_for(lambda: stack.mno.stats()["submits"] == 3, 20, "the waiting ones are sent")
    config = stack.client.consumer_info("SMS_DISPATCH", durable(stack))["config"]
    assert config["ack_policy"] == "explicit" and config["max_deliver"] == -1
    assert config["ack_wait"] == 10_000_000_000 and config["max_ack_pending"] == 2 * 100 + 256


def test_a_history_is_never_sent_again_silently(make_stack):
    stack = prepare(make_stack)
    stack.send(5)
    run(stack)
    wait_not_ready(stack, "CONSUMER_START")
    assert stack.mno.stats()["submits"] == 0
    stack.bridge.stop()
    run(stack, CONSUMER_START="new")
    stack.bridge.wait_ready()
    stack.send(1)
    stack.wait_acknowledged()
    assert stack.mno.stats()["submits"] == 1


def test_the_whole_history_when_asked_for(make_stack):
    stack = prepare(make_stack)
    stack.send(5)
    run(stack, CONSUMER_START="all")
    stack.bridge.wait_ready()
    wait_for(lambda: stack.mno.stats()["submits"] == 5, 20, "all are sent")


def test_a_lost_durable_continues_behind_its_ack_floor(make_stack):
    stack = prepare(make_stack)
    run(stack)
    stack.bridge.wait_ready()
    stack.send(20)
    wait_for(lambda: stack.mno.stats()["submits"] == 20, 20, "all are sent")
    stack.wait_acknowledged()
    stack.restart_bridge()  # its first check tells the agent the floor
    stack.bridge.wait_ready()
    stack.bridge.stop()  # what it told the agent has arrived
    stack.client.api(f"CONSUMER.DELETE.SMS_DISPATCH.{durable(stack)}")
    since = len(stack.bridge.lines)
    stack.restart_bridge()
    stack.bridge.wait_line("the durable consumer is created", since=since)
    stack.send(2)
    wait_for(lambda: stack.mno.stats()["submits"] >= 22, 20, "the new ones are sent")
    stack.wait_acknowledged()
    assert stack.mno.stats()["submits"] == 22, "and none of the old ones"


def test_an_ack_floor_says_nothing_of_another_stream(make_stack):
    stack = prepare(make_stack, further_streams=["OTHER"])
    run(stack)
    stack.bridge.wait_ready()
    stack.send(3)
    stack.wait_acknowledged()
    floors = []
    stack.client.subscribe(f"$JS.API.CONSUMER.INFO.SMS_DISPATCH.{durable(stack)}", floors.append)
    stack.write_operators(windowSize=50)  # the durable is looked at again, and its floor is known then
    wait_for(lambda: floors, 10, "it is looked at")
    stack.client.api("STREAM.DELETE.SMS_DISPATCH")
    stack.client.create_stream("OTHER", ["smpp.operator.*"])
    stack.send(5)
    stack.write_operators(windowSize=50, dispatchStream="OTHER")
    wait_not_ready(stack, "missing on stream OTHER")
    assert stack.mno.stats()["submits"] == 3


def test_settings_change_while_their_stream_is_asked_for(make_stack):
    """The old settings are gone when the answer comes."""
    stack = prepare(make_stack, operators=2, further_streams=["OTHER"])
    stack.operator_settings[stack.ids[1]] = {"dispatchStream": "OTHER"}
    stack.client.api("STREAM.UPDATE.SMS_DISPATCH", {
        **stack.client.stream_info("SMS_DISPATCH")["config"], "subjects": [f"smpp.operator.{stack.ids[0]}"]})
    stack.client.create_stream("OTHER", [f"smpp.operator.{stack.ids[1]}"])
    ids, stack.ids = stack.ids, stack.ids[:1]
    run(stack)
    stack.bridge.wait_ready()
    stack.ids = ids
    stack.nats.pause()
    for size, msg in ((40, "an operator is added"), (50, "an operator's settings changed")):
        stack.write_operators(windowSize=size)
        stack.bridge.wait_line(f'"msg":"{msg}","operatorId":"{ids[1]}"')
    stack.nats.resume()
    wait_for(lambda: stack.bridge.http("/ready")[0] == 200, 30, "both are fetched for")
    stack.send(1, operator=1)
    wait_for(lambda: stack.mno.stats()["submits"] == 1, 20, "it is sent")


def test_deleted_while_in_use_is_made_anew(make_stack):
    stack = prepare(make_stack, retention="workqueue")
    run(stack)
    stack.bridge.wait_ready()
    stack.send(5)
    stack.wait_acknowledged()
    stack.client.api(f"CONSUMER.DELETE.SMS_DISPATCH.{durable(stack)}")
    stack.send(5)
    wait_for(lambda: stack.mno.stats()["submits"] == 10, 30, "the new ones are sent")
    stack.wait_acknowledged()


def test_a_full_ledger_is_shared_by_all_operators(make_stack):
    """Four operators fill it; the others' commands are here then, and nothing of their own will ever happen to them."""
    operators, each = 8, 600
    stack = make_stack(operators=operators, tps=100000, bridge_settings={"WINDOW_SIZE": 1000},
                       agent_settings={"LEDGER_BYTES": 1 << 20}, mno_options=["--latency-ms", "300"])
    stack.start_servers()
    stack.start_mno()
    for i in range(operators):
        stack.send(each, operator=i)
    stack.agent.start()
    stack.bridge = stack.make_bridge()
    stack.bridge.start()
    wait_for(lambda: stack.mno.stats()["submits"] > 0, 20, "it flows", 0.01)
    stack.redis.pause()  # nothing is settled, so nobody finds room
    counts = []

    def stands():
        counts.append(stack.mno.stats()["submits"])
        return counts[-2:-1] == counts[-1:]
    wait_for(stands, 20, "all wait", 0.7)
    assert counts[-1] < operators * each
    spent, began = stack.bridge.cpu_seconds(), time.monotonic()
    wait_for(lambda: time.monotonic() - began > 2, 5, "two seconds")
    assert stack.bridge.cpu_seconds() - spent < 1, "who waits for room does not ask for it again and again"
    stack.redis.resume()
    wait_for(lambda: stack.mno.stats()["submits"] == operators * each, 25, "all are sent before the pulls end")
    stack.wait_acknowledged()


def test_wrong_ones_are_refused_until_they_are_right(make_stack):
    stack = prepare(make_stack)
    make_consumer(stack, max_deliver=5)
    run(stack)
    wait_not_ready(stack, "max_deliver")
    stack.send(1)
    assert stack.mno.stats()["submits"] == 0
    stack.client.api(f"CONSUMER.DELETE.SMS_DISPATCH.{durable(stack)}")
    make_consumer(stack)
    wait_for(lambda: stack.mno.stats()["submits"] == 1, 20, "it goes on by itself")
    stack.bridge.wait_ready()


def test_a_wrong_filter_is_refused(make_stack):
    stack = prepare(make_stack)
    make_consumer(stack, filter_subject="smpp.operator.*")
    run(stack)
    wait_not_ready(stack, "filter_subject")


def test_a_missing_stream_is_waited_for(make_stack):
    stack = prepare(make_stack, bridge_settings={"DISPATCH_STREAM": "OTHER"})
    run(stack)
    wait_not_ready(stack, "stream OTHER is missing")


def test_small_max_ack_pending_is_obeyed(make_stack):
    stack = prepare(make_stack, retention="workqueue")
    make_consumer(stack, max_ack_pending=10)
    run(stack)
    stack.bridge.wait_ready()
    assert any("max_ack_pending is 10" in line for line in stack.bridge.lines)
    stack.send(200)
    wait_for(lambda: stack.mno.stats()["submits"] == 200, 30, "all are sent")
