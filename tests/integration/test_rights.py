"""NATS and Redis allow what README lists and nothing else (harness/rights.py), in every stack of these tests; here in
the less usual arrangements, and what is said about a right that is missing."""
import concurrent.futures
import json

from harness import nats_jwt, rights
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


def test_a_credentials_file(make_stack, tmp_path):
    """NATS_CREDS_FILE: JWT and seed, with README's rights."""
    stack = make_stack()
    users, path = nats_jwt.Users(), str(tmp_path / "nats.creds")
    credentials = users.credentials("connector", rights.nats_rights(["SMS_DISPATCH"]))
    with open(path, "w", encoding="ascii") as f:
        f.write(credentials)
    stack.nats.config = users.config()
    stack.nats.start()
    stack.redis.start()
    stack.client = stack.nats.client(credentials=users.user("harness"))
    create_platform_streams(stack.client)
    stack.start_mno()
    stack.agent.start()
    stack.bridge = stack.make_bridge(NATS_URL=stack.nats.url, NATS_CREDS_FILE=path).start()
    stack.bridge.wait_ready()
    ids = stack.send(5)
    wait_for(lambda: len(stack.dlr_events()) == 5, 20, "the receipts", 0.1)
    assert sorted(e["messageId"] for e in stack.dlr_events()) == sorted(ids)
    lines = credentials.split("\n")
    log = "\n".join(stack.bridge.lines)
    assert lines[1] not in log and lines[5] not in log


CONSUMER = {"ack_policy": "explicit", "ack_wait": 10_000_000_000, "max_ack_pending": 1000, "deliver_policy": "all"}


def check(bridge, **more):
    out = bridge.run("--check-config", "--connect", timeout=60, **more)
    return out.returncode, [line for line in out.stdout.splitlines() if line.startswith(("ok ", "WRONG "))], out


def test_check_config_connect(make_stack):
    stack = make_stack()
    stack.start_servers().start_mno()
    bridge = stack.make_bridge()
    code, lines, out = check(bridge)
    assert code == 0 and len(lines) > 12 and "WRONG" not in "".join(lines), out.stdout
    assert any("credentials of" in line for line in lines)
    assert "s3cr3tpw" not in out.stdout + out.stderr and stack.mgmt.token not in out.stdout + out.stderr
    assert rights.PASSWORD not in out.stdout + out.stderr
    assert stack.client.stream_info("SMS_DISPATCH")["state"]["consumer_count"] == 0, "nothing is made"
    assert stack.client.stream_messages_count("DLR_EVENTS") == 0 and stack.redis.command("DBSIZE") == 0
    assert check(bridge, NATS_URL=stack.nats.url, NATS_JS_DOMAIN="elsewhere")[0] == 1
    known = stack.ids[0]
    code, lines, out = check(bridge, OPERATOR_IDS=f"{known},{operator_id(7)}", OPERATORS_FILE="")
    assert code == 1 and f"ok    credentials of {known}" in lines, out.stdout
    assert any(f"credentials of {operator_id(7)}: the service does not know" in line for line in lines), out.stdout
    assert '"level"' not in out.stdout, "lines, and no log between them"
    name = "smpp-connector-" + stack.ids[0]
    stack.client.api(f"CONSUMER.DURABLE.CREATE.SMS_DISPATCH.{name}", {"stream_name": "SMS_DISPATCH", "config": {
        **CONSUMER, "durable_name": name, "filter_subject": f"smpp.operator.{stack.ids[0]}", "max_deliver": 5}})
    code, lines, _ = check(bridge)
    assert code == 1 and any("max_deliver is 5" in line for line in lines if "WRONG" in line)


def without_each(allowed):
    """(user, right that is missing, rights)"""
    for i, subject in enumerate(allowed["publish"]):
        yield f"lacks{i}", subject, {**allowed, "publish": [s for s in allowed["publish"] if s != subject]}
    yield "lacks-inbox", "subscribe", {**allowed, "subscribe": ["nothing"]}


def test_check_config_names_the_right_that_is_missing(make_stack):
    stack = make_stack(bridge_settings={"MO_SUBJECT": "sms.mo", "ASSIGNMENT": "lease"})
    stack.may_be_refused = True
    allowed = rights.nats_rights(["SMS_DISPATCH"], "sms.mo", "smpp-leases")
    users = list(without_each(allowed)) + [("complete", None, allowed)]
    stack.nats_users = lambda: "no_auth_user: admin\nauthorization { users: [ { user: admin, password: x }\n" + "".join(
        f'{{ user: {name}, password: p, permissions: {json.dumps(given)} }}\n' for name, _, given in users) + "] }"
    stack.start_servers().start_mno()
    stack.client.create_stream("MO", ["sms.mo"])
    bridge = stack.make_bridge()
    runs = {missing: {"NATS_URL": f"nats://{name}:p@127.0.0.1:{stack.nats.port}"} for name, missing, _ in users}
    words = rights.redis_words()
    for word in words:
        name = "lacks-" + word.strip("+~:*")
        stack.redis.command("ACL", "SETUSER", name, "on", ">p", *[w for w in words if w != word])
        runs[word] = {"NATS_URL": stack.nats.url, "REDIS_URL": f"redis://{name}:p@127.0.0.1:{stack.redis.port}/1"}
    results = {"+eval": check(bridge, **runs.pop("+eval"))}  # nobody brought the script before
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        results.update(zip(runs, pool.map(lambda more: check(bridge, **more), runs.values())))
    for missing, (code, lines, out) in results.items():
        wrong = " ".join(line for line in lines if "WRONG" in line)
        if missing in (None, "+info"):  # it does without
            assert code == 0 and not wrong, out
            continue
        prefix = missing.replace("*", ">").split(">")[0].removeprefix("$JS.API.") if missing[0] != "~" else "NOPERM"
        assert code == 1 and prefix.lower().strip("+") in wrong.lower(), (missing, wrong)
