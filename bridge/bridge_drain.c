/*
 * How the bridge ends. Alone: it fetches nothing more, waits at most 3 s for outcomes that are on
 * their way, says good-bye and goes; the agent keeps the binds. With the agent (the pod goes): it
 * stays until the agent is gone and everything is settled.
 */
#include "common/log.h"

#include "bridge/bridge_parts.h"

#define OUTCOMES_MS 3000
#define HEAR_DRAINING_MS 2000 /* the agent gets its SIGTERM about when we do */
#define SETTLE_MS 10000       /* after the agent's GONE: NATS may be away as well */

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
    bridge_drain_look(b);
}

void bridge_drain_hurry(struct bridge *b)
{
    b->hurry = true;
    bridge_drain_look(b);
}

static bool is_settled(const struct bridge *b)
{
    return mt_path_unsettled(b->mt) == 0 && health_events_pending(b->health_events) == 0 &&
           dlr_view(b->dlr).under_way == 0;
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
    int64_t since_ms = mono_diff_ms(clock_mono(), b->stopping_since);
    bool over = b->agent_draining ? is_over_with_agent(b) : is_over_alone(b, since_ms);
    if ((over || b->hurry) && bridge_leases_let_go(b))
        loop_stop(b->loop);
}
