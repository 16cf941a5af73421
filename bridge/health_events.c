/* Health transitions on their way to operator.health, one at a time per operator. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/map.h"

#include "proto/event_id.h"
#include "proto/events.h"

#include "bridge/crypto.h"
#include "bridge/health_events.h"

enum { RETRY_MS = 50, REASON_SIZE = 201 };

struct transition {
    struct list link;
    uint8_t agent_instance[16];
    uint64_t number;
    uint8_t status, previous;
    int64_t at_ms;
    char reason[REASON_SIZE];
};

/* The transitions of one operator, which need not be configured any more. */
struct queue {
    struct health_events *owner;
    uint8_t operator_id[IPC_OPERATOR_ID_SIZE];
    struct list transitions;           /* oldest first; the first one is being published */
    struct jetstream_publish *publish; /* NULL: not yet */
    struct timer retry;
};

struct health_events {
    struct loop *loop;
    struct agent_link *link;
    struct jetstream *js;
    struct operators *operators;
    struct map *queues;
    size_t pending;
    bool agent_gone;
    struct json_emit json;
};

struct health_events *health_events_create(struct loop *loop, struct agent_link *link,
                                           struct jetstream *js, struct operators *operators)
{
    struct health_events *h = xcalloc(1, sizeof(*h));
    *h = (struct health_events){.loop = loop, .link = link, .js = js, .operators = operators};
    h->queues = map_create();
    h->json = json_emit_growable();
    return h;
}

static void queue_clear(struct queue *q)
{
    timer_stop(&q->retry);
    if (q->publish)
        jetstream_publish_cancel(q->owner->js, &q->publish);
    LIST_FOREACH (it, &q->transitions) {
        free(LIST_ENTRY(it, struct transition, link));
        q->owner->pending--;
    }
    list_init(&q->transitions);
}

static void clear_each(void *value, void *arg)
{
    (void)arg;
    queue_clear(value);
}

void health_events_forget(struct health_events *h)
{
    map_each(h->queues, clear_each, NULL);
}

static void free_each(void *value, void *arg)
{
    (void)arg;
    free(value);
}

void health_events_destroy(struct health_events **health)
{
    struct health_events *h = *health;
    if (!h)
        return;
    health_events_forget(h);
    map_each(h->queues, free_each, NULL);
    map_destroy(&h->queues);
    json_emit_free(&h->json);
    free(h);
    *health = NULL;
}

size_t health_events_pending(const struct health_events *h)
{
    return h->pending;
}

static void pump(struct queue *q);

static void on_retry(void *arg)
{
    pump(arg);
}

/* The oldest is done with: the agent may forget it. */
static void finish_oldest(struct queue *q)
{
    struct health_events *h = q->owner;
    struct transition *t = LIST_ENTRY(q->transitions.next, struct transition, link);
    struct ipc_health_done done = {.number = t->number};
    memcpy(done.operator_id, q->operator_id, sizeof(done.operator_id));
    if (agent_link_is_attached(h->link)) {
        ipc_put_health_done(agent_link_begin(h->link), &done);
        agent_link_end(h->link);
    }
    list_remove(&t->link);
    free(t);
    h->pending--;
}

static void on_stored(void *arg, bool duplicate)
{
    struct queue *q = arg;
    struct mno *op = operators_find(q->owner->operators, q->operator_id);
    (void)duplicate;
    q->publish = NULL;
    if (op)
        op->counters.health_published++;
    finish_oldest(q);
    pump(q);
}

static struct uuid event_id(const struct queue *q, const struct transition *t)
{
    struct uuid operator_id;
    uint8_t input[EVENT_ID_INPUT_SIZE], digest[UUID_SHA1_SIZE];
    memcpy(operator_id.octets, q->operator_id, UUID_SIZE);
    struct buf_writer w = buf_writer(input, sizeof(input));
    event_id_of_health(&w, t->agent_instance, &operator_id, t->number);
    INVARIANT(!w.failed);
    const struct bytes part = {.data = input, .len = buf_written(&w)};
    crypto_sha1(&part, 1, digest);
    return uuid5_from_sha1(digest);
}

