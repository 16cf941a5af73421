/* A scanner over JSON tokens. It does not know the grammar of objects and arrays, which cJSON
 * checks well. */
#include "common/str.h"
#include "proto/json_check.h"

#define EACH(octet) (UINT64_C(0x0101010101010101) * (octet))

/* The top bit of each octet that is 0, and perhaps of some that are more significant. */
static uint64_t zeros(uint64_t word)
{
    return (word - EACH(1)) & ~word;
}

/* The first octet in memory whose top bit is set; where the most significant one comes first, 0. */
static size_t first_octet(uint64_t tops)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return (size_t)__builtin_ctzll(tops) / 8;
#else
    (void)tops;
    return 0;
#endif
}

const char *json_skip_plain(const char *pos, const char *end)
{
    uint64_t word;
    for (; end - pos >= 8; pos += 8) {
        memcpy(&word, pos, 8);
        uint64_t found = word | zeros(word ^ EACH('"')) | zeros(word ^ EACH('\\')) |
                         zeros(word ^ EACH(0x7F)) | ((word - EACH(0x20)) & ~word);
        found &= EACH(0x80);
        if (found)
            return pos + first_octet(found);
    }
    return pos;
}

struct scan {
    const char *pos;
    const char *end;
    unsigned depth;
};

/* A digit run; false when there is none. */
static bool skip_digits(struct scan *s)
{
    const char *start = s->pos;
    while (s->pos < s->end && str_is_digit(*s->pos))
        s->pos++;
    return s->pos > start;
}

static bool skip_char(struct scan *s, const char *set)
{
    if (s->pos >= s->end || !*s->pos || !strchr(set, *s->pos))
        return false;
    s->pos++;
    return true;
}

/* RFC 8259 §6: no leading zeros, no bare '.', and at most 2 exponent digits, which keeps doubles
 * finite. */
static const char *check_number(struct scan *s)
{
    skip_char(s, "-");
    const char *digits = s->pos;
    if (!skip_digits(s))
        return "a malformed number";
    if (*digits == '0' && s->pos - digits > 1)
        return "a number with a leading zero";
    if (skip_char(s, ".") && !skip_digits(s))
        return "a malformed number";
    if (skip_char(s, "eE")) {
        skip_char(s, "+-");
        const char *exponent = s->pos;
        if (!skip_digits(s) || s->pos - exponent > 2)
            return "a number with a malformed or huge exponent";
    }
    if (s->pos - digits > 200 || (s->pos < s->end && !strchr(" \t\r\n,]}", *s->pos)))
        return "a malformed number";
    return NULL;
}

/* The backslash has been seen. Surrogates are left to the parser, which pairs them. */
static const char *check_escape(struct scan *s)
{
    if (skip_char(s, "\"\\/bfnrt"))
        return NULL;
    if (!skip_char(s, "u") || s->end - s->pos < 4)
        return "a malformed escape";
    int value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = str_hex_digit(s->pos[i]);
        if (digit < 0)
            return "a malformed escape";
        value = value << 4 | digit;
    }
    if (value == 0)
        return "a NUL character";
    s->pos += 4;
    return NULL;
}

static const char *check_string(struct scan *s)
{
    s->pos = json_skip_plain(s->pos + 1, s->end);
    while (s->pos < s->end) {
        uint8_t c = (uint8_t)*s->pos;
        if (c >= 0x80) {
            const char *next = s->pos;
            if (str_utf8_next(&next, s->end) == STR_UTF8_BAD)
                return "ill-formed UTF-8";
            s->pos = json_skip_plain(next, s->end);
            continue;
        }
        if (c < 0x20)
            return c ? "a control character in a string" : "a NUL character";
        s->pos++;
        if (c == '"')
            return NULL;
        const char *wrong = c == '\\' ? check_escape(s) : NULL;
        if (wrong)
            return wrong;
    }
    return "a string without an end";
}

static const char *check_token(struct scan *s, unsigned depth_limit)
{
    char c = *s->pos;
    if (c == '"')
        return check_string(s);
    if (c == '-' || str_is_digit(c))
        return check_number(s);
    if (c == '{' || c == '[') {
        s->pos++;
        return ++s->depth > depth_limit ? "too deep a nesting" : NULL;
    }
    if (c == '}' || c == ']') {
        s->pos++;
        return s->depth-- == 0 ? "a closing bracket too many" : NULL;
    }
    if (skip_char(s, " \t\r\n,:") || (c >= 'a' && c <= 'z')) {
        s->pos += c >= 'a' && c <= 'z'; /* true, false, null: the parser knows them */
        return NULL;
    }
    return "an unexpected byte";
}

const char *json_check(const char *data, size_t len, unsigned depth_limit, size_t *at_r)
{
    struct scan s = {.pos = data, .end = data + len};
    while (s.pos < s.end) {
        const char *wrong = check_token(&s, depth_limit);
        *at_r = (size_t)(s.pos - data);
        if (wrong)
            return wrong;
    }
    return NULL;
}
