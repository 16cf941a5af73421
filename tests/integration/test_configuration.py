"""Settings and operators change while everything runs; what is invalid changes nothing."""
import json
import os
import subprocess

from harness.process import wait_for
from harness.programs import BUILD, program_environment
from harness.stack import now_iso


def write(path, text):
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(text)
    os.rename(path + ".new", path)


def run(*words, **environment):
    return subprocess.run([os.path.join(BUILD, "bridge/smpp-bridge"), *words], env=program_environment(environment),
                          capture_output=True, text=True, timeout=20, check=False)


def test_words_of_the_command_line():
    assert run("--version").stdout.startswith("smpp-bridge ")
    for word in ("--check-config", "--print-settings", "ctl", "pause", "SIGHUP"):
        assert word in run("--help").stdout
    table = run("--print-settings").stdout
    for name in ("OPERATOR_IDS", "NATS_URL", "LEASE_DEADLINE_MS", "CTL_SOCKET", "MO_SUBJECT"):
        assert f"| {name} |" in table
    assert run("--nonsense").returncode == 2


def test_check_config(tmp_path):
    paths = {name: str(tmp_path / name) for name in ("ca", "cert", "key", "empty")}
    for name, path in paths.items():
        write(path, "" if name == "empty" else "-")
    good = {"OPERATOR_IDS": "5a5a0000-0000-4000-8000-000000000001=Operator A", "OPERATOR_MGMT_URL": "https://m.test",
            "OPERATOR_MGMT_CA_FILE": paths["ca"], "OPERATOR_MGMT_CERT_FILE": paths["cert"], "OPERATOR_MGMT_KEY_FILE": paths["key"],
            "INTERNAL_SERVICE_TOKEN": "t0p-secret", "REDIS_URL": "redis://user:hidden@127.0.0.1:6379/0",
            "NATS_URL": "nats://user:hidden@127.0.0.1:4222"}
    shown = run("--check-config", **good)
    assert shown.returncode == 0
    assert "WINDOW_SIZE=100" in shown.stdout and "INTERNAL_SERVICE_TOKEN=***" in shown.stdout
    assert "NATS_URL=nats://***@127.0.0.1:4222" in shown.stdout
    assert "t0p-secret" not in shown.stdout and "hidden" not in shown.stdout
    for name, value, says in (("WINDOW_SIZE", "0", "WINDOW_SIZE"), ("OPERATOR_MGMT_URL", "http://m.test", "https"),
                              ("OPERATOR_IDS", "no-uuid", "no-uuid"), ("OPERATORS_FILE", "/nowhere", "/nowhere"),
                              *((name, "/nowhere", f"{name}: /nowhere: No such file") for name in (
                                  "OPERATOR_MGMT_CA_FILE", "OPERATOR_MGMT_CERT_FILE", "OPERATOR_MGMT_KEY_FILE",
                                  "INTERNAL_SERVICE_TOKEN_FILE", "NATS_CREDS_FILE", "NATS_CA_FILE")),
                              ("OPERATOR_MGMT_KEY_FILE", paths["empty"], "empty"),
                              ("OPERATOR_MGMT_CA_FILE", str(tmp_path), "not a regular file")):
        bad = run("--check-config", **{**good, name: value})
        assert bad.returncode == 1 and says in bad.stderr, bad
        assert len(bad.stderr.strip().splitlines()) == 1, "one clear line"


def test_a_start_that_can_not_be_ends_with_one_clear_line(make_stack):
    stack = make_stack().start()
    other = stack.make_bridge("other", MGMT_LISTEN=stack.bridge.settings["MGMT_LISTEN"])
    other.start()
    assert other.wait(15) == 1
    errors = [json.loads(line) for line in other.lines if '"error"' in line]
    assert len(errors) == 1 and str(stack.bridge.port) in errors[0]["reason"]
    assert stack.bridge.http("/ready")[0] == 200


