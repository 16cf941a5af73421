/* An exact sliding log of write times and loans, and an even schedule below it. */
#include "session-agent/pacer.h"

#include <stdlib.h>

#define LOAN_GROUP_NS (5 * NS_PER_MS) /* tokens due within it are one loan */
#define LOANS_MAX 256u                /* a window and what is ahead holds about 222 */

struct loan {
    int64_t by;
    uint64_t tokens_before; /* of all loans older than this one */
};

struct pacer {
    int64_t *log;       /* ring of write times in ns; entry n stands at n % size */
    uint32_t size;      /* 0 until the first limit */
    uint32_t limit;     /* per second */
    uint64_t count;     /* writes so far: the newest entry is count − 1 */
    uint64_t oldest;    /* the first entry that the ring still holds */
    uint32_t unflushed; /* handed over and not in the log yet */
    struct loan *loans; /* a ring as well, by `by`; NULL until the first */
    uint64_t loan_count;
    uint64_t lent; /* tokens of all loans */
    int64_t last_loan_from;
    int64_t silent_until;
    int64_t due; /* when the schedule wants the next write */
};

struct pacer *pacer_create(mono_t now)
{
    struct pacer *p = xcalloc(1, sizeof *p);
    p->silent_until = now.ns + PACER_SILENT_NS;
    p->due = p->silent_until;
    return p;
}

void pacer_destroy(struct pacer **p)
{
    if (!*p)
        return;
    free((*p)->log);
    free((*p)->loans);
    free(*p);
    *p = NULL;
}

static int64_t *entry(const struct pacer *p, uint64_t n)
{
    return &p->log[n % p->size];
}

static const struct loan *loan(const struct pacer *p, uint64_t n)
{
    return &p->loans[n % LOANS_MAX];
}

/* --- what counts at a time --- */

