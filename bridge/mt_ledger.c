/* Reservations: of each operator, and of all. */
#include "bridge/mt_ledger.h"

static void add(struct mt *mt, uint32_t entries)
{
    mt->reserved += entries;
    mt->owner->ledger_reserved += entries;
    mt->owner->path->ledger_reserved += entries;
}

static uint32_t half(const struct mt_path *path)
{
    return path->ledger_entries / 2;
}

static uint32_t own_part(const struct mt_path *path)
{
    size_t operators = operators_count(path->with.operators);
    return operators > 1 ? half(path) / (uint32_t)operators : path->ledger_entries;
}

bool mt_ledger_reserve(struct mt *mt, uint32_t entries)
{
    struct mt_operator *mo = mt->owner;
    struct mt_path *path = mo->path;
    if (mt->reserved >= entries)
        return true;
    uint32_t more = entries - mt->reserved;
    uint32_t all = path->ledger_reserved + more;
    bool is_only = mo->ledger_reserved == mt->reserved; /* however long it is */
    if (all > path->ledger_entries ||
        (all > half(path) && mo->ledger_reserved + more > own_part(path) && !is_only)) {
        path->ledger_tried = path->ledger_reserved;
        if (list_empty(&mo->ledger))
            list_append(&path->ledger_queue, &mo->ledger);
        return false;
    }
    add(mt, more);
    return true;
}

void mt_ledger_count(struct mt *mt)
{
    add(mt, 1);
}

void mt_ledger_release(struct mt *mt)
{
    mt->owner->ledger_reserved -= mt->reserved;
    mt->owner->path->ledger_reserved -= mt->reserved;
    mt->reserved = 0;
}

static uint32_t minus(uint32_t a, uint32_t b)
{
    return a > b ? a - b : 0;
}

uint32_t mt_ledger_free(const struct mt_operator *mo)
{
    const struct mt_path *path = mo->path;
    uint32_t all = path->ledger_reserved + path->ready;
    uint32_t own = mo->ledger_reserved + mo->counts[MT_READY] + mo->counts[MT_READY_PRIORITY];
    uint32_t common = minus(half(path), all), of_own = minus(own_part(path), own);
    uint32_t left = minus(path->ledger_entries, all);
    uint32_t most = common > of_own ? common : of_own;
    return most < left ? most : left;
}
