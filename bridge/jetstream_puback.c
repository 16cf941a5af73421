/*
 * Reads the answer to a publish. It comes once per event and is a handful of known members, so it
 * is walked in place: no tree, no allocation. Strict where it matters: a text that is not one
 * JSON object is no answer.
 */
#include <string.h>

#include "common/str.h"
#include "bridge/jetstream_subjects.h"

enum { MAX_DEPTH = 8 };

struct scan {
    const char *pos, *end;
    bool failed;
};

static void skip_blanks(struct scan *s)
{
    while (s->pos < s->end && strchr(" \t\r\n", *s->pos) && *s->pos != '\0')
        s->pos++;
}

static char next_char(struct scan *s)
{
    skip_blanks(s);
    return s->pos < s->end ? *s->pos : '\0';
}

static bool accept(struct scan *s, char c)
{
    if (next_char(s) != c)
        return false;
    s->pos++;
    return true;
}

static void expect(struct scan *s, char c)
{
    if (!accept(s, c))
        s->failed = true;
}

/* The raw content of a string, escapes left as they are. */
static struct bytes scan_string(struct scan *s)
{
    expect(s, '"');
    const char *start = s->pos;
    while (!s->failed && s->pos < s->end && *s->pos != '"') {
        if ((unsigned char)*s->pos < 0x20)
            s->failed = true;
        s->pos += *s->pos == '\\' && s->end - s->pos > 1 ? 2 : 1;
    }
    if (s->failed || s->pos >= s->end) {
        s->failed = true;
        return (struct bytes){0};
    }
    return (struct bytes){(const uint8_t *)start, (size_t)(s->pos++ - start)};
}

/* true, false, null or a number, as they stand there. */
static struct bytes scan_bare(struct scan *s)
{
    skip_blanks(s);
    const char *start = s->pos;
    while (s->pos < s->end && (str_is_digit(*s->pos) || (*s->pos >= 'a' && *s->pos <= 'z') ||
                               *s->pos == '-' || *s->pos == '+' || *s->pos == '.'))
        s->pos++;
    if (s->pos == start)
        s->failed = true;
    return (struct bytes){(const uint8_t *)start, (size_t)(s->pos - start)};
}

static bool is(struct bytes text, const char *word)
{
    return str_equal((const char *)text.data, text.len, word, strlen(word));
}

static void skip_value(struct scan *s, int depth);

static void skip_members(struct scan *s, int depth, char close)
{
    s->pos++;
    if (accept(s, close))
        return;
    do {
        if (close == '}') {
            scan_string(s);
            expect(s, ':');
        }
        skip_value(s, depth + 1);
    } while (!s->failed && accept(s, ','));
    expect(s, close);
}

static void skip_value(struct scan *s, int depth)
{
    char c = next_char(s);
    if (depth > MAX_DEPTH)
        s->failed = true;
    else if (c == '{')
        skip_members(s, depth, '}');
    else if (c == '[')
        skip_members(s, depth, ']');
    else if (c == '"')
        scan_string(s);
    else
        scan_bare(s);
}

/* {"code":503,"err_code":10077,"description":"maximum messages exceeded"} */
static void scan_error(struct scan *s, struct jetstream_puback *puback)
{
    struct bytes description = {0}, err_code = {0};
    expect(s, '{');
    if (!s->failed && accept(s, '}'))
        return;
    do {
        struct bytes name = scan_string(s);
        expect(s, ':');
        if (is(name, "description") && next_char(s) == '"')
            description = scan_string(s);
        else if (is(name, "err_code"))
            err_code = scan_bare(s);
        else
            skip_value(s, 1);
    } while (!s->failed && accept(s, ','));
    expect(s, '}');
    if (s->failed)
        return;
    if (!str_parse_u64((const char *)err_code.data, err_code.len, 0, UINT32_MAX, &puback->err_code))
        puback->err_code = 0;
    struct str_out out = str_out(puback->error, sizeof(puback->error));
    str_put(&out, (const char *)description.data, description.len);
    if (err_code.len > 0) {
        str_puts(&out, " (error ");
        str_put(&out, (const char *)err_code.data, err_code.len);
        str_puts(&out, ")");
    }
}

bool jetstream_subjects_puback(const char *json, size_t len, struct jetstream_puback *puback_r)
{
    struct scan s = {.pos = json, .end = json + len};
    bool has_error = false, has_sequence = false;
    *puback_r = (struct jetstream_puback){0};
    expect(&s, '{');
    if (s.failed)
        return false;
    do {
        struct bytes name = scan_string(&s);
        expect(&s, ':');
        if (is(name, "error")) {
            has_error = true;
            scan_error(&s, puback_r);
        } else if (is(name, "seq")) {
            struct bytes number = scan_bare(&s);
            has_sequence = !s.failed && str_parse_u64((const char *)number.data, number.len, 1,
                                                      UINT64_MAX, &puback_r->sequence);
        } else if (is(name, "duplicate")) {
            puback_r->duplicate = is(scan_bare(&s), "true");
        } else {
            skip_value(&s, 1);
        }
    } while (!s.failed && accept(&s, ','));
    expect(&s, '}');
    if (s.failed || next_char(&s) != '\0' || s.pos != s.end)
        return false;
    puback_r->stored = has_sequence && !has_error;
    return has_sequence || has_error;
}
