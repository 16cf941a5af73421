/* An exact sliding log of write times, and an even schedule below it. */
#include "session-agent/pacer.h"

#include <stdlib.h>

struct pacer {
    int64_t *log;          /* ring of write times in ns; entry n stands at n % size */
    uint32_t size;         /* 0 until the first limit */
    uint32_t limit;        /* per second */
    uint64_t count;        /* writes so far: the newest entry is count − 1 */
    uint64_t oldest;       /* the first entry that the ring still holds */
    uint64_t flushed;      /* entries before this one have their final stamp */
    uint64_t second_start; /* the first entry younger than 1 s at the last write */
    int64_t silent_until;
    int64_t due; /* when the schedule wants the next write */
    bool waited; /* the wait for the next write is counted */
    uint64_t waits;
    uint32_t peak;
    int64_t grid_second; /* the second that grid_count counts */
    uint32_t grid_count, grid_last;
};

struct pacer *pacer_create(mono_t now)
{
    struct pacer *p = xcalloc(1, sizeof *p);
    p->silent_until = now.ns + PACER_WINDOW_NS;
    p->due = p->silent_until;
    p->grid_second = now.ns / NS_PER_S;
    return p;
}

void pacer_destroy(struct pacer **p)
{
    if (!*p)
        return;
    free((*p)->log);
    free(*p);
    *p = NULL;
}

static int64_t *entry(const struct pacer *p, uint64_t n)
{
    return &p->log[n % p->size];
}

/* The first entry that the hard rule, or the count of the last second, may still ask for. */
static uint64_t first_of_window(const struct pacer *p, int64_t now)
{
    uint64_t n = p->count;
    while (n > p->oldest && *entry(p, n - 1) > now - PACER_WINDOW_NS)
        n--;
    return n;
}

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
    uint64_t keep_from = first_of_window(p, now.ns);
    uint64_t size = max_u64(p->count - keep_from, limit);
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

/* The hard rule alone: when may the next be written? */
static int64_t allowed_at(const struct pacer *p)
{
    int64_t at = p->silent_until;
    if (p->count >= p->oldest + p->limit) {
        int64_t free_at = *entry(p, p->count - p->limit) + PACER_WINDOW_NS;
        at = free_at > at ? free_at : at;
    }
    return at;
}

int64_t pacer_next_ns(struct pacer *p, mono_t now)
{
    int64_t wait = PACER_NEVER;
    if (p->limit) {
        int64_t at = allowed_at(p);
        at = p->due > at ? p->due : at;
        wait = at > now.ns ? at - now.ns : 0;
    }
    if (wait > 0 && !p->waited) {
        p->waited = true;
        p->waits++;
    }
    return wait;
}

static void turn_grid(struct pacer *p, int64_t now)
{
    int64_t second = now / NS_PER_S;
    if (second == p->grid_second)
        return;
    p->grid_last = second == p->grid_second + 1 ? p->grid_count : 0;
    p->grid_count = 0;
    p->grid_second = second;
}

void pacer_wrote(struct pacer *p, mono_t now)
{
    INVARIANT(p->limit > 0 && now.ns >= allowed_at(p));
    if (p->count - p->oldest == p->size)
        p->oldest++;
    *entry(p, p->count) = now.ns;
    p->count++;
    p->waited = false;

    int64_t earliest = now.ns - PACER_CATCH_UP_NS;
    p->due = (p->due > earliest ? p->due : earliest) + PACER_PERIOD_NS / p->limit;

    p->second_start = max_u64(p->second_start, p->oldest);
    while (*entry(p, p->second_start) <= now.ns - NS_PER_S)
        p->second_start++;
    uint32_t in_second = (uint32_t)(p->count - p->second_start);
    p->peak = in_second > p->peak ? in_second : p->peak;
    turn_grid(p, now.ns);
    p->grid_count++;
}

void pacer_flushed(struct pacer *p, mono_t now)
{
    for (uint64_t n = max_u64(p->flushed, p->oldest); n < p->count; n++)
        *entry(p, n) = now.ns;
    p->flushed = p->count;
}

uint64_t pacer_waits(const struct pacer *p)
{
    return p->waits;
}

uint32_t pacer_peak(const struct pacer *p)
{
    return p->peak;
}

uint32_t pacer_last_second(struct pacer *p, mono_t now)
{
    turn_grid(p, now.ns);
    return p->grid_last;
}
