/*
 * When to ask Redis, and what. One exchange at a time per operator: as soon as the agent has lent
 * something; some times a second while tokens are wanted; else now and then, to hear whether others
 * want some and to keep an eye on Redis's clock.
 */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

#include "bridge/server_clock.h"
#include "bridge/tps_blocks.h"
#include "bridge/tps_lease.h"

enum {
    TAKE_MS = 20,         /* between exchanges while there is something to take */
    TAKE_SELDOM_MS = 200, /* nobody had anything for a while */
    IDLE_MS = 400,
    OTHERS_WANT_MS = 100,
    NOTHING_MS = 1500, /* so long without a block: ask seldom */
    WANTED_MS = 600,   /* WANTED holds so long; it is repeated sooner */
    LEND_MS = 1000,    /* the agent lends so long; it is asked again sooner */
    LEND_AGAIN_MS = 300,
    BUDGET_MS = 250, /* what was not taken is saved up for so long */
    BUDGET_MIN = 2,
    RESPITE_MS = 5, /* Redis could not be asked */
};

struct tps_leases {
    struct loop *loop;
    struct redis *redis;
    struct agent_link *link;
    struct redis_script script;
    struct server_clock clock;
};

struct tps_lease {
    struct tps_leases *all;
    struct mno *op; /* NULL: gone, Redis still has to answer */
    struct timer timer;
    bool active;
    double per_second;
    bool awaits_redis;
    bool others_want;
    mono_t sent_at, lend_told_at, wanted_until, got_at;
    uint32_t clock_steps; /* the blocks in Redis are from the clock after so many of them */
    double budget;
    mono_t budget_at;
    struct ipc_loan loans[TPS_BLOCKS_MAX]; /* not in Redis yet */
    size_t loan_count;
    uint32_t size;
    uint64_t leased, lent;
    int64_t second; /* for which these two stand: */
    uint64_t leased_before;
    uint32_t leased_last_second;
};

struct tps_leases *tps_leases_create(struct loop *loop, struct redis *redis,
                                     struct agent_link *link)
{
    struct tps_leases *all = xcalloc(1, sizeof(*all));
    all->loop = loop;
    all->redis = redis;
    all->link = link;
    return all;
}

void tps_leases_destroy(struct tps_leases **all)
{
    free(*all);
    *all = NULL;
}

void tps_leases_redis_changed(struct tps_leases *all)
{
    uint32_t steps = all->clock.steps;
    all->clock = (struct server_clock){.steps = steps};
}

static bool is_wanted(const struct tps_lease *l, mono_t now)
{
    return l->per_second > 0 && !mono_reached(now, l->wanted_until);
}

/* --- to and from the agent --- */

static void ask_agent_to_lend(struct tps_lease *l, mono_t now)
{
    if (l->lend_told_at.ns && mono_diff_ms(now, l->lend_told_at) < LEND_AGAIN_MS)
        return;
    l->lend_told_at = now;
    struct ipc_lend record = {.for_ms = LEND_MS};
    memcpy(record.operator_id, l->op->id, sizeof(record.operator_id));
    ipc_put_lend(agent_link_begin(l->all->link), &record);
    agent_link_end(l->all->link);
}

static void turn_second(struct tps_lease *l, mono_t now)
{
    int64_t second = now.ns / NS_PER_S;
    if (second == l->second)
        return;
    l->leased_last_second = second == l->second + 1 ? (uint32_t)(l->leased - l->leased_before) : 0;
    l->leased_before = l->leased;
    l->second = second;
}

static void grant(struct tps_lease *l, const struct tps_block *block)
{
    const struct server_clock *clock = &l->all->clock;
    struct ipc_grant record = {.from_ns = server_clock_from(clock, block->from_us).ns,
                               .by_ns = server_clock_before(clock, block->by_us).ns,
                               .tokens = block->tokens};
    memcpy(record.operator_id, l->op->id, sizeof(record.operator_id));
    ipc_put_grant(agent_link_begin(l->all->link), &record);
    agent_link_end(l->all->link);
}

static void take(struct tps_lease *l, const struct tps_blocks_answer *answer, mono_t now)
{
    uint32_t size = 0;
    for (size_t i = 0; i < answer->taken_count; i++) {
        grant(l, &answer->taken[i]);
        size += answer->taken[i].tokens;
    }
    if (!size)
        return;
    turn_second(l, now);
    l->size = size;
    l->leased += size;
    l->budget -= size;
    l->got_at = now;
}

/* --- the exchange --- */

static void schedule(struct tps_lease *l, mono_t now)
{
    int64_t ms = l->others_want ? OTHERS_WANT_MS : IDLE_MS;
    if (is_wanted(l, now))
        ms = mono_diff_ms(now, l->got_at) < NOTHING_MS ? TAKE_MS : TAKE_SELDOM_MS;
    int64_t since_ms = mono_diff_ms(now, l->sent_at);
    if (l->loan_count > 0)
        ms = since_ms; /* at once */
    timer_start_ms(&l->timer, ms > since_ms ? ms - since_ms : 0);
}

