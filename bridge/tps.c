/*
 * The share of each operator's limit, renewed in Redis some times a second under
 * `smpp:tps:{operatorId}`: a hash of instance → "ends beat count set limit" (milliseconds on the
 * server's clock, tps_share.h for the rest; behind it "gone" for a good-bye, or "remembered"). What
 * comes out goes to the agent as PACE. As long as nothing is known no PACE is sent and the agent
 * goes on with what it was told last: a bridge that restarts without Redis changes nothing, unless
 * that is more than the contract allows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/random.h"
#include "common/str.h"

#include "bridge/tps.h"
#include "bridge/tps_adaptive.h"
#include "bridge/tps_lease.h"
#include "bridge/tps_renewal.h"
#include "bridge/tps_share.h"

_Static_assert(IPC_PACE_LIFE_MS <= TPS_SHARE_LIFE_MS - TPS_SHARE_MARGIN_MS,
               "an agent whose bridge is gone stops before others take its part");

enum {
    RENEW_MS = 400,
    TICK_MS = 200,
    NEWCOMER_MS = 50,    /* between renewals until it has its part: each delays what it waits for */
    HURRY_MS = 20,       /* another renewal soon, because the others wait for our word */
    GOOD_BYE_MS = 10000, /* how long a good-bye can be read */
    UNABLE_MS = 30000,   /* without a bind that can send: the others may have our part */
    NO_PACE = -1,
};

struct tps_operator {
    struct tps *tps;
    struct mno *op; /* NULL: gone, Redis still has to answer */
    struct tps_share share;
    struct tps_adaptive adaptive;
    struct tps_lease *lease;
    int64_t second; /* for which these two stand: */
    uint32_t accepted, accepted_last_second;
    struct timer timer;
    mono_t renew_at;
    bool awaits_redis;
    mono_t sent_at;
    uint32_t announced;
    int64_t pace;        /* what the agent was told last; NO_PACE: nothing */
    mono_t unable_since; /* no bind can transmit since; 0: one can */
    bool withdrawn;      /* said good-bye until a bind can transmit */
};

struct tps {
    struct loop *loop;
    struct redis *redis;
    struct agent_link *link;
    struct operators *operators;
    char instance_id[TPS_SHARE_ID_SIZE];
    char registered_as[TPS_SHARE_ID_SIZE]; /* the same, unless another process has it too */
    char run_id[128];
    bool connected;
    mono_t distrust_until;
    struct tps_renewal renewal;
    struct tps_leases *leases;
};

struct tps *tps_create(struct loop *loop, struct redis *redis, struct agent_link *link,
                       struct operators *operators, const char *instance_id)
{
    struct tps *tps = xcalloc(1, sizeof(*tps));
    tps->loop = loop;
    tps->redis = redis;
    tps->link = link;
    tps->operators = operators;
    tps->leases = tps_leases_create(loop, redis, link);
    str_copy(tps->instance_id, sizeof(tps->instance_id), instance_id, strlen(instance_id));
    memcpy(tps->registered_as, tps->instance_id, sizeof(tps->registered_as));
    return tps;
}

/* --- the agent's pacer --- */

static bool limit_is_known(const struct mno *op)
{
    return op->has_credentials;
}

/* The contract as this instance knows it. */
static uint32_t own_limit(const struct mno *op)
{
    int64_t setting = op->settings.tps_limit;
    if (setting != OPERATOR_SETTINGS_UNSET && setting < op->tps_limit)
        return (uint32_t)setting;
    return op->tps_limit;
}

static bool share_is_known(const struct tps_operator *t)
{
    return t->share.renewed_at.ns != 0 && limit_is_known(t->op);
}

static uint32_t share_of(const struct tps_operator *t)
{
    uint32_t limit = tps_share_limit(&t->share, own_limit(t->op));
    return tps_share_rate(&t->share, limit, loop_now(t->tps->loop));
}

static bool redis_is_trusted(const struct tps *tps)
{
    return tps->connected && mono_reached(loop_now(tps->loop), tps->distrust_until);
}

