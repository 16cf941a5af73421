/* The rules of one lease. */
#include <string.h>

#include "bridge/lease.h"

/* The time between a holder's letting go at its deadline and another's taking is cut in three: a
 * renewal may itself be late, a clean good-bye takes time, and the rest is for pauses between the
 * agent's look at the clock and its write, and for clocks that don't run alike. */
struct lease_times lease_times(int64_t ttl_ms, int64_t deadline_ms)
{
    int64_t margin = ttl_ms - deadline_ms;
    return (struct lease_times){
        .ttl_ms = ttl_ms,
        .hold_ms = deadline_ms + margin / 3,
        .unbind_ms = margin / 3,
        .renew_ms = margin / 6,
        .retry_ms = margin / 12,
        .look_ms = 500,
        .turn_ms = 3000,
    };
}

void lease_init(struct lease *l)
{
    *l = (struct lease){.state = LEASE_UNKNOWN};
}

bool lease_is_held(const struct lease *l, mono_t now)
{
    return l->state == LEASE_HELD && !l->giving && !mono_reached(now, l->until);
}

/* --- what to ask --- */

static enum lease_ask ask_as_holder(const struct lease *l, mono_t now, bool may_renew)
{
    if (!mono_reached(now, l->next))
        return LEASE_ASK_NOTHING;
    if (l->check)
        return LEASE_ASK_READ;
    if (l->giving)
        return LEASE_ASK_GIVE;
    return may_renew ? LEASE_ASK_RENEW : LEASE_ASK_NOTHING;
}

static bool can_be_taken(const struct lease *l, mono_t now)
{
    if (l->state == LEASE_OTHERS)
        return l->expired;
    return l->state == LEASE_FREE && (l->is_ours || mono_reached(now, l->not_before));
}

static enum lease_ask choose(const struct lease *l, mono_t now, bool may_take, bool may_renew)
{
    if (l->state == LEASE_HELD)
        return ask_as_holder(l, now, may_renew);
    if (may_take && can_be_taken(l, now))
        return LEASE_ASK_TAKE;
    return mono_reached(now, l->next) ? LEASE_ASK_READ : LEASE_ASK_NOTHING;
}

enum lease_ask lease_next(struct lease *l, mono_t now, const struct lease_times *t, bool may_take,
                          bool may_renew)
{
    (void)t;
    if (l->under_way)
        return LEASE_ASK_NOTHING;
    l->under_way = choose(l, now, may_take, may_renew);
    l->sent_at = now;
    return l->under_way;
}

/* After it nothing is known for sure; a holder looks before it writes again. */
static void forget(struct lease *l, mono_t next)
{
    l->under_way = LEASE_ASK_NOTHING;
    l->next = next;
    if (l->state == LEASE_HELD)
        l->check = true;
    else if (l->state != LEASE_OTHERS)
        l->state = LEASE_UNKNOWN;
}

void lease_not_sent(struct lease *l, mono_t now, const struct lease_times *t)
{
    l->under_way = LEASE_ASK_NOTHING;
    l->next = mono_add_ms(now, t->retry_ms);
    l->expired = false; /* the next read says so again */
    if (l->state == LEASE_FREE)
        l->state = LEASE_UNKNOWN;
}

/* --- answers --- */

static enum lease_news lose(struct lease *l, mono_t now)
{
    l->state = LEASE_UNKNOWN;
    l->check = l->giving = false;
    l->next = now;
    return LEASE_LOST;
}

static void note_others(struct lease *l, mono_t now, const struct lease_times *t, uint64_t revision,
                        int64_t ttl_ms)
{
    int64_t ttl = ttl_ms > t->ttl_ms ? ttl_ms : t->ttl_ms;
    if (l->state != LEASE_OTHERS || l->revision != revision)
        l->seen_at = now;
    /* Still the same when this question was asked. */
    l->expired = mono_diff_ms(l->sent_at, l->seen_at) >= ttl;
    l->state = LEASE_OTHERS;
    l->revision = revision;
    l->ttl_ms = ttl;
    l->next = mono_add_ms(now, t->look_ms);
}

