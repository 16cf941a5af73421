/* The ledger's verbs: what may become of a submit and of a message, and what a new process makes of
 * what a former one left. */
#include "session-agent/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session-agent/ledger_file.h"
#include "session-agent/ledger_floors.h"
#include "session-agent/ledger_index.h"
#include "session-agent/ledger_keys.h"
#include "session-agent/ledger_slot.h"

struct ledger {
    struct ledger_file file;
    struct ledger_keys *keys;
    struct ledger_index *index;
    struct ledger_floors *floors;
};

/* --- opening --- */

/* Decides about one slot of a former process; true: it holds a submit with an outcome now. */
static bool recover_slot(struct ledger *l, struct ledger_slot *s, int64_t wall_ms,
                         struct ledger_recovery *r)
{
    enum ledger_state state = ledger_slot_state(s);
    struct ipc_key key = ledger_slot_key(s);
    if (state == LEDGER_NONE)
        return false;
    if (state == LEDGER_QUEUED) {
        r->forgotten++;
        return false;
    }
    if ((state != LEDGER_HANDED && state != LEDGER_OUTCOME) || !ledger_slot_identity_is_good(s)) {
        r->corrupt++;
        return false;
    }
    /* Settled, and killed before its slots were free. */
    if (ledger_keys_find(l->keys, &key) == LEDGER_SETTLED)
        return false;
    bool known = state == LEDGER_OUTCOME && ledger_slot_result_is_good(s);
    if (!known) {
        struct ledger_outcome unknown = {.kind = IPC_OUTCOME_UNKNOWN, .at_ms = wall_ms};
        ledger_slot_store_outcome(s, &unknown);
        r->unknown++;
    } else {
        r->outcomes++;
    }
    return true;
}

