"""JetStream refuses, forgets its leader, or can't be reached: receipts are held, binds stay, all resumes by itself."""
import os
import subprocess
import time

import pytest

from harness.nats import NatsCluster
from harness.process import wait_for
from harness.proxy import Proxy
from harness.stack import unique

MNO = ["--detect-duplicates", "token", "--latency-ms", "0-20", "--receipt-delay-ms", "100-300",
       "--deliver-retry-ms", "2500"]
SETTINGS = {"DELIVER_HOLD_MS": 1000}


def all_sent_once(stack, ids):
    wait_for(lambda: len(stack.dlr_events()) >= len(ids), 60, f"{len(ids)} events", 0.2)
    stack.wait_acknowledged(60)
    stats = stack.mno.stats()
    assert stats["submits"] == len(ids) and stats["duplicates"] == 0 and stats["binds"] == 1, stats
    # A reader's consumer may be placed on a server that is still catching up, and see less than there is.
    wait_for(lambda: sorted(e["messageId"] for e in stack.dlr_events()) == sorted(ids), 30, "one event each", 0.2)


def test_leaders_of_a_cluster_die_under_load(make_stack, tmp_path):
    stack = make_stack(mno_options=MNO, tps=200, dispatch_stream={"replicas": 3})
    stack.nats = NatsCluster(tmp_path / "cluster")
    stack.start()
    ids = stack.send(900, text=unique)
    for stream in ("SMS_DISPATCH", "DLR_EVENTS"):
        target = min(stack.mno.stats()["submits"] + 100, len(ids))
        wait_for(lambda: stack.mno.stats()["submits"] >= target, 30, "some more are sent")
        leader = wait_for(lambda: stack.nats.leader(stream), 20, f"{stream} has a leader")
        leader.kill()
        wait_for(lambda: stack.nats.leader(stream), 30, "another leader")
        leader.start()
    stack.client = stack.nats.client()
    all_sent_once(stack, ids)


def trouble(stack, begin, end):
    """Receipts come while the stream refuses: none is answered ROK, the MNO is told to come again, all are stored once."""
    acked, refused = (stack.mno.stats()[k] for k in ("receipts_acked", "receipts_refused"))
    begin()
    ids = stack.send(20, text=lambda i: f"id:{acked + i} and some words")
    wait_for(lambda: stack.mno.stats()["receipts_refused"] > refused, 20, "the busy status")
    stats = stack.mno.stats()
    assert stats["receipts_acked"] == acked, "ROK without a PubAck"
    assert stack.bridge.http("/health")[0] == 200
    end()
    wait_for(lambda: stack.mno.stats()["receipts_acked"] == acked + 20, 30, "all answered in the end", 0.1)
    assert sorted(e["messageId"] for e in stack.dlr_events()[-20:]) == sorted(ids)
    stack.wait_acknowledged()
    stats = stack.mno.stats()
    assert stats["binds"] == 1 and stats["receipts_lost"] == 0 and stats["duplicates"] == 0, stats


def test_events_can_not_be_stored(make_stack):
    """The stream is full; the permission is taken away; the stream is gone."""
    stack = make_stack(mno_options=MNO, bridge_settings=SETTINGS).start()
    stack.send(5)
    wait_for(lambda: len(stack.dlr_events()) == 5, 20, "the first five events")
    trouble(stack, lambda: stack.client.update_stream("DLR_EVENTS", discard="new", max_msgs=5),
            lambda: stack.client.update_stream("DLR_EVENTS", discard="new", max_msgs=-1))
    trouble(stack, lambda: stack.deny("sms.dlr.inbound"), stack.deny)
    trouble(stack, lambda: stack.client.api("STREAM.DELETE.DLR_EVENTS"),
            lambda: stack.client.create_stream("DLR_EVENTS", ["sms.dlr.inbound"]))


@pytest.fixture
def small_disk(tmp_path):
    """16 MB."""
    path = tmp_path / "disk"
    path.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", path], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        pytest.skip(f"no disk of a size of our choice: {done.stderr.strip()}")
    yield path
    subprocess.run(["umount", "-l", path], check=True)


def fill(path):
    with open(path, "wb", buffering=0) as f:
        try:
            while f.write(bytes(65536)):
                pass
        except OSError:  # no space left
            pass


def test_disk_full_under_the_server(make_stack, small_disk):
    """The server gives JetStream up; its operator makes room and starts it again."""
    stack = make_stack(mno_options=MNO, bridge_settings=SETTINGS)
    stack.nats.store = str(small_disk / "js")
    stack.start()
    ids = stack.send(20, text=unique)
    wait_for(lambda: stack.mno.stats()["submits"] == 20, 20, "all are sent")
    fill(small_disk / "filler")
    wait_for(lambda: stack.mno.stats()["receipts_refused"] > 0, 20, "the busy status")
    assert stack.bridge.http("/health")[0] == 200
    os.remove(small_disk / "filler")
    stack.nats.kill()
    stack.nats.start()
    stack.client = stack.nats.client()
    all_sent_once(stack, ids)


def behind_a_proxy(make_stack, **more):
    stack = make_stack(mno_options=MNO, bridge_settings={**SETTINGS, **more}, tps=300)
    proxy = Proxy(("127.0.0.1", stack.nats.port))
    stack.bridge_settings["NATS_URL"] = stack.nats.connector_url(proxy.port)
    stack.start()
    return stack, proxy


def test_partition_from_nats(make_stack):
    """Nothing is closed, nothing passes; then all of it comes at once."""
    stack, proxy = behind_a_proxy(make_stack)
    ids = stack.send(1000, text=unique)
    wait_for(lambda: stack.mno.stats()["submits"] > 150, 20, "some are sent")
    proxy.pause()
    acked = wait_for(lambda: stack.mno.stats()["receipts_refused"] > 0 and stack.mno.stats()["receipts_acked"], 20,
                     "the busy status")
    assert stack.bridge.http("/health")[0] == 200
    time.sleep(1)  # longer than anything may still have been on its way
    assert stack.mno.stats()["receipts_acked"] == acked, "ROK without a PubAck"
    proxy.resume()
    all_sent_once(stack, ids)
    proxy.close()


def test_lost_pubacks(make_stack):
    """The server stores, its answer is cut off: published again under the same id, which is one event while DLR_EVENTS
    remembers it, and the same eventId afterwards."""
    stack, proxy = behind_a_proxy(make_stack)
    copies = {}
    for window_s in (1800, 0.1):
        stack.client.update_stream("DLR_EVENTS", duplicate_window=int(window_s * 1e9), max_age=0)
        before = len(stack.dlr_events())
        proxy.pause(to_server=False)
        stack.mno.control("mo 99970000001 1234 id:%d sub:001 dlvrd:001 submit date:2611280000 done date:2611280000 "
                          "stat:DELIVRD err:000 text:x" % window_s)
        wait_for(lambda: len(stack.dlr_events()) > before, 20, "it is stored")
        time.sleep(0.5)  # the shorter window passes
        proxy.cut()
        proxy.resume()
        wait_for(lambda: stack.mno.stats()["mo_acked"] == len(copies) + 1, 30, "it is answered")
        copies[window_s] = [e["eventId"] for e in stack.dlr_events()[before:]]
    assert len(copies[1800]) == 1
    assert len(copies[0.1]) > 1 and len(set(copies[0.1])) == 1, copies
    proxy.close()
