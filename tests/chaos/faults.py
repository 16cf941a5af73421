"""The faults the nemesis draws from. Each begins, lasts, and is healed before it returns; those of one part of the
stack never overlap, others may."""
import collections
import os
import time

from harness.process import Deadline, wait_for
from harness.redis import RedisServer

ENQUIRE_LINK_MS = 5000
DELIVER_HOLD_MS = 3000
FAILOVER_AFTER_MS = 2500
WITH_BACKUP = "smsgw0001"  # the system_id of the operator that has a backup

Fault = collections.namedtuple("Fault", "run part")


# --- the bridge ---

def bridge_killed(stack, seconds, rng):
    with stack.locks["bridge"]:
        stack.bridge.kill()
        time.sleep(seconds / 4)
        stack.restart_bridge()


def bridge_killed_twice(stack, seconds, rng):
    with stack.locks["bridge"]:
        stack.restart_bridge()
        time.sleep(rng.uniform(0.0, 0.5))
        stack.restart_bridge()


def bridge_terminated(stack, seconds, rng):
    with stack.locks["bridge"]:
        stack.restart_bridge(kill=False)


def bridge_away(stack, seconds, rng):
    """Longer than receipts are held."""
    with stack.locks["bridge"]:
        stack.bridge.kill()
        time.sleep(DELIVER_HOLD_MS / 1000 + seconds)
        stack.restart_bridge()


def bridge_paused(stack, seconds, rng):
    """Up to 7 s; it ends with 75 when it stood still for more than 5 s, and is started again."""
    stack.bridge.pause()
    time.sleep(seconds * 1.75)
    stack.bridge.resume()


def bridge_replaced_while_paused(stack, seconds, rng):
    """Another one attaches; the woken one has to see that it is over: it ends, or starts anew by itself."""
    with stack.locks["bridge"]:
        old = stack.bridge
        old.pause()
        stack.bridge = stack.make_bridge(f"{os.path.basename(old.directory)}-next")
        new = stack.bridge.start()
        wait_for(lambda: any("attached to the agent" in line for line in new.lines), 30, "the second bridge attaches")
        time.sleep(seconds / 2)
        since = len(old.lines)
        old.resume()
        try:
            wait_for(lambda: not old.alive() or any("starting anew" in line for line in old.lines[since:]), 15, "its end")
            fenced = True
        except Deadline:
            fenced = False
        stack.journal.write(kind="woken", fenced=fenced)
        old.kill()


# --- the agent ---

def agent_paused(stack, seconds, rng):
    stack.agent.pause()
    time.sleep(min(seconds, 1.5))
    stack.agent.resume()


def agent_paused_long(stack, seconds, rng):
    """Longer than three enquire_link; the MNO does not mind, and what it wrote meanwhile is there to be read."""
    stack.agent.pause()
    time.sleep(3 * ENQUIRE_LINK_MS / 1000 + 0.5)
    stack.agent.resume()


def agent_killed(stack, seconds, rng):
    with stack.locks["agent"]:
        stack.agent.kill()
        time.sleep(seconds / 4)
        stack.agent.start()


# --- NATS ---

def nats_killed(stack, seconds, rng):
    stack.nats.kill()
    time.sleep(seconds)
    stack.nats.start()


def nats_paused(stack, seconds, rng):
    stack.nats.pause()
    time.sleep(seconds)
    stack.nats.resume()


def nats_frozen_then_killed(stack, seconds, rng):
    """As a liveness probe does it: what was written to it meanwhile is gone."""
    stack.nats.pause()
    time.sleep(seconds)
    stack.nats.kill()
    stack.nats.start()


def nats_partitioned(stack, seconds, rng):
    """Nothing passes between bridge and server, and then everything."""
    stack.nats_proxy.pause()
    time.sleep(seconds)
    stack.nats_proxy.resume()


def nats_answers_lost(stack, seconds, rng):
    """The server hears us and stores; its answers are cut off."""
    stack.nats_proxy.pause(to_server=False)
    time.sleep(seconds / 2)
    stack.nats_proxy.cut()
    stack.nats_proxy.resume()


def nats_denies(stack, seconds, rng):
    """The permission to publish receipts is taken away."""
    stack.deny("sms.dlr.inbound")
    time.sleep(seconds)
    stack.deny()


