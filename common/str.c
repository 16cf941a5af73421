/* Strict numbers, hex, ASCII case, bounded appending; the rest is in str_utf8.c and str_time.c. */
#include <stdarg.h>
#include <stdio.h>

#include "common/str.h"

const uint8_t str_hex_values[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

bool str_parse_u64(const char *s, size_t len, uint64_t min, uint64_t max, uint64_t *out)
{
    if (len == 0)
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < len; i++) {
        if (!str_is_digit(s[i]))
            return false;
        uint64_t digit = (uint64_t)(s[i] - '0');
        if (v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    if (v < min || v > max)
        return false;
    *out = v;
    return true;
}

bool str_parse_i64(const char *s, size_t len, int64_t min, int64_t max, int64_t *out)
{
    bool negative = len > 0 && s[0] == '-';
    uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
    uint64_t magnitude;
    if (!str_parse_u64(s + negative, len - negative, 0, limit, &magnitude))
        return false;
    /* Negated in unsigned arithmetic, where INT64_MIN has a magnitude. */
    int64_t v = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    if (v < min || v > max)
        return false;
    *out = v;
    return true;
}

bool str_parse_0x(const char *s, size_t len, uint64_t max, uint64_t *out)
{
    if (len < 3 || s[0] != '0' || str_lower(s[1]) != 'x')
        return false;
    uint64_t v = 0;
    for (size_t i = 2; i < len; i++) {
        int digit = str_hex_digit(s[i]);
        if (digit < 0 || v >> 60)
            return false;
        v = (v << 4) | (uint64_t)digit;
    }
    if (v > max)
        return false;
    *out = v;
    return true;
}

void str_hex_encode(const void *data, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *p = data;
    for (size_t i = 0; i < len; i++) {
        *out++ = digits[p[i] >> 4];
        *out++ = digits[p[i] & 15];
    }
    *out = '\0';
}

bool str_hex_decode(const char *hex, size_t len, uint8_t *out, size_t size, size_t *out_len)
{
    if (len % 2 || len / 2 > size)
        return false;
    for (size_t i = 0; i < len; i += 2) {
        int high = str_hex_digit(hex[i]);
        int low = str_hex_digit(hex[i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i / 2] = (uint8_t)((high << 4) | low);
    }
    *out_len = len / 2;
    return true;
}

bool str_equal_nocase(const char *a, size_t a_len, const char *b, size_t b_len)
{
    if (a_len != b_len)
        return false;
    for (size_t i = 0; i < a_len; i++) {
        if (str_lower(a[i]) != str_lower(b[i]))
            return false;
    }
    return true;
}

bool str_equal(const char *a, size_t a_len, const char *b, size_t b_len)
{
    return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

bool str_copy(char *out, size_t size, const char *s, size_t len)
{
    struct str_out o = str_out(out, size);
    str_put(&o, s, len);
    return !o.cut;
}

struct str_out str_out(char *data, size_t size)
{
    INVARIANT(size > 0);
    data[0] = '\0';
    return (struct str_out){.data = data, .size = size};
}

void str_put(struct str_out *o, const char *s, size_t len)
{
    size_t room = o->size - 1 - o->len;
    if (len > room) {
        o->cut = true;
        len = room;
    }
    if (len > 0)
        memcpy(o->data + o->len, s, len);
    o->len += len;
    o->data[o->len] = '\0';
}

void str_puts(struct str_out *o, const char *cstr)
{
    str_put(o, cstr, strlen(cstr));
}

void str_putc(struct str_out *o, char c)
{
    str_put(o, &c, 1);
}

size_t str_format_u64(uint64_t v, char out[20])
{
    char reversed[20];
    size_t n = 0;
    do {
        reversed[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    for (size_t i = 0; i < n; i++)
        out[i] = reversed[n - 1 - i];
    return n;
}

void str_put_u64(struct str_out *o, uint64_t v)
{
    char digits[20];
    str_put(o, digits, str_format_u64(v, digits));
}

void str_put_i64(struct str_out *o, int64_t v)
{
    if (v < 0)
        str_putc(o, '-');
    str_put_u64(o, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void str_putf(struct str_out *o, const char *fmt, ...)
{
    size_t room = o->size - o->len;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(o->data + o->len, room, fmt, ap);
    va_end(ap);
    INVARIANT(n >= 0);
    if ((size_t)n >= room) {
        o->cut = true;
        n = (int)(room - 1);
    }
    o->len += (size_t)n;
}
