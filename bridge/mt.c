/* Commands under way: where they live, how they are found, and the one mover between stages. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/str.h"

#include "bridge/mt_ledger.h"
#include "bridge/mt_submit.h"

#define INDEX_FIRST 1024

const char *const mt_stage_names[] = {
    "ready-priority", "ready",     "sending",  "at-agent", "waiting",  "storing",
    "closing",        "reporting", "recalled", "ack-due",  "ack-sent",
};
ASSERT_ARRAY_LEN(mt_stage_names, MT_STAGES);

/* --- by key --- */

/* Sequences are dense and come in order: as they are they spread best, and lie side by side. */
static size_t bucket_of(const struct mt_path *path, const struct ipc_key *key)
{
    uint64_t stream = key->stream * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(key->sequence + (stream >> 32)) & (path->index_size - 1);
}

static void index_put(struct mt_path *path, struct mt *mt)
{
    struct mt **bucket = &path->index[bucket_of(path, &mt->key)];
    mt->index_next = *bucket;
    *bucket = mt;
}

static void index_remove(struct mt_path *path, struct mt *mt)
{
    struct mt **at = &path->index[bucket_of(path, &mt->key)];
    while (*at != mt)
        at = &(*at)->index_next;
    *at = mt->index_next;
}

static void index_grow(struct mt_path *path)
{
    struct mt **former = path->index;
    size_t former_size = path->index_size;
    if (path->count < former_size)
        return;
    path->index_size = former_size ? former_size * 2 : INDEX_FIRST;
    path->index = xcalloc(path->index_size, sizeof(struct mt *));
    for (size_t i = 0; i < former_size; i++) {
        struct mt *next;
        for (struct mt *mt = former[i]; mt; mt = next) {
            next = mt->index_next;
            index_put(path, mt);
        }
    }
    free(former);
}

struct mt *mt_find(const struct mt_path *path, const struct ipc_key *key)
{
    if (path->count == 0)
        return NULL;
    struct mt *mt = path->index[bucket_of(path, key)];
    while (mt && !ipc_key_same_message(&mt->key, key))
        mt = mt->index_next;
    return mt;
}

/* --- life --- */

static void enter(struct mt *mt, enum mt_stage stage)
{
    struct mt_operator *owner = mt->owner;
    mt->stage = (uint8_t)stage;
    owner->counts[stage]++;
    owner->path->ready += stage <= MT_READY;
    list_append(&owner->stages[stage], &mt->link);
}
_Static_assert(MT_READY_PRIORITY < MT_READY && MT_READY < MT_SENDING, "those that wait come first");

static void leave(struct mt *mt)
{
    struct mt_operator *owner = mt->owner;
    owner->counts[mt->stage]--;
    owner->path->ready -= mt->stage <= MT_READY;
    list_remove(&mt->link);
}

struct mt *mt_create(struct mt_operator *owner, const struct ipc_key *key, enum mt_stage stage)
{
    struct mt_path *path = owner->path;
    struct mt *mt = path->pool;
    if (mt) {
        path->pool = mt->index_next;
        memset(mt, 0, sizeof(*mt));
    } else {
        mt = xcalloc(1, sizeof(*mt));
    }
    index_grow(path);
    mt->owner = owner;
    mt->key = *key;
    mt->key.segment = mt->key.attempt = 0;
    index_put(path, mt);
    path->count++;
    enter(mt, stage);
    mt->sign_of_life = mt->fetched_at = loop_now(path->with.loop);
    list_append(&owner->alive, &mt->alive);
    return mt;
}

void mt_destroy(struct mt **mt_ptr)
{
    struct mt *mt = *mt_ptr;
    struct mt_path *path = mt->owner->path;
    for (size_t i = 0; i < mt->segment_count; i++)
        mt_set_segment_state(&mt->segments[i], SEGMENT_REFUSED);
    mt_submit_unexpect(mt);
    mt_ledger_release(mt);
    leave(mt);
    list_remove(&mt->alive);
    index_remove(path, mt);
    path->count--;
    mt_drop_raw(mt);
    free(mt->reason);
    if (mt->segments != &mt->only)
        free(mt->segments);
    if (mt->publish)
        jetstream_publish_cancel(path->with.js, &mt->publish);
    mt->index_next = path->pool;
    path->pool = mt;
    *mt_ptr = NULL;
}

void mt_move(struct mt *mt, enum mt_stage stage)
{
    mt_touch(mt->owner);
    if (mt->stage == stage)
        return; /* it keeps its turn, and loops over the list end */
    leave(mt);
    enter(mt, stage);
}

/* --- segments --- */

void mt_set_segments(struct mt *mt, uint8_t count)
{
    INVARIANT(mt->segment_count == 0 && count > 0);
    mt->segment_count = count;
    mt->segments = count == 1 ? &mt->only : xcalloc(count, sizeof(struct mt_segment));
    for (uint8_t i = 0; i < count; i++) {
        mt->segments[i].mt = mt;
        mt->segments[i].number = (uint8_t)(i + 1);
        mt->segments[i].state = SEGMENT_NEW;
    }
}

