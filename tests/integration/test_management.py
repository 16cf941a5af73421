"""The management API and ctl: to the letter of the contract, and what an engineer needs."""
import json
import os
import re

from harness.process import wait_for

CONTRACT = {
    "smpp_connector_sessions_total": ("gauge", {"operator_id", "state"}),
    "smpp_connector_submit_sm_total": ("counter", {"operator_id", "status"}),
    "smpp_connector_submit_sm_duration_seconds": ("histogram", {"operator_id"}),
    "smpp_connector_dlr_received_total": ("counter", {"operator_id", "status"}),
    "smpp_connector_dlr_correlation_not_found_total": ("counter", {"operator_id"}),
    "smpp_connector_tps_throttle_total": ("counter", {"operator_id"}),
    "smpp_connector_tps_current": ("gauge", {"operator_id"}),
    "smpp_connector_reconnect_attempts_total": ("counter", {"operator_id"}),
    "smpp_connector_enquire_link_timeout_total": ("counter", {"operator_id"}),
    "smpp_connector_pdu_bytes_sent_total": ("counter", {"operator_id"}),
    "smpp_connector_pdu_bytes_received_total": ("counter", {"operator_id"}),
    "smpp_connector_long_message_segments_total": ("counter", {"operator_id", "strategy"}),
}
SAMPLE = re.compile(r'^([a-z_:][a-z0-9_:]*)(\{([a-z_]+="(?:[^"\\]|\\.)*"(?:,[a-z_]+="(?:[^"\\]|\\.)*")*)\})? '
                    r'(-?[0-9.e+-]+|NaN|[+-]Inf)$')


