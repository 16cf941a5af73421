/*
 * How the bridge ends. Alone, within 3 s: it fetches nothing more, waits for outcomes that are on
 * their way, says good-bye and goes; the agent keeps the binds. With the agent (the pod goes): it
 * stays until the agent is gone, and then until what needs nothing of the agent is settled, since
 * the ledger goes with the pod.
 *
 * Of the 45 s of a pod's grace period the agent takes DRAIN_MS (35 s) at most; then SETTLE_MS, 1 s
 * for the leases (bridge_leases.c) and 1 s for taking down follow.
 */
#include "common/log.h"

#include "bridge/bridge_parts.h"

#define OUTCOMES_MS 2200
#define ALONE_MS 2800         /* all of it, but for the process's own end */
#define HEAR_DRAINING_MS 2000 /* the agent gets its SIGTERM about when we do */
#define SETTLE_MS 7000        /* after the agent's GONE: NATS or Redis may be away as well */
#define LOOK_MS 20
#define LINGER_MAX_MS 500 /* for what is queued for NATS */
#define LINGER_MIN_MS 100

/* The agent is restarted alone where we don't stop, and lists what it has. */
static void go_on_without_agent(struct bridge *b)
{
    if (!b->stopping || !b->agent_gone)
        return;
    mt_path_agent_gone(b->mt);
    health_events_agent_gone(b->health_events);
}

void bridge_drain_begin(struct bridge *b, enum bridge_end end)
{
    if (b->stopping)
        return;
    b->stopping = true;
    b->end = end;
    b->stopping_since = clock_mono();
    log_info("the bridge stops", LOG_UINT("withoutOutcome", mt_path_without_outcome(b->mt)),
             LOG_UINT("unsettled", mt_path_unsettled(b->mt)));
    mt_path_stop(b->mt);
    go_on_without_agent(b);
    bridge_drain_look(b);
}

void bridge_drain_hurry(struct bridge *b)
{
    b->hurry = true;
    bridge_drain_look(b);
}

void bridge_drain_agent_gone(struct bridge *b)
{
    b->agent_gone = true;
    b->agent_gone_at = clock_mono();
    go_on_without_agent(b);
}

/* A receipt that is not answered yet is the MNO's to repeat once the agent is gone. */
static bool is_settled(const struct bridge *b)
{
    return mt_path_unsettled(b->mt) == 0 && health_events_pending(b->health_events) == 0;
}

/* What the agent sends while it drains comes until its GONE, or its pipe ends. */
static bool is_over_with_agent(const struct bridge *b)
{
    if (!b->agent_gone)
        return false;
    return is_settled(b) || mono_diff_ms(clock_mono(), b->agent_gone_at) >= SETTLE_MS;
}

static bool is_over_alone(const struct bridge *b, int64_t since_ms)
{
    if (since_ms >= OUTCOMES_MS || !b->attached)
        return true;
    bool may_drain_yet = b->end == BRIDGE_END_STOPPED && since_ms < HEAR_DRAINING_MS;
    return !may_drain_yet && mt_path_unsettled(b->mt) == 0;
}

void bridge_drain_look(struct bridge *b)
{
    if (!b->stopping)
        return;
    timer_start_ms(&b->tick, LOOK_MS);
    int64_t since_ms = mono_diff_ms(clock_mono(), b->stopping_since);
    bool over = b->agent_draining ? is_over_with_agent(b) : is_over_alone(b, since_ms);
    if ((over || b->hurry) && bridge_leases_let_go(b))
        loop_stop(b->loop);
}

int64_t bridge_drain_linger_ms(const struct bridge *b)
{
    if (b->end == BRIDGE_END_FAILED || b->hurry)
        return 0;
    int64_t left_ms = ALONE_MS - mono_diff_ms(clock_mono(), b->stopping_since);
    if (left_ms > LINGER_MAX_MS)
        return LINGER_MAX_MS;
    return left_ms > LINGER_MIN_MS ? left_ms : LINGER_MIN_MS;
}
