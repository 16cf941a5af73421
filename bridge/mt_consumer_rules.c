/* Reading STREAM.INFO and CONSUMER.INFO, and deciding what to do about a durable. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/str.h"

#include "proto/json.h"

#include "bridge/mt_consumer_rules.h"

#define INFO_LIMIT (4u * 1024 * 1024) /* a stream may list many subjects */
#define ACK_WAIT_MIN_MS 3000
#define NS_PER_MS_I64 INT64_C(1000000)
#define ERR_CONSUMER_NOT_FOUND 10014
#define ERR_STREAM_NOT_FOUND 10059
#define NUMBER_MAX (INT64_C(1) << 53)

/* --- answers --- */

bool mt_subject_matches(const char *pattern, size_t len, const char *subject)
{
    const char *p = pattern;
    const char *end = pattern + len;
    for (;;) {
        size_t token = 0;
        while (p + token < end && p[token] != '.')
            token++;
        size_t have = strcspn(subject, ".");
        if (token == 1 && *p == '>')
            return *subject != 0;
        if (!(token == 1 && *p == '*') && !str_equal(p, token, subject, have))
            return false;
        p += token;
        subject += have;
        if (p == end || !*subject)
            return p == end && !*subject;
        p++;
        subject++;
    }
}

static uint64_t number(const struct json *object, const char *name)
{
    int64_t v;
    return json_int(json_member(object, name), 0, NUMBER_MAX, &v) ? (uint64_t)v : 0;
}

static int64_t signed_number(const struct json *object, const char *name, int64_t absent)
{
    int64_t v;
    return json_int(json_member(object, name), -1, NUMBER_MAX, &v) ? v : absent;
}

static bool is_word(const struct json *object, const char *name, const char *word)
{
    struct bytes text;
    return json_string(json_member(object, name), &text) &&
           str_equal((const char *)text.data, text.len, word, strlen(word));
}

/* 1: it is an error that means "there is none"; −1: another error, explained; 0: no error. */
static int read_error(const struct json *root, int64_t not_found, char *error_r, size_t error_size)
{
    const struct json *error = json_member(root, "error");
    if (!error)
        return 0;
    if ((int64_t)number(error, "err_code") == not_found)
        return 1;
    struct bytes text = {0};
    struct str_out out = str_out(error_r, error_size);
    if (!json_string(json_member(error, "description"), &text))
        text.len = 0;
    str_putf(&out, "the server says: %.*s (%" PRIu64 ")", (int)min_size(text.len, 120),
             text.len ? (const char *)text.data : "", number(error, "err_code"));
    return -1;
}

static bool takes(const struct json *config, const char *subject)
{
    const struct json *subjects = json_member(config, "subjects");
    if (!subjects)
        return json_member(config, "mirror") || json_member(config, "sources");
    for (const struct json *v = json_child(subjects, NULL); v; v = json_child(subjects, v)) {
        struct bytes text;
        if (json_string(v, &text) && mt_subject_matches((const char *)text.data, text.len, subject))
            return true;
    }
    return json_member(config, "sources") != NULL;
}

int mt_stream_info_parse(const char *json, size_t len, const char *subject,
                         struct mt_stream_info *info_r, char *error_r, size_t error_size)
{
    *info_r = (struct mt_stream_info){0};
    struct json *root = json_parse(json, len, INFO_LIMIT, error_r, error_size);
    if (!root)
        return -1;
    int error = read_error(root, ERR_STREAM_NOT_FOUND, error_r, error_size);
    if (error == 0) {
        const struct json *config = json_member(root, "config");
        const struct json *state = json_member(root, "state");
        info_r->exists = true;
        info_r->work_queue = is_word(config, "retention", "workqueue");
        info_r->takes_subject = takes(config, subject);
        info_r->messages = number(state, "messages");
        info_r->first_sequence = number(state, "first_seq");
        info_r->last_sequence = number(state, "last_seq");
    }
    json_destroy(&root);
    return error < 0 ? -1 : 0;
}

static bool filter_is(const struct json *config, const char *subject)
{
    const struct json *list = json_member(config, "filter_subjects");
    if (!list || json_count(list) == 0)
        return is_word(config, "filter_subject", subject);
    struct bytes text;
    return json_count(list) == 1 && json_string(json_child(list, NULL), &text) &&
           str_equal((const char *)text.data, text.len, subject, strlen(subject));
}

/* A consumer with a back-off waits that long instead of ack_wait: the shortest counts. */
static int64_t shortest_wait_ms(const struct json *config)
{
    int64_t shortest = signed_number(config, "ack_wait", 30 * INT64_C(1000000000));
    const struct json *steps = json_member(config, "backoff");
    for (const struct json *v = steps ? json_child(steps, NULL) : NULL; v;
         v = json_child(steps, v)) {
        int64_t step;
        if (json_int(v, 0, NUMBER_MAX, &step) && step < shortest)
            shortest = step;
    }
    return shortest / NS_PER_MS_I64;
}

int mt_consumer_info_parse(const char *json, size_t len, const char *subject,
                           struct mt_consumer_info *info_r, char *error_r, size_t error_size)
{
    *info_r = (struct mt_consumer_info){0};
    struct json *root = json_parse(json, len, INFO_LIMIT, error_r, error_size);
    if (!root)
        return -1;
    int error = read_error(root, ERR_CONSUMER_NOT_FOUND, error_r, error_size);
    if (error == 0) {
        const struct json *config = json_member(root, "config");
        info_r->exists = true;
        info_r->explicit_ack = is_word(config, "ack_policy", "explicit");
        info_r->is_push = json_member(config, "deliver_subject") != NULL;
        info_r->filter_matches = filter_is(config, subject);
        info_r->max_deliver = signed_number(config, "max_deliver", -1);
        info_r->ack_wait_ms = shortest_wait_ms(config);
        info_r->max_ack_pending = signed_number(config, "max_ack_pending", -1);
        info_r->max_batch = signed_number(config, "max_batch", 0);
        info_r->ack_floor = number(json_member(root, "ack_floor"), "stream_seq");
        info_r->pending = number(root, "num_pending");
        info_r->waiting = number(root, "num_waiting");
    }
    json_destroy(&root);
    return error < 0 ? -1 : 0;
}