/* The first write that lies less than a window before `at`. */
static uint64_t first_write(const struct pacer *p, int64_t at)
{
    uint64_t low = p->oldest, high = p->count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (*entry(p, middle) > at - PACER_WINDOW_NS)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static uint64_t first_loan(const struct pacer *p, int64_t at)
{
    uint64_t low = p->loan_count > LOANS_MAX ? p->loan_count - LOANS_MAX : 0, high = p->loan_count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (loan(p, middle)->by > at - PACER_WINDOW_NS)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static uint64_t lent_since(const struct pacer *p, uint64_t n)
{
    return n < p->loan_count ? p->lent - loan(p, n)->tokens_before : 0;
}

static bool is_anything_lent(const struct pacer *p, int64_t at)
{
    return p->loan_count > 0 && loan(p, p->loan_count - 1)->by > at - PACER_WINDOW_NS;
}

/* The hard rule alone: the earliest time, not before `at`, at which one more may be written. What
 * is not flushed is taken to be so at `at`. */
static int64_t allowed_at(const struct pacer *p, int64_t at)
{
    int64_t t = at > p->silent_until ? at : p->silent_until;
    if (p->unflushed >= p->limit)
        return t + PACER_WINDOW_NS;
    uint32_t most = p->limit - p->unflushed;
    if (!is_anything_lent(p, t)) {
        if (p->count < p->oldest + most)
            return t;
        int64_t free_at = *entry(p, p->count - most) + PACER_WINDOW_NS;
        return free_at > t ? free_at : t;
    }
    /* Writes and loans leave the window in the order of their times. */
    uint64_t write = first_write(p, t), lending = first_loan(p, t);
    while (p->count - write + lent_since(p, lending) >= most) {
        bool is_write = write < p->count &&
                        (lending == p->loan_count || *entry(p, write) <= loan(p, lending)->by);
        INVARIANT(is_write || lending < p->loan_count);
        t = (is_write ? *entry(p, write++) : loan(p, lending++)->by) + PACER_WINDOW_NS;
    }
    return t;
}

/* How many may be written at a time at which one may. */
static uint64_t room_at(const struct pacer *p, int64_t at)
{
    return p->limit - (p->count - first_write(p, at)) - lent_since(p, first_loan(p, at));
}

/* --- the limit --- */

static void resize(struct pacer *p, uint32_t size, uint64_t keep_from)
{
    int64_t *log = xmalloc(size * sizeof *log);
    for (uint64_t n = keep_from; n < p->count; n++)
        log[n % size] = *entry(p, n);
    free(p->log);
    p->log = log;
    p->size = size;
    p->oldest = keep_from;
}

void pacer_set_limit(struct pacer *p, uint32_t per_second, mono_t now)
{
    uint32_t limit = per_second < PACER_LIMIT_MAX ? per_second : PACER_LIMIT_MAX;
    if (limit == p->limit)
        return;
    /* A ring smaller than the window's content would forget writes that a later, higher limit has
     * to count. */
    uint64_t keep_from = first_write(p, now.ns);
    uint64_t size = max_u64(p->count - keep_from + p->unflushed, limit);
    if (size != p->size && size > 0)
        resize(p, (uint32_t)size, keep_from);
    /* The schedule keeps its phase; only a step to a much higher rate must not wait for the end of
     * an interval of the old one. */
    if (limit && p->due > now.ns + PACER_PERIOD_NS / limit && p->due > p->silent_until)
        p->due = now.ns + PACER_PERIOD_NS / limit;
    p->limit = limit;
}

uint32_t pacer_limit(const struct pacer *p)
{
    return p->limit;
}

/* --- writes --- */

int64_t pacer_next_ns(const struct pacer *p, mono_t now)
{
    if (!p->limit)
        return PACER_NEVER;
    int64_t at = allowed_at(p, now.ns);
    at = p->due > at ? p->due : at;
    return at > now.ns ? at - now.ns : 0;
}

void pacer_charge(struct pacer *p, uint32_t n, mono_t now)
{
    if (n > 0 && !p->size)
        resize(p, 1, p->count);
    for (; n > 0; n--) {
        if (p->count - p->oldest == p->size)
            p->oldest++;
        *entry(p, p->count) = now.ns;
        p->count++;
    }
}

void pacer_wrote(struct pacer *p, mono_t now)
{
    INVARIANT(p->limit > 0 && now.ns >= allowed_at(p, now.ns));
    p->unflushed++;
    int64_t earliest = now.ns - PACER_CATCH_UP_NS;
    p->due = (p->due > earliest ? p->due : earliest) + PACER_PERIOD_NS / p->limit;
}

void pacer_take_over(struct pacer *p, uint32_t n)
{
    p->unflushed += n;
}

void pacer_flushed(struct pacer *p, uint32_t n, mono_t now)
{
    INVARIANT(n <= p->unflushed);
    p->unflushed -= n;
    pacer_charge(p, n, now);
}

/* --- loans --- */

/* All that still count, and those that are only about to. */
static bool is_log_of_loans_full(const struct pacer *p, mono_t now)
{
    return p->loan_count - first_loan(p, now.ns) == LOANS_MAX;
}

bool pacer_lend(struct pacer *p, mono_t now, int64_t span_ns, struct pacer_loan *loan_r)
{
    if (!p->limit || p->unflushed > 0 || is_log_of_loans_full(p, now))
        return false;
    int64_t from = now.ns + PACER_LOAN_LEAD_NS;
    from = from > p->due ? from : p->due;
    from = from > p->last_loan_from ? from : p->last_loan_from;
    from = allowed_at(p, from);
    if (from >= now.ns + PACER_LOAN_LEAD_NS + span_ns)
        return false;
    int64_t period = (PACER_PERIOD_NS + PACER_LOAN_LIFE_NS) / p->limit;
    int64_t due = from;
    uint64_t room = room_at(p, from);
    uint32_t tokens = 0;
    do {
        tokens++;
        due += period;
    } while (tokens < room && due < from + LOAN_GROUP_NS);
    *loan_r = (struct pacer_loan){from, from + PACER_LOAN_LIFE_NS, tokens};
    INVARIANT(loan_r->by_ns <= now.ns + PACER_LOAN_AHEAD_NS);
    if (!p->loans)
        p->loans = xmalloc(LOANS_MAX * sizeof *p->loans);
    p->loans[p->loan_count++ % LOANS_MAX] = (struct loan){loan_r->by_ns, p->lent};
    p->lent += tokens;
    p->last_loan_from = from;
    p->due = due;
    return true;
}
