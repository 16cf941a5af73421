"""The faults the nemesis draws from. Each begins, lasts, and is healed before it returns."""
import time


def bridge_killed(stack, seconds, rng):
    stack.bridge.kill()
    time.sleep(seconds / 4)
    stack.restart_bridge()


def bridge_killed_twice(stack, seconds, rng):
    stack.restart_bridge()
    time.sleep(rng.uniform(0.0, 0.5))
    stack.restart_bridge()


def bridge_terminated(stack, seconds, rng):
    stack.restart_bridge(kill=False)


def bridge_paused(stack, seconds, rng):
    stack.bridge.pause()
    time.sleep(seconds)
    stack.bridge.resume()


def agent_paused(stack, seconds, rng):
    stack.agent.pause()
    time.sleep(min(seconds, 1.5))
    stack.agent.resume()


def agent_killed(stack, seconds, rng):
    stack.agent.kill()
    time.sleep(seconds / 4)
    stack.agent.start()


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


def redis_killed(stack, seconds, rng):
    stack.redis.kill()
    time.sleep(seconds)
    stack.redis.start()


def redis_paused(stack, seconds, rng):
    stack.redis.pause()
    time.sleep(seconds)
    stack.redis.resume()


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


def credentials_away(stack, seconds, rng):
    stack.mgmt.pause()
    time.sleep(seconds)
    stack.mgmt.resume()


FAULTS = {f.__name__: f for f in (
    bridge_killed, bridge_killed_twice, bridge_terminated, bridge_paused, agent_paused, agent_killed,
    nats_killed, nats_paused, nats_frozen_then_killed, redis_killed, redis_paused, mno_closes, mno_resets, mno_unbinds,
    mno_throttles, credentials_away)}

# After these the outcome of what was in the window is unknown, so a second submit is lawful, and the receipt of
# an answer that was not read has no messageId; and the sessions may end.
SESSION_FAULTS = {"agent_killed", "mno_closes", "mno_resets", "mno_unbinds"}
# These lose what Redis had been told before.
FORGETTING_FAULTS = {"redis_killed"}
# A server that dies so forgets what it was told in its last moments, also when it had confirmed it.
AMNESIA_FAULTS = {"nats_killed", "nats_frozen_then_killed"}