static void recover_entries(struct ledger *l, int64_t wall_ms, struct ledger_recovery *r)
{
    for (uint32_t i = 0; i < ledger_index_capacity(l->index); i++) {
        struct ledger_slot *s = &l->file.slots[i];
        bool taken = recover_slot(l, s, wall_ms, r);
        if (taken || ledger_slot_state(s) != LEDGER_NONE)
            ledger_index_recover(l->index, i, taken);
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
    l->index = ledger_index_create(&l->file);
    memcpy(recovery_r->home, l->file.header->home, sizeof recovery_r->home);
    l->keys = ledger_keys_create(&l->file);
    recover_entries(l, wall_ms, recovery_r);
    l->floors = ledger_floors_create(&l->file);
    recovery_r->keys = ledger_keys_count(l->keys);
    recovery_r->floors = ledger_floors_count(l->floors);
    *ledger_r = l;
    return 0;
}

void ledger_close_file(struct ledger **ledger)
{
    struct ledger *l = *ledger;
    if (!l)
        return;
    ledger_keys_destroy(&l->keys);
    ledger_index_destroy(&l->index);
    ledger_floors_destroy(&l->floors);
    ledger_file_close(&l->file);
    free(l);
    *ledger = NULL;
}

/* --- counts --- */

uint32_t ledger_capacity(const struct ledger *l)
{
    return ledger_index_capacity(l->index);
}

uint32_t ledger_used(const struct ledger *l)
{
    return ledger_index_used(l->index);
}

uint32_t ledger_keys_capacity(const struct ledger *l)
{
    return l->file.header->keys;
}

uint32_t ledger_operator_used(const struct ledger *l, const uint8_t operator_id[16])
{
    return ledger_index_operator_used(l->index, operator_id);
}

/* --- the verbs --- */

enum ledger_state ledger_find(const struct ledger *l, const struct ipc_key *key,
                              struct ledger_entry **entry_r)
{
    *entry_r = NULL;
    struct ledger_entry *e = ledger_index_first(l->index, key);
    while (e && e->slot->identity.segment != key->segment)
        e = ledger_index_next(e, key);
    if (!e)
        return ledger_keys_find(l->keys, key);
    *entry_r = e;
    return ledger_slot_state(e->slot);
}

struct ledger_entry *ledger_add(struct ledger *l, const uint8_t operator_id[16],
                                const struct ipc_key *key, uint8_t segments, struct bytes context)
{
    struct ledger_entry *e = ledger_index_take(l->index);
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
    ledger_slot_store_context(s, context);
    ledger_slot_set_state(s, LEDGER_QUEUED);
    ledger_index_link(l->index, e);
    return e;
}

void ledger_mark_handed(struct ledger *l, struct ledger_entry *e)
{
    (void)l;
    INVARIANT(ledger_slot_state(e->slot) == LEDGER_QUEUED);
    ledger_slot_set_state(e->slot, LEDGER_HANDED);
}

bool ledger_set_outcome(struct ledger *l, struct ledger_entry *e,
                        const struct ledger_outcome *outcome)
{
    (void)l;
    if (ledger_slot_state(e->slot) == LEDGER_OUTCOME && e->slot->result.kind != IPC_OUTCOME_UNKNOWN)
        return false;
    ledger_slot_store_outcome(e->slot, outcome);
    return true;
}

void ledger_retry(struct ledger *l, struct ledger_entry *e, struct bytes context)
{
    (void)l;
    struct ledger_slot *s = e->slot;
    INVARIANT(ledger_slot_state(s) == LEDGER_OUTCOME);
    ledger_slot_set_state(s, LEDGER_QUEUED); /* first: see struct ledger_slot */
    if (s->identity.attempt < UINT8_MAX)
        s->identity.attempt++;
    ledger_slot_store_context(s, context);
}

void ledger_forget(struct ledger *l, struct ledger_entry **e)
{
    INVARIANT(ledger_slot_state((*e)->slot) != LEDGER_HANDED);
    ledger_index_release(l->index, *e);
    *e = NULL;
}

/* Frees the message's entries, all of them or only the QUEUED ones. */
static void release_message(struct ledger *l, const struct ipc_key *message, bool queued_only,
                            void (*gone)(void *owner, void *arg), void *arg)
{
    struct ledger_entry *next = ledger_index_first(l->index, message);
    while (next) {
        struct ledger_entry *e = next;
        next = ledger_index_next(e, message);
        if (queued_only && ledger_slot_state(e->slot) != LEDGER_QUEUED)
            continue;
        if (e->owner)
            gone(e->owner, arg);
        ledger_index_release(l->index, e);
    }
}

bool ledger_is_closed(const struct ledger *l, const struct ipc_key *message)
{
    return ledger_keys_find(l->keys, message) == LEDGER_CLOSED;
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
    struct ledger_entry *e = ledger_index_first(l->index, message);
    while (e && ledger_slot_state(e->slot) != LEDGER_HANDED)
        e = ledger_index_next(e, message);
    return e != NULL;
}

void ledger_each(struct ledger *l, const uint8_t *operator_id,
                 void (*fn)(struct ledger_entry *e, void *arg), void *arg)
{
    ledger_index_each(l->index, operator_id, fn, arg);
}

/* --- entries --- */

struct ipc_key ledger_key(const struct ledger_entry *e)
{
    return ledger_slot_key(e->slot);
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
    return ledger_slot_state(e->slot);
}

struct bytes ledger_context(const struct ledger_entry *e)
{
    return (struct bytes){.data = e->slot->context, .len = e->slot->identity.context_len};
}

struct ledger_outcome ledger_outcome(const struct ledger_entry *e)
{
    return ledger_slot_outcome(e->slot);
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

bool ledger_set_floor(struct ledger *l, const uint8_t operator_id[16], uint64_t stream,
                      uint64_t sequence)
{
    return ledger_floors_set(l->floors, operator_id, stream, sequence);
}

bool ledger_floor(const struct ledger *l, const uint8_t operator_id[16], uint64_t *stream_r,
                  uint64_t *sequence_r)
{
    return ledger_floors_find(l->floors, operator_id, stream_r, sequence_r);
}

void ledger_each_floor(const struct ledger *l, ledger_floor_fn *fn, void *arg)
{
    ledger_floors_each(l->floors, fn, arg);
}

void ledger_beat(struct ledger *l, int64_t mono_ns)
{
    atomic_store_explicit(&l->file.header->beat_ns, mono_ns, memory_order_relaxed);
}
