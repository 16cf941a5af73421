"""The wall clock jumps by an hour, forth and back, under both programs: only what is measured in wall time notices."""
import os
import sysconfig

import pytest

from harness.process import wait_for
from harness.programs import BUILD
from harness.stack import now_iso

LIBRARY = f"/usr/lib/{sysconfig.get_config_var('MULTIARCH')}/faketime/libfaketime.so.1"


def test_an_hour_forth_and_back(make_stack, tmp_path):
    if not os.path.exists(LIBRARY):
        pytest.skip("the package faketime is not installed")
    if os.path.basename(BUILD) != "release":
        pytest.skip("a sanitizer's own library has to come first")
    clock = tmp_path / "clock"
    clock.write_text("+0")
    fake = {"LD_PRELOAD": LIBRARY, "FAKETIME_TIMESTAMP_FILE": clock, "FAKETIME_NO_CACHE": 1, "DONT_FAKE_MONOTONIC": 1}
    stack = make_stack(mno_options=["--detect-duplicates", "token", "--latency-ms", "0-20"], tps=300,
                       agent_settings=fake, bridge_settings=fake).start()
    sent, dead = [], []
    for step in ("+1h", "-1h", "+0"):
        first = len(sent)
        sent += stack.send(200, text=lambda i: f"id:{first + i:06d} and some words", expiresAt=now_iso(3 * 3600))
        wait_for(lambda: stack.mno.stats()["submits"] >= first + 50, 20, "some are sent")
        clock.write_text(step)
        if step == "+1h":  # by the clock of this machine it is over
            dead += stack.send(1, expiresAt=now_iso(1800))
        wait_for(lambda: stack.mno.stats()["submits"] == len(sent), 20, "all are sent")
        stack.wait_acknowledged()
    wait_for(lambda: len(stack.dlr_events()) == len(sent) + 1, 20, "all events", 0.1)
    assert [e["messageId"] for e in stack.dlr_events() if e["status"] == "EXPIRED"] == dead
    assert sorted(e["messageId"] for e in stack.dlr_events() if e["status"] == "DELIVERED") == sorted(sent)
    stats = stack.mno.stats()
    assert stats["binds"] == 1 and stats["duplicates"] == 0, stats
    assert stack.bridge.metric("smpp_connector_tps_peak", operator_id=stack.ids[0]) <= 300
    assert stack.bridge.http("/ready")[0] == 200