def test_operators_file_is_followed(make_stack):
    stack = make_stack(operators=3)
    stack.start()
    first = stack.bridge.json("/sessions")["sessions"]
    assert len(first) == 3
    stack.write_operators(stack.ids[:2])
    wait_for(lambda: len(stack.bridge.sessions()) == 2, 20, "the third is gone", 0.1)
    wait_for(lambda: stack.mno.stats()["unbinds"] == 1, 10, "it unbound", 0.05)
    stack.write_operators(stack.ids)
    wait_for(lambda: [r["state"] for r in stack.bridge.sessions()] == ["BOUND"] * 3, 20, "it is back", 0.1)
    stack.send(10, operator=2)
    stack.wait_acknowledged()
    again = {r["operatorId"]: r["lastBoundAt"] for r in stack.bridge.sessions()}
    for row in first[:2]:
        assert again[row["operatorId"]] == row["lastBoundAt"], "the others did not notice"


def test_an_invalid_file_changes_nothing_and_says_why(make_stack):
    stack = make_stack(operators=2).start()
    for text, says in (("{", "JSON"), ('{"operators":[]}', "0 operators"),
                       ('{"operators":[{"operatorId":"%s","windowSize":0}]}' % stack.ids[0], "windowSize")):
        since = len(stack.bridge.lines)
        write(stack.operators_path, text)
        line = stack.bridge.wait_line("the operators are not reloaded", since=since)
        assert says in line or says == "JSON"
        assert len(stack.bridge.sessions()) == 2
    stack.send(5, operator=1)
    stack.wait_acknowledged()
    assert stack.mno.stats()["unbinds"] == 0


def test_settings_file_and_sighup(make_stack):
    stack = make_stack()
    path = os.path.join(stack.directory, "settings")
    write(path, "LOG_LEVEL=info\nWINDOW_SIZE=5\n")
    stack.bridge_settings["SETTINGS_FILE"] = path
    stack.start()
    details = stack.bridge.json("/sessions/" + stack.ids[0])
    assert "5" in json.dumps(details)
    write(path, "LOG_LEVEL=debug\nWINDOW_SIZE=7\n")
    wait_for(lambda: any("setting changed" in line and "LOG_LEVEL" in line for line in stack.bridge.lines), 10,
             "the change is seen")

    def agent_follows(): # it mentions whoever attaches, but only when it logs what is for debugging
        stack.restart_bridge()
        stack.bridge.wait_ready()
        return any('"level":"debug"' in line for line in stack.agent.lines)
    wait_for(agent_follows, 30, "the agent follows")
    since = len(stack.bridge.lines)
    write(path, "WINDOW_SIZE=none\n")
    stack.bridge.wait_line("the settings are not reloaded", since=since)
    since = len(stack.bridge.lines)
    stack.bridge.send_signal(1)
    stack.bridge.wait_line("the settings are not reloaded", since=since)
    assert stack.bridge.http("/ready")[0] == 200


def test_an_operator_that_only_the_agent_knows_keeps_its_bind(make_stack):
    stack = make_stack(operators=2).start()
    stack.send(50, operator=1)
    stack.wait_acknowledged()
    stack.bridge.kill()
    ids, stack.ids = stack.ids, stack.ids[:1]
    stack.restart_bridge()
    stack.bridge.wait_ready()
    stack.bridge.wait_line("is not configured")
    stack.send(20, operator=0)
    stack.wait_acknowledged()
    assert stack.mno.stats()["unbinds"] == 0, "nothing is unbound by absence"
    assert {r["operatorId"] for r in stack.bridge.sessions()} == set(ids)
    assert stack.bridge.ctl("release", ids[1]).returncode == 0
    wait_for(lambda: stack.mno.stats()["unbinds"] == 1, 20, "released by name")
    wait_for(lambda: len(stack.bridge.sessions()) == 1, 20, "its row is gone")