/* What another Redis may have forgotten is no matter here: the lenders' logs remember. Who sees
 * others begins before it has a part, to know Redis's clock when it has one. */
static void tune_lease(struct tps_operator *t)
{
    bool active = share_is_known(t) && tps_share_instances(&t->share) > 1 && !t->withdrawn &&
                  !t->op->paused && t->tps->connected && agent_link_is_attached(t->tps->link);
    bool has_part = active && t->share.in_force > 0;
    uint32_t share = has_part ? share_of(t) : 0;
    uint32_t limit = has_part ? tps_share_limit(&t->share, own_limit(t->op)) : 0;
    /* An operator that takes less than its limit takes less of each part of it. Else the lenders
     * see to it that there is not more than their parts, and what comes at once is taken at once.
     */
    double others = limit - share;
    bool slowed = tps_adaptive_is_slowed(&t->adaptive);
    double most = slowed ? others * tps_adaptive_part(&t->adaptive) : 2 * others;
    tps_lease_tune(t->lease, active, most);
}

/* An agent that sends already goes on; one that never did can wait until it is known whether
 * another one sends with the part that we took over. */
static bool may_begin(const struct tps_operator *t)
{
    return t->op->stats[IPC_STAT_PACER_LIMIT] > 0 || t->pace > 0 ||
           !tps_share_may_be_doubled(&t->share);
}

/* NO_PACE: what the agent was told last is right for all that is known. */
static int64_t wanted_pace(const struct tps_operator *t)
{
    const struct mno *op = t->op;
    if (op->paused)
        return 0;
    if (share_is_known(t))
        return may_begin(t) ? (int64_t)tps_adaptive_rate(&t->adaptive) : NO_PACE;
    /* A former bridge told it, and the contract may have been lowered since. */
    bool is_lower = limit_is_known(op) && own_limit(op) < op->stats[IPC_STAT_PACER_LIMIT];
    return is_lower ? (int64_t)own_limit(op) : NO_PACE;
}

/* Tells the agent when what it was told is no longer right. */
static void apply(struct tps_operator *t)
{
    struct tps *tps = t->tps;
    if (share_is_known(t))
        tps_adaptive_set_ceiling(&t->adaptive, share_of(t));
    tune_lease(t);
    int64_t pace = wanted_pace(t);
    if (pace == NO_PACE || pace == t->pace || !agent_link_is_attached(tps->link))
        return;
    struct ipc_pace record = {.per_second = (uint32_t)pace};
    memcpy(record.operator_id, t->op->id, sizeof(record.operator_id));
    ipc_put_pace(agent_link_begin(tps->link), &record);
    agent_link_end(tps->link);
    t->pace = pace;
}

static struct mno *each(const struct tps *tps, size_t i)
{
    return i < operators_count(tps->operators) ? operators_at(tps->operators, i) : NULL;
}

/* --- renewing the registration --- */

static void start_timer(struct tps_operator *t, mono_t now)
{
    int64_t ms = mono_diff_ms(t->renew_at, now) + 1;
    timer_start_ms(&t->timer, ms < TICK_MS ? ms : TICK_MS);
}

static void schedule(struct tps_operator *t, int64_t ms)
{
    mono_t now = loop_now(t->tps->loop);
    t->renew_at = mono_add_ms(now, ms);
    start_timer(t, now);
}

/* Anew at the attachment: before it nobody obeys us, and there is no agent to name. */
static void start_share(struct tps_operator *t)
{
    const uint8_t *instance = agent_link_agent_instance(t->tps->link);
    uint32_t agent = 0;
    if (instance)
        memcpy(&agent, instance, sizeof(agent));
    t->announced = 0;
    t->withdrawn = false;
    tps_share_init(&t->share, t->tps->registered_as, agent >> 1, random_u32() >> 1);
}

