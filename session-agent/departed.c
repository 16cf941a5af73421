/* What is still to be told of operators that are gone. */
#include <stdlib.h>
#include <string.h>

#include "common/list.h"

#include "session-agent/departed.h"

struct gone {
    struct list link;
    uint8_t operator_id[IPC_OPERATOR_ID_SIZE];
    mono_t since;
    struct health health;
};

struct departed {
    struct list all; /* the longest gone first */
    unsigned count;
};

struct departed *departed_create(void)
{
    struct departed *d = xcalloc(1, sizeof(*d));
    list_init(&d->all);
    return d;
}

static void forget(struct departed *d, struct gone *g)
{
    list_remove(&g->link);
    d->count--;
    health_free(&g->health);
    free(g);
}

void departed_destroy(struct departed **departed)
{
    struct departed *d = *departed;
    if (!d)
        return;
    LIST_FOREACH (it, &d->all) {
        forget(d, LIST_ENTRY(it, struct gone, link));
    }
    free(d);
    *departed = NULL;
}

static void expire(struct departed *d, mono_t now)
{
    LIST_FOREACH (it, &d->all) {
        struct gone *g = LIST_ENTRY(it, struct gone, link);
        if (mono_diff_ms(now, g->since) < DEPARTED_KEPT_MS && d->count <= DEPARTED_MAX)
            return;
        forget(d, g);
    }
}

void departed_keep(struct departed *d, const uint8_t operator_id[IPC_OPERATOR_ID_SIZE],
                   struct health *health, mono_t now)
{
    if (health->count == 0)
        return;
    struct gone *g = xcalloc(1, sizeof(*g));
    memcpy(g->operator_id, operator_id, sizeof(g->operator_id));
    g->since = now;
    g->health = *health;
    *health = (struct health){0};
    list_append(&d->all, &g->link);
    d->count++;
    expire(d, now);
}

void departed_done(struct departed *d, const uint8_t operator_id[IPC_OPERATOR_ID_SIZE],
                   uint64_t number)
{
    LIST_FOREACH (it, &d->all) {
        struct gone *g = LIST_ENTRY(it, struct gone, link);
        if (memcmp(g->operator_id, operator_id, sizeof(g->operator_id)) != 0)
            continue;
        health_done(&g->health, number);
        if (g->health.count == 0)
            forget(d, g);
    }
}

void departed_each(struct departed *d, mono_t now, departed_fn *fn, void *arg)
{
    expire(d, now);
    LIST_FOREACH (it, &d->all) {
        const struct gone *g = LIST_ENTRY(it, struct gone, link);
        for (size_t i = 0; i < g->health.count; i++)
            fn(g->operator_id, &g->health.kept[i], arg);
    }
}
