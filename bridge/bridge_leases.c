/*
 * What this instance does with its leases: an operator is ours from the first lease of it that is
 * taken until the last one has ended. Taken: declared to the agent, fetched for. Lost: the agent is
 * told, everything not sent goes back. Released by people: settled and unbound first.
 */
#include <string.h>

#include "common/log.h"

#include "proto/smpp_status.h"

#include "bridge/bridge_parts.h"

#define AGENT_SILENT_MS 3000 /* its heartbeat comes every second */
#define SETTLING_MS 5000     /* then it is dropped with what it has */
#define SETTLED_MS 10000     /* after it is unbound: Redis or NATS may be away */
#define OFFER_FACTOR 3       /* × FAILOVER_AFTER_MS without a session */
#define AUTH_REST_MS                                                                               \
    (20 * 60 * 1000) /* the agent's longest wait after a refused password, and more */
#define LET_GO_MS 1000

/* --- what this instance can do --- */

static bool may_take(void *arg)
{
    const struct bridge *b = arg;
    return b->attached && !b->stopping && !b->agent_draining && redis_is_connected(b->redis) &&
           agent_link_silent_ms(b->link) < AGENT_SILENT_MS;
}

/* Who holds for an agent that does not answer would keep others from taking over. */
static bool may_renew(void *arg)
{
    const struct bridge *b = arg;
    return b->attached && agent_link_silent_ms(b->link) < AGENT_SILENT_MS;
}

static bool nobody_sends(void *arg, struct mno *op)
{
    return lease_rivals_none(((struct bridge *)arg)->rivals, op);
}

/* --- to the agent --- */

static void send_lease(struct bridge *b, const struct mno *op, uint8_t bind, mono_t until,
                       int64_t unbind_ms)
{
    struct ipc_lease record = {
        .bind = bind, .until_ns = until.ns, .unbind_ms = (uint32_t)unbind_ms};
    memcpy(record.operator_id, op->id, sizeof(record.operator_id));
    ipc_put_lease(agent_link_begin(b->link), &record);
    agent_link_end(b->link);
}

void bridge_leases_send(struct bridge *b, const struct mno *op)
{
    for (size_t i = 0; b->leases && i < leases_count(op); i++) {
        struct leases_view v = leases_view(b->leases, op, (uint8_t)i);
        send_lease(b, op, (uint8_t)i, v.state == LEASE_HELD ? v.until : (mono_t){0}, v.unbind_ms);
    }
}

/* --- ours, and no longer --- */

static const char *const from_names[] = {
    [LEASE_FROM_NOBODY] = "nobody held it",
    [LEASE_FROM_EXPIRED] = "its holder did not renew it",
    [LEASE_FROM_OURSELVES] = "it is our agent's",
};

static void count_taken(struct bridge *b, struct mno *op, const struct leases_view *v,
                        const char *former)
{
    if (v->taken_from == LEASE_FROM_NOBODY)
        op->counters.leases_taken_free++;
    if (v->taken_from != LEASE_FROM_EXPIRED)
        return;
    op->counters.leases_taken_expired++;
    op->taken_over_ms = clock_wall_ms();
    tps_evict(b->tps, op, former);
}

static void set_voice(struct bridge *b, struct mno *op, enum operator_voice voice)
{
    if (op->voice == voice)
        return;
    op->voice = voice;
    health_events_voice_changed(b->health_events, op);
}

/* Whoever takes it, or finds it taken, ends the doubt. */
static void look_at_voice(struct bridge *b, struct mno *op)
{
    bool others = false;
    for (size_t i = 0; op->standby && i < leases_count(op); i++)
        others |= leases_view(b->leases, op, (uint8_t)i).state == LEASE_OTHERS;
    if (others)
        set_voice(b, op, VOICE_OTHERS);
}

static void on_taken(void *arg, struct mno *op, uint8_t bind)
{
    struct bridge *b = arg;
    struct leases_view v = leases_view(b->leases, op, bind);
    const char *former = leases_former_holder(op, bind);
    log_info("a lease is taken", LOG_STR("operatorId", op->id_text), LOG_UINT("bind", bind),
             LOG_STR("why", from_names[v.taken_from]), LOG_STR("formerHolder", former));
    count_taken(b, op, &v, former);
    if (op->standby) {
        op->standby = false;
        op->release = RELEASE_NONE;
        set_voice(b, op, VOICE_OURS);
        mt_path_operator_taken(b->mt, op, leases_was_offered(op, bind));
        tps_operator_added(b->tps, op);
    }
    if (b->attached && operators_is_served(op))
        bridge_operators_declare_one(b, op);
    mt_path_session_changed(b->mt, op);
}

static void on_renewed(void *arg, struct mno *op, uint8_t bind)
{
    struct bridge *b = arg;
    struct leases_view v = leases_view(b->leases, op, bind);
    send_lease(b, op, bind, v.until, v.unbind_ms);
}

static void become_standby(struct bridge *b, struct mno *op)
{
    op->standby = true;
    set_voice(b, op, VOICE_UNSURE);
    op->release = RELEASE_NONE;
    mt_path_operator_dropping(b->mt, op);
    bridge_operators_send_drop(b, op, "its lease is no longer held");
    tps_operator_gone(b->tps, op);
}