/* The part stays with the other process; ours is that of one more instance. */
static void leave_name_to_other(struct tps_operator *t)
{
    enum { KEPT = TPS_SHARE_ID_SIZE - 10 };
    struct tps *tps = t->tps;
    if (strcmp(t->share.own_id, tps->registered_as) == 0) {
        snprintf(tps->registered_as, sizeof(tps->registered_as), "%.*s~%08x", KEPT,
                 tps->instance_id, random_u32());
        log_warn("another process has the same INSTANCE_ID and shares limits under it: give each "
                 "its own",
                 LOG_STR("instanceId", tps->instance_id),
                 LOG_STR("registeredAs", tps->registered_as));
    }
    t->share.in_force = 0;
    apply(t);
    start_share(t);
}

static void on_renewed(void *arg, const struct redis_reply *reply)
{
    struct tps_operator *t = arg;
    struct tps_share *share = &t->share;
    t->awaits_redis = false;
    if (!t->op) {
        free(t);
        return;
    }
    struct tps_renewal_answer *answer = tps_renewal_read(&t->tps->renewal, reply);
    if (!answer) {
        if (reply && reply->type == REDIS_ERROR)
            log_warn("Redis refuses the registration of the share",
                     LOG_STR("operatorId", t->op->id_text), LOG_STR("reason", reply->text));
        return;
    }
    if (t->withdrawn)
        return;
    if (tps_share_is_doubled(share, answer->own_beat)) {
        leave_name_to_other(t);
        return;
    }
    uint32_t in_force = share->in_force;
    tps_share_renewed(share, loop_now(t->tps->loop), t->sent_at, t->announced, answer->own_count,
                      answer->others, answer->count);
    apply(t);
    if (share->in_force != in_force)
        log_info("the share of the limit changes", LOG_STR("operatorId", t->op->id_text),
                 LOG_UINT("instances", tps_share_instances(share)),
                 LOG_UINT("parts", share->in_force), LOG_UINT("perSecond", share_of(t)));
    /* What we lowered, the others may take once they have read it. */
    mono_t now = loop_now(t->tps->loop);
    int64_t settles_in_ms = tps_share_settles_in_ms(share, now);
    if (t->announced != tps_share_announcement(share, now))
        schedule(t, HURRY_MS);
    else if (settles_in_ms > 0 && settles_in_ms < mono_diff_ms(t->renew_at, now))
        schedule(t, settles_in_ms);
}

static void renew(struct tps_operator *t)
{
    struct tps *tps = t->tps;
    /* What is announced must be what an agent obeys; another bridge may have the part meanwhile. */
    if (t->awaits_redis || !tps->connected || t->withdrawn || !agent_link_is_attached(tps->link))
        return;
    mono_t now = loop_now(tps->loop);
    t->share.beat++;
    t->sent_at = now;
    t->announced = tps_share_announcement(&t->share, now);
    struct tps_renewal_entry entry = {
        .life_ms = TPS_SHARE_LIFE_MS,
        .share = &t->share,
        .count = t->announced,
        .keeps_count = !t->share.renewed_at.ns,
        .limit = limit_is_known(t->op) ? (int64_t)own_limit(t->op) : TPS_SHARE_LIMIT_UNKNOWN,
    };
    t->awaits_redis =
        tps_renewal_send(&tps->renewal, tps->redis, t->op->id_text, &entry, now, on_renewed, t);
}

static void say_good_bye(struct tps_operator *t)
{
    struct tps *tps = t->tps;
    if (!t->announced) /* by us: it may be another bridge's, which has the place */
        return;
    t->share.beat++;
    struct tps_renewal_entry good_bye = {
        .life_ms = GOOD_BYE_MS,
        .share = &t->share,
        .count = TPS_SHARE_COUNT_UNKNOWN,
        .limit = TPS_SHARE_LIMIT_UNKNOWN,
        .gone = true,
    };
    if (tps->connected && !tps_renewal_send(&tps->renewal, tps->redis, t->op->id_text, &good_bye,
                                            loop_now(tps->loop), NULL, NULL))
        log_debug("no good-bye to those that share the limit",
                  LOG_STR("operatorId", t->op->id_text));
}

