/* UTF-8, checked to the letter of RFC 3629. */
#include "common/str.h"

/* Length of the sequence that starts with `lead`, and the bounds of its second byte: the table 3-7
 * of the Unicode standard, which is where overlong forms and surrogates are kept out. 0: no lead
 * byte. */
static size_t sequence_of(uint8_t lead, uint8_t *second_min, uint8_t *second_max)
{
    *second_min = 0x80;
    *second_max = 0xBF;
    if (lead < 0x80)
        return 1;
    if (lead >= 0xC2 && lead <= 0xDF)
        return 2;
    if (lead >= 0xE0 && lead <= 0xEF) {
        if (lead == 0xE0)
            *second_min = 0xA0;
        if (lead == 0xED)
            *second_max = 0x9F;
        return 3;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        if (lead == 0xF0)
            *second_min = 0x90;
        if (lead == 0xF4)
            *second_max = 0x8F;
        return 4;
    }
    return 0;
}

uint32_t str_utf8_next(const char **pos, const char *end)
{
    const uint8_t *p = (const uint8_t *)*pos;
    size_t left = (size_t)(end - *pos);
    if (p[0] < 0x80) {
        (*pos)++;
        return p[0];
    }
    uint8_t min, max;
    size_t len = sequence_of(p[0], &min, &max);
    if (len == 0) {
        (*pos)++;
        return STR_UTF8_BAD;
    }
    static const uint8_t lead_bits[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t cp = p[0] & lead_bits[len];
    for (size_t i = 1; i < len; i++) {
        if (i >= left || p[i] < min || p[i] > max) {
            *pos += i;
            return STR_UTF8_BAD;
        }
        cp = (cp << 6) | (p[i] & 0x3F);
        min = 0x80;
        max = 0xBF;
    }
    *pos += len;
    return cp;
}

bool str_utf8_valid(const char *s, size_t len)
{
    const char *end = s + len;
    while (s < end) {
        /* Eight ASCII bytes at once: nearly all JSON is ASCII. */
        uint64_t word;
        while (end - s >= 8) {
            memcpy(&word, s, 8);
            if (word & 0x8080808080808080u)
                break;
            s += 8;
        }
        if (s < end && str_utf8_next(&s, end) == STR_UTF8_BAD)
            return false;
    }
    return true;
}

size_t str_utf8_put(uint32_t cp, char out[STR_UTF8_MAX])
{
    if (cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF))
        cp = 0xFFFD;
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xC0 | (cp >> 6));
        out[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xE0 | (cp >> 12));
        out[1] = (char)(0x80 | ((cp >> 6) & 0x3F));
        out[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | (cp >> 18));
    out[1] = (char)(0x80 | ((cp >> 12) & 0x3F));
    out[2] = (char)(0x80 | ((cp >> 6) & 0x3F));
    out[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}
