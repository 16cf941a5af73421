/*
 * deliver_sm and data_sm that wait until the bridge has stored them: id → what is needed to answer.
 * One deliver_hold for the whole agent (an id is unique in the process), one deliver_bind in each
 * bind with the oldest first: within a bind deadlines are first in, first out.
 */
#ifndef SESSION_AGENT_DELIVER_HOLD_H
#define SESSION_AGENT_DELIVER_HOLD_H

#include "common/base.h"
#include "common/clock.h"
#include "common/list.h"

struct deliver_hold;

/* Embedded in its bind. */
struct deliver_bind {
    void *owner;
    struct list held; /* oldest first */
    uint32_t count;
};

struct deliver {
    uint64_t id; /* 1 … */
    struct deliver_bind *bind;
    uint32_t sequence;
    uint32_t command_id;
    int64_t received_ms; /* wall time */
    mono_t deadline;
    struct bytes body; /* a copy */
    struct list link;
};

struct deliver_hold *deliver_hold_create(void) MUST_CHECK;
/* All binds must have been dropped. */
void deliver_hold_destroy(struct deliver_hold **h);

void deliver_bind_init(struct deliver_bind *b, void *owner);

/* Copies the body; `max` bounds the bind. NULL: the bind is full, answer busy at once. A deadline
 * earlier than the one before it is moved up to that. */
struct deliver *deliver_hold_add(struct deliver_hold *h, struct deliver_bind *b, uint32_t max,
                                 uint32_t command_id, uint32_t sequence, struct bytes body,
                                 int64_t received_ms, mono_t deadline);
/* NULL: no longer held (or never was). */
struct deliver *deliver_hold_find(const struct deliver_hold *h, uint64_t id);
/* The one whose deadline comes first; NULL: none. */
struct deliver *deliver_hold_oldest(const struct deliver_bind *b);
/* Answered: gone. Nulls the pointer. */
void deliver_hold_release(struct deliver_hold *h, struct deliver **d);
/* The bind's connection is no more: so is all that it held. */
void deliver_hold_drop_bind(struct deliver_hold *h, struct deliver_bind *b);
/* Oldest first; `fn` may release that very one. */
void deliver_hold_each(struct deliver_bind *b, void (*fn)(struct deliver *d, void *arg), void *arg);
uint32_t deliver_hold_count(const struct deliver_hold *h); /* of all binds */

#endif
