"""Credentials: fetched before each bind over mTLS; whatever the service does, the bridge stays up and says why."""
import json

import pytest

from harness.process import wait_for


def bridge_log(stack):
    return "\n".join(stack.bridge.lines)


@pytest.mark.parametrize("fault,reason", [
    ("status 401", "token"), ("status 404", "does not know"), ("status 500", "500"), ("garbage", "unexpected byte"),
    ("html", "unexpected byte"), ("empty", "not JSON"), ("truncated", "transfer closed"), ("huge", "larger than 64 KiB"),
    ("wrong-operator", "operatorId"),
    ("missing password", "password"), ("set tpsLimit -1", "tpsLimit"), ('set port "x"', "port"), ("redirect", "302"),
    ("close", "turned away after the TLS handshake"), ("drip 1000", "timed out")])
def test_a_bad_answer_is_said_clearly_and_the_next_one_binds(make_stack, fault, reason):
    stack = make_stack(bridge_settings={"RECONNECT_MIN_MS": "500", "RECONNECT_MAX_MS": "1000"})
    stack.start_servers()
    stack.start_mno()
    fault_command(stack, f"fault {fault}")
    stack.agent.start()
    stack.bridge = stack.make_bridge().start()
    line = wait_for(lambda: next((l for l in stack.bridge.lines if "no credentials" in l), None), 20, "a clear line")
    assert reason in json.loads(line)["reason"]
    assert "s3cr3tpw" not in bridge_log(stack)
    wait_for(lambda: stack.bridge.metric("smpp_connector_credentials_failed_total") >= 1, 10, "counted", 0.05)
    detail = stack.bridge.json(f"/sessions/{stack.ids[0]}")
    assert detail["credentials"]["lastError"]
    assert stack.mno.stats()["binds"] == 0
    fault_command(stack, "clear")
    stack.bridge.wait_ready()
    assert stack.bridge.json(f"/sessions/{stack.ids[0]}")["credentials"]["lastError"] is None
    assert stack.mno.stats()["binds"] == 1


def fault_command(stack, line):
    from harness.programs import control
    ready = json.loads(next(l for l in stack.mgmt.lines if '"ready"' in l))
    return control(int(str(ready["control"]).rsplit(":", 1)[-1]), line)


def test_a_rotated_token_is_read_again(make_stack):
    stack = make_stack(bridge_settings={"CREDENTIALS_REFRESH_MS": "200"}).start()
    stack.mgmt.token = "another-token"
    stack.mgmt.write()
    fetched = stack.bridge.metric("smpp_connector_credentials_fetched_total")
    wait_for(lambda: stack.bridge.metric("smpp_connector_credentials_fetched_total") > fetched + 2, 10, "fetched", 0.05)


def test_the_service_away_costs_no_live_bind(make_stack):
    stack = make_stack(bridge_settings={"CREDENTIALS_REFRESH_MS": "200"}).start()
    stack.mgmt.kill()
    wait_for(lambda: stack.bridge.metric("smpp_connector_credentials_failed_total") > 2, 10, "fetches fail", 0.05)
    ids = stack.send(10)
    wait_for(lambda: len(stack.dlr_events()) == 10, 20, "sent", 0.1)
    assert {e["messageId"] for e in stack.dlr_events()} == set(ids)
    assert stack.mno.stats()["binds"] == 1
