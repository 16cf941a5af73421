/* Reads ack subjects, reply subjects, pull statuses and publish answers. */
#include <string.h>

#include "common/str.h"
#include "bridge/jetstream_subjects.h"

enum {
    ACK_TOKENS = 9,         /* the form of always */
    ACK_TOKENS_DOMAIN = 11, /* with domain and account hash */
    ACK_TOKENS_MAX = 12,    /* and a random token */
};

bool jetstream_subjects_ack(const char *subject, struct jetstream_ack_fields *fields_r)
{
    struct bytes tokens[ACK_TOKENS_MAX];
    size_t count = 0;
    const char *start = subject;
    for (;;) {
        const char *dot = strchrnul(start, '.');
        if (count == ACK_TOKENS_MAX || dot == start)
            return false;
        tokens[count++] = (struct bytes){(const uint8_t *)start, (size_t)(dot - start)};
        if (*dot == '\0')
            break;
        start = dot + 1;
    }
    if (memcmp(subject, "$JS.ACK.", min_size(strlen(subject), 8)) != 0)
        return false;
    if (count != ACK_TOKENS && count < ACK_TOKENS_DOMAIN)
        return false;

    const struct bytes *t = tokens + (count == ACK_TOKENS ? 2 : 4); /* at the stream */
    fields_r->consumer_key = (const char *)t[0].data;
    fields_r->consumer_key_len = t[0].len + 1 + t[1].len;
    uint64_t *values[] = {&fields_r->delivered, &fields_r->stream_sequence, NULL,
                          &fields_r->time_ns, &fields_r->pending};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        uint64_t ignored;
        const struct bytes *number = &t[2 + i];
        if (!str_parse_u64((const char *)number->data, number->len, 0, UINT64_MAX,
                           values[i] ? values[i] : &ignored))
            return false;
    }
    return true;
}

void jetstream_subjects_make_reply(const char *inbox, char kind, const uint32_t *numbers,
                                   size_t count, char *subject_r, size_t size)
{
    struct str_out out = str_out(subject_r, size);
    str_puts(&out, inbox);
    str_putc(&out, '.');
    str_putc(&out, kind);
    for (size_t i = 0; i < count; i++) {
        str_putc(&out, '.');
        str_put_u64(&out, numbers[i]);
    }
}

bool jetstream_subjects_reply(const char *tail, struct jetstream_reply *reply_r)
{
    *reply_r = (struct jetstream_reply){.kind = tail[0]};
    if (tail[0] == '\0' || tail[1] != '.')
        return false;
    const char *start = tail + 2;
    for (size_t i = 0; i < JETSTREAM_REPLY_NUMBERS; i++) {
        const char *dot = strchrnul(start, '.');
        uint64_t number;
        if (!str_parse_u64(start, (size_t)(dot - start), 0, UINT32_MAX, &number))
            return false;
        reply_r->numbers[i] = (uint32_t)number;
        if (*dot == '\0')
            return true;
        start = dot + 1;
    }
    return false;
}

static bool starts_with(const char *text, const char *prefix)
{
    return str_equal_nocase(text, min_size(strlen(text), strlen(prefix)), prefix, strlen(prefix));
}

static enum jetstream_pull_end end_of_conflict(const char *description)
{
    if (starts_with(description, "Consumer Deleted") ||
        starts_with(description, "Consumer is push based"))
        return JETSTREAM_PULL_GONE;
    if (starts_with(description, "Server Shutdown") ||
        starts_with(description, "Leadership Change"))
        return JETSTREAM_PULL_LOST;
    if (starts_with(description, "Batch Completed") ||
        starts_with(description, "Message Size Exceeds MaxBytes"))
        return JETSTREAM_PULL_DONE;
    return JETSTREAM_PULL_BUSY;
}

enum jetstream_status jetstream_subjects_status(int code, const char *description,
                                                enum jetstream_pull_end *end_r)
{
    switch (code) {
    case 100:
        return JETSTREAM_STATUS_HEARTBEAT;
    case 404:
    case 408:
        *end_r = JETSTREAM_PULL_DONE;
        break;
    case 409:
        *end_r = end_of_conflict(description);
        break;
    case 503:
        *end_r = JETSTREAM_PULL_GONE;
        break;
    default: /* 400 and whatever a newer server thinks up: not at this pace */
        *end_r = JETSTREAM_PULL_BUSY;
        break;
    }
    return JETSTREAM_STATUS_ENDED;
}
