"""The servers of Debian's later suites: everything that the others test with Debian 12's, in short."""
import os
import subprocess

import pytest

from harness.process import wait_for
from harness.programs import ROOT
from harness.stack import unique

V2_ACKS = "feature_flags { js_ack_fc_v2: true }"  # domain and account in the ack subject


def nats_server(suite):
    """Its path; the test is skipped, with the reason, where there is none."""
    done = subprocess.run([os.path.join(ROOT, "tests/lib/nats-server"), suite], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        pytest.skip(done.stderr.strip())
    return done.stdout.strip()


@pytest.mark.parametrize("suite,config,words", [("trixie", "", {9}), ("forky", "", {9}), ("forky", V2_ACKS, {11, 12})],
                         ids=["trixie", "forky", "forky-v2-acks"])
def test_a_death_of_server_and_bridge_under_load(make_stack, suite, config, words):
    stack = make_stack(nats_binary=nats_server(suite), nats_config=config, tps=600,
                       mno_options=["--detect-duplicates", "token", "--latency-ms", "0-20",
                                    "--receipt-delay-ms", "100-300"]).start()
    checked = subprocess.run(stack.bridge.argv + ["--check-config", "--connect"], env=stack.bridge.env, text=True,
                             capture_output=True, timeout=20, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    acks = []
    stack.client.subscribe("$JS.ACK.>", lambda m: acks.append(m.subject.split(".")))
    ids = stack.send(600, text=unique)
    wait_for(lambda: stack.mno.stats()["submits"] > 150, 20, "some are sent", 0.002)
    stack.restart_bridge()  # it gets back from the agent what it had given it, ack subjects too
    wait_for(lambda: stack.mno.stats()["submits"] > 300, 20, "some more are sent", 0.002)
    stack.nats.kill()
    stack.nats.start()
    stack.client = stack.nats.client()
    wait_for(lambda: len(stack.dlr_events()) >= len(ids), 60, "all events", 0.2)
    stack.wait_acknowledged(60)
    stats = stack.mno.stats()
    assert stats["submits"] == len(ids) and stats["duplicates"] == 0 and stats["binds"] == 1, stats
    assert sorted(e["messageId"] for e in stack.dlr_events()) == sorted(ids)
    assert {len(a) for a in acks} and {len(a) for a in acks} <= words, "the form of the ack subjects"
