/*
 * receiptPolicy aggregate: the final states of a message's segments are gathered in Redis under
 * `smpp:segments:{operatorId}:<messageId>`; the receipt that completes them makes the one event,
 * DELIVERED only if all are, else the worst. What is not final makes none. Each receipt is answered
 * when its state is stored; the completing one when its event is. What stays incomplete is told by
 * dlr_partial.c.
 */
#include <string.h>

#include "common/str.h"

#include "bridge/crypto.h"
#include "bridge/dlr_private.h"
#include "bridge/due.h"

/* The hash has a field besides those of the segments: what dlr_partial.c has to know. */
static const char gather_script[] =
    "redis.call('HSET', KEYS[1], ARGV[1], ARGV[2], '" DLR_PARTIAL_FIELD "', ARGV[6]) "
    "redis.call('EXPIRE', KEYS[1], ARGV[3]) "
    "if redis.call('HLEN', KEYS[1]) > tonumber(ARGV[7]) then "
    "redis.call('ZREM', KEYS[2], ARGV[5]) "
    "else "
    "redis.call('ZADD', KEYS[2], 'NX', ARGV[4], ARGV[5]) "
    "redis.call('EXPIRE', KEYS[2], ARGV[3]) "
    "end "
    "return redis.call('HVALS', KEYS[1])";

enum { VALUE_SIZE = 96 };

/* How bad a final status is for the message; by enum dlr_status. */
static const uint8_t severity[] = {
    [DLR_DELIVERED] = 0, [DLR_ACCEPTED] = 1,      [DLR_UNKNOWN] = 2,  [DLR_EXPIRED] = 3,
    [DLR_DELETED] = 4,   [DLR_UNDELIVERABLE] = 5, [DLR_REJECTED] = 6,
};
ASSERT_ARRAY_LEN(severity, DLR_STATUS_COUNT);

bool dlr_aggregate_applies(const struct delivery *d)
{
    return d->op->settings.receipt_policy == RECEIPT_POLICY_AGGREGATE &&
           d->correlation.segments > 1 && d->correlation.message_id[0];
}

/* One segment's end: "<status> <stat> <err>"; blanks within stat or err become underscores. */
static void put_word(struct str_out *o, const char *word)
{
    str_putc(o, ' ');
    for (; *word; word++)
        str_putc(o, *word == ' ' ? '_' : *word);
}

static size_t format_end(const struct receipt *r, char out[VALUE_SIZE])
{
    struct str_out o = str_out(out, VALUE_SIZE);
    str_put_u64(&o, r->status);
    put_word(&o, r->stat);
    put_word(&o, r->err);
    return o.len;
}

static bool parse_end(const char *text, size_t len, struct dlr_segment_ends *end_r)
{
    const char *stat = len ? memchr(text, ' ', len) : NULL;
    uint64_t status;
    if (!stat || !str_parse_u64(text, (size_t)(stat - text), 0, DLR_STATUS_COUNT - 1, &status))
        return false;
    stat++;
    size_t left = len - (size_t)(stat - text);
    const char *err = left ? memchr(stat, ' ', left) : NULL;
    if (!err)
        return false;
    end_r->worst = (enum dlr_status)status;
    return str_copy(end_r->stat, sizeof(end_r->stat), stat, (size_t)(err - stat)) &&
           str_copy(end_r->err, sizeof(end_r->err), err + 1, left - (size_t)(err + 1 - stat));
}

void dlr_segment_ends_add(struct dlr_segment_ends *ends, const char *text, size_t len)
{
    struct dlr_segment_ends one = {.count = ends->count + 1};
    if (!parse_end(text, len, &one))
        return;
    if (!ends->count || severity[one.worst] > severity[ends->worst])
        *ends = one;
    ends->count = one.count;
}

/* The same for every receipt that may complete the message, and for every repetition; `ended` is 0
 * for the whole. */
