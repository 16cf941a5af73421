/* Where an entry is: a hash of its message, a list of its operator's, and the list of all. */
#include "session-agent/ledger_index.h"

#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "session-agent/ledger_keys.h"
#include "session-agent/ledger_slot.h"

struct ledger_operator {
    uint8_t id[16];
    struct list entries; /* oldest first */
    uint32_t used;
};

struct ledger_index {
    struct ledger_slot *slots;
    struct ledger_entry *entries; /* one for each slot */
    uint32_t capacity;
    uint32_t used;
    uint32_t untouched; /* entries from here on were never used */
    struct ledger_entry *free;
    struct ledger_entry **buckets; /* by message */
    uint32_t mask;
    struct list all;       /* oldest first */
    struct map *operators; /* → struct ledger_operator */
};

struct ledger_index *ledger_index_create(struct ledger_file *file)
{
    struct ledger_index *x = xcalloc(1, sizeof *x);
    x->slots = file->slots;
    x->capacity = file->header->slots;
    x->entries = xcalloc(x->capacity, sizeof *x->entries);
    uint32_t buckets = 1;
    while (buckets < x->capacity)
        buckets *= 2;
    x->mask = buckets - 1;
    x->buckets = xcalloc(buckets, sizeof(struct ledger_entry *));
    list_init(&x->all);
    x->operators = map_create();
    return x;
}

static void free_operator(void *value, void *arg)
{
    (void)arg;
    free(value);
}

void ledger_index_destroy(struct ledger_index **index)
{
    struct ledger_index *x = *index;
    if (!x)
        return;
    map_each(x->operators, free_operator, NULL);
    map_destroy(&x->operators);
    free(x->entries);
    free(x->buckets);
    free(x);
    *index = NULL;
}

/* --- by message --- */

static struct ledger_entry **bucket_of(const struct ledger_index *x, const struct ipc_key *message)
{
    return &x->buckets[ledger_message_hash(message) & x->mask];
}

/* The first entry of the message at or after `e` in its chain. */
static struct ledger_entry *of_message(struct ledger_entry *e, const struct ipc_key *message)
{
    for (; e; e = e->chain) {
        struct ipc_key key = ledger_slot_key(e->slot);
        if (ipc_key_same_message(&key, message))
            break;
    }
    return e;
}

struct ledger_entry *ledger_index_first(const struct ledger_index *x, const struct ipc_key *message)
{
    return of_message(*bucket_of(x, message), message);
}

struct ledger_entry *ledger_index_next(const struct ledger_entry *e, const struct ipc_key *message)
{
    return of_message(e->chain, message);
}

/* --- coming and going --- */

static struct ledger_operator *operator_of(struct ledger_index *x, const uint8_t id[16])
{
    struct ledger_operator *op = map_get(x->operators, id, 16);
    if (op)
        return op;
    op = xcalloc(1, sizeof *op);
    memcpy(op->id, id, sizeof op->id);
    list_init(&op->entries);
    map_put(x->operators, op->id, sizeof op->id, op);
    return op;
}

static struct ledger_entry *touch(struct ledger_index *x)
{
    struct ledger_entry *e = &x->entries[x->untouched];
    e->slot = &x->slots[x->untouched];
    x->untouched++;
    return e;
}

static void set_free(struct ledger_index *x, struct ledger_entry *e)
{
    e->chain = x->free;
    x->free = e;
}

struct ledger_entry *ledger_index_take(struct ledger_index *x)
{
    struct ledger_entry *e = x->free;
    if (e)
        x->free = e->chain;
    else if (x->untouched < x->capacity)
        e = touch(x);
    return e;
}

void ledger_index_link(struct ledger_index *x, struct ledger_entry *e)
{
    struct ipc_key key = ledger_slot_key(e->slot);
    struct ledger_entry **bucket = bucket_of(x, &key);
    e->chain = *bucket;
    *bucket = e;
    e->op = operator_of(x, e->slot->identity.operator_id);
    e->op->used++;
    list_append(&e->op->entries, &e->of_operator);
    list_append(&x->all, &e->of_all);
    x->used++;
}

void ledger_index_release(struct ledger_index *x, struct ledger_entry *e)
{
    struct ipc_key key = ledger_slot_key(e->slot);
    struct ledger_entry **link = bucket_of(x, &key);
    while (*link != e)
        link = &(*link)->chain;
    *link = e->chain;
    list_remove(&e->of_operator);
    list_remove(&e->of_all);
    e->op->used--;
    e->owner = NULL;
    ledger_slot_set_state(e->slot, LEDGER_NONE);
    set_free(x, e);
    x->used--;
}

void ledger_index_recover(struct ledger_index *x, uint32_t i, bool taken)
{
    while (x->untouched < i)
        set_free(x, touch(x));
    struct ledger_entry *e = touch(x);
    if (taken) {
        ledger_index_link(x, e);
    } else {
        ledger_slot_set_state(e->slot, LEDGER_NONE);
        set_free(x, e);
    }
}

/* --- walking and counting --- */

void ledger_index_each(struct ledger_index *x, const uint8_t *operator_id,
                       void (*fn)(struct ledger_entry *e, void *arg), void *arg)
{
    if (!operator_id) {
        LIST_FOREACH (it, &x->all) {
            fn(LIST_ENTRY(it, struct ledger_entry, of_all), arg);
        }
        return;
    }
    struct ledger_operator *op = map_get(x->operators, operator_id, 16);
    if (!op)
        return;
    LIST_FOREACH (it, &op->entries) {
        fn(LIST_ENTRY(it, struct ledger_entry, of_operator), arg);
    }
}

uint32_t ledger_index_capacity(const struct ledger_index *x)
{
    return x->capacity;
}

uint32_t ledger_index_used(const struct ledger_index *x)
{
    return x->used;
}

uint32_t ledger_index_operator_used(const struct ledger_index *x, const uint8_t operator_id[16])
{
    const struct ledger_operator *op = map_get(x->operators, operator_id, 16);
    return op ? op->used : 0;
}