/* Others can use what an instance without a session can't. Its agent is told to send nothing before
 * they hear of it, and it comes back as a newcomer. Alone there is nobody to leave it to. */
static void look_after_binds(struct tps_operator *t, mono_t now)
{
    if (operators_can_transmit(t->op)) {
        t->unable_since.ns = 0;
        if (t->withdrawn)
            start_share(t);
        return;
    }
    if (!t->unable_since.ns)
        t->unable_since = now;
    bool is_shared = tps_share_instances(&t->share) > 1;
    if (t->withdrawn || !is_shared || mono_diff_ms(now, t->unable_since) < UNABLE_MS ||
        !agent_link_is_attached(t->tps->link))
        return;
    log_info("without a session: the others may have our share",
             LOG_STR("operatorId", t->op->id_text));
    t->withdrawn = true;
    t->share.in_force = 0;
    apply(t);
    say_good_bye(t);
}

static void on_timer(void *arg)
{
    struct tps_operator *t = arg;
    mono_t now = loop_now(t->tps->loop);
    if (tps_share_tick(&t->share, now))
        log_warn("the share is given up: it could not be renewed and others may take it",
                 LOG_STR("operatorId", t->op->id_text));
    look_after_binds(t, now);
    tps_adaptive_tick(&t->adaptive, now);
    apply(t);
    if (!mono_reached(now, t->renew_at)) {
        start_timer(t, now);
        return;
    }
    bool is_settled = t->share.in_force && !tps_share_may_be_doubled(&t->share);
    schedule(t, is_settled || !t->announced ? RENEW_MS : NEWCOMER_MS);
    renew(t);
}

void tps_attached(struct tps *tps)
{
    struct mno *op;
    for (size_t i = 0; (op = each(tps, i)); i++) {
        if (!op->tps)
            continue;
        start_share(op->tps);
        apply(op->tps);
        renew(op->tps);
    }
}

void tps_redis_connected(struct tps *tps, const char *run_id)
{
    mono_t now = loop_now(tps->loop);
    bool is_other = tps->run_id[0] && strcmp(tps->run_id, run_id) != 0;
    if (is_other)
        tps->distrust_until = mono_add_ms(now, TPS_SHARE_FRESH_MS);
    str_copy(tps->run_id, sizeof(tps->run_id), run_id, strlen(run_id));
    tps->connected = true;
    tps_leases_redis_changed(tps->leases);
    struct mno *op;
    for (size_t i = 0; (op = each(tps, i)); i++) {
        if (!op->tps)
            continue;
        if (is_other)
            tps_share_redis_is_new(&op->tps->share, now);
        renew(op->tps);
    }
}

void tps_redis_disconnected(struct tps *tps)
{
    tps->connected = false;
    tps_leases_redis_changed(tps->leases);
    struct mno *op;
    for (size_t i = 0; (op = each(tps, i)); i++) {
        if (op->tps)
            tune_lease(op->tps);
    }
}

/* --- operators --- */

void tps_operator_added(struct tps *tps, struct mno *op)
{
    if (op->tps) {
        tps_limit_changed(tps, op);
        return;
    }
    struct tps_operator *t = xcalloc(1, sizeof(*t));
    t->tps = tps;
    t->op = op;
    t->pace = NO_PACE;
    t->lease = tps_lease_create(tps->leases, op);
    op->tps = t;
    start_share(t);
    tps_adaptive_init(&t->adaptive, loop_now(tps->loop));
    timer_init(&t->timer, tps->loop, on_timer, t);
    renew(t);
    /* Spread, so that a thousand operators don't renew in the same turn. */
    schedule(t, 1 + (int64_t)(random_u32() % RENEW_MS));
}

static void release(struct tps_operator *t)
{
    timer_stop(&t->timer);
    tps_lease_destroy(&t->lease);
    t->op->tps = NULL;
    t->op = NULL;
    if (!t->awaits_redis)
        free(t);
}

