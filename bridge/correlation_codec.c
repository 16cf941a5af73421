/* Keys and values of correlations, without a printf: this runs once for each submit_sm. */
#include <string.h>

#include "common/str.h"

#include "bridge/correlation_codec.h"

enum { DIGEST_DIGITS = 16, FIELDS = 6 };

size_t correlation_key(const char *operator_id, const char *id, bool is_alias,
                       char out[CORRELATION_KEY_SIZE])
{
    struct str_out o = str_out(out, CORRELATION_KEY_SIZE);
    str_puts(&o, is_alias ? "smpp:dlr-alias:{" : "smpp:dlr:{");
    str_puts(&o, operator_id);
    str_puts(&o, "}:");
    str_puts(&o, id);
    return o.len;
}

static void put_or_dash(struct str_out *o, const char *cstr)
{
    str_putc(o, ' ');
    str_puts(o, cstr[0] ? cstr : "-");
}

static void put_digest(struct str_out *o, uint64_t digest)
{
    uint8_t octets[sizeof(digest)];
    char hex[DIGEST_DIGITS + 1];
    for (size_t i = 0; i < sizeof(octets); i++)
        octets[i] = (uint8_t)(digest >> (56 - 8 * i));
    str_hex_encode(octets, sizeof(octets), hex);
    str_putc(o, ' ');
    str_put(o, hex, DIGEST_DIGITS);
}

size_t correlation_pack(const struct correlation *c, char out[CORRELATION_VALUE_SIZE])
{
    struct str_out o = str_out(out, CORRELATION_VALUE_SIZE);
    str_puts(&o, c->message_id[0] ? c->message_id : "-");
    str_putc(&o, ' ');
    str_put_u64(&o, c->segment);
    str_putc(&o, ' ');
    str_put_u64(&o, c->segments);
    put_digest(&o, c->destination_digest);
    put_or_dash(&o, c->traceparent);
    put_or_dash(&o, c->original_operator);
    return o.len;
}

/* The next field, without the blank behind it. */
static struct bytes next_field(struct bytes *rest)
{
    const uint8_t *blank = rest->len ? memchr(rest->data, ' ', rest->len) : NULL;
    size_t len = blank ? (size_t)(blank - rest->data) : rest->len;
    struct bytes field = {.data = rest->data, .len = len};
    size_t step = blank ? len + 1 : len;
    *rest = (struct bytes){.data = rest->data ? rest->data + step : NULL, .len = rest->len - step};
    return field;
}

static bool take_text(struct bytes field, char *out, size_t size)
{
    const char *s = (const char *)field.data;
    out[0] = 0;
    if (!field.len)
        return false;
    return (field.len == 1 && s[0] == '-') || str_copy(out, size, s, field.len);
}

static bool take_u8(struct bytes field, uint8_t *out)
{
    uint64_t v;
    if (!str_parse_u64((const char *)field.data, field.len, 0, UINT8_MAX, &v))
        return false;
    *out = (uint8_t)v;
    return true;
}

static bool take_digest(struct bytes field, uint64_t *out)
{
    uint8_t octets[sizeof(*out)];
    size_t len = 0;
    if (!str_hex_decode((const char *)field.data, field.len, octets, sizeof(octets), &len) ||
        len != sizeof(octets))
        return false;
    *out = 0;
    for (size_t i = 0; i < sizeof(octets); i++)
        *out = *out << 8 | octets[i];
    return true;
}

bool correlation_unpack(const char *text, size_t len, struct correlation *c_r)
{
    struct bytes rest = {.data = (const uint8_t *)text, .len = len};
    struct bytes field[FIELDS];
    for (size_t i = 0; i < FIELDS; i++)
        field[i] = next_field(&rest);
    c_r->operator_message_id[0] = 0;
    return take_text(field[0], c_r->message_id, sizeof(c_r->message_id)) &&
           take_u8(field[1], &c_r->segment) && take_u8(field[2], &c_r->segments) &&
           take_digest(field[3], &c_r->destination_digest) &&
           take_text(field[4], c_r->traceparent, sizeof(c_r->traceparent)) &&
           take_text(field[5], c_r->original_operator, sizeof(c_r->original_operator));
}

bool correlation_alias(const char *id, char out[SMPP_MESSAGE_ID_SIZE])
{
    const char *s = id;
    while (s[0] == '0' && s[1])
        s++;
    size_t len = strlen(s);
    if (!len || len >= SMPP_MESSAGE_ID_SIZE)
        return false;
    for (size_t i = 0; i <= len; i++)
        out[i] = str_lower(s[i]);
    return true;
}

bool correlation_needs_alias(const char *response_id)
{
    bool lower = false, upper = false;
    for (const char *s = response_id; *s; s++) {
        lower = lower || (*s >= 'a' && *s <= 'z');
        upper = upper || (*s >= 'A' && *s <= 'Z');
    }
    return response_id[0] == '0' || (lower && upper);
}
