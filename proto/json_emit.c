/* JSON appended to an array, growing or not. */
#include <stdlib.h>

#include "common/str.h"
#include "proto/json_check.h"
#include "proto/json_emit.h"

#define FIRST_SIZE 1024

struct json_emit json_emit_fixed(char *data, size_t size)
{
    return (struct json_emit){.data = data, .size = size};
}

struct json_emit json_emit_growable(void)
{
    return (struct json_emit){.growable = true};
}

void json_emit_free(struct json_emit *e)
{
    if (e->growable)
        free(e->data);
    *e = (struct json_emit){.growable = e->growable};
}

void json_emit_reset(struct json_emit *e)
{
    e->len = 0;
    e->failed = false;
    e->comma = false;
}

static bool grow(struct json_emit *e, size_t len)
{
    if (!e->growable) {
        e->failed = true;
        return false;
    }
    size_t size = e->size ? e->size : FIRST_SIZE;
    while (len > size - e->len)
        size *= 2;
    e->data = xrealloc(e->data, size);
    e->size = size;
    return true;
}

/* Room for `len` more bytes, or NULL. */
static inline char *room(struct json_emit *e, size_t len)
{
    if (e->failed || (len > e->size - e->len && !grow(e, len)))
        return NULL;
    return e->data + e->len;
}

static void put(struct json_emit *e, const char *s, size_t len)
{
    char *to = room(e, len);
    if (!to || len == 0)
        return;
    memcpy(to, s, len);
    e->len += len;
}

static void put_char(struct json_emit *e, char c)
{
    char *to = room(e, 1);
    if (!to)
        return;
    *to = c;
    e->len++;
}

/* Every value begins here: the comma that it may need. */
static void begin_value(struct json_emit *e)
{
    if (e->comma)
        put_char(e, ',');
    e->comma = true;
}

void json_emit_object_begin(struct json_emit *e)
{
    begin_value(e);
    put_char(e, '{');
    e->comma = false;
}

void json_emit_object_end(struct json_emit *e)
{
    put_char(e, '}');
    e->comma = true;
}

void json_emit_array_begin(struct json_emit *e)
{
    begin_value(e);
    put_char(e, '[');
    e->comma = false;
}

void json_emit_array_end(struct json_emit *e)
{
    put_char(e, ']');
    e->comma = true;
}

void json_emit_key_of_length(struct json_emit *e, const char *key, size_t len)
{
    char *to = room(e, len + 4);
    if (!to)
        return;
    char *at = to;
    if (e->comma)
        *at++ = ',';
    *at++ = '"';
    memcpy(at, key, len);
    at += len;
    *at++ = '"';
    *at++ = ':';
    e->len += (size_t)(at - to);
    e->comma = false;
}

void json_emit_raw(struct json_emit *e, const char *json, size_t len)
{
    begin_value(e);
    put(e, json, len);
}

void json_emit_null(struct json_emit *e)
{
    json_emit_raw(e, "null", 4);
}

void json_emit_bool(struct json_emit *e, bool v)
{
    json_emit_raw(e, v ? "true" : "false", v ? 4 : 5);
}

void json_emit_uint(struct json_emit *e, uint64_t v)
{
    char digits[20];
    json_emit_raw(e, digits, str_format_u64(v, digits));
}

void json_emit_int(struct json_emit *e, int64_t v)
{
    char digits[21];
    digits[0] = '-';
    bool negative = v < 0;
    size_t n = str_format_u64(negative ? 0 - (uint64_t)v : (uint64_t)v, digits + negative);
    json_emit_raw(e, digits, n + negative);
}

void json_emit_fixed3(struct json_emit *e, int64_t thousandths)
{
    char text[32];
    struct str_out o = str_out(text, sizeof(text));
    uint64_t v = thousandths < 0 ? 0 - (uint64_t)thousandths : (uint64_t)thousandths;
    if (thousandths < 0)
        str_putc(&o, '-');
    str_put_u64(&o, v / 1000);
    str_putc(&o, '.');
    str_putc(&o, (char)('0' + v % 1000 / 100));
    str_putc(&o, (char)('0' + v % 100 / 10));
    str_putc(&o, (char)('0' + v % 10));
    json_emit_raw(e, o.data, o.len);
}

/* The octets of a plain run: printable ASCII without quote and backslash. */
static size_t plain_run(const char *s, const char *end)
{
    const char *p = json_skip_plain(s, end);
    while (p < end && (uint8_t)*p >= 0x20 && (uint8_t)*p < 0x7F && *p != '"' && *p != '\\')
        p++;
    return (size_t)(p - s);
}

static void put_escaped(struct json_emit *e, uint32_t cp)
{
    static const char short_forms[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    char escape[7] = "\\u00";
    if (cp == '"' || cp == '\\' || (cp < 0x20 && short_forms[cp])) {
        escape[1] = cp < 0x20 ? short_forms[cp] : (char)cp;
        put(e, escape, 2);
        return;
    }
    uint8_t octet = (uint8_t)cp;
    str_hex_encode(&octet, 1, escape + 4);
    put(e, escape, 6);
}

void json_emit_plain(struct json_emit *e, const char *s, size_t len)
{
    char *to = room(e, len + 2 + e->comma);
    if (!to)
        return;
    char *at = to;
    if (e->comma)
        *at++ = ',';
    *at++ = '"';
    if (len > 0)
        memcpy(at, s, len);
    at += len;
    *at++ = '"';
    e->len += (size_t)(at - to);
    e->comma = true;
}

void json_emit_text(struct json_emit *e, const char *s, size_t len)
{
    const char *end = s + len;
    if (plain_run(s, end) == len) {
        json_emit_plain(e, s, len);
        return;
    }
    begin_value(e);
    put_char(e, '"');
    while (s < end) {
        size_t plain = plain_run(s, end);
        put(e, s, plain);
        s += plain;
        if (s == end)
            break;
        uint32_t cp = str_utf8_next(&s, end);
        if (cp == 0)
            cp = STR_UTF8_BAD;
        if (cp < 0x20 || cp == '"' || cp == '\\' || cp == 0x7F) {
            put_escaped(e, cp);
            continue;
        }
        char utf8[STR_UTF8_MAX];
        put(e, utf8, str_utf8_put(cp, utf8)); /* what is bad comes back as U+FFFD */
    }
    put_char(e, '"');
}

void json_emit_string(struct json_emit *e, const char *cstr)
{
    if (cstr)
        json_emit_text(e, cstr, strlen(cstr));
    else
        json_emit_null(e);
}

void json_emit_hex(struct json_emit *e, struct bytes b)
{
    begin_value(e);
    put_char(e, '"');
    char *to = room(e, 2 * b.len + 1); /* a NUL besides, which the quote overwrites */
    if (!to)
        return;
    str_hex_encode(b.data, b.len, to);
    e->len += 2 * b.len;
    put_char(e, '"');
}

void json_emit_time(struct json_emit *e, int64_t unix_ms)
{
    char text[STR_TIME_SIZE];
    str_time_format(unix_ms, text);
    json_emit_plain(e, text, STR_TIME_SIZE - 1);
}