/* --- decisions --- */

int64_t mt_consumer_wanted_ack_pending(const struct operator_settings *s)
{
    return 2 * s->binds * s->window_size + 256;
}

static enum mt_consumer_verdict decide_existing(const struct mt_consumer_case *c,
                                                int64_t wanted_ack_pending, struct str_out *out)
{
    const struct mt_consumer_info *i = &c->consumer;
    if (i->is_push)
        str_putf(out, "consumer %s is a push consumer (deliver_subject)", c->consumer_name);
    else if (!i->explicit_ack)
        str_putf(out, "consumer %s: ack_policy has to be explicit", c->consumer_name);
    else if (!i->filter_matches)
        str_putf(out, "consumer %s: filter_subject has to be %s", c->consumer_name, c->subject);
    else if (i->max_deliver != -1)
        str_putf(out,
                 "consumer %s: max_deliver is %" PRId64
                 " and has to be -1, or commands are lost silently",
                 c->consumer_name, i->max_deliver);
    else if (i->ack_wait_ms < ACK_WAIT_MIN_MS)
        str_putf(out, "consumer %s: ack_wait is %" PRId64 " ms and has to be at least %d (best %d)",
                 c->consumer_name, i->ack_wait_ms, ACK_WAIT_MIN_MS, MT_ACK_WAIT_MS);
    if (out->len > 0)
        return MT_CONSUMER_REFUSE;
    if (i->max_ack_pending >= 0 && i->max_ack_pending < wanted_ack_pending)
        str_putf(out,
                 "consumer %s: max_ack_pending is %" PRId64 ", %" PRId64
                 " would keep the windows full",
                 c->consumer_name, i->max_ack_pending, wanted_ack_pending);
    else if (i->ack_wait_ms != MT_ACK_WAIT_MS)
        str_putf(out, "consumer %s: ack_wait is %" PRId64 " ms, %d is what is recommended",
                 c->consumer_name, i->ack_wait_ms, MT_ACK_WAIT_MS);
    return MT_CONSUMER_USE;
}

static enum mt_consumer_verdict decide_missing(const struct mt_consumer_case *c,
                                               struct str_out *out)
{
    if (c->stream.work_queue || c->stream.messages == 0)
        return MT_CONSUMER_CREATE_ALL;
    bool is_older = c->floor_known && c->floor > c->stream.last_sequence;
    if (c->floor_known && !is_older)
        return MT_CONSUMER_CREATE_FROM;
    if (c->start == CONSUMER_START_ALL)
        return MT_CONSUMER_CREATE_ALL;
    if (c->start == CONSUMER_START_NEW)
        return MT_CONSUMER_CREATE_NEW;
    str_putf(out,
             "consumer %s is missing on stream %s, which has %" PRIu64
             " messages that may have been sent already",
             c->consumer_name, c->stream_name, c->stream.messages);
    if (is_older)
        str_putf(out,
                 " (the ack floor that is known, %" PRIu64
                 ", is of an older stream of that name: the last sequence is %" PRIu64 ")",
                 c->floor, c->stream.last_sequence);
    str_puts(out, ": create it, or set CONSUMER_START to all or new");
    return MT_CONSUMER_REFUSE;
}

enum mt_consumer_verdict mt_consumer_decide(const struct mt_consumer_case *c,
                                            int64_t wanted_ack_pending, char *text, size_t size)
{
    struct str_out out = str_out(text, size);
    if (!c->stream.exists)
        str_putf(&out, "stream %s is missing", c->stream_name);
    else if (!c->stream.takes_subject)
        str_putf(&out, "stream %s does not take %s", c->stream_name, c->subject);
    if (out.len > 0)
        return MT_CONSUMER_REFUSE;
    return c->consumer.exists ? decide_existing(c, wanted_ack_pending, &out)
                              : decide_missing(c, &out);
}

size_t mt_consumer_create_json(const struct mt_consumer_case *c, enum mt_consumer_verdict verdict,
                               int64_t max_ack_pending, char *out, size_t size)
{
    char start[80];
    struct str_out policy = str_out(start, sizeof(start));
    if (verdict == MT_CONSUMER_CREATE_NEW)
        str_puts(&policy, "\"deliver_policy\":\"new\"");
    else if (verdict == MT_CONSUMER_CREATE_FROM)
        str_putf(&policy, "\"deliver_policy\":\"by_start_sequence\",\"opt_start_seq\":%" PRIu64,
                 c->floor + 1);
    else
        str_puts(&policy, "\"deliver_policy\":\"all\"");
    struct str_out o = str_out(out, size);
    str_putf(
        &o,
        "{\"stream_name\":\"%s\",\"config\":{\"durable_name\":\"%s\",\"filter_subject\":\"%s\","
        "\"ack_policy\":\"explicit\",\"ack_wait\":%" PRId64 ",\"max_deliver\":-1,"
        "\"max_ack_pending\":%" PRId64 ",\"replay_policy\":\"instant\",%s}}",
        c->stream_name, c->consumer_name, c->subject, MT_ACK_WAIT_MS * NS_PER_MS_I64,
        max_ack_pending, start);
    return o.cut ? 0 : o.len;
}
