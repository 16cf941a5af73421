/* The context's octets (README.md has the table). */
#include <string.h>

#include "common/str.h"

#include "bridge/context.h"

#define CONTEXT_VERSION 2
#define CONTEXT_OLDEST 1
#define UUID_OCTETS 16
#define DIGEST_DIGITS 8

enum context_flag {
    FLAG_MESSAGE_ID = 0x01,
    FLAG_ORIGINAL_OPERATOR = 0x02,
};

static void put_text8(struct buf_writer *w, const char *text)
{
    size_t len = strlen(text);
    buf_put_u8(w, (uint8_t)len);
    buf_put(w, text, len);
}

static void get_text8(struct buf_reader *r, char *out, size_t size)
{
    size_t len = buf_get_u8(r);
    const uint8_t *data = buf_take(r, len);
    if (data && !str_copy(out, size, (const char *)data, len))
        r->failed = true;
}

/* --- octets --- */

bool context_encode(const struct context *c, uint8_t *out, size_t size, size_t *len_r)
{
    struct buf_writer w = buf_writer(out, size);
    uint8_t flags = 0;
    if (c->message_id_known)
        flags |= FLAG_MESSAGE_ID;
    if (c->has_original_operator)
        flags |= FLAG_ORIGINAL_OPERATOR;
    buf_put_u8(&w, CONTEXT_VERSION);
    buf_put_u8(&w, flags);
    buf_put(&w, c->message_id, UUID_OCTETS);
    buf_put_u8(&w, c->segment);
    buf_put_u8(&w, c->segments);
    buf_put_u8(&w, c->strategy);
    buf_put_u8(&w, c->data_coding);
    buf_put_u16(&w, c->concat_ref);
    buf_put_u8(&w, c->attempt);
    buf_put_u8(&w, c->unknown_resubmits);
    buf_put_u64(&w, (uint64_t)c->not_after_ms);
    buf_put_u64(&w, c->destination_digest);
    put_text8(&w, c->ack_subject);
    put_text8(&w, c->traceparent);
    if (c->has_original_operator)
        buf_put(&w, c->original_operator, UUID_OCTETS);
    buf_put_u32(&w, c->last_status);
    buf_put_u32(&w, c->format);
    *len_r = buf_written(&w);
    return !w.failed;
}

bool context_decode(struct bytes in, struct context *c)
{
    struct buf_reader r = buf_reader(in.data, in.len);
    *c = (struct context){0};
    uint8_t version = buf_get_u8(&r);
    if (version < CONTEXT_OLDEST) /* later versions only append */
        return false;
    uint8_t flags = buf_get_u8(&r);
    c->message_id_known = (flags & FLAG_MESSAGE_ID) != 0;
    c->has_original_operator = (flags & FLAG_ORIGINAL_OPERATOR) != 0;
    const uint8_t *id = buf_take(&r, UUID_OCTETS);
    if (id)
        memcpy(c->message_id, id, UUID_OCTETS);
    c->segment = buf_get_u8(&r);
    c->segments = buf_get_u8(&r);
    c->strategy = buf_get_u8(&r);
    c->data_coding = buf_get_u8(&r);
    c->concat_ref = buf_get_u16(&r);
    c->attempt = buf_get_u8(&r);
    c->unknown_resubmits = buf_get_u8(&r);
    c->not_after_ms = (int64_t)buf_get_u64(&r);
    c->destination_digest = buf_get_u64(&r);
    get_text8(&r, c->ack_subject, sizeof(c->ack_subject));
    get_text8(&r, c->traceparent, sizeof(c->traceparent));
    if (c->has_original_operator) {
        const uint8_t *original = buf_take(&r, UUID_OCTETS);
        if (original)
            memcpy(c->original_operator, original, UUID_OCTETS);
    }
    if (version >= 2) {
        c->last_status = buf_get_u32(&r);
        c->format = buf_get_u32(&r);
    }
    return !r.failed;
}

/* --- destinations --- */

static uint64_t fnv1a(const char *s, size_t len)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (uint8_t)s[i]) * UINT64_C(0x100000001b3);
    return hash ? hash : 1;
}

uint64_t context_destination_digest(const char *address, size_t len)
{
    char digits[DIGEST_DIGITS];
    size_t count = 0;
    for (size_t i = len; i > 0 && count < DIGEST_DIGITS; i--) {
        if (str_is_digit(address[i - 1]))
            digits[count++] = address[i - 1];
    }
    return count ? fnv1a(digits, count) : fnv1a(address, len);
}