def events_full(stack, seconds, rng):
    """In a moment: a limit below what is there by then would remove what is old."""
    with stack.nats.client() as client:
        client.update_stream("DLR_EVENTS", discard="new", max_msgs=client.stream_messages_count("DLR_EVENTS") + 100)
        time.sleep(seconds)
        client.update_stream("DLR_EVENTS", discard="new", max_msgs=-1)


def events_unwanted(stack, seconds, rng):
    """No stream takes the subject, as when DLR_EVENTS is missing; what it has is still there."""
    with stack.nats.client() as client:
        client.update_stream("DLR_EVENTS", subjects=["nobody.publishes.this"])
        time.sleep(seconds)
        client.update_stream("DLR_EVENTS", subjects=["sms.dlr.inbound"])


# --- Redis ---

def redis_killed(stack, seconds, rng):
    stack.redis.kill()
    time.sleep(seconds)
    stack.redis.start()


def redis_paused(stack, seconds, rng):
    stack.redis.pause()
    time.sleep(seconds)
    stack.redis.resume()


def redis_slow(stack, seconds, rng):
    stack.redis_proxy.delay_s = rng.uniform(0.05, 0.4)
    time.sleep(seconds)
    stack.redis_proxy.delay_s = 0.0


def redis_read_only(stack, seconds, rng):
    stack.redis.command("REPLICAOF", "127.0.0.1", "1")
    time.sleep(seconds)
    stack.redis.command("REPLICAOF", "NO", "ONE")


def redis_failed_over(stack, seconds, rng):
    """To a replica that has not heard of the last moments."""
    old = stack.redis
    new = RedisServer(old.directory + "-next").start()
    new.command("REPLICAOF", "127.0.0.1", old.port)
    wait_for(lambda: b"master_link_status:up" in new.command("INFO", "replication"), 30, "it replicates", 0.05)
    new.command("REPLICAOF", "NO", "ONE")
    time.sleep(seconds / 4)
    stack.redis = new
    old.kill()
    stack.redis_proxy.target = ("127.0.0.1", new.port)
    stack.redis_proxy.cut()


# --- the outside ---

def mno_closes(stack, seconds, rng):
    stack.mno.control("close")


def mno_resets(stack, seconds, rng):
    stack.mno.control("rst")


def mno_unbinds(stack, seconds, rng):
    stack.mno.control("unbind")


def mno_throttles(stack, seconds, rng):
    stack.mno.control("set submit-status 0x58:30%")
    time.sleep(seconds)
    stack.mno.control("set submit-status none")


def mno_away(stack, seconds, rng):
    """That of one operator: its commands go to its backup, and come back."""
    stack.mno.control(f"set system={WITH_BACKUP} bind-status 0x08")
    stack.mno.control(f"close system={WITH_BACKUP}")
    time.sleep(FAILOVER_AFTER_MS / 1000 + seconds)
    stack.mno.control(f"set system={WITH_BACKUP} bind-status 0")


def credentials_away(stack, seconds, rng):
    stack.mgmt.pause()
    time.sleep(seconds)
    stack.mgmt.resume()


PARTS = {
    "bridge": (bridge_killed, bridge_killed_twice, bridge_terminated, bridge_away, bridge_paused,
               bridge_replaced_while_paused),
    "agent": (agent_paused, agent_paused_long, agent_killed),
    "nats": (nats_killed, nats_paused, nats_frozen_then_killed, nats_partitioned, nats_answers_lost, nats_denies,
             events_full, events_unwanted),
    "redis": (redis_killed, redis_paused, redis_slow, redis_read_only, redis_failed_over),
    "mno": (mno_closes, mno_resets, mno_unbinds, mno_away, mno_throttles),
    "credentials": (credentials_away,),
}
FAULTS = {f.__name__: Fault(f, part) for part, functions in PARTS.items() for f in functions}

# After these the outcome of what was in the window is unknown, so a second submit is lawful, and the receipt of
# an answer that was not read has no messageId; and the sessions end.
SESSION_FAULTS = {"agent_killed", "mno_closes", "mno_resets", "mno_unbinds", "mno_away"}
# Meanwhile the agent reads nothing.
DEAF_FAULTS = {"agent_paused", "agent_paused_long"}
# A server that dies so forgets what it was told in its last moments, also when it had confirmed it.
AMNESIA_FAULTS = {"nats_killed", "nats_frozen_then_killed"}
# A bridge that ends, or starts anew since its agent is gone, takes its counters with it.
COUNTER_FAULTS = {f.__name__ for f in PARTS["bridge"]} | {"agent_killed", "agent_paused_long"}
