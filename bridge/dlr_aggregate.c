/*
 * receiptPolicy aggregate: the final states of a message's segments are gathered in Redis under
 * `smpp:segments:{operatorId}:<messageId>`; the receipt that completes them makes the one event,
 * DELIVERED only if all are, else the worst. What is not final makes none. Each receipt is answered
 * when its state is stored; the completing one when its event is.
 */
#include <string.h>

#include "common/str.h"

#include "bridge/crypto.h"
#include "bridge/dlr_private.h"

static const char gather_script[] = "redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) "
                                    "redis.call('EXPIRE', KEYS[1], ARGV[3]) "
                                    "return redis.call('HVALS', KEYS[1])";

enum { KEY_SIZE = 128, VALUE_SIZE = 96 };

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
struct segment_end {
    enum dlr_status status;
    char stat[RECEIPT_STAT_SIZE], err[RECEIPT_ERR_SIZE];
};

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

static bool parse_end(const char *text, size_t len, struct segment_end *end_r)
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
    end_r->status = (enum dlr_status)status;
    return str_copy(end_r->stat, sizeof(end_r->stat), stat, (size_t)(err - stat)) &&
           str_copy(end_r->err, sizeof(end_r->err), err + 1, left - (size_t)(err + 1 - stat));
}

/* The same for every receipt that may complete the message, and for every repetition. */
static void aggregate_event_id(struct delivery *d)
{
    const char *message_id = d->correlation.message_id;
    const struct bytes parts[] = {
        {.data = event_id_namespace.octets, .len = UUID_SIZE},
        {.data = (const uint8_t *)"A", .len = 1},
        {.data = d->op->id, .len = UUID_SIZE},
        {.data = (const uint8_t *)message_id, .len = strlen(message_id)},
    };
    uint8_t digest[UUID_SHA1_SIZE];
    crypto_sha1(parts, ARRAY_LEN(parts), digest);
    d->event_id = uuid5_from_sha1(digest);
}

static void publish_whole(struct delivery *d, const struct segment_end *worst)
{
    struct uuid store[2];
    struct dlr_event event;
    aggregate_event_id(d);
    dlr_publish_event(d, &event, store);
    event.status = worst->status;
    event.stat = worst->stat;
    event.error_code = worst->err[0] ? worst->err : NULL;
    event.segment = 0;
    event.segments = 0;
    if (worst->status != DLR_DELIVERED)
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
    struct segment_end worst = {.status = DLR_DELIVERED};
    size_t ended = 0;
    for (size_t i = 0; i < reply->count; i++) {
        struct segment_end end;
        if (reply->elements[i].type != REDIS_STRING ||
            !parse_end(reply->elements[i].text, reply->elements[i].len, &end))
            continue;
        if (!ended || severity[end.status] > severity[worst.status])
            worst = end;
        ended++;
    }
    if (ended < d->correlation.segments)
        delivery_answer(d, SMPP_ROK);
    else
        publish_whole(d, &worst);
}

void dlr_aggregate(struct delivery *d)
{
    if (!d->receipt.final) {
        delivery_answer(d, SMPP_ROK);
        return;
    }
    char key[KEY_SIZE], segment[4], value[VALUE_SIZE];
    struct str_out k = str_out(key, sizeof(key));
    str_puts(&k, "smpp:segments:{");
    str_puts(&k, d->op->id_text);
    str_puts(&k, "}:");
    str_puts(&k, d->correlation.message_id);
    struct str_out s = str_out(segment, sizeof(segment));
    str_put_u64(&s, d->correlation.segment);
    size_t value_len = format_end(&d->receipt, value);
    const char *ttl = correlations_ttl(d->dlr->options.correlations);
    const char *argv[] = {key, segment, value, ttl};
    const size_t lens[] = {k.len, s.len, value_len, strlen(ttl)};

    d->dlr->aggregate_script.text = gather_script;
    d->phase = DLR_GATHERING;
    timer_start_at(&d->timer, d->hold_until);
    d->awaits_redis = redis_eval(d->dlr->options.redis, &d->dlr->aggregate_script, on_gathered, d,
                                 1, ARRAY_LEN(argv), argv, lens);
    if (!d->awaits_redis)
        delivery_wait(d, dlr_aggregate);
}
