"""Credentials: fetched before each bind over mTLS; whatever the service does, the bridge stays up and says why."""
import json
import os
import signal

import pytest

from harness.memory import Snapshot, may_be_read
from harness.process import wait_for

PASSWORD = 'Zq"7xK\\9'  # eight octets, of which two look different in JSON


def identify_as(stack, name):
    """The bridge's certificate and key are links, which a rotation changes."""
    for ending in ("pem", "key"):
        link = f"{stack.directory}/identity.{ending}"
        os.symlink(f"{stack.directory}/mgmt/{name}.{ending}", link + ".new")
        os.rename(link + ".new", link)


def give_token(stack, token):
    with open(f"{stack.directory}/identity.token", "w", encoding="ascii") as f:
        f.write(token)


def an_expired_client_certificate(stack):
    identify_as(stack, "expired-client")


def a_client_certificate_of_another_authority(stack):
    identify_as(stack, "other-client")


def an_old_token(stack):
    stack.mgmt.token = "the-next-token"
    stack.mgmt.write()


def put_right(stack):
    stack.mgmt.restart()
    identify_as(stack, "client")
    give_token(stack, stack.mgmt.token)


@pytest.fixture
def one_of_two(make_stack):
    """One operator is bound; the second is declared by write_operators()."""
    stack = make_stack(operators=2, bridge_settings={"RECONNECT_MIN_MS": "1000", "RECONNECT_MAX_MS": "1000"})
    stack.credentials = {oid: {"password": PASSWORD} for oid in stack.ids}
    identity = f"{stack.directory}/identity"
    stack.bridge_settings.update(OPERATOR_MGMT_CERT_FILE=f"{identity}.pem", OPERATOR_MGMT_KEY_FILE=f"{identity}.key",
                                 INTERNAL_SERVICE_TOKEN_FILE=f"{identity}.token")
    stack.start_servers().start_mno()
    stack.register_instance()
    identify_as(stack, "client")
    give_token(stack, stack.mgmt.token)
    stack.agent.start()
    stack.bridge = stack.make_bridge()
    stack.write_operators(stack.ids[:1])
    stack.bridge.start().wait_ready()
    return stack


# What is done, what the log calls it, and whether the bridge can know that it is the service that answers.
FAULTS = [
    ("down", "connect to", False), ("fault hang-handshake", "connection timeout", False),
    ("server-cert expired-server", "expired", False), ("server-cert other-server", "issuer", False),
    ("server-cert wrong-name-server", "subject name", False),
    (an_expired_client_certificate, "our client certificate perhaps", True),
    (a_client_certificate_of_another_authority, "our client certificate perhaps", True),
    (an_old_token, "token", True), ("fault status 404", "does not know", True), ("fault status 500", "500", True),
    ("fault garbage", "unexpected byte", True), ("fault html", "unexpected byte", True),
    ("fault empty", "not JSON", True), ("fault truncated", "transfer closed", True),
    ("fault huge", "larger than 64 KiB", True), ("fault wrong-operator", "operatorId", True),
    ("fault missing password", "password", True), ("fault set tpsLimit -1", "tpsLimit", True),
    ('fault set port "x"', "port", True), ("fault redirect", "302", True),
    ("fault close", "turned away after the TLS handshake", True), ("fault slow 15000", "timed out", True),
    ("fault drip 1000", "timed out", True)]


@pytest.mark.parametrize("fault,reason,known", FAULTS)
def test_a_fault_is_said_clearly_costs_no_live_bind_and_the_next_answer_binds(one_of_two, fault, reason, known):
    stack = one_of_two
    asked = stack.mgmt.control("stats")["requests"]
    if callable(fault):
        fault(stack)
    else:
        stack.mgmt.control(fault)
    stack.write_operators()
    stack.bridge.send_signal(signal.SIGHUP)
    line = stack.bridge.wait_line("no credentials")
    assert reason in json.loads(line)["reason"] and json.loads(line)["operatorId"] == stack.ids[1]
    wait_for(lambda: stack.bridge.metric("smpp_connector_credentials_failed_total", operator_id=stack.ids[1]) >= 1, 10,
             "counted", 0.05)
    assert stack.bridge.json(f"/sessions/{stack.ids[1]}")["credentials"]["lastError"]
    nobody_has_the_password(stack)  # the attempt is over, since it has answered us
    assert known or stack.mgmt.control("stats")["requests"] == asked, "who is not known is asked nothing, and is shown no token"
    (ours,) = stack.send(1, operator=0)
    wait_for(lambda: [e["messageId"] for e in stack.dlr_events()] == [ours], 20, "the other operator's traffic goes on",
             0.05)
    stats = stack.mno.stats()
    assert (stats["connections"], stats["binds"]) == (1, 1), "the live bind stands, and there was no other"
    put_right(stack)
    wait_for(lambda: [s["state"] for s in stack.bridge.sessions()] == ["BOUND"] * 2, 20, "bound", 0.05)
    nobody_has_the_password(stack)
    assert stack.bridge.json(f"/sessions/{stack.ids[1]}")["credentials"]["lastError"] is None
    stats = stack.mno.stats()
    assert (stats["connections"], stats["binds"]) == (2, 2)


def nobody_has_the_password(stack):
    """Both stand still while it is looked at, so that no next attempt begins; for less than what they take note of."""
    both = (stack.bridge, stack.agent)
    assert not any(PASSWORD in line or json.dumps(PASSWORD)[1:-1] in line for process in both for line in process.lines)
    if not may_be_read():
        return
    for process in both:
        process.pause()
    try:
        snapshots = [Snapshot(process, known=stack.ids[0]) for process in both]
    finally:
        for process in both:
            process.resume()
    assert [trace for snapshot in snapshots for trace in snapshot.traces_of(PASSWORD)] == []


def test_the_service_away_costs_no_live_bind(make_stack):
    stack = make_stack(bridge_settings={"CREDENTIALS_REFRESH_MS": "200"}).start()
    stack.mgmt.kill()
    wait_for(lambda: stack.bridge.metric("smpp_connector_credentials_failed_total") > 2, 10, "fetches fail", 0.05)
    ids = stack.send(10)
    wait_for(lambda: len(stack.dlr_events()) == 10, 20, "sent", 0.1)
    assert {e["messageId"] for e in stack.dlr_events()} == set(ids)
    assert stack.mno.stats()["binds"] == 1
