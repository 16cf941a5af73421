/* Own tokens and borrowed ones. A borrowed one is used first, since it does not keep. */
#include "session-agent/tokens.h"

#include <stdlib.h>

#include "session-agent/borrowed.h"
#include "session-agent/rate_meter.h"

struct tokens {
    struct pacer *pacer;
    struct borrowed borrowed;
    struct rate_meter *meter;
    uint64_t waits, lent;
    int64_t waited_second; /* the last one that is counted in `waits` */
    int64_t second;        /* for which these two stand: */
    uint64_t used_before;
    uint32_t used_last_second;
};

struct tokens *tokens_create(mono_t now)
{
    struct tokens *t = xcalloc(1, sizeof *t);
    t->pacer = pacer_create(now);
    t->meter = rate_meter_create();
    return t;
}

void tokens_destroy(struct tokens **t)
{
    if (!*t)
        return;
    pacer_destroy(&(*t)->pacer);
    rate_meter_destroy(&(*t)->meter);
    free(*t);
    *t = NULL;
}

void tokens_set_limit(struct tokens *t, uint32_t per_second, mono_t now)
{
    pacer_set_limit(t->pacer, per_second, now);
}

uint32_t tokens_limit(const struct tokens *t)
{
    return pacer_limit(t->pacer);
}

uint32_t tokens_per_second(const struct tokens *t)
{
    uint64_t used = t->borrowed.used - t->used_before;
    return pacer_limit(t->pacer) + (uint32_t)max_u64(used, t->used_last_second);
}

int64_t tokens_next_ns(struct tokens *t, mono_t now)
{
    int64_t wait = t->borrowed.count ? borrowed_next_ns(&t->borrowed, now) : BORROWED_NEVER;
    if (wait > 0) {
        int64_t own = pacer_next_ns(t->pacer, now);
        wait = own < wait ? own : wait;
    }
    if (wait > 0 && now.ns / NS_PER_S != t->waited_second) {
        t->waited_second = now.ns / NS_PER_S;
        t->waits++;
    }
    return wait;
}

static void turn_second(struct tokens *t, mono_t now)
{
    int64_t second = now.ns / NS_PER_S;
    if (second == t->second)
        return;
    t->used_last_second =
        second == t->second + 1 ? (uint32_t)(t->borrowed.used - t->used_before) : 0;
    t->used_before = t->borrowed.used;
    t->second = second;
}

void tokens_wrote(struct tokens *t, struct tokens_unsent *u, mono_t now)
{
    turn_second(t, now);
    if (!t->borrowed.count || borrowed_next_ns(&t->borrowed, now) > 0) {
        pacer_wrote(t->pacer, now);
        u->own++;
        return;
    }
    int64_t by = borrowed_use(&t->borrowed, now);
    if (u->borrowed == 0 || by < u->by)
        u->by = by;
    u->borrowed++;
}

void tokens_flushed(struct tokens *t, struct tokens_unsent *u, mono_t now)
{
    pacer_flushed(t->pacer, u->own, now);
    /* Its lender may have used it again by now: it is taken from our own share as well. */
    if (now.ns >= u->by)
        pacer_charge(t->pacer, u->borrowed, now);
    for (uint32_t n = u->own + u->borrowed; n > 0; n--)
        rate_meter_note(t->meter, now);
    *u = (struct tokens_unsent){0};
}

void tokens_held(struct tokens *t, struct tokens_unsent *u)
{
    pacer_take_over(t->pacer, u->borrowed);
    u->own += u->borrowed;
    u->borrowed = 0;
}

bool tokens_lend(struct tokens *t, mono_t now, int64_t span_ns, struct pacer_loan *loan_r)
{
    if (!pacer_lend(t->pacer, now, span_ns, loan_r))
        return false;
    t->lent += loan_r->tokens;
    return true;
}

void tokens_borrow(struct tokens *t, mono_t now, const struct pacer_loan *loan)
{
    borrowed_add(&t->borrowed, now, loan->from_ns, loan->by_ns, loan->tokens);
}

struct tokens_counts tokens_counts(struct tokens *t, mono_t now)
{
    return (struct tokens_counts){.waits = t->waits,
                                  .last_second = rate_meter_last_second(t->meter, now),
                                  .peak = rate_meter_peak(t->meter),
                                  .lent = t->lent,
                                  .borrowed = t->borrowed.used,
                                  .lost = t->borrowed.lost};
}