struct uuid dlr_aggregate_event_id(const uint8_t operator_id[UUID_SIZE], const char *message_id,
                                   uint8_t ended)
{
    const struct bytes parts[] = {
        {.data = event_id_namespace.octets, .len = UUID_SIZE},
        {.data = (const uint8_t *)(ended ? "P" : "A"), .len = 1},
        {.data = operator_id, .len = UUID_SIZE},
        {.data = (const uint8_t *)message_id, .len = strlen(message_id)},
        {.data = &ended, .len = ended ? 1 : 0},
    };
    uint8_t digest[UUID_SHA1_SIZE];
    crypto_sha1(parts, ARRAY_LEN(parts), digest);
    return uuid5_from_sha1(digest);
}

static void publish_whole(struct delivery *d, const struct dlr_segment_ends *ends)
{
    struct uuid store[2];
    struct dlr_event event;
    d->event_id = dlr_aggregate_event_id(d->op->id, d->correlation.message_id, 0);
    dlr_publish_event(d, &event, store);
    event.status = ends->worst;
    event.stat = ends->stat;
    event.error_code = ends->err[0] ? ends->err : NULL;
    event.segment = 0;
    event.segments = 0;
    if (ends->worst != DLR_DELIVERED)
        event.delivered_at_ms = EVENT_TIME_NONE;
    json_emit_reset(&d->dlr->json);
    events_emit_dlr(&d->dlr->json, &event);
    dlr_publish_json(d, DLR_SUBJECT, dlr_publish_stored);
    if (!d->publish)
        delivery_wait(d, dlr_aggregate);
}

static void on_gathered(void *arg, const struct redis_reply *reply)
{
    struct delivery *d = arg;
    if (!delivery_redis_answered(d))
        return;
    if (!reply || reply->type != REDIS_ARRAY) {
        delivery_wait(d, dlr_aggregate);
        return;
    }
    struct dlr_segment_ends ends = {0};
    for (size_t i = 0; i < reply->count; i++) {
        if (reply->elements[i].type == REDIS_STRING)
            dlr_segment_ends_add(&ends, reply->elements[i].text, reply->elements[i].len);
    }
    if (ends.count < d->correlation.segments)
        delivery_answer(d, SMPP_ROK);
    else
        publish_whole(d, &ends);
}

void dlr_aggregate(struct delivery *d)
{
    if (!d->receipt.final) {
        delivery_answer(d, SMPP_ROK);
        return;
    }
    const struct correlation *c = &d->correlation;
    char key[DUE_KEY_SIZE], due_key[DUE_KEY_SIZE], segment[4], segments[4];
    char value[VALUE_SIZE], context[DLR_PARTIAL_SIZE], due[24];
    struct str_out segment_out = str_out(segment, sizeof(segment));
    struct str_out segments_out = str_out(segments, sizeof(segments));
    struct str_out due_out = str_out(due, sizeof(due));
    const char *ttl = correlations_ttl(d->dlr->options.correlations);
    str_put_u64(&segment_out, c->segment);
    str_put_u64(&segments_out, c->segments);
    str_put_i64(&due_out, dlr_partial_due_ms(d));
    const char *argv[] = {key, due_key, segment, value, ttl, due, c->message_id, context, segments};
    const size_t lens[] = {due_hash_key(DLR_SEGMENTS_PREFIX, d->op->id_text, c->message_id, key),
                           due_set_key(DLR_SEGMENTS_PREFIX, d->op->id_text, due_key),
                           segment_out.len,
                           format_end(&d->receipt, value),
                           strlen(ttl),
                           due_out.len,
                           strlen(c->message_id),
                           dlr_partial_pack(d, context),
                           segments_out.len};

    d->dlr->aggregate_script.text = gather_script;
    d->phase = DLR_GATHERING;
    timer_start_at(&d->timer, d->hold_until);
    d->awaits_redis = redis_eval(d->dlr->options.redis, &d->dlr->aggregate_script, on_gathered, d,
                                 2, ARRAY_LEN(argv), argv, lens);
    if (!d->awaits_redis)
        delivery_wait(d, dlr_aggregate);
}