static void on_answer(void *arg, const struct redis_reply *reply)
{
    struct tps_lease *l = arg;
    struct tps_blocks_answer answer;
    l->awaits_redis = false;
    if (!l->op) {
        free(l);
        return;
    }
    struct tps_leases *all = l->all;
    mono_t now = clock_mono();
    if (!tps_blocks_read(reply, &answer)) {
        if (reply && reply->type == REDIS_ERROR)
            log_warn("Redis refuses to share tokens", LOG_STR("operatorId", l->op->id_text),
                     LOG_STR("reason", reply->text));
    } else {
        bool was_known = all->clock.at.ns != 0;
        if (!server_clock_note(&all->clock, l->sent_at, now, answer.now_us) && was_known)
            log_warn("the clock of Redis was stepped: nothing is lent or leased for a while");
        l->others_want = answer.wanted;
        if (l->active && server_clock_is_trusted(&all->clock, now)) {
            take(l, &answer, now);
            if (answer.wanted && !is_wanted(l, now))
                ask_agent_to_lend(l, now);
        }
    }
    if (l->active)
        schedule(l, now);
}

static void put_loans(struct tps_lease *l, struct tps_blocks_order *order)
{
    const struct server_clock *clock = &l->all->clock;
    for (size_t i = 0; i < l->loan_count; i++) {
        const struct ipc_loan *loan = &l->loans[i];
        struct tps_block block = {
            .from_us = server_clock_ahead_us(clock, (mono_t){loan->from_ns}),
            .by_us = server_clock_reached_us(clock, (mono_t){loan->by_ns}),
            .tokens = loan->tokens,
        };
        if (block.from_us < 0 || block.by_us <= block.from_us)
            continue;
        order->lent[order->lent_count++] = block;
        l->lent += block.tokens;
    }
}

/* At most so many tokens that the operator's limit, or what it takes at present, is not exceeded;
 * at least one a turn as soon as there is one. */
static uint32_t wish(struct tps_lease *l, mono_t now)
{
    double seconds = (double)mono_diff_ns(now, l->budget_at) / (double)NS_PER_S;
    double most = l->per_second * BUDGET_MS / 1000;
    l->budget_at = now;
    l->budget += l->per_second * (seconds < 1 ? seconds : 1);
    most = most > BUDGET_MIN ? most : BUDGET_MIN;
    l->budget = l->budget < most ? l->budget : most;
    return is_wanted(l, now) && l->budget >= 1 ? (uint32_t)l->budget : 0;
}

static void exchange(struct tps_lease *l, mono_t now)
{
    struct tps_leases *all = l->all;
    struct tps_blocks_order order = {.reset = l->clock_steps != all->clock.steps,
                                     .wanted = is_wanted(l, now)};
    if (server_clock_is_trusted(&all->clock, now)) {
        put_loans(l, &order);
        order.want = wish(l, now);
    }
    l->loan_count = 0;
    l->sent_at = now;
    l->awaits_redis =
        tps_blocks_send(&all->script, all->redis, l->op->id_text, &order, on_answer, l);
    if (l->awaits_redis)
        l->clock_steps = all->clock.steps;
    else
        timer_start_ms(&l->timer, RESPITE_MS);
}

static void on_timer(void *arg)
{
    struct tps_lease *l = arg;
    if (l->active && !l->awaits_redis)
        exchange(l, clock_mono());
}

/* --- one operator --- */

struct tps_lease *tps_lease_create(struct tps_leases *all, struct mno *op)
{
    struct tps_lease *l = xcalloc(1, sizeof(*l));
    l->all = all;
    l->op = op;
    timer_init(&l->timer, all->loop, on_timer, l);
    return l;
}

void tps_lease_destroy(struct tps_lease **lease)
{
    struct tps_lease *l = *lease;
    *lease = NULL;
    if (!l)
        return;
    timer_stop(&l->timer);
    l->op = NULL;
    if (!l->awaits_redis)
        free(l);
}

void tps_lease_tune(struct tps_lease *l, bool active, double per_second)
{
    l->per_second = per_second > 0 ? per_second : 0;
    if (active == l->active)
        return;
    l->active = active;
    l->loan_count = 0;
    l->lend_told_at.ns = 0;
    l->got_at = clock_mono(); /* there may be something again */
    if (!active)
        timer_stop(&l->timer);
    else if (!l->awaits_redis)
        timer_start_ms(&l->timer, 0);
}

void tps_lease_loan(struct tps_lease *l, const struct ipc_loan *record)
{
    if (!l->active || l->loan_count == ARRAY_LEN(l->loans))
        return; /* nobody uses it */
    l->loans[l->loan_count++] = *record;
    if (!l->awaits_redis)
        timer_start_ms(&l->timer, 0); /* what comes in the same turn goes along */
}

void tps_lease_wanted(struct tps_lease *l)
{
    /* As long as nothing may be taken it says little of what will be wanted when something may: a
     * newcomer wants tokens before it has its part, and then has its own. It is repeated. */
    if (!l->active || l->per_second <= 0)
        return;
    mono_t now = clock_mono();
    bool was_wanted = is_wanted(l, now);
    l->wanted_until = mono_add_ms(now, WANTED_MS);
    if (was_wanted)
        return;
    l->got_at = now; /* others need a moment to hear of it */
    if (!l->awaits_redis)
        schedule(l, now);
}

struct tps_lease_view tps_lease_view(const struct tps_lease *l)
{
    mono_t now = clock_mono();
    int64_t second = now.ns / NS_PER_S;
    uint32_t per_second = 0;
    if (second == l->second)
        per_second = l->leased_last_second;
    else if (second == l->second + 1)
        per_second = (uint32_t)(l->leased - l->leased_before);
    return (struct tps_lease_view){
        .size = l->size,
        .per_second = per_second,
        .leased = l->leased,
        .lent = l->lent,
        .trusted = l->active && server_clock_is_trusted(&l->all->clock, now),
    };
}
