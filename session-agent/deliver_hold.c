/* The deliver_sm that wait for the bridge's word, each with a copy of its body. */
#include "session-agent/deliver_hold.h"

#include <stdlib.h>
#include <string.h>

#include "common/map.h"

struct held {
    struct deliver deliver;
    uint8_t body[];
};

struct deliver_hold {
    struct map *by_id; /* → struct deliver */
    uint64_t last_id;
};

struct deliver_hold *deliver_hold_create(void)
{
    struct deliver_hold *h = xcalloc(1, sizeof *h);
    h->by_id = map_create();
    return h;
}

void deliver_hold_destroy(struct deliver_hold **h)
{
    if (!*h)
        return;
    INVARIANT(map_count((*h)->by_id) == 0);
    map_destroy(&(*h)->by_id);
    free(*h);
    *h = NULL;
}

void deliver_bind_init(struct deliver_bind *b, void *owner)
{
    *b = (struct deliver_bind){.owner = owner};
    list_init(&b->held);
}

struct deliver *deliver_hold_add(struct deliver_hold *h, struct deliver_bind *b, uint32_t max,
                                 uint32_t command_id, uint32_t sequence, struct bytes body,
                                 int64_t received_ms, mono_t deadline)
{
    if (b->count >= max)
        return NULL;
    if (!list_empty(&b->held)) {
        mono_t last = LIST_ENTRY(b->held.prev, struct deliver, link)->deadline;
        deadline = mono_reached(last, deadline) ? last : deadline;
    }
    struct held *held = xmalloc(sizeof *held + body.len);
    if (body.len)
        memcpy(held->body, body.data, body.len);
    held->deliver = (struct deliver){
        .id = ++h->last_id,
        .bind = b,
        .sequence = sequence,
        .command_id = command_id,
        .received_ms = received_ms,
        .deadline = deadline,
        .body = {.data = held->body, .len = body.len},
    };
    struct deliver *d = &held->deliver;
    list_append(&b->held, &d->link);
    b->count++;
    map_put(h->by_id, &d->id, sizeof d->id, d);
    return d;
}

struct deliver *deliver_hold_find(const struct deliver_hold *h, uint64_t id)
{
    return map_get(h->by_id, &id, sizeof id);
}

struct deliver *deliver_hold_oldest(const struct deliver_bind *b)
{
    return list_empty(&b->held) ? NULL : LIST_ENTRY(b->held.next, struct deliver, link);
}

void deliver_hold_release(struct deliver_hold *h, struct deliver **d)
{
    struct deliver *gone = *d;
    *d = NULL;
    map_remove(h->by_id, &gone->id, sizeof gone->id);
    list_remove(&gone->link);
    gone->bind->count--;
    free(CONTAINER_OF(gone, struct held, deliver));
}

void deliver_hold_drop_bind(struct deliver_hold *h, struct deliver_bind *b)
{
    LIST_FOREACH (it, &b->held) {
        struct deliver *d = LIST_ENTRY(it, struct deliver, link);
        deliver_hold_release(h, &d);
    }
}

void deliver_hold_each(struct deliver_bind *b, void (*fn)(struct deliver *d, void *arg), void *arg)
{
    LIST_FOREACH (it, &b->held) {
        fn(LIST_ENTRY(it, struct deliver, link), arg);
    }
}

uint32_t deliver_hold_count(const struct deliver_hold *h)
{
    return (uint32_t)map_count(h->by_id);
}