void tps_operator_gone(struct tps *tps, struct mno *op)
{
    (void)tps;
    if (!op->tps)
        return;
    say_good_bye(op->tps);
    release(op->tps);
}

void tps_evict(struct tps *tps, const struct mno *op, const char *instance_id)
{
    char key[64];
    struct str_out out = str_out(key, sizeof(key));
    str_puts(&out, "smpp:tps:{");
    str_puts(&out, op->id_text);
    str_puts(&out, "}");
    const char *const argv[] = {"HDEL", key, instance_id};
    const size_t lens[] = {4, out.len, strlen(instance_id)};
    if (strcmp(instance_id, tps->instance_id) == 0)
        return;
    if (!redis_command(tps->redis, NULL, NULL, ARRAY_LEN(argv), argv, lens))
        log_debug("the former holder's share lapses by itself", LOG_STR("operatorId", op->id_text));
}

void tps_destroy(struct tps **tps_ref)
{
    struct tps *tps = *tps_ref;
    if (!tps)
        return;
    struct mno *op;
    for (size_t i = 0; (op = each(tps, i)); i++) {
        if (op->tps)
            release(op->tps);
    }
    tps_leases_destroy(&tps->leases);
    free(tps);
    *tps_ref = NULL;
}

void tps_limit_changed(struct tps *tps, struct mno *op)
{
    (void)tps;
    if (!op->tps)
        return;
    apply(op->tps);
    renew(op->tps); /* the others shall know it at once */
}

void tps_loan(struct tps *tps, struct mno *op, const struct ipc_loan *record)
{
    (void)tps;
    if (op->tps)
        tps_lease_loan(op->tps->lease, record);
}

void tps_wanted(struct tps *tps, struct mno *op)
{
    (void)tps;
    if (op->tps)
        tps_lease_wanted(op->tps->lease);
}

void tps_throttled(struct tps *tps, struct mno *op)
{
    if (op->tps && tps_adaptive_throttled(&op->tps->adaptive, loop_now(tps->loop)))
        apply(op->tps);
}

static uint32_t accepted_last_second(const struct tps_operator *t, int64_t second)
{
    if (second == t->second)
        return t->accepted_last_second;
    return second == t->second + 1 ? t->accepted : 0;
}

static void turn_second(struct tps_operator *t)
{
    int64_t second = loop_now(t->tps->loop).ns / NS_PER_S;
    if (second == t->second)
        return;
    t->accepted_last_second = accepted_last_second(t, second);
    t->accepted = 0;
    t->second = second;
}

void tps_ok(struct tps *tps, struct mno *op, uint32_t latency_us)
{
    (void)tps;
    struct tps_operator *t = op->tps;
    if (!t)
        return;
    turn_second(t);
    t->accepted++;
    tps_adaptive_answered(&t->adaptive, latency_us);
}

struct tps_view tps_view(const struct tps *tps, const struct mno *op)
{
    const struct tps_operator *t = op->tps;
    if (!t)
        return (struct tps_view){0};
    bool known = share_is_known(t) && t->share.in_force;
    struct tps_lease_view lease = tps_lease_view(t->lease);
    return (struct tps_view){
        .share_known = known,
        .redis_trusted = redis_is_trusted(tps),
        .throttled = tps_adaptive_is_slowed(&t->adaptive),
        .limit_known = limit_is_known(op),
        .limit = limit_is_known(op) ? tps_share_limit(&t->share, own_limit(op)) : 0,
        .instances = tps_share_instances(&t->share),
        .share = known ? share_of(t) : 0,
        .effective = (t->pace == NO_PACE ? 0 : (uint32_t)t->pace) + lease.per_second,
        .throttled_total = t->adaptive.slow_downs,
        .accepted = accepted_last_second(t, loop_now(tps->loop).ns / NS_PER_S),
        .lease_size = lease.size,
        .leased = lease.leased,
        .lent = lease.lent,
    };
}
