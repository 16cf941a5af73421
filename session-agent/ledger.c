/* The entries of the ledger: which submit is where, each in a slot of the file, with an index and
 * the owners in memory. */
#include "session-agent/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/list.h"
#include "common/map.h"
#include "session-agent/ledger_file.h"
#include "session-agent/ledger_keys.h"

struct operator_entries {
    uint8_t id[16];
    struct list entries; /* oldest first */
    uint32_t used;
};

struct ledger_entry {
    struct ledger_slot *slot;
    void *owner;
    struct operator_entries *op;
    struct list of_all, of_operator;
    struct ledger_entry *chain; /* next of the same bucket, or of the free list */
};

struct floor_place {
    struct ledger_floor_slot *slot;
    unsigned newest; /* of its two copies */
};

struct ledger {
    struct ledger_file file;
    struct ledger_keys *keys;
    struct ledger_entry *entries; /* one for each slot */
    uint32_t capacity;
    uint32_t used;
    uint32_t untouched; /* entries from here on were never used */
    struct ledger_entry *free;
    struct ledger_entry **buckets; /* by message */
    uint32_t mask;
    struct list all;       /* oldest first */
    struct map *operators; /* → struct operator_entries */
    struct map *floors;    /* → struct floor_place */
    struct floor_place *floor_places;
    uint32_t floor_count;
};

/* --- slots --- */

static enum ledger_state slot_state(const struct ledger_slot *s)
{
    return (enum ledger_state)atomic_load_explicit(&s->state, memory_order_relaxed);
}

/* Makes true what was stored before. The full fence besides: what is stored after it must not
 * become visible earlier, or a slot would be rewritten while its old state still vouches for it. */