static void emit(const struct queue *q, const struct transition *t, const struct uuid *id)
{
    const struct mno *op = operators_find(q->owner->operators, q->operator_id);
    struct health_event event = {
        .event_id = *id,
        .occurred_at_ms = t->at_ms,
        .operator_name = op ? operators_name(op) : NULL,
        .status = (enum health_status)t->status,
        .previous = (enum health_status)t->previous,
        .reason = t->reason[0] ? t->reason : NULL,
    };
    memcpy(event.operator_id.octets, q->operator_id, UUID_SIZE);
    json_emit_reset(&q->owner->json);
    events_emit_health(&q->owner->json, &event);
}

static enum operator_voice voice_of(const struct queue *q)
{
    const struct mno *op = operators_find(q->owner->operators, q->operator_id);
    return op ? op->voice : VOICE_OURS;
}

/* Of an operator that another instance holds: an UNBOUND from here would contradict its BOUND. */
static void drop_all(struct queue *q)
{
    while (!list_empty(&q->transitions))
        finish_oldest(q);
}

/* Publishes the oldest unless that is under way. Nothing goes out before the agent's listing is
 * complete, since the confirmation could not go back. */
static void pump(struct queue *q)
{
    struct health_events *h = q->owner;
    enum operator_voice voice = voice_of(q);
    if (q->publish || list_empty(&q->transitions))
        return;
    if (voice == VOICE_OTHERS) {
        drop_all(q);
        return;
    }
    const struct transition *t = LIST_ENTRY(q->transitions.next, struct transition, link);
    bool may = h->agent_gone || agent_link_is_attached(h->link);
    if (may && voice == VOICE_OURS) {
        struct uuid id = event_id(q, t);
        char msg_id[UUID_TEXT_SIZE];
        uuid_format(&id, msg_id);
        emit(q, t, &id);
        q->publish = jetstream_publish(h->js, HEALTH_EVENTS_SUBJECT, msg_id, NULL, 0, h->json.data,
                                       h->json.len, on_stored, q);
    }
    if (!q->publish)
        timer_start_ms(&q->retry, RETRY_MS);
}

void health_events_voice_changed(struct health_events *h, const struct mno *op)
{
    struct queue *q = map_get(h->queues, op->id, IPC_OPERATOR_ID_SIZE);
    if (!q)
        return;
    if (q->publish && op->voice != VOICE_OURS)
        jetstream_publish_cancel(h->js, &q->publish);
    pump(q);
}

void health_events_agent_gone(struct health_events *h)
{
    h->agent_gone = true;
}

static struct queue *queue_of(struct health_events *h, const uint8_t *operator_id)
{
    struct queue *q = map_get(h->queues, operator_id, IPC_OPERATOR_ID_SIZE);
    if (q)
        return q;
    q = xcalloc(1, sizeof(*q));
    q->owner = h;
    memcpy(q->operator_id, operator_id, IPC_OPERATOR_ID_SIZE);
    list_init(&q->transitions);
    timer_init(&q->retry, h->loop, on_retry, q);
    map_put(h->queues, operator_id, IPC_OPERATOR_ID_SIZE, q);
    return q;
}

static bool is_queued(const struct queue *q, const struct ipc_health *record)
{
    LIST_FOREACH (it, &q->transitions) {
        const struct transition *t = LIST_ENTRY(it, struct transition, link);
        if (t->number == record->number &&
            memcmp(t->agent_instance, record->agent_instance, sizeof(t->agent_instance)) == 0)
            return true;
    }
    return false;
}

void health_events_note(struct health_events *h, const struct ipc_health *record)
{
    if (record->status < IPC_HEALTH_BOUND || record->status > IPC_HEALTH_FAILBACK ||
        record->previous > IPC_HEALTH_FAILBACK) {
        log_warn("a health transition of an unknown kind is skipped",
                 LOG_UINT("status", record->status));
        return;
    }
    struct queue *q = queue_of(h, record->operator_id);
    if (is_queued(q, record))
        return;
    struct transition *t = xcalloc(1, sizeof(*t));
    memcpy(t->agent_instance, record->agent_instance, sizeof(t->agent_instance));
    t->number = record->number;
    t->status = record->status;
    t->previous = record->previous;
    t->at_ms = record->at_ms;
    if (record->reason.len)
        memcpy(t->reason, record->reason.data, min_size(record->reason.len, REASON_SIZE - 1));
    list_append(&q->transitions, &t->link);
    h->pending++;
    pump(q);
}
