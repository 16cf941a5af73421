/* A table of counters; destinations that share one still never repeat. */
#include <stdlib.h>

#include "bridge/mt_references.h"

enum { COUNTERS_LOG2 = 14, COUNTERS = 1 << COUNTERS_LOG2 };

#define TICK_MS (10 * 60 * 1000) /* a counter advances at least this often */
#define AHEAD_MIN 16             /* of the time, at the start: more than were used in a tick */
#define AHEAD_SPREAD 128         /* seconds until another start gets the same place */

struct mt_references {
    uint32_t last[COUNTERS];
};

static uint32_t ticks(int64_t now_ms)
{
    return (uint32_t)(now_ms / TICK_MS);
}

struct mt_references *mt_references_create(int64_t now_ms)
{
    struct mt_references *r = xmalloc(sizeof(*r));
    uint32_t first = ticks(now_ms) + AHEAD_MIN + (uint32_t)(now_ms / 1000) % AHEAD_SPREAD;
    for (size_t i = 0; i < COUNTERS; i++)
        r->last[i] = first;
    return r;
}

void mt_references_destroy(struct mt_references **r)
{
    free(*r);
    *r = NULL;
}

static size_t index_of(uint64_t destination)
{
    return (size_t)(destination * UINT64_C(0x9e3779b97f4a7c15) >> (64 - COUNTERS_LOG2));
}

uint32_t mt_references_next(const struct mt_references *r, uint64_t destination, int64_t now_ms)
{
    uint32_t next = r->last[index_of(destination)] + 1;
    return next > ticks(now_ms) ? next : ticks(now_ms);
}

void mt_references_take(struct mt_references *r, uint64_t destination, uint32_t reference)
{
    r->last[index_of(destination)] = reference;
}