static void set_slot_state(struct ledger_slot *s, enum ledger_state state)
{
    atomic_store_explicit(&s->state, (uint32_t)state, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
}

static uint64_t identity_sum(const struct ledger_slot *s)
{
    uint64_t sum = ledger_sum(0, &s->identity, sizeof s->identity);
    return ledger_sum(sum, s->context, min_size(s->identity.context_len, sizeof s->context));
}

static uint64_t result_sum(const struct ledger_slot *s)
{
    uint64_t sum = ledger_sum(0, &s->result, sizeof s->result);
    return ledger_sum(sum, s->response, min_size(s->result.response_len, sizeof s->response));
}

static struct ipc_key slot_key(const struct ledger_slot *s)
{
    return (struct ipc_key){
        .stream = s->identity.stream,
        .sequence = s->identity.sequence,
        .time_ns = s->identity.time_ns,
        .segment = s->identity.segment,
        .attempt = s->identity.attempt,
    };
}

static void store_context(struct ledger_slot *s, struct bytes context)
{
    INVARIANT(context.len <= LEDGER_CONTEXT_MAX);
    s->identity.context_len = (uint16_t)context.len;
    if (context.len)
        memcpy(s->context, context.data, context.len);
    s->identity_sum = identity_sum(s);
}

static void store_outcome(struct ledger_slot *s, const struct ledger_outcome *outcome)
{
    size_t len = min_size(outcome->response.len, LEDGER_RESPONSE_MAX);
    s->result = (struct ledger_result){
        .at_ms = outcome->at_ms,
        .status = outcome->status,
        .latency_us = outcome->latency_us,
        .response_len = (uint16_t)len,
        .kind = (uint8_t)outcome->kind,
    };
    if (len)
        memcpy(s->response, outcome->response.data, len);
    s->result_sum = result_sum(s);
    set_slot_state(s, LEDGER_OUTCOME);
}

/* --- index --- */

static struct ledger_entry **bucket_of(const struct ledger *l, const struct ipc_key *message)
{
    return &l->buckets[ledger_message_hash(message) & l->mask];
}

/* The first entry of the message at or after `e` in its chain. */
static struct ledger_entry *of_message(struct ledger_entry *e, const struct ipc_key *message)
{
    for (; e; e = e->chain) {
        struct ipc_key key = slot_key(e->slot);
        if (ipc_key_same_message(&key, message))
            break;
    }
    return e;
}

static struct operator_entries *operator_of(struct ledger *l, const uint8_t id[16])
{
    struct operator_entries *op = map_get(l->operators, id, 16);
    if (op)
        return op;
    op = xcalloc(1, sizeof *op);
    memcpy(op->id, id, sizeof op->id);
    list_init(&op->entries);
    map_put(l->operators, op->id, sizeof op->id, op);
    return op;
}

/* The slot of `e` holds a submit: it can be found from now on. */
static void link_entry(struct ledger *l, struct ledger_entry *e)
{
    struct ipc_key key = slot_key(e->slot);
    struct ledger_entry **bucket = bucket_of(l, &key);
    e->chain = *bucket;
    *bucket = e;
    e->owner = NULL;
    e->op = operator_of(l, e->slot->identity.operator_id);
    e->op->used++;
    list_append(&e->op->entries, &e->of_operator);
    list_append(&l->all, &e->of_all);
    l->used++;
}

static void release_entry(struct ledger *l, struct ledger_entry *e)
{
    struct ipc_key key = slot_key(e->slot);
    struct ledger_entry **link = bucket_of(l, &key);
    while (*link != e)
        link = &(*link)->chain;
    *link = e->chain;
    list_remove(&e->of_operator);
    list_remove(&e->of_all);
    e->op->used--;
    e->owner = NULL;
    set_slot_state(e->slot, LEDGER_NONE);
    e->chain = l->free;
    l->free = e;
    l->used--;
}

static struct ledger_entry *unused_entry(struct ledger *l)
{
    struct ledger_entry *e = l->free;
    if (e) {
        l->free = e->chain;
    } else if (l->untouched < l->capacity) {
        e = &l->entries[l->untouched];
        e->slot = &l->file.slots[l->untouched];
        l->untouched++;
    }
    return e;
}

/* --- opening --- */

/* Decides about one slot of a former process; true: it holds a submit with an outcome now. */
static bool recover_slot(struct ledger *l, struct ledger_slot *s, int64_t wall_ms,
                         struct ledger_recovery *r)
{
    enum ledger_state state = slot_state(s);
    struct ipc_key key = slot_key(s);
    if (state == LEDGER_NONE)
        return false;
    if (state == LEDGER_QUEUED) {
        r->forgotten++;
        return false;
    }
    if ((state != LEDGER_HANDED && state != LEDGER_OUTCOME) ||
        s->identity.context_len > LEDGER_CONTEXT_MAX || s->identity_sum != identity_sum(s)) {
        r->corrupt++;
        return false;
    }
    /* Settled, and killed before its slots were free. */
    if (ledger_keys_find(l->keys, &key) == LEDGER_SETTLED)
        return false;
    bool known = state == LEDGER_OUTCOME && s->result.response_len <= LEDGER_RESPONSE_MAX &&
                 s->result_sum == result_sum(s);
    if (!known) {
        struct ledger_outcome unknown = {.kind = IPC_OUTCOME_UNKNOWN, .at_ms = wall_ms};
        store_outcome(s, &unknown);
        r->unknown++;
    } else {
        r->outcomes++;
    }
    return true;
}

static void recover_entries(struct ledger *l, int64_t wall_ms, struct ledger_recovery *r)
{
    for (uint32_t i = 0; i < l->capacity; i++) {
        struct ledger_slot *s = &l->file.slots[i];
        bool taken = recover_slot(l, s, wall_ms, r);
        if (!taken && slot_state(s) == LEDGER_NONE)
            continue;
        /* Slots below the highest used one are on the free list, or in use. */
        for (; l->untouched <= i; l->untouched++) {
            struct ledger_entry *e = &l->entries[l->untouched];
            e->slot = &l->file.slots[l->untouched];
            if (l->untouched == i && taken)
                continue;
            e->chain = l->free;
            l->free = e;
        }
        if (taken)
            link_entry(l, &l->entries[i]);
        else
            set_slot_state(s, LEDGER_NONE);
    }
}

static bool floor_copy_is_good(const struct ledger_floor_copy *c)
{
    return c->generation && c->sum == ledger_sum(0, c, offsetof(struct ledger_floor_copy, sum));
}

static void recover_floors(struct ledger *l)
{
    for (uint32_t i = 0; i < l->file.header->floors; i++) {
        struct floor_place *place = &l->floor_places[l->floor_count];
        struct ledger_floor_slot *slot = &l->file.floors[i];
        bool good[2] = {floor_copy_is_good(&slot->copies[0]), floor_copy_is_good(&slot->copies[1])};
        if (!good[0] && !good[1])
            continue;
        place->slot = slot;
        place->newest =
            good[1] && (!good[0] || slot->copies[1].generation > slot->copies[0].generation);
        l->floor_count++;
        map_put(l->floors, slot->copies[place->newest].operator_id, 16, place);
    }
}

int ledger_open(const char *path, size_t bytes, int64_t wall_ms, struct ledger **ledger_r,
                struct ledger_recovery *recovery_r, char *error_r, size_t error_size)
{
    struct ledger *l = xcalloc(1, sizeof *l);
    *ledger_r = NULL;
    *recovery_r = (struct ledger_recovery){.fresh = false};
    if (ledger_file_open(&l->file, path, bytes, &recovery_r->fresh, recovery_r->note,
                         sizeof recovery_r->note, error_r, error_size) != 0) {
        free(l);
        return -1;
    }
    l->capacity = l->file.header->slots;
    l->entries = xcalloc(l->capacity, sizeof *l->entries);
    uint32_t buckets = 1;
    while (buckets < l->capacity)
        buckets *= 2;
    l->mask = buckets - 1;
    l->buckets = xcalloc(buckets, sizeof(struct ledger_entry *));
    list_init(&l->all);
    l->operators = map_create();
    l->floors = map_create();
    l->floor_places = xcalloc(l->file.header->floors, sizeof *l->floor_places);
    l->keys = ledger_keys_create(&l->file);
    recover_entries(l, wall_ms, recovery_r);
    recover_floors(l);
    recovery_r->keys = ledger_keys_count(l->keys);
    recovery_r->floors = l->floor_count;
    *ledger_r = l;
    return 0;
}

static void free_operator(void *value, void *arg)
{
    (void)arg;
    free(value);
}

void ledger_close_file(struct ledger **ledger)
{
    struct ledger *l = *ledger;
    if (!l)
        return;
    ledger_keys_destroy(&l->keys);
    ledger_file_close(&l->file);
    map_each(l->operators, free_operator, NULL);
    map_destroy(&l->operators);
    map_destroy(&l->floors);
    free(l->floor_places);
    free(l->entries);
    free(l->buckets);
    free(l);
    *ledger = NULL;
}

/* --- counts --- */

uint32_t ledger_capacity(const struct ledger *l)
{
    return l->capacity;
}

uint32_t ledger_used(const struct ledger *l)
{
    return l->used;
}

uint32_t ledger_keys_capacity(const struct ledger *l)
{
    return l->file.header->keys;
}

uint32_t ledger_operator_used(const struct ledger *l, const uint8_t operator_id[16])
{
    const struct operator_entries *op = map_get(l->operators, operator_id, 16);
    return op ? op->used : 0;
}

uint64_t ledger_keys_lost_early(const struct ledger *l)
{
    return ledger_keys_early(l->keys);
}

/* --- the verbs --- */

enum ledger_state ledger_find(const struct ledger *l, const struct ipc_key *key,
                              struct ledger_entry **entry_r)
{
    *entry_r = NULL;
    struct ledger_entry *e = of_message(*bucket_of(l, key), key);
    while (e && e->slot->identity.segment != key->segment)
        e = of_message(e->chain, key);
    if (!e)
        return ledger_keys_find(l->keys, key);
    *entry_r = e;
    return slot_state(e->slot);
}

struct ledger_entry *ledger_add(struct ledger *l, const uint8_t operator_id[16],
                                const struct ipc_key *key, uint8_t segments, struct bytes context)
{
    struct ledger_entry *e = unused_entry(l);
    if (!e)
        return NULL;
    struct ledger_slot *s = e->slot;
    s->identity = (struct ledger_identity){
        .stream = key->stream,
        .sequence = key->sequence,
        .time_ns = key->time_ns,
        .segment = key->segment,
        .attempt = key->attempt,
        .segments = segments,
    };
    memcpy(s->identity.operator_id, operator_id, sizeof s->identity.operator_id);
    store_context(s, context);
    set_slot_state(s, LEDGER_QUEUED);
    link_entry(l, e);
    return e;
}

void ledger_mark_handed(struct ledger *l, struct ledger_entry *e)
{
    (void)l;
    INVARIANT(slot_state(e->slot) == LEDGER_QUEUED);
    set_slot_state(e->slot, LEDGER_HANDED);
}

bool ledger_set_outcome(struct ledger *l, struct ledger_entry *e,
                        const struct ledger_outcome *outcome)
{
    (void)l;
    if (slot_state(e->slot) == LEDGER_OUTCOME && e->slot->result.kind != IPC_OUTCOME_UNKNOWN)
        return false;
    store_outcome(e->slot, outcome);
    return true;
}

void ledger_retry(struct ledger *l, struct ledger_entry *e, struct bytes context)
{
    (void)l;
    struct ledger_slot *s = e->slot;
    INVARIANT(slot_state(s) == LEDGER_OUTCOME);
    set_slot_state(s, LEDGER_QUEUED); /* first: see struct ledger_slot */
    if (s->identity.attempt < UINT8_MAX)
        s->identity.attempt++;
    store_context(s, context);
}

void ledger_forget(struct ledger *l, struct ledger_entry **e)
{
    INVARIANT(slot_state((*e)->slot) != LEDGER_HANDED);
    release_entry(l, *e);
    *e = NULL;
}

/* Frees the message's entries, all of them or only the QUEUED ones. */
static void release_message(struct ledger *l, const struct ipc_key *message, bool queued_only,
                            void (*gone)(void *owner, void *arg), void *arg)
{
    struct ledger_entry *next = of_message(*bucket_of(l, message), message);
    while (next) {
        struct ledger_entry *e = next;
        next = of_message(e->chain, message);
        if (queued_only && slot_state(e->slot) != LEDGER_QUEUED)
            continue;
        if (e->owner)
            gone(e->owner, arg);
        release_entry(l, e);
    }
}

enum ipc_close_verdict ledger_close(struct ledger *l, const struct ipc_key *message, uint32_t now_s,
                                    void (*gone)(void *owner, void *arg), void *arg)
{
    enum ledger_state known = ledger_keys_find(l->keys, message);
    if (known == LEDGER_SETTLED)
        return IPC_CLOSE_SETTLED;
    if (ledger_in_flight(l, message))
        return IPC_CLOSE_IN_FLIGHT;
    if (known != LEDGER_CLOSED)
        ledger_keys_add(l->keys, message, LEDGER_CLOSED, now_s);
    release_message(l, message, true, gone, arg);
    return IPC_CLOSE_DONE;
}

void ledger_settle(struct ledger *l, const struct ipc_key *message, uint32_t now_s,
                   void (*gone)(void *owner, void *arg), void *arg)
{
    if (ledger_keys_find(l->keys, message) != LEDGER_SETTLED)
        ledger_keys_add(l->keys, message, LEDGER_SETTLED, now_s);
    release_message(l, message, false, gone, arg);
}

bool ledger_in_flight(const struct ledger *l, const struct ipc_key *message)
{
    struct ledger_entry *e = of_message(*bucket_of(l, message), message);
    while (e && slot_state(e->slot) != LEDGER_HANDED)
        e = of_message(e->chain, message);
    return e != NULL;
}

void ledger_each(struct ledger *l, const uint8_t *operator_id,
                 void (*fn)(struct ledger_entry *e, void *arg), void *arg)
{
    if (!operator_id) {
        LIST_FOREACH (it, &l->all) {
            fn(LIST_ENTRY(it, struct ledger_entry, of_all), arg);
        }
        return;
    }
    struct operator_entries *op = map_get(l->operators, operator_id, 16);
    if (!op)
        return;
    LIST_FOREACH (it, &op->entries) {
        fn(LIST_ENTRY(it, struct ledger_entry, of_operator), arg);
    }
}

/* --- entries --- */

struct ipc_key ledger_key(const struct ledger_entry *e)
{
    return slot_key(e->slot);
}

const uint8_t *ledger_operator_id(const struct ledger_entry *e)
{
    return e->slot->identity.operator_id;
}

uint8_t ledger_segments(const struct ledger_entry *e)
{
    return e->slot->identity.segments;
}

enum ledger_state ledger_entry_state(const struct ledger_entry *e)
{
    return slot_state(e->slot);
}

struct bytes ledger_context(const struct ledger_entry *e)
{
    return (struct bytes){.data = e->slot->context, .len = e->slot->identity.context_len};
}

struct ledger_outcome ledger_outcome(const struct ledger_entry *e)
{
    const struct ledger_slot *s = e->slot;
    INVARIANT(slot_state(s) == LEDGER_OUTCOME);
    return (struct ledger_outcome){
        .kind = (enum ipc_outcome_kind)s->result.kind,
        .status = s->result.status,
        .latency_us = s->result.latency_us,
        .at_ms = s->result.at_ms,
        .response = {.data = s->response, .len = s->result.response_len},
    };
}

void ledger_set_owner(struct ledger_entry *e, void *owner)
{
    e->owner = owner;
}

void *ledger_owner(const struct ledger_entry *e)
{
    return e->owner;
}

/* --- ack floors and the sign of life --- */

/* Rarely: once for each new operator. */
static struct ledger_floor_slot *free_floor_slot(struct ledger *l)
{
    for (uint32_t i = 0; i < l->file.header->floors; i++) {
        struct ledger_floor_slot *slot = &l->file.floors[i];
        if (!floor_copy_is_good(&slot->copies[0]) && !floor_copy_is_good(&slot->copies[1]))
            return slot;
    }
    return NULL;
}

bool ledger_set_floor(struct ledger *l, const uint8_t operator_id[16], uint64_t stream,
                      uint64_t sequence)
{
    struct floor_place *place = map_get(l->floors, operator_id, 16);
    if (!place) {
        struct ledger_floor_slot *slot = free_floor_slot(l);
        if (!slot)
            return false;
        place = &l->floor_places[l->floor_count++];
        *place = (struct floor_place){.slot = slot};
        map_put(l->floors, operator_id, 16, place);
    }
    const struct ledger_floor_copy *old = &place->slot->copies[place->newest];
    struct ledger_floor_copy *copy = &place->slot->copies[!place->newest];
    struct ledger_floor_copy fresh = {
        .stream = stream,
        .sequence = sequence,
        .generation = old->generation + 1,
    };
    memcpy(fresh.operator_id, operator_id, sizeof fresh.operator_id);
    fresh.sum = ledger_sum(0, &fresh, offsetof(struct ledger_floor_copy, sum));
    *copy = fresh;
    place->newest = !place->newest;
    return true;
}

bool ledger_floor(const struct ledger *l, const uint8_t operator_id[16], uint64_t *stream_r,
                  uint64_t *sequence_r)
{
    const struct floor_place *place = map_get(l->floors, operator_id, 16);
    if (!place)
        return false;
    *stream_r = place->slot->copies[place->newest].stream;
    *sequence_r = place->slot->copies[place->newest].sequence;
    return true;
}

void ledger_each_floor(const struct ledger *l,
                       void (*fn)(const uint8_t operator_id[16], uint64_t stream, uint64_t sequence,
                                  void *arg),
                       void *arg)
{
    for (uint32_t i = 0; i < l->floor_count; i++) {
        const struct floor_place *place = &l->floor_places[i];
        const struct ledger_floor_copy *copy = &place->slot->copies[place->newest];
        fn(copy->operator_id, copy->stream, copy->sequence, arg);
    }
}

void ledger_beat(struct ledger *l, int64_t mono_ns)
{
    atomic_store_explicit(&l->file.header->beat_ns, mono_ns, memory_order_relaxed);
}