void mt_forget_segments(struct mt *mt)
{
    INVARIANT(mt_count_segments(mt, SEGMENT_NEW) == mt->segment_count);
    if (mt->segments != &mt->only)
        free(mt->segments);
    mt->segments = NULL;
    mt->segment_count = 0;
}

void mt_set_segment_state(struct mt_segment *s, enum mt_segment_state state)
{
    struct mt_operator *mo = s->mt->owner;
    if (s->state == SEGMENT_OUT) {
        mo->without_outcome--;
        mo->retries -= s->is_retry;
    }
    s->is_retry = state == SEGMENT_OUT && s->attempt > 0;
    if (state == SEGMENT_OUT) {
        mo->without_outcome++;
        mo->retries += s->is_retry;
    }
    s->state = (uint8_t)state;
}

size_t mt_count_segments(const struct mt *mt, enum mt_segment_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < mt->segment_count; i++)
        count += mt->segments[i].state == state;
    return count;
}

/* --- text --- */

void mt_keep_raw(struct mt *mt, const void *data, size_t len)
{
    mt_drop_raw(mt);
    mt->raw = xmalloc(len + 1);
    memcpy(mt->raw, data, len);
    mt->raw_len = len;
    mt->owner->path->raw_octets += len;
}

void mt_drop_raw(struct mt *mt)
{
    if (!mt->raw)
        return;
    mt->owner->path->raw_octets -= mt->raw_len;
    free(mt->raw);
    mt->raw = NULL;
    mt->raw_len = 0;
}

void mt_set_reason(struct mt *mt, const char *reason)
{
    free(mt->reason);
    mt->reason = reason ? xstrdup(reason) : NULL;
}

void mt_set_expired(struct mt *mt)
{
    char reason[128];
    mt->end = MT_END_EXPIRED;
    mt->end_status = 0;
    for (size_t i = 0; i < mt->segment_count && !mt->end_status; i++) {
        if (mt->segments[i].state != SEGMENT_DONE)
            mt->end_status = mt->segments[i].last_status;
    }
    const char *before = mt_count_segments(mt, SEGMENT_NEW) < mt->segment_count
                             ? "it expired before all of its segments were sent"
                             : "it expired before it was sent";
    snprintf(reason, sizeof(reason), "%s%s%s", before, mt->end_status ? ", after " : "",
             mt->end_status ? smpp_status_get(mt->end_status).name : "");
    mt_set_reason(mt, reason);
}

/* "$JS.ACK.<stream>.<consumer>.<5 numbers>", or with "<domain>.<account>." before the stream and a
 * random token at the end. */
bool mt_stream_name(const char *ack_subject, char *out, size_t size)
{
    size_t dots = 0;
    for (const char *p = ack_subject; *p; p++)
        dots += *p == '.';
    if (dots < 8)
        return false;
    size_t skip = dots >= 10 ? 4 : 2;
    const char *token = ack_subject;
    for (size_t i = 0; i < skip; i++)
        token = strchr(token, '.') + 1;
    return str_copy(out, size, token, strcspn(token, "."));
}

/* --- context --- */

struct context mt_context(const struct mt *mt, const struct mt_segment *segment)
{
    struct context c = {
        .message_id_known = mt->message_id_known,
        .segment = segment ? segment->number : 0,
        .segments = mt->segment_count,
        .strategy = mt->strategy,
        .concat_ref = mt->concat_ref,
        .data_coding = mt->data_coding,
        .format = mt->format,
        .attempt = segment ? segment->refusals : 0,
        .not_after_ms = mt->not_after_ms,
        .destination_digest = mt->destination_digest,
        .has_original_operator = mt->has_original_operator,
        .unknown_resubmits = segment ? segment->resubmits : 0,
        .last_status = segment ? segment->last_status : 0,
    };
    memcpy(c.ack_subject, mt->ack_subject, sizeof(c.ack_subject));
    memcpy(c.traceparent, mt->traceparent, sizeof(c.traceparent));
    memcpy(c.message_id, mt->message_id, sizeof(c.message_id));
    memcpy(c.original_operator, mt->original_operator, sizeof(c.original_operator));
    return c;
}

void mt_adopt_context(struct mt *mt, const struct context *c)
{
    memcpy(mt->ack_subject, c->ack_subject, sizeof(mt->ack_subject));
    memcpy(mt->traceparent, c->traceparent, sizeof(mt->traceparent));
    memcpy(mt->message_id, c->message_id, sizeof(mt->message_id));
    mt->message_id_known = c->message_id_known;
    mt->has_original_operator = c->has_original_operator;
    memcpy(mt->original_operator, c->original_operator, sizeof(mt->original_operator));
    mt->not_after_ms = c->not_after_ms;
    mt->destination_digest = c->destination_digest;
    mt->strategy = c->strategy;
    mt->data_coding = c->data_coding;
    mt->concat_ref = c->concat_ref;
    mt->format = c->format;
    if (mt->segment_count == 0 && c->segments > 0)
        mt_set_segments(mt, c->segments);
    if (c->segment == 0 || c->segment > mt->segment_count)
        return;
    mt->segments[c->segment - 1].refusals = c->attempt;
    mt->segments[c->segment - 1].resubmits = c->unknown_resubmits;
    mt->segments[c->segment - 1].last_status = c->last_status;
}
