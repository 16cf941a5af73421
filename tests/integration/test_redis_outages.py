"""Redis refuses to write, holds nonsense, is slow, or is another that knows less: invariant 4 and no lost receipt."""
import time

from harness.process import wait_for
from harness.proxy import Proxy
from harness.redis import RedisServer
from harness.stack import unique

MNO = ["--detect-duplicates", "token", "--latency-ms", "0-20", "--receipt-delay-ms", "1500"]
TPS = 100


def pace_kept(stack):
    assert stack.bridge.metric("smpp_connector_tps_peak", operator_id=stack.ids[0]) <= TPS


def warm(stack):
    """The first message has gone: shares are agreed, and Redis has been used."""
    stack.send(1)
    stack.wait_acknowledged()
    wait_for(lambda: len(stack.dlr_events()) == 1, 20, "its receipt")
    return stack


def test_read_only_and_nonsense(make_stack):
    stack = warm(make_stack(mno_options=MNO, tps=TPS).start())
    done = 1

    def trouble(begin, end, waits):
        nonlocal done
        begin()
        ids = stack.send(30, text=lambda i: f"id:{done + i} and some words")
        wait_for(lambda: stack.mno.stats()["submits"] == done + 30, 30, "they are sent all the same")
        if waits:
            time.sleep(0.5)  # what could be acknowledged would be by now
            assert stack.unacknowledged() == 30, "acknowledged without its correlation"
        end()
        stack.wait_acknowledged()
        done += 30
        wait_for(lambda: len(stack.dlr_events()) == done, 40, "events", 0.1)
        assert {e["messageId"] for e in stack.dlr_events()[-30:]} == set(ids)
        pace_kept(stack)

    trouble(lambda: stack.redis.command("REPLICAOF", "127.0.0.1", "1"),
            lambda: stack.redis.command("REPLICAOF", "NO", "ONE"), True)
    tps = "smpp:tps:{%s}" % stack.ids[0]

    def nonsense():
        stack.redis.command("DEL", tps)
        stack.redis.command("LPUSH", tps, "x")
    trouble(nonsense, lambda: stack.redis.command("DEL", tps), False)
    assert stack.mno.stats()["binds"] == 1 and stack.mno.stats()["duplicates"] == 0


def test_a_correlation_of_the_wrong_type(make_stack):
    """Its receipt is published all the same, without a messageId."""
    stack = warm(make_stack(mno_options=MNO, tps=TPS).start())
    stack.send(1)
    stack.wait_acknowledged()
    for key in stack.redis.command("KEYS", "smpp:dlr:*"):
        stack.redis.command("DEL", key)
        stack.redis.command("LPUSH", key, "x")
    wait_for(lambda: len(stack.dlr_events()) == 2, 30, "the receipt's event", 0.1)
    assert stack.dlr_events()[1]["messageId"] is None
    assert stack.mno.stats()["receipts_lost"] == 0


def through_a_proxy(make_stack, delay_s=0.0):
    stack = make_stack(mno_options=MNO, tps=TPS)
    proxy = Proxy(("127.0.0.1", stack.redis.port), delay_s)
    stack.bridge_settings["REDIS_URL"] = stack.redis.connector_url(proxy.port)
    return stack, proxy


def test_slow(make_stack):
    """A quarter of a second each way: nothing is lost, and the loop does not wait for it."""
    stack, proxy = through_a_proxy(make_stack)
    warm(stack.start())
    proxy.delay_s = 0.25
    ids = stack.send(200, text=unique)
    slowest = 0.0

    def all_there():
        nonlocal slowest
        began = time.monotonic()
        assert stack.bridge.http("/health")[0] == 200
        slowest = max(slowest, time.monotonic() - began)
        return len(stack.dlr_events()) == 201
    wait_for(all_there, 60, "all events", 0.05)
    assert slowest < 3, "each answer of Redis takes five"
    assert {e["messageId"] for e in stack.dlr_events()} >= set(ids)
    stack.wait_acknowledged()
    pace_kept(stack)
    proxy.close()


def test_failed_over_to_a_replica_that_knows_less(make_stack, tmp_path):
    """Receipts of what it does not know have no messageId; none is lost, the pace is kept, nothing is sent twice."""
    stack, proxy = through_a_proxy(make_stack)
    warm(stack.start())
    replica = RedisServer(tmp_path / "replica", extra=("--replicaof", f"127.0.0.1 {stack.redis.port}")).start()
    wait_for(lambda: b"master_link_status:up" in replica.command("INFO", "replication"), 20, "it replicates", 0.1)
    replica.command("REPLICAOF", "NO", "ONE")  # what comes now it does not hear of
    forgotten = stack.send(100, text=unique)
    stack.wait_acknowledged()
    stack.redis.kill()
    proxy.target = ("127.0.0.1", replica.port)
    proxy.cut()
    known = stack.send(100, text=lambda i: unique(100 + i))
    wait_for(lambda: len(stack.dlr_events()) == 201, 60, "all events", 0.1)
    stack.wait_acknowledged()
    told = [e["messageId"] for e in stack.dlr_events()]
    assert set(known) <= set(told) and None in told and set(told) <= {None, *told[:1], *forgotten, *known}
    stats = stack.mno.stats()
    assert stats["binds"] == 1 and stats["duplicates"] == 0 and stats["submits"] == 201
    pace_kept(stack)
    replica.stop()
    proxy.close()