static void note_free(struct lease *l, mono_t now, const struct lease_times *t, uint64_t revision,
                      bool is_ours)
{
    if (l->state != LEASE_FREE)
        l->seen_at = now;
    l->state = LEASE_FREE;
    l->revision = revision;
    l->is_ours = is_ours;
    l->next = mono_add_ms(now, t->look_ms);
}

static enum lease_news read_as_holder(struct lease *l, mono_t now, enum lease_owner owner,
                                      uint64_t revision)
{
    if (owner != LEASE_OWNER_US)
        return lose(l, now);
    l->revision = revision;
    l->check = false;
    l->next = now; /* what was read does not prove when it was written: renew */
    return LEASE_NO_NEWS;
}

enum lease_news lease_was_read(struct lease *l, mono_t now, const struct lease_times *t,
                               enum lease_owner owner, uint64_t revision, int64_t ttl_ms)
{
    l->under_way = LEASE_ASK_NOTHING;
    if (l->state == LEASE_HELD)
        return read_as_holder(l, now, owner, revision);
    if (owner == LEASE_OWNER_OTHER)
        note_others(l, now, t, revision, ttl_ms);
    else
        note_free(l, now, t, revision, owner == LEASE_OWNER_US);
    return LEASE_NO_NEWS;
}

static enum lease_news taken(struct lease *l, mono_t now, const struct lease_times *t)
{
    mono_t until = mono_add_ms(l->sent_at, t->hold_ms);
    bool was_expired = l->state == LEASE_OTHERS;
    if (mono_reached(now, until)) /* the answer took too long */
        return lease_was_refused(l, now);
    l->taken_from = was_expired  ? LEASE_FROM_EXPIRED
                    : l->is_ours ? LEASE_FROM_OURSELVES
                                 : LEASE_FROM_NOBODY;
    l->state = LEASE_HELD;
    l->expired = l->is_ours = l->check = l->giving = false;
    l->until = until;
    l->next = mono_add_ms(l->sent_at, t->renew_ms);
    return LEASE_TAKEN;
}

static enum lease_news given(struct lease *l, mono_t now, const struct lease_times *t)
{
    l->state = LEASE_FREE;
    l->giving = l->check = l->is_ours = false;
    l->seen_at = now;
    l->not_before = mono_add_ms(now, t->turn_ms);
    l->next = mono_add_ms(now, t->look_ms);
    return LEASE_GIVEN;
}

enum lease_news lease_was_written(struct lease *l, mono_t now, const struct lease_times *t,
                                  uint64_t revision)
{
    enum lease_ask what = l->under_way;
    l->under_way = LEASE_ASK_NOTHING;
    l->revision = revision;
    if (what == LEASE_ASK_TAKE)
        return taken(l, now, t);
    if (l->state != LEASE_HELD) /* lost while it was under way: what it did is read */
        return LEASE_NO_NEWS;
    if (what == LEASE_ASK_GIVE)
        return given(l, now, t);
    l->until = mono_add_ms(l->sent_at, t->hold_ms);
    l->next = l->giving ? now : mono_add_ms(l->sent_at, t->renew_ms);
    return l->giving ? LEASE_NO_NEWS : LEASE_RENEWED;
}

enum lease_news lease_was_refused(struct lease *l, mono_t now)
{
    l->expired = false;
    if (l->state != LEASE_HELD)
        l->state = LEASE_UNKNOWN;
    forget(l, now);
    return LEASE_NO_NEWS;
}

void lease_no_answer(struct lease *l, mono_t now, const struct lease_times *t)
{
    enum lease_ask what = l->under_way;
    if (what == LEASE_ASK_TAKE) /* it may be ours by now */
        l->state = LEASE_UNKNOWN;
    l->expired = false;
    forget(l, mono_add_ms(now, t->retry_ms));
}

/* --- time, and wishes --- */

enum lease_news lease_tick(struct lease *l, mono_t now)
{
    return l->state == LEASE_HELD && mono_reached(now, l->until) ? lose(l, now) : LEASE_NO_NEWS;
}

void lease_hurry(struct lease *l, mono_t now)
{
    if (l->next.ns > now.ns)
        l->next = now;
}

void lease_give(struct lease *l, mono_t now)
{
    l->giving = l->state == LEASE_HELD;
    lease_hurry(l, now);
}
