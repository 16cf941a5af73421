/* Two lanes in order of turn, a heap of delayed retries, a heap of expiries, and which bind the
 * segments of a message stick to. */
#include "session-agent/submit_queue.h"

#include <stdlib.h>

#include "common/map.h"

#define SHARE_DEFAULT 50
#define HEAP_MIN 16

/* Smallest key first; nodes know their place (1 …), so any of them can be taken out. */
struct heap {
    struct submit_heap_node **nodes; /* nodes[0] is not used */
    size_t count, size;
};

/* A message of several segments, as long as one of its items is not forgotten. */
struct submit_group {
    uint64_t message[3]; /* its key in the map: stream, sequence, time stamp */
    const void *bind;    /* NULL: any */
    uint32_t items;
};

struct submit_queue {
    struct list lanes[SUBMIT_QUEUE_LANES];
    struct heap due;
    struct heap expiry; /* all that waits, ready or delayed */
    struct map *groups;
    uint64_t last_turn;
    uint32_t share;   /* per cent for lane 1 */
    int32_t priority; /* what lane 1 has saved up: + share for each of lane 0, − (100 − share) for
                         each of its own that passed lane 0 */
};

/* --- heap --- */

static void heap_place(struct heap *h, size_t i, struct submit_heap_node *node)
{
    h->nodes[i] = node;
    node->index = i;
}

static void heap_up(struct heap *h, size_t i)
{
    struct submit_heap_node *node = h->nodes[i];
    for (; i > 1 && h->nodes[i / 2]->key > node->key; i /= 2)
        heap_place(h, i, h->nodes[i / 2]);
    heap_place(h, i, node);
}

static void heap_down(struct heap *h, size_t i)
{
    struct submit_heap_node *node = h->nodes[i];
    for (size_t child; (child = 2 * i) <= h->count; i = child) {
        if (child < h->count && h->nodes[child + 1]->key < h->nodes[child]->key)
            child++;
        if (h->nodes[child]->key >= node->key)
            break;
        heap_place(h, i, h->nodes[child]);
    }
    heap_place(h, i, node);
}

static void heap_add(struct heap *h, struct submit_heap_node *node, int64_t key)
{
    if (h->count + 1 >= h->size) {
        h->size = h->size ? h->size * 2 : HEAP_MIN;
        h->nodes = xrealloc(h->nodes, h->size * sizeof *h->nodes);
    }
    node->key = key;
    h->nodes[++h->count] = node;
    heap_up(h, h->count);
}

static void heap_remove(struct heap *h, struct submit_heap_node *node)
{
    size_t i = node->index;
    node->index = 0;
    struct submit_heap_node *last = h->nodes[h->count--];
    if (last == node)
        return;
    heap_place(h, i, last);
    heap_up(h, i);
    heap_down(h, last->index);
}

static struct submit_heap_node *heap_first(const struct heap *h)
{
    return h->count ? h->nodes[1] : NULL;
}

/* --- life --- */

struct submit_queue *submit_queue_create(void)
{
    struct submit_queue *q = xcalloc(1, sizeof *q);
    for (size_t i = 0; i < SUBMIT_QUEUE_LANES; i++)
        list_init(&q->lanes[i]);
    q->groups = map_create();
    submit_queue_set_share(q, SHARE_DEFAULT);
    q->priority = 100; /* the first of lane 1 passes at once */
    return q;
}

void submit_queue_destroy(struct submit_queue **q)
{
    if (!*q)
        return;
    INVARIANT((*q)->expiry.count == 0 && map_count((*q)->groups) == 0);
    map_destroy(&(*q)->groups);
    free((*q)->due.nodes);
    free((*q)->expiry.nodes);
    free(*q);
    *q = NULL;
}

void submit_queue_set_share(struct submit_queue *q, uint32_t percent)
{
    q->share = percent < 1 ? 1 : percent > 99 ? 99 : percent;
}

/* --- messages of several segments --- */

static void join_group(struct submit_queue *q, struct submit_item *item, const struct ipc_key *key)
{
    uint64_t message[3] = {key->stream, key->sequence, key->time_ns};
    struct submit_group *group = map_get(q->groups, message, sizeof message);
    if (!group) {
        group = xcalloc(1, sizeof *group);
        group->message[0] = message[0];
        group->message[1] = message[1];
        group->message[2] = message[2];
        map_put(q->groups, group->message, sizeof group->message, group);
    }
    group->items++;
    item->group = group;
}

static void leave_group(struct submit_queue *q, struct submit_item *item)
{
    struct submit_group *group = item->group;
    item->group = NULL;
    if (!group || --group->items > 0)
        return;
    map_remove(q->groups, group->message, sizeof group->message);
    free(group);
}

struct gone_bind {
    const void *bind;
};

static void unstick(void *value, void *arg)
{
    struct submit_group *group = value;
    const struct gone_bind *gone = arg;
    if (group->bind == gone->bind)
        group->bind = NULL;
}

void submit_queue_bind_gone(struct submit_queue *q, const void *bind)
{
    map_each(q->groups, unstick, &(struct gone_bind){bind});
}

