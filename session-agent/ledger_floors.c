/* The ack floors: two copies each, written in turn, so that a torn one leaves the other. */
#include "session-agent/ledger_floors.h"

#include <stdlib.h>
#include <string.h>

#include "common/map.h"

struct place {
    struct ledger_floor_slot *slot;
    unsigned newest; /* of its two copies */
};

struct ledger_floors {
    struct ledger_floor_slot *slots;
    uint32_t size;
    struct place *places;
    uint32_t count;
    struct map *by_operator; /* → struct place */
};

static bool copy_is_good(const struct ledger_floor_copy *c)
{
    return c->generation && c->sum == ledger_sum(0, c, offsetof(struct ledger_floor_copy, sum));
}

static const struct ledger_floor_copy *newest_of(const struct place *p)
{
    return &p->slot->copies[p->newest];
}

static void recover(struct ledger_floors *f, struct ledger_floor_slot *slot)
{
    bool good[2] = {copy_is_good(&slot->copies[0]), copy_is_good(&slot->copies[1])};
    if (!good[0] && !good[1])
        return;
    struct place *p = &f->places[f->count++];
    p->slot = slot;
    p->newest = good[1] && (!good[0] || slot->copies[1].generation > slot->copies[0].generation);
    map_put(f->by_operator, newest_of(p)->operator_id, 16, p);
}

struct ledger_floors *ledger_floors_create(struct ledger_file *file)
{
    struct ledger_floors *f = xcalloc(1, sizeof *f);
    f->slots = file->floors;
    f->size = file->header->floors;
    f->places = xcalloc(f->size, sizeof *f->places);
    f->by_operator = map_create();
    for (uint32_t i = 0; i < f->size; i++)
        recover(f, &f->slots[i]);
    return f;
}

void ledger_floors_destroy(struct ledger_floors **floors)
{
    struct ledger_floors *f = *floors;
    if (!f)
        return;
    map_destroy(&f->by_operator);
    free(f->places);
    free(f);
    *floors = NULL;
}

/* Rarely: once for each new operator. */
static struct ledger_floor_slot *free_slot(const struct ledger_floors *f)
{
    for (uint32_t i = 0; i < f->size; i++) {
        struct ledger_floor_slot *slot = &f->slots[i];
        if (!copy_is_good(&slot->copies[0]) && !copy_is_good(&slot->copies[1]))
            return slot;
    }
    return NULL;
}

bool ledger_floors_set(struct ledger_floors *f, const uint8_t operator_id[16], uint64_t stream,
                       uint64_t sequence)
{
    struct place *p = map_get(f->by_operator, operator_id, 16);
    if (!p) {
        struct ledger_floor_slot *slot = free_slot(f);
        if (!slot)
            return false;
        p = &f->places[f->count++];
        *p = (struct place){.slot = slot};
        map_put(f->by_operator, operator_id, 16, p);
    }
    struct ledger_floor_copy fresh = {
        .stream = stream,
        .sequence = sequence,
        .generation = newest_of(p)->generation + 1,
    };
    memcpy(fresh.operator_id, operator_id, sizeof fresh.operator_id);
    fresh.sum = ledger_sum(0, &fresh, offsetof(struct ledger_floor_copy, sum));
    p->newest = !p->newest;
    p->slot->copies[p->newest] = fresh;
    return true;
}

bool ledger_floors_find(const struct ledger_floors *f, const uint8_t operator_id[16],
                        uint64_t *stream_r, uint64_t *sequence_r)
{
    const struct place *p = map_get(f->by_operator, operator_id, 16);
    if (!p)
        return false;
    *stream_r = newest_of(p)->stream;
    *sequence_r = newest_of(p)->sequence;
    return true;
}

void ledger_floors_each(const struct ledger_floors *f, ledger_floor_fn *fn, void *arg)
{
    for (uint32_t i = 0; i < f->count; i++) {
        const struct ledger_floor_copy *copy = newest_of(&f->places[i]);
        fn(copy->operator_id, copy->stream, copy->sequence, arg);
    }
}

uint32_t ledger_floors_count(const struct ledger_floors *f)
{
    return f->count;
}