static void on_ended(void *arg, struct mno *op, uint8_t bind, bool given)
{
    struct bridge *b = arg;
    send_lease(b, op, bind, (mono_t){0}, 0);
    if (given) {
        op->counters.leases_given++;
        log_info("a lease is given away", LOG_STR("operatorId", op->id_text),
                 LOG_UINT("bind", bind));
    } else {
        op->counters.leases_lost++;
        log_warn("a lease is lost: its bind ends", LOG_STR("operatorId", op->id_text),
                 LOG_UINT("bind", bind));
    }
    if (leases_held(op) == 0 && !op->standby && !op->dropping)
        become_standby(b, op);
}

void bridge_leases_create(struct bridge *b)
{
    const struct bridge_settings *s = &b->settings;
    b->rivals = lease_rivals_create(b->loop, b->redis, b->operators, s->instance_id);
    b->leases = leases_create(&(struct leases_options){
        .loop = b->loop,
        .js = b->js,
        .operators = b->operators,
        .bucket = s->lease_bucket,
        .instance_id = s->instance_id,
        .ttl_ms = s->lease_ttl_ms,
        .deadline_ms = s->lease_deadline_ms,
        .may_take = may_take,
        .may_renew = may_renew,
        .nobody_sends = nobody_sends,
        .taken = on_taken,
        .renewed = on_renewed,
        .ended = on_ended,
        .arg = b,
    });
}

/* --- released by people --- */

static void give_all(struct mno *op)
{
    for (size_t i = 0; i < leases_count(op); i++)
        leases_give(op, (uint8_t)i, false);
}

static void release_step(struct mno *op, enum operator_release step)
{
    op->release = step;
    op->release_since = clock_mono();
}

const char *bridge_leases_release(struct bridge *b, struct mno *op)
{
    if (op->standby || leases_held(op) == 0)
        return "this instance does not hold it";
    if (op->release != RELEASE_NONE)
        return "it is being released";
    log_info("an operator is released", LOG_STR("operatorId", op->id_text));
    release_step(op, RELEASE_SETTLING);
    mt_path_operator_dropping(b->mt, op);
    return NULL;
}

static void look_at_release(struct bridge *b, struct mno *op)
{
    int64_t since_ms = mono_diff_ms(clock_mono(), op->release_since);
    bool idle = mt_path_operator_is_idle(op);
    switch (op->release) {
    case RELEASE_NONE:
    case RELEASE_GIVING:
        break;
    case RELEASE_SETTLING:
        if (!idle && since_ms < SETTLING_MS)
            break;
        bridge_operators_send_drop(b, op, "released by ctl");
        release_step(op, RELEASE_UNBINDING);
        break;
    case RELEASE_UNBINDING:
        if (bridge_operators_has_rows(op)) {
            op->release_since = clock_mono();
        } else if ((idle && health_events_pending(b->health_events) == 0) ||
                   since_ms >= SETTLED_MS) {
            release_step(op, RELEASE_GIVING);
            give_all(op);
        }
        break;
    }
}

/* --- offered to others --- */

static bool is_bound(const struct operator_session *row)
{
    return row->state == IPC_SESSION_BOUND || row->state == IPC_SESSION_FAILBACK;
}

/* The MNO's last word was that it does not know these credentials. Another instance has the same,
 * and would try them without the patience that keeps the account from being locked. */
static bool is_refused_credentials(const struct operator_session *row)
{
    return row->refused_status && row->refused_ms > row->last_bound_ms &&
           clock_wall_ms() - row->refused_ms < AUTH_REST_MS &&
           smpp_status_get(row->refused_status).bind == SMPP_BIND_CREDENTIALS;
}

static bool any_row(const struct mno *op, uint8_t bind,
                    bool (*is)(const struct operator_session *row))
{
    for (size_t i = 0; i < op->row_end; i++) {
        const struct operator_session *row = &op->rows[i];
        if (row->present && row->bind == bind && is(row))
            return true;
    }
    return false;
}

/* Another instance may reach the MNO where this one can't. */
static void look_at_bind(struct bridge *b, struct mno *op, uint8_t bind)
{
    int64_t unbound_ms = leases_note_bound(op, bind, any_row(op, bind, is_bound));
    if (unbound_ms < OFFER_FACTOR * op->settings.failover_after_ms ||
        any_row(op, bind, is_refused_credentials))
        return;
    log_warn("a bind that can't be had is offered to others", LOG_STR("operatorId", op->id_text),
             LOG_UINT("bind", bind), LOG_INT("unboundMs", unbound_ms));
    send_lease(b, op, bind, (mono_t){0}, 0);
    leases_give(op, bind, true);
}

void bridge_leases_look(struct bridge *b)
{
    if (!b->leases || !b->attached || b->agent_draining)
        return;
    for (size_t i = 0; i < operators_count(b->operators); i++) {
        struct mno *op = operators_at(b->operators, i);
        look_at_voice(b, op);
        look_at_release(b, op);
        for (size_t k = 0; operators_is_served(op) && k < leases_count(op); k++)
            look_at_bind(b, op, (uint8_t)k);
    }
}

/* --- the end --- */

bool bridge_leases_let_go(struct bridge *b)
{
    if (!b->leases || !b->agent_gone || leases_held_all(b->leases) == 0 ||
        !jetstream_is_connected(b->js))
        return true;
    mono_t now = clock_mono();
    if (b->leases_given_at.ns)
        return mono_diff_ms(now, b->leases_given_at) >= LET_GO_MS;
    b->leases_given_at = now;
    for (size_t i = 0; i < operators_count(b->operators); i++)
        give_all(operators_at(b->operators, i));
    return false;
}