/* --- in --- */

/* Into its lane at its turn: a few steps from the front for a retry, from the back for a new one.
 */
static void make_ready(struct submit_queue *q, struct submit_item *item)
{
    struct list *lane = &q->lanes[item->lane];
    item->ready = true;
    if (list_empty(lane) || LIST_ENTRY(lane->prev, struct submit_item, link)->turn < item->turn) {
        list_append(lane, &item->link);
        return;
    }
    struct list *at = lane->next;
    while (LIST_ENTRY(at, struct submit_item, link)->turn < item->turn)
        at = at->next;
    list_append(at, &item->link); /* before `at` */
}

void submit_queue_add(struct submit_queue *q, struct submit_item *item, const struct ipc_key *key,
                      uint8_t segments, uint8_t lane, int64_t not_after_ms)
{
    *item = (struct submit_item){
        .not_after_ms = not_after_ms,
        .turn = ++q->last_turn,
        .lane = lane < SUBMIT_QUEUE_LANES ? lane : SUBMIT_QUEUE_LANES - 1,
    };
    list_init(&item->link);
    if (segments > 1)
        join_group(q, item, key);
    heap_add(&q->expiry, &item->expiry, not_after_ms);
    make_ready(q, item);
}

void submit_queue_retry(struct submit_queue *q, struct submit_item *item, mono_t due)
{
    INVARIANT(!submit_queue_is_waiting(item));
    heap_add(&q->expiry, &item->expiry, item->not_after_ms);
    heap_add(&q->due, &item->due, due.ns);
}

/* --- out --- */

void submit_queue_remove(struct submit_queue *q, struct submit_item *item)
{
    if (!submit_queue_is_waiting(item))
        return;
    heap_remove(&q->expiry, &item->expiry);
    if (item->ready)
        list_remove(&item->link);
    else
        heap_remove(&q->due, &item->due);
    item->ready = false;
}

void submit_queue_forget(struct submit_queue *q, struct submit_item *item)
{
    submit_queue_remove(q, item);
    leave_group(q, item);
}

static void promote_due(struct submit_queue *q, mono_t now)
{
    struct submit_heap_node *node;
    while ((node = heap_first(&q->due)) && node->key <= now.ns) {
        heap_remove(&q->due, node);
        make_ready(q, CONTAINER_OF(node, struct submit_item, due));
    }
}

/* The first of the lane that may go over this bind. Whoever is passed over sticks to another one.
 */
static struct submit_item *first_for(struct submit_queue *q, unsigned lane, const void *bind)
{
    LIST_FOREACH (it, &q->lanes[lane]) {
        struct submit_item *item = LIST_ENTRY(it, struct submit_item, link);
        if (!item->group || !item->group->bind || item->group->bind == bind)
            return item;
    }
    return NULL;
}

static struct submit_item *choose(struct submit_queue *q, struct submit_item *normal,
                                  struct submit_item *prior)
{
    int32_t share = (int32_t)q->share;
    if (prior && (!normal || q->priority >= 100 - share)) {
        if (normal)
            q->priority -= 100 - share;
        return prior;
    }
    if (normal)
        q->priority = q->priority + share < 100 ? q->priority + share : 100;
    return normal;
}

struct submit_item *submit_queue_take(struct submit_queue *q, const void *bind, mono_t now)
{
    promote_due(q, now);
    struct submit_item *item = choose(q, first_for(q, 0, bind), first_for(q, 1, bind));
    if (!item)
        return NULL;
    submit_queue_remove(q, item);
    if (item->group)
        item->group->bind = bind;
    return item;
}

bool submit_queue_has_ready(struct submit_queue *q, mono_t now)
{
    promote_due(q, now);
    return !list_empty(&q->lanes[0]) || !list_empty(&q->lanes[1]);
}

struct submit_item *submit_queue_take_expired(struct submit_queue *q, int64_t wall_ms)
{
    struct submit_heap_node *node = heap_first(&q->expiry);
    if (!node || node->key > wall_ms)
        return NULL;
    struct submit_item *item = CONTAINER_OF(node, struct submit_item, expiry);
    submit_queue_remove(q, item);
    return item;
}

struct submit_item *submit_queue_take_any(struct submit_queue *q)
{
    return submit_queue_take_expired(q, INT64_MAX);
}

/* --- questions --- */

bool submit_queue_is_waiting(const struct submit_item *item)
{
    return item->expiry.index != 0;
}

size_t submit_queue_count(const struct submit_queue *q)
{
    return q->expiry.count;
}

size_t submit_queue_delayed(const struct submit_queue *q)
{
    return q->due.count;
}

bool submit_queue_next_due(const struct submit_queue *q, mono_t *due_r)
{
    const struct submit_heap_node *node = heap_first(&q->due);
    if (node)
        *due_r = (mono_t){node->key};
    return node != NULL;
}

bool submit_queue_next_expiry(const struct submit_queue *q, int64_t *wall_ms_r)
{
    const struct submit_heap_node *node = heap_first(&q->expiry);
    if (node)
        *wall_ms_r = node->key;
    return node != NULL;
}
