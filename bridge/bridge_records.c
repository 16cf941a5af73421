/* The agent's records as a table: decode, find the operator, call who it concerns. */
#include <stdio.h>

#include "common/log.h"

#include "bridge/bridge_parts.h"

/* on_credit(b, &record) and so on are called by name from DECODE's functions. */
#define DECODE(name)                                                                               \
    static bool take_##name(struct bridge *b, struct bytes body)                                   \
    {                                                                                              \
        struct ipc_##name record;                                                                  \
        if (!ipc_get_##name(body, &record))                                                        \
            return false;                                                                          \
        on_##name(b, &record);                                                                     \
        return true;                                                                               \
    }

static void on_operator_state(struct bridge *b, const struct ipc_operator_state *r)
{
    struct mno *op = bridge_operators_known(b, r->operator_id);
    operators_note_state(op, r);
    if (!b->attached) /* the listing: a former bridge was told to */
        op->paused = r->paused;
    tps_limit_changed(b->tps, op);
    mt_path_session_changed(b->mt, op);
}
DECODE(operator_state)

static void on_session(struct bridge *b, const struct ipc_session *r)
{
    struct mno *op = operators_find(b->operators, r->operator_id);
    if (!op)
        return;
    operators_note_session(op, r);
    mt_path_session_changed(b->mt, op);
}
DECODE(session)

static void on_session_gone(struct bridge *b, const struct ipc_session_gone *r)
{
    struct mno *op = operators_find(b->operators, r->operator_id);
    if (!op)
        return;
    operators_note_session_gone(op, r);
    mt_path_session_changed(b->mt, op);
}
DECODE(session_gone)

static void on_credit(struct bridge *b, const struct ipc_credit *r)
{
    mt_path_credit(b->mt, r);
}
DECODE(credit)

static void on_in_flight(struct bridge *b, const struct ipc_in_flight *r)
{
    bridge_operators_known(b, r->operator_id);
    mt_path_in_flight(b->mt, r);
}
DECODE(in_flight)

static void on_outcome(struct bridge *b, const struct ipc_outcome *r)
{
    bridge_operators_known(b, r->operator_id);
    mt_path_outcome(b->mt, r);
}
DECODE(outcome)

static void on_closed(struct bridge *b, const struct ipc_closed *r)
{
    mt_path_closed(b->mt, r);
}
DECODE(closed)

static void on_deliver(struct bridge *b, const struct ipc_deliver *r)
{
    dlr_deliver(b->dlr, r);
}
DECODE(deliver)

static void on_credentials_wanted(struct bridge *b, const struct ipc_credentials_wanted *r)
{
    credentials_wanted(b->credentials, r);
}
DECODE(credentials_wanted)

static void on_health(struct bridge *b, const struct ipc_health *r)
{
    struct mno *op = operators_find(b->operators, r->operator_id);
    if (op)
        op->health = r->status;
    health_events_note(b->health_events, r);
}
DECODE(health)

static void on_stats(struct bridge *b, const struct ipc_stats *r)
{
    struct mno *op = operators_find(b->operators, r->operator_id);
    if (op)
        operators_note_stats(op, r);
}
DECODE(stats)

static void on_loan(struct bridge *b, const struct ipc_loan *r)
{
    struct mno *op = operators_find(b->operators, r->operator_id);
    if (op)
        tps_loan(b->tps, op, r);
}
DECODE(loan)

static void on_wanted(struct bridge *b, const struct ipc_wanted *r)
{
    struct mno *op = operators_find(b->operators, r->operator_id);
    if (op)
        tps_wanted(b->tps, op);
}
DECODE(wanted)

static void on_ack_floor(struct bridge *b, const struct ipc_ack_floor *r)
{
    mt_path_ack_floor(b->mt, r);
}
DECODE(ack_floor)

static void on_home(struct bridge *b, const struct ipc_home *r)
{
    if (b->leases)
        leases_set_home(b->leases, r->home);
}
DECODE(home)

static void on_draining(struct bridge *b, const struct ipc_draining *r)
{
    log_info("the agent drains", LOG_UINT("leftMs", r->left_ms));
    b->agent_draining = true;
    mt_path_stop(b->mt);
}
DECODE(draining)

static void on_gone(struct bridge *b, const struct ipc_gone *r)
{
    log_info("the agent is about to exit", LOG_UINT("unsettled", r->unsettled));
    for (size_t i = 0; i < operators_count(b->operators); i++) /* the others may have its parts */
        tps_operator_gone(b->tps, operators_at(b->operators, i));
    bridge_drain_agent_gone(b);
}
DECODE(gone)

static bool (*const takers[IPC_TYPE_COUNT])(struct bridge *b, struct bytes body) = {
    [IPC_OPERATOR_STATE] = take_operator_state,
    [IPC_SESSION] = take_session,
    [IPC_SESSION_GONE] = take_session_gone,
    [IPC_CREDIT] = take_credit,
    [IPC_IN_FLIGHT] = take_in_flight,
    [IPC_OUTCOME] = take_outcome,
    [IPC_CLOSED] = take_closed,
    [IPC_DELIVER] = take_deliver,
    [IPC_CREDENTIALS_WANTED] = take_credentials_wanted,
    [IPC_HEALTH] = take_health,
    [IPC_STATS] = take_stats,
    [IPC_LOAN] = take_loan,
    [IPC_WANTED] = take_wanted,
    [IPC_ACK_FLOOR] = take_ack_floor,
    [IPC_HOME] = take_home,
    [IPC_DRAINING] = take_draining,
    [IPC_GONE] = take_gone,
};

void bridge_records_take(struct bridge *b, unsigned type, struct bytes body)
{
    if (type >= IPC_TYPE_COUNT || !takers[type])
        return; /* of a newer minor version */
    if (takers[type](b, body))
        return;
    char reason[64];
    snprintf(reason, sizeof(reason), "%s is malformed", ipc_type_name(type));
    agent_link_drop(b->link, reason);
}