def parse(text):
    """{family: (type, help, [(name, labels, value)])}; fails on what Prometheus would not read."""
    families, current = {}, None
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            current = line.split(" ", 3)[2]
            assert current not in families, current
            families[current] = [None, line.split(" ", 3)[3], []]
        elif line.startswith("# TYPE "):
            assert line.split(" ")[2] == current
            families[current][0] = line.split(" ")[3]
        else:
            m = SAMPLE.match(line)
            assert m, line
            assert m.group(1) in (current, current + "_bucket", current + "_sum", current + "_count"), line
            labels = dict(re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', m.group(3) or ""))
            families[current][2].append((m.group(1), labels, float(m.group(4))))
    return families


def test_metrics_of_the_contract(stack):
    stack.send(5, text="x" * 200)
    wait_for(lambda: len(stack.dlr_events()) == 10, 20, "10 events", 0.1)
    families = parse(stack.bridge.http("/metrics")[1])
    for name, (kind, labels) in CONTRACT.items():
        assert families[name][0] == kind and families[name][1], name
        for sample_name, sample_labels, _ in families[name][2]:
            assert set(sample_labels) - {"le"} == labels, sample_name
    for name, (kind, _, samples) in families.items():
        assert name.startswith("smpp_connector_")
        assert samples or name == "smpp_connector_tls_peer_expiry_timestamp_seconds", name
        assert (kind == "counter") == name.endswith("_total") or name == "smpp_connector_sessions_total", name

    metric = stack.bridge.metric
    assert metric("smpp_connector_sessions_total", state="BOUND") == 1
    assert metric("smpp_connector_sessions_total") == 1
    assert metric("smpp_connector_submit_sm_total", status="success") == 10
    assert metric("smpp_connector_submit_sm_duration_seconds_count") == 10
    assert metric("smpp_connector_dlr_received_total", status="DELIVERED") == 10
    assert metric("smpp_connector_long_message_segments_total", strategy="csms") == 10
    wait_for(lambda: metric("smpp_connector_pdu_bytes_sent_total") > 1000, 5, "the agent's counters", 0.1)
    assert metric("smpp_connector_pdu_bytes_received_total") > 1000
    order = [line.split(" ")[2] for line in stack.bridge.http("/metrics")[1].splitlines() if line.startswith("# TYPE")]
    assert order[:len(CONTRACT)] == list(CONTRACT)


def test_ready_says_what_is_missing(make_stack):
    stack = make_stack().start()
    def missing():
        status, body = stack.bridge.http("/ready")
        answer = json.loads(body)
        assert (status == 200) == answer["ready"] == (answer["missing"] == [])
        return " ".join(answer["missing"])
    assert missing() == ""
    stack.redis.pause()
    wait_for(lambda: "Redis" in missing(), 10, "Redis is missed", 0.05)
    assert stack.bridge.http("/health")[0] == 200
    stack.redis.resume()
    wait_for(lambda: missing() == "", 10, "all is well", 0.05)
    stack.mno.control("down")
    wait_for(lambda: f"operator {stack.ids[0]}" in missing(), 10, "the session is missed", 0.05)
    stack.mno.control("up")
    wait_for(lambda: missing() == "", 20, "all is well", 0.05)
    stack.nats.kill()
    wait_for(lambda: "NATS" in missing(), 10, "NATS is missed", 0.05)


def test_other_paths_and_methods(stack):
    assert stack.bridge.http("/")[0] == 404
    assert stack.bridge.http("/sessions/")[0] == 404
    assert stack.bridge.http("/sessions/..%2f..%2fetc%2fpasswd")[0] == 404
    assert stack.bridge.http("/sessions?x=1")[0] == 200
    import urllib.request
    request = urllib.request.Request(f"http://127.0.0.1:{stack.bridge.port}/sessions", method="POST", data=b"")
    try:
        urllib.request.urlopen(request, timeout=5)
        raise AssertionError("POST was taken")
    except urllib.error.HTTPError as e:
        assert e.code == 405


def test_detail(stack):
    stack.send(3)
    wait_for(lambda: len(stack.dlr_events()) == 3, 20, "3 events", 0.1)

    def idle():
        detail = stack.bridge.json(f"/sessions/{stack.ids[0].upper()}")
        return detail if detail["notSendingBecause"] == "empty" else None
    detail = wait_for(idle, 10, "nothing is left to send", 0.1)
    assert detail["operatorName"] == "Operator A"
    assert detail["health"] == "BOUND" and detail["agentAttached"] is True
    assert detail["credentials"]["host"] == "127.0.0.1" and detail["credentials"]["fetchedAt"]
    assert detail["tps"]["share"] == detail["tps"]["limit"] == stack.tps
    assert detail["receipts"]["published"] == 3
    (bind,) = detail["binds"]
    assert bind["state"] == "BOUND" and bind["since"] and bind["peer"] and bind["windowUsed"] == 0
    assert "s3cr3tpw" not in json.dumps(detail)


def test_ctl(stack):
    out = stack.bridge.ctl("sessions")
    assert out.returncode == 0 and stack.ids[0] in out.stdout and "BOUND" in out.stdout
    out = stack.bridge.ctl("sessions", "--json")
    assert out.returncode == 0 and json.loads(out.stdout) == stack.bridge.json("/sessions")
    assert stack.bridge.ctl("sessions", "--yaml").returncode == 2
    settings = os.path.join(stack.directory, "settings")
    with open(settings, "w", encoding="utf-8") as f:
        f.write(f"WINDOW_SIZE=wrong\nCTL_SOCKET={stack.bridge.settings['CTL_SOCKET']}\n")
    out = stack.bridge.run("ctl", "sessions", CTL_SOCKET=None, SETTINGS_FILE=settings)
    assert out.returncode == 0 and stack.ids[0] in out.stdout
    assert stack.bridge.run("ctl", "sessions", CTL_SOCKET=None, SETTINGS_FILE="/nowhere").returncode == 1
    assert "CTL_SOCKET is empty" in stack.bridge.run("ctl", "sessions", CTL_SOCKET="").stderr
    assert stack.bridge.ctl("pause", "--json", stack.ids[0]).returncode == 2
    assert stack.bridge.ctl().returncode == 2
    assert stack.bridge.ctl("dance").returncode == 2
    assert stack.bridge.ctl("pause").returncode == 2
    assert stack.bridge.ctl("pause", "no-operator").returncode == 1
    assert stack.bridge.ctl("log-level", "loud").returncode == 1

    stack.send(1)
    wait_for(lambda: stack.mno.stats()["submits"] == 1, 20, "sent", 0.05)
    assert stack.bridge.ctl("pause", stack.ids[0]).returncode == 0
    wait_for(lambda: stack.bridge.metric("smpp_connector_tps_pacer_limit") == 0, 15, "paused", 0.05)
    stack.send(5)
    detail = stack.bridge.json(f"/sessions/{stack.ids[0]}")
    assert detail["paused"] is True and detail["notSendingBecause"] == "paused"
    stack.restart_bridge(kill=False)
    stack.bridge.wait_ready()
    wait_for(lambda: stack.bridge.json(f"/sessions/{stack.ids[0]}")["notSendingBecause"] == "paused", 10,
             "the next bridge was told by the agent", 0.05)
    assert stack.mno.stats()["submits"] == 1
    assert stack.bridge.ctl("resume", stack.ids[0]).returncode == 0
    wait_for(lambda: stack.mno.stats()["submits"] == 6, 20, "sent", 0.05)
    stack.wait_acknowledged()

    assert stack.bridge.ctl("rebind", stack.ids[0]).returncode == 0
    wait_for(lambda: stack.mno.stats()["binds"] == 2, 20, "bound again", 0.05)
    assert stack.mno.stats()["unbinds"] == 1
    assert stack.bridge.ctl("log-level", "debug").returncode == 0
    wait_for(lambda: any('"debug"' in line for line in stack.bridge.lines), 10, "debug lines", 0.1)
    assert stack.bridge.alive()


def test_ctl_without_a_bridge(stack):
    stack.bridge.kill()
    out = stack.bridge.ctl("sessions")
    assert out.returncode == 1 and "no answer" in out.stderr
