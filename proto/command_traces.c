/* Finding the ids of a command that is too broken, too large or too odd to be parsed. */
#include "common/str.h"
#include "proto/commands.h"

struct walk {
    const char *pos;
    const char *end;
    unsigned depth;
};

/* The inside of the string that begins at pos; false when it has no end. */
static bool take_string(struct walk *w, struct bytes *inside_r)
{
    const char *start = ++w->pos;
    while (w->pos < w->end && *w->pos != '"')
        w->pos += *w->pos == '\\' && w->pos + 1 < w->end ? 2 : 1;
    if (w->pos >= w->end)
        return false;
    *inside_r = (struct bytes){.data = (const uint8_t *)start, .len = (size_t)(w->pos - start)};
    w->pos++;
    return true;
}

static void skip_blanks(struct walk *w)
{
    while (w->pos < w->end && *w->pos && strchr(" \t\r\n", *w->pos))
        w->pos++;
}

static bool next_is(struct walk *w, char c)
{
    skip_blanks(w);
    return w->pos < w->end && *w->pos == c;
}

static void note(struct bytes key, struct bytes value, const char *name, bool *has, struct uuid *id)
{
    if (!*has && str_equal((const char *)key.data, key.len, name, strlen(name)))
        *has = uuid_parse((const char *)value.data, value.len, id);
}

/* At a string of the outermost object: a key with a text behind it? */
static bool take_member(struct walk *w, struct command_traces *t)
{
    struct bytes key, value;
    if (!take_string(w, &key))
        return false;
    if (w->depth != 1 || !next_is(w, ':'))
        return true;
    w->pos++;
    if (!next_is(w, '"'))
        return true;
    if (!take_string(w, &value))
        return false;
    note(key, value, "messageId", &t->has_message_id, &t->message_id);
    note(key, value, "operatorId", &t->has_operator_id, &t->operator_id);
    return true;
}

void commands_find_traces(const char *data, size_t len, struct command_traces *traces_r)
{
    struct walk w = {.pos = data, .end = data + len};
    *traces_r = (struct command_traces){0};
    while (w.pos < w.end) {
        if (*w.pos == '"') {
            if (!take_member(&w, traces_r))
                return;
            continue;
        }
        if (*w.pos == '{' || *w.pos == '[')
            w.depth++;
        if ((*w.pos == '}' || *w.pos == ']') && w.depth > 0)
            w.depth--;
        w.pos++;
    }
}
