/* The leases of all operators, by id, and what follows from one that ended. */
#include "session-agent/leases.h"

#include <stdlib.h>

#include "common/map.h"

struct bind_lease {
    mono_t until; /* 0: none */
    uint32_t unbind_ms;
};

struct operator_leases {
    bool leased;
    uint32_t declaration; /* in which it was last spoken of */
    struct bind_lease binds[LEASES_MAX_BINDS];
};

struct leases {
    struct map *by_id;
    uint32_t declaration;
};

struct leases *leases_create(void)
{
    struct leases *leases = xcalloc(1, sizeof *leases);
    leases->by_id = map_create();
    return leases;
}

static void free_one(void *value, void *arg)
{
    (void)arg;
    free(value);
}

void leases_destroy(struct leases **leases)
{
    if (!*leases)
        return;
    map_each((*leases)->by_id, free_one, NULL);
    map_destroy(&(*leases)->by_id);
    free(*leases);
    *leases = NULL;
}

static struct operator_leases *get(struct leases *leases, const uint8_t *id)
{
    struct operator_leases *o = map_get(leases->by_id, id, IPC_OPERATOR_ID_SIZE);
    if (!o) {
        o = xcalloc(1, sizeof *o);
        map_put(leases->by_id, id, IPC_OPERATOR_ID_SIZE, o);
    }
    return o;
}

/* --- records --- */

void leases_declare(struct leases *leases)
{
    leases->declaration++;
}

bool leases_set(struct leases *leases, const struct ipc_lease *record)
{
    if (record->bind >= LEASES_MAX_BINDS)
        return false;
    struct operator_leases *o = get(leases, record->operator_id);
    o->leased = true;
    o->declaration = leases->declaration;
    o->binds[record->bind] =
        (struct bind_lease){.until = {record->until_ns}, .unbind_ms = record->unbind_ms};
    return true;
}

struct operator_leases *leases_of(struct leases *leases, const uint8_t id[IPC_OPERATOR_ID_SIZE])
{
    struct operator_leases *o = get(leases, id);
    if (o->declaration != leases->declaration)
        *o = (struct operator_leases){.declaration = leases->declaration};
    return o;
}

void leases_forget(struct leases *leases, const uint8_t id[IPC_OPERATOR_ID_SIZE])
{
    free(map_remove(leases->by_id, id, IPC_OPERATOR_ID_SIZE));
}

/* --- questions --- */

bool leases_is_leased(const struct operator_leases *o)
{
    return o->leased;
}

bool leases_allows(const struct operator_leases *o, uint8_t bind, mono_t now)
{
    return !o->leased || (bind < LEASES_MAX_BINDS && !mono_reached(now, o->binds[bind].until));
}

bool leases_allows_any(const struct operator_leases *o, mono_t now)
{
    for (unsigned bind = 0; bind < LEASES_MAX_BINDS; bind++)
        if (leases_allows(o, (uint8_t)bind, now))
            return true;
    return false;
}

enum leases_verdict leases_judge(const struct operator_leases *o, uint8_t bind, bool is_ending,
                                 mono_t now, mono_t *look_r)
{
    if (!o->leased)
        return LEASES_KEEP;
    if (bind >= LEASES_MAX_BINDS || o->binds[bind].until.ns <= 0)
        return LEASES_CUT;
    const struct bind_lease *lease = &o->binds[bind];
    mono_t cut_at = mono_add_ms(lease->until, lease->unbind_ms);
    bool over = mono_reached(now, lease->until);
    bool late = !is_ending && mono_diff_ms(now, lease->until) >= LEASES_LATE_MS;
    if (over && (late || mono_reached(now, cut_at)))
        return LEASES_CUT;
    *look_r = over ? cut_at : lease->until;
    return over ? LEASES_UNBIND : LEASES_KEEP;
}
