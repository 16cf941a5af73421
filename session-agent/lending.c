/*
 * Loans are made some at a time, a little ahead of their use, and only while nothing is ready to be
 * sent: what is lent can't be had back. Times cross the IPC as CLOCK_MONOTONIC, which both
 * processes of a pod read from the same kernel.
 */
#include "session-agent/lending.h"

#include <stdlib.h>

#include "session-agent/submits.h"

enum {
    TICK_MS = 20,
    LEND_MS_MAX = 2000,
    LOANS_A_TICK = 8,
    LONG_WAIT_MS = 100,
    READY_MAX = 16, /* so many that wait are always enough to want tokens */
    READY_PARTS_OF_SECOND = 50,
    GRANT_AHEAD_MS_MAX = 1000,
};

struct lending {
    struct agent_operator *op;
    struct tokens *tokens;
    struct timer tick;
    mono_t until;   /* others want tokens */
    mono_t told_at; /* the last WANTED */
};

static void lend(struct lending *l, mono_t now)
{
    struct pacer_loan loan;
    for (int i = 0; i < LOANS_A_TICK; i++) {
        if (!tokens_lend(l->tokens, now, TICK_MS * NS_PER_MS, &loan))
            return;
        struct ipc_loan record = {
            .from_ns = loan.from_ns, .by_ns = loan.by_ns, .tokens = loan.tokens};
        memcpy(record.operator_id, l->op->id, sizeof(record.operator_id));
        bridge_link_send_loan(l->op->ctx->link, &record);
    }
}

static void on_tick(void *arg)
{
    struct lending *l = arg;
    mono_t now = clock_mono();
    if (mono_reached(now, l->until) || !bridge_link_is_attached(l->op->ctx->link))
        return;
    if (submits_is_idle(l->op->submits))
        lend(l, now);
    timer_start_ms(&l->tick, TICK_MS);
}

struct lending *lending_create(struct agent_operator *op, struct tokens *tokens)
{
    struct lending *l = xcalloc(1, sizeof(*l));
    l->op = op;
    l->tokens = tokens;
    timer_init(&l->tick, op->ctx->loop, on_tick, l);
    return l;
}

void lending_destroy(struct lending **l)
{
    if (!*l)
        return;
    timer_stop(&(*l)->tick);
    free(*l);
    *l = NULL;
}

void lending_ask(struct lending *l, const struct ipc_lend *record)
{
    uint32_t for_ms = record->for_ms < LEND_MS_MAX ? record->for_ms : LEND_MS_MAX;
    l->until = mono_add_ms(clock_mono(), for_ms);
    if (!timer_is_active(&l->tick))
        timer_start_ms(&l->tick, 0);
}

void lending_grant(struct lending *l, const struct ipc_grant *record)
{
    mono_t now = clock_mono();
    /* Farther ahead than any loan: the bridge reads another clock. */
    if (record->by_ns > mono_add_ms(now, GRANT_AHEAD_MS_MAX).ns)
        return;
    struct pacer_loan loan = {record->from_ns, record->by_ns, record->tokens};
    tokens_borrow(l->tokens, now, &loan);
    operator_touch(l->op);
}

bool lending_waits(struct lending *l, mono_t now, size_t ready, int64_t wait_ns)
{
    size_t enough = 2 + tokens_limit(l->tokens) / READY_PARTS_OF_SECOND;
    if (ready < (enough < READY_MAX ? enough : READY_MAX) && wait_ns < LONG_WAIT_MS * NS_PER_MS)
        return false;
    if (l->told_at.ns && mono_diff_ms(now, l->told_at) < LENDING_WANTS_EVERY_MS)
        return true;
    l->told_at = now;
    struct ipc_wanted record = {.tokens = (uint32_t)ready};
    memcpy(record.operator_id, l->op->id, sizeof(record.operator_id));
    bridge_link_send_wanted(l->op->ctx->link, &record);
    return true;
}