def test_pause_and_resume(make_stack):
    stack = make_stack().start()
    oid = stack.ids[0]
    stack.send(5)
    stack.wait_acknowledged()
    assert stack.bridge.ctl("pause", oid).returncode == 0
    wait_for(lambda: stack.bridge.metric("smpp_connector_tps_pacer_limit") == 0, 15, "paused", 0.05)
    stack.send(5)
    wait_for(lambda: stack.bridge.json("/sessions/" + oid)["notSendingBecause"] == "paused", 15, "it says so", 0.05)
    assert stack.mno.stats()["submits"] == 5
    assert stack.bridge.ctl("resume", oid).returncode == 0
    stack.wait_acknowledged()
    assert stack.mno.stats()["submits"] == 10


def test_all_from_the_environment(make_stack):
    """OPERATOR_IDS, INTERNAL_SERVICE_TOKEN, MAX_COMMAND_AGE_S, DEADLETTER=off."""
    stack = make_stack(operators=2, operators_file=False, bridge_settings={
        "INTERNAL_SERVICE_TOKEN": "test-token-1", "INTERNAL_SERVICE_TOKEN_FILE": None, "MAX_COMMAND_AGE_S": 2,
        "DEADLETTER": "off"}).start()
    assert [(r["operatorId"], r["operatorName"], r["state"]) for r in stack.bridge.sessions()] == [
        (stack.ids[0], "Operator A", "BOUND"), (stack.ids[1], "Operator B", "BOUND")]
    assert stack.bridge.ctl("pause", stack.ids[1]).returncode == 0
    old, young = [stack.send(1, operator=1, expiresAt=expires)[0] for expires in (None, now_iso(3600))]
    bad = stack.send(1, operator=0, to="no number")[0]
    ends = {(old, "EXPIRED"), (bad, "REJECTED")}
    wait_for(lambda: {(e["messageId"], e["status"]) for e in stack.dlr_events()} == ends, 20, "too old, and bad", 0.1)
    wait_for(lambda: stack.unacknowledged(1) == 1, 10, "the young one waits", 0.05)
    assert stack.mno.stats()["submits"] == 0
    assert stack.bridge.ctl("resume", stack.ids[1]).returncode == 0
    wait_for(lambda: any((e["messageId"], e["status"]) == (young, "DELIVERED") for e in stack.dlr_events()), 20, "sent", 0.1)
    stack.wait_acknowledged()
    assert stack.client.stream_messages_count("DEAD_LETTERS") == 0


def test_dead_letters_that_no_stream_takes(make_stack):
    """auto: it does without them. on: a command waits until its letter is kept."""
    stack = make_stack()
    stack.start_servers()
    stack.client.api("STREAM.DELETE.DEAD_LETTERS")
    stack.start_mno()
    stack.agent.start()
    stack.bridge = stack.make_bridge().start()
    stack.bridge.wait_ready()
    stack.send(1, to="no number")
    wait_for(lambda: len(stack.dlr_events()) == 1, 20, "reported", 0.1)
    stack.wait_acknowledged()
    stack.restart_bridge(DEADLETTER="on")
    stack.bridge.wait_ready()
    stack.send(1, to="no number")
    wait_for(lambda: stack.bridge.metric("smpp_connector_commands_invalid_total") == 1, 10, "it ends", 0.05)
    assert stack.unacknowledged() == 1
    stack.client.create_stream("DEAD_LETTERS", ["smpp.deadletter.*"])
    stack.wait_acknowledged()
    assert stack.client.stream_messages_count("DEAD_LETTERS") == 1


def test_the_time_to_drain(make_stack):
    """10 s of DRAIN_MS are for settling and unbinding: what is unanswered has the rest of it."""
    stack = make_stack(mno_options=["--latency-ms", "120000"], agent_settings={"DRAIN_MS": 10500}).start()
    stack.send(1)
    wait_for(lambda: stack.mno.stats()["submits"] == 1, 20, "it is in flight")
    stack.agent.send_signal(15)
    stack.agent.wait_line('"event":"drain_timeout"', timeout=20)  # it would be 25 s by default
    assert stack.agent.wait(20) == 0
