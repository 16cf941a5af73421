/* One pass over the bytes; whatever is not as expected ends it. */
#include "common/str.h"
#include "proto/json_check.h"
#include "proto/json_flat.h"

/* A double holds every one of them. */
#define DIGITS_MAX 15

struct walk {
    const char *pos;
    const char *end;
};

/* The next byte that is no blank; NUL at the end, where no document of ours has one. */
static inline char next(struct walk *w)
{
    if (w->pos<w->end && * w->pos> ' ')
        return *w->pos;
    while (w->pos < w->end &&
           (*w->pos == ' ' || *w->pos == '\n' || *w->pos == '\t' || *w->pos == '\r'))
        w->pos++;
    return w->pos < w->end ? *w->pos : '\0';
}

static inline bool take(struct walk *w, char c)
{
    if (next(w) != c)
        return false;
    w->pos++;
    return true;
}

static bool take_text(struct walk *w, struct bytes *text_r)
{
    if (!take(w, '"'))
        return false;
    const char *start = w->pos;
    const char *p = json_skip_plain(start, w->end);
    while (p < w->end && *p != '"') {
        uint8_t c = (uint8_t)*p;
        if (c < 0x20 || c == '\\')
            return false;
        if (c < 0x80) {
            p++;
        } else {
            const char *next_pos = p;
            if (str_utf8_next(&next_pos, w->end) == STR_UTF8_BAD)
                return false;
            p = json_skip_plain(next_pos, w->end);
        }
    }
    if (p == w->end)
        return false;
    *text_r = (struct bytes){(const uint8_t *)start, (size_t)(p - start)};
    w->pos = p + 1;
    return true;
}

/* What may not follow (a fraction, an exponent, a letter) is found by who looks for ',' or '}'. */
static bool take_number(struct walk *w, int64_t *number_r)
{
    bool negative = *w->pos == '-';
    w->pos += negative;
    const char *digits = w->pos;
    int64_t v = 0;
    while (w->pos < w->end && str_is_digit(*w->pos) && w->pos - digits <= DIGITS_MAX)
        v = v * 10 + (*w->pos++ - '0');
    size_t count = (size_t)(w->pos - digits);
    if (count == 0 || count > DIGITS_MAX || (count > 1 && *digits == '0'))
        return false;
    *number_r = negative ? -v : v;
    return true;
}

static bool take_word(struct walk *w, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(w->end - w->pos) < len || memcmp(w->pos, word, len) != 0)
        return false;
    w->pos += len;
    return true;
}

static bool take_value(struct walk *w, struct json_flat_member *m)
{
    char c = next(w);
    m->text = (struct bytes){0};
    m->number = c == 't';
    m->type = c == '"'               ? JSON_STRING
              : c == 'n'             ? JSON_NULL
              : c == 't' || c == 'f' ? JSON_BOOL
                                     : JSON_NUMBER;
    switch (c) {
    case '"':
        return take_text(w, &m->text);
    case 't':
        return take_word(w, "true");
    case 'f':
        return take_word(w, "false");
    case 'n':
        return take_word(w, "null");
    default:
        return w->pos < w->end && take_number(w, &m->number);
    }
}

/* Names mostly differ in length or in their first and last letters. */
static size_t slot_of(const char *name, size_t len)
{
    return len == 0 ? 0
                    : (len * 5 + (uint8_t)name[0] + (uint8_t)name[len - 1] * 2u) % JSON_FLAT_SLOTS;
}

static const struct json_flat_member *find(const struct json_flat *flat, size_t slot,
                                           const char *name, size_t len)
{
    if (flat->first[slot] == 0)
        return NULL;
    for (size_t i = flat->first[slot] - 1u; i < flat->count; i++) {
        const struct json_flat_member *m = &flat->members[i];
        if (m->name.len == len && (len == 0 || memcmp(m->name.data, name, len) == 0))
            return m;
    }
    return NULL;
}

static bool take_member(struct walk *w, struct json_flat *flat)
{
    if (flat->count == JSON_FLAT_MEMBERS_MAX)
        return false;
    struct json_flat_member *m = &flat->members[flat->count];
    if (!take_text(w, &m->name) || !take(w, ':') || !take_value(w, m))
        return false;
    const char *name = (const char *)m->name.data;
    size_t slot = slot_of(name, m->name.len);
    if (find(flat, slot, name, m->name.len))
        return false; /* a twin */
    flat->count++;
    if (flat->first[slot] == 0)
        flat->first[slot] = (uint8_t)flat->count;
    return true;
}

bool json_flat_read(const char *data, size_t len, struct json_flat *flat_r)
{
    struct walk w = {.pos = data, .end = data + len};
    flat_r->count = 0;
    memset(flat_r->first, 0, sizeof(flat_r->first));
    if (len > JSON_SIZE_LIMIT || !take(&w, '{'))
        return false;
    if (next(&w) != '}') {
        do {
            if (!take_member(&w, flat_r))
                return false;
        } while (take(&w, ','));
    }
    return take(&w, '}') && next(&w) == '\0' && w.pos == w.end;
}

const struct json_flat_member *json_flat_member(const struct json_flat *flat, const char *name)
{
    size_t len = strlen(name);
    const struct json_flat_member *m = find(flat, slot_of(name, len), name, len);
    return !m || m->type == JSON_NULL ? NULL : m;
}

bool json_flat_string(const struct json_flat_member *member, struct bytes *text_r)
{
    if (!member || member->type != JSON_STRING)
        return false;
    *text_r = member->text;
    return true;
}

bool json_flat_int(const struct json_flat_member *member, int64_t min, int64_t max, int64_t *v_r)
{
    if (!member)
        return false;
    if (member->type == JSON_STRING)
        return str_parse_i64((const char *)member->text.data, member->text.len, min, max, v_r);
    if (member->type != JSON_NUMBER || member->number < min || member->number > max)
        return false;
    *v_r = member->number;
    return true;
}

bool json_flat_time(const struct json_flat_member *member, int64_t *unix_ms_r)
{
    struct bytes text;
    return json_flat_string(member, &text) &&
           str_time_parse((const char *)text.data, text.len, unix_ms_r);
}
