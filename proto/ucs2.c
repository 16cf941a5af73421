/* UTF-16BE, surrogate pairs included. */
#include "common/str.h"
#include "proto/ucs2.h"

static void put_unit(uint8_t *out, uint32_t unit)
{
    out[0] = (uint8_t)(unit >> 8);
    out[1] = (uint8_t)unit;
}

size_t ucs2_put(uint32_t cp, uint8_t out[4])
{
    if (cp < 0x10000) {
        put_unit(out, cp);
        return 2;
    }
    cp -= 0x10000;
    put_unit(out, 0xD800 | (cp >> 10));
    put_unit(out + 2, 0xDC00 | (cp & 0x3FF));
    return 4;
}

bool ucs2_encode(const char *text, size_t len, uint8_t *out, size_t size, size_t *len_r)
{
    const char *end = text + len;
    size_t written = 0;
    while (text < end) {
        uint8_t units[4];
        uint32_t cp = str_utf8_next(&text, end);
        size_t n = cp == STR_UTF8_BAD ? 0 : ucs2_put(cp, units);
        if (n == 0 || n > size - written)
            return false;
        memcpy(out + written, units, n);
        written += n;
    }
    *len_r = written;
    return true;
}

static uint32_t unit_at(const uint8_t *data)
{
    return (uint32_t)data[0] << 8 | data[1];
}

/* The code point at data, `len` > 0 octets; how many octets it took goes to *used_r. */
static uint32_t take(const uint8_t *data, size_t len, size_t *used_r)
{
    *used_r = len < 2 ? 1 : 2;
    if (len < 2)
        return 0xFFFD;
    uint32_t high = unit_at(data);
    if (high < 0xD800 || high > 0xDFFF)
        return high;
    uint32_t low = len >= 4 ? unit_at(data + 2) : 0;
    if (high > 0xDBFF || low < 0xDC00 || low > 0xDFFF)
        return 0xFFFD;
    *used_r = 4;
    return 0x10000 + ((high & 0x3FF) << 10 | (low & 0x3FF));
}

size_t ucs2_decode(const uint8_t *data, size_t len, char *text, size_t size)
{
    size_t written = 0;
    while (len > 0) {
        size_t used;
        char utf8[STR_UTF8_MAX];
        size_t n = str_utf8_put(take(data, len, &used), utf8);
        if (n > size - written)
            break;
        memcpy(text + written, utf8, n);
        written += n;
        data += used;
        len -= used;
    }
    return written;
}
