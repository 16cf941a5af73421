/*
 * The submits of one operator that wait for the pacer and a window: two lanes, delayed retries,
 * expiry. Items are embedded in their owners; the queue owns nothing but its own arrays. Pure:
 * the caller says what time it is.
 *
 * - Lane 1 may pass lane 0 for at most `share` per cent of what is taken while both have work; the
 *   share is kept within 1 … 99, so neither lane starves.
 * - An item keeps its turn (the order of submit_queue_add) through retries: when it is due again it
 *   goes in front of whatever came after it.
 * - All segments of a message go to the bind that took the first one, in the order in which they
 *   were added, until that bind is gone.
 */
#ifndef SESSION_AGENT_SUBMIT_QUEUE_H
#define SESSION_AGENT_SUBMIT_QUEUE_H

#include "common/base.h"
#include "common/clock.h"
#include "common/list.h"
#include "proto/ipc.h"

#define SUBMIT_QUEUE_LANES 2

struct submit_queue;
struct submit_group;

/* Place of an item in a heap of the queue; index 0: in none. */
struct submit_heap_node {
    int64_t key;
    size_t index;
};

/* Zeroed by the owner before its first use; all members belong to the queue. */
struct submit_item {
    struct list link;               /* in its lane; or in nothing */
    struct submit_heap_node due;    /* delayed: mono ns */
    struct submit_heap_node expiry; /* waiting in any way: not_after, wall ms */
    struct submit_group *group;     /* segments > 1: the message it is a part of */
    int64_t not_after_ms;
    uint64_t turn;
    uint8_t lane;
    bool ready; /* in its lane */
};

struct submit_queue *submit_queue_create(void) MUST_CHECK;
/* All items must have been forgotten. */
void submit_queue_destroy(struct submit_queue **q);
void submit_queue_set_share(struct submit_queue *q, uint32_t percent);

/* A new item, at the end of its lane (0 or 1). */
void submit_queue_add(struct submit_queue *q, struct submit_item *item, const struct ipc_key *key,
                      uint8_t segments, uint8_t lane, int64_t not_after_ms);
/* A taken item waits until `due` and then goes to the front of its lane. */
void submit_queue_retry(struct submit_queue *q, struct submit_item *item, mono_t due);

/* The next item that may go over this bind now (retries that are due included), taken out; NULL:
 * none. `bind` is only compared. */
struct submit_item *submit_queue_take(struct submit_queue *q, const void *bind, mono_t now);
/* Would submit_queue_take() find one for some bind now? (It may belong to another bind.) */
bool submit_queue_has_ready(struct submit_queue *q, mono_t now);
/* An item whose not_after is reached, taken out, from whatever place it waits in; NULL: none. */
struct submit_item *submit_queue_take_expired(struct submit_queue *q, int64_t wall_ms);
/* Any item, in no order, taken out; for giving everything back. NULL: the queue is empty. */
struct submit_item *submit_queue_take_any(struct submit_queue *q);

/* Takes the item out if it waits; harmless if not. */
void submit_queue_remove(struct submit_queue *q, struct submit_item *item);
/* The same, and the item leaves its message: call before freeing its owner. Until then the other
 * segments of the message stay with its bind. */
void submit_queue_forget(struct submit_queue *q, struct submit_item *item);
/* What stuck to this bind may go over any other. */
void submit_queue_bind_gone(struct submit_queue *q, const void *bind);

bool submit_queue_is_waiting(const struct submit_item *item); /* ready or delayed */
size_t submit_queue_count(const struct submit_queue *q);      /* ready and delayed */
size_t submit_queue_delayed(const struct submit_queue *q);
/* The earliest due retry, the earliest not_after; false: none. */
bool submit_queue_next_due(const struct submit_queue *q, mono_t *due_r) MUST_CHECK;
bool submit_queue_next_expiry(const struct submit_queue *q, int64_t *wall_ms_r) MUST_CHECK;

#endif
