/*
 * What waits for an answer: publishes, confirmed acks, API requests. Each has a slot whose index
 * and generation travel in the reply subject, and a due time on a wheel (100 ms steps). Knows
 * nothing of connections and sends nothing.
 */
#ifndef BRIDGE_JETSTREAM_SLOTS_H
#define BRIDGE_JETSTREAM_SLOTS_H

#include "common/clock.h"
#include "common/list.h"
#include "bridge/jetstream.h"
#include "bridge/jetstream_queue.h"

enum jetstream_slot_kind {
    JETSTREAM_SLOT_FREE,
    JETSTREAM_SLOT_PUBLISH,
    JETSTREAM_SLOT_CONFIRM,
    JETSTREAM_SLOT_API,
    JETSTREAM_SLOT_SET,
};

struct jetstream_slot {
    struct list link; /* on the wheel or on the owner's list; alone when free */
    struct list age;  /* on the owner's list of all of the kind, oldest first */
    int64_t due_step; /* on the wheel only */
    uint32_t index, generation;
    enum jetstream_slot_kind kind;
    union {
        jetstream_stored *stored;
        jetstream_ack_done *confirmed;
        jetstream_answer *answer;
        jetstream_set_done *set;
    } done;
    void *arg;
    /* Publishes only: the command as it is sent each time, in a buffer that the slot keeps. */
    struct jetstream_command *record;
    size_t record_size;
    uint32_t attempts; /* since the connection came up */
    bool resting;      /* refused; on the wheel until the next attempt */
    /* Since when its attempts are refused or not answered, on this connection; 0: they are not. */
    mono_t troubled_since;
};

struct jetstream_slots;

struct jetstream_slots *jetstream_slots_create(uint32_t capacity) MUST_CHECK;
void jetstream_slots_destroy(struct jetstream_slots **slots);
/* NULL: all are taken. */
struct jetstream_slot *jetstream_slots_take(struct jetstream_slots *slots,
                                            enum jetstream_slot_kind kind) MUST_CHECK;
/* Takes it off its lists too. */
void jetstream_slots_release(struct jetstream_slots *slots, struct jetstream_slot *slot);
/* The slot that an answer is for, NULL when it was released since. */
struct jetstream_slot *jetstream_slots_find(struct jetstream_slots *slots, uint32_t index,
                                            uint32_t generation);
uint32_t jetstream_slots_used(const struct jetstream_slots *slots);
/* Room for the record of a publish. */
struct jetstream_command *jetstream_slots_record(struct jetstream_slot *slot, size_t size);

/* Puts the slot on the wheel (off whatever list it is on). */
void jetstream_slots_due_at(struct jetstream_slots *slots, struct jetstream_slot *slot, mono_t due);
/* Moves all that is due by `now` to the end of `expired`. */
void jetstream_slots_expire(struct jetstream_slots *slots, mono_t now, struct list *expired);

#endif
