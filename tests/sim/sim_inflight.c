/* A chained hash table that grows with the deliver window, and a list in order of time. */
#include <stdlib.h>

#include "common/base.h"
#include "common/list.h"

#include "tests/sim/sim_inflight.h"

void sim_inflight_init(struct sim_inflight *f)
{
    *f = (struct sim_inflight){0};
    list_init(&f->order);
}

void sim_inflight_free(struct sim_inflight *f)
{
    free(f->buckets);
    f->buckets = NULL;
}

static struct sim_delivery **bucket(struct sim_inflight *f, uint32_t sequence)
{
    return &f->buckets[sequence & (f->size - 1)];
}

static void put(struct sim_inflight *f, struct sim_delivery *d)
{
    struct sim_delivery **b = bucket(f, d->sequence);
    d->chain = *b;
    *b = d;
}

static void grow(struct sim_inflight *f)
{
    f->size = f->size ? 2 * f->size : 16;
    free(f->buckets);
    f->buckets = xcalloc(f->size, sizeof(struct sim_delivery *));
    LIST_FOREACH (it, &f->order)
        put(f, LIST_ENTRY(it, struct sim_delivery, order));
}

void sim_inflight_add(struct sim_inflight *f, struct sim_delivery *d)
{
    if (f->count == f->size)
        grow(f);
    put(f, d);
    list_append(&f->order, &d->order);
    f->count++;
}

struct sim_delivery *sim_inflight_take(struct sim_inflight *f, uint32_t sequence)
{
    if (f->count == 0)
        return NULL;
    struct sim_delivery **at = bucket(f, sequence);
    while (*at && (*at)->sequence != sequence)
        at = &(*at)->chain;
    struct sim_delivery *d = *at;
    if (!d)
        return NULL;
    *at = d->chain;
    list_remove(&d->order);
    f->count--;
    return d;
}

struct sim_delivery *sim_inflight_oldest(const struct sim_inflight *f)
{
    return list_empty(&f->order) ? NULL : LIST_ENTRY(f->order.next, struct sim_delivery, order);
}
