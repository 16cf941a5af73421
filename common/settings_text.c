/* Types of settings: everything that depends on enum setting_type. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/settings_text.h"
#include "common/str.h"

static const char *const yes_words[] = {"on", "true", "1"};
static const char *const no_words[] = {"off", "false", "0"};
enum { DEFAULT_MAX_LEN = SETTINGS_TEXT_SIZE - 1, SHOWN_CHARS = 64 };

static const void *field_of(const struct setting *s, const void *settings)
{
    return (const char *)settings + s->offset;
}

char **settings_text_string(const struct setting *s, void *settings)
{
    return (char **)(void *)((char *)settings + s->offset);
}

static const char *string_of(const struct setting *s, const void *settings)
{
    return *(const char *const *)field_of(s, settings);
}

static int64_t int_of(const struct setting *s, const void *settings)
{
    return *(const int64_t *)field_of(s, settings);
}

static void set_int(const struct setting *s, void *settings, int64_t value)
{
    memcpy((char *)settings + s->offset, &value, sizeof(value));
}

static bool is_one_of(struct bytes text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal_nocase((const char *)text.data, text.len, words[i], strlen(words[i])))
            return true;
    }
    return false;
}

/* The index-th of comma-separated words. */
static bool choice_word(const char *choices, int64_t index, struct bytes *word_r)
{
    const char *start = choices;
    for (; index > 0; index--) {
        start = strchr(start, ',');
        if (!start)
            return false;
        start++;
    }
    *word_r = (struct bytes){(const uint8_t *)start, strcspn(start, ",")};
    return true;
}

static int parse_string(const struct setting *s, struct bytes text, void *settings, char *error_r,
                        size_t error_size)
{
    size_t min = s->min > 0 ? (size_t)s->min : 0;
    size_t max = s->max > 0 ? (size_t)s->max : DEFAULT_MAX_LEN;
    char **field = settings_text_string(s, settings);
    *field = NULL;
    if (text.len == 0)
        return 0;
    if (text.len < min || text.len > max) {
        snprintf(error_r, error_size, "has %zu bytes, needs %zu to %zu", text.len, min, max);
        return -1;
    }
    *field = xmalloc(text.len + 1);
    memcpy(*field, text.data, text.len);
    (*field)[text.len] = 0;
    return 0;
}

static bool parse_bool(struct bytes text, bool *value_r)
{
    *value_r = is_one_of(text, yes_words, ARRAY_LEN(yes_words));
    return *value_r || is_one_of(text, no_words, ARRAY_LEN(no_words));
}

static bool parse_choice(const char *choices, struct bytes text, int64_t *index_r)
{
    struct bytes word;
    for (int64_t i = 0; choice_word(choices, i, &word); i++) {
        if (word.len == text.len && (text.len == 0 || !memcmp(word.data, text.data, text.len))) {
            *index_r = i;
            return true;
        }
    }
    return false;
}

static void say_refused(const struct setting *s, struct bytes text, char *error_r,
                        size_t error_size)
{
    char bounds[256];
    settings_text_bounds(s, bounds, sizeof(bounds));
    const char *is_not = s->type == SETTING_INT ? "is not within" : "is not one of:";
    if (s->secret)
        snprintf(error_r, error_size, "%s %s", is_not, bounds);
    else
        snprintf(error_r, error_size, "\"%.*s\" %s %s", (int)min_size(text.len, SHOWN_CHARS),
                 (const char *)text.data, is_not, bounds);
}

int settings_text_parse(const struct setting *s, struct bytes text, void *settings, char *error_r,
                        size_t error_size)
{
    int64_t number = 0;
    bool yes = false;
    bool ok = false;
    switch (s->type) {
    case SETTING_STRING:
        return parse_string(s, text, settings, error_r, error_size);
    case SETTING_INT:
        ok = str_parse_i64((const char *)text.data, text.len, s->min, s->max, &number);
        break;
    case SETTING_BOOL:
        ok = parse_bool(text, &yes);
        break;
    case SETTING_CHOICE:
        ok = parse_choice(s->choices, text, &number);
        break;
    }
    if (!ok) {
        say_refused(s, text, error_r, error_size);
        return -1;
    }
    if (s->type == SETTING_BOOL)
        memcpy((char *)settings + s->offset, &yes, sizeof(yes));
    else
        set_int(s, settings, number);
    return 0;
}

/* Whatever a password consists of: from the first "://" to the last '@'. */
static void put_without_user(struct str_out *o, const char *text)
{
    const char *at = strrchr(text, '@');
    const char *scheme = strstr(text, "://");
    if (at && scheme && scheme < at)
        str_put(o, text, (size_t)(scheme + 3 - text));
    str_puts(o, at ? "***" : "");
    str_puts(o, at ? at : text);
}

void settings_text_format(const struct setting *s, const void *settings,
                          char out[SETTINGS_TEXT_SIZE])
{
    struct bytes word = {0};
    struct str_out o = str_out(out, SETTINGS_TEXT_SIZE);
    switch (s->type) {
    case SETTING_STRING:
        if (string_of(s, settings) && s->has_user)
            put_without_user(&o, string_of(s, settings));
        else if (string_of(s, settings))
            str_puts(&o, string_of(s, settings));
        break;
    case SETTING_INT:
        str_put_i64(&o, int_of(s, settings));
        break;
    case SETTING_BOOL:
        str_puts(&o, *(const bool *)field_of(s, settings) ? "on" : "off");
        break;
    case SETTING_CHOICE:
        if (choice_word(s->choices, int_of(s, settings), &word))
            str_put(&o, (const char *)word.data, word.len);
        break;
    }
    if (s->secret && o.len > 0) {
        o = str_out(out, SETTINGS_TEXT_SIZE);
        str_puts(&o, "***");
    }
}

void settings_text_bounds(const struct setting *s, char *out, size_t size)
{
    struct bytes word;
    struct str_out o = str_out(out, size);
    switch (s->type) {
    case SETTING_STRING:
        break;
    case SETTING_INT:
        str_putf(&o, "%" PRId64 " … %" PRId64, s->min, s->max);
        break;
    case SETTING_BOOL:
        str_puts(&o, "on, off");
        break;
    case SETTING_CHOICE:
        for (int64_t i = 0; choice_word(s->choices, i, &word); i++) {
            str_puts(&o, i ? ", " : "");
            str_put(&o, (const char *)word.data, word.len);
            str_puts(&o, word.len ? "" : "(empty)");
        }
        break;
    }
}

bool settings_text_equal(const struct setting *s, const void *a, const void *b)
{
    if (s->type == SETTING_STRING) {
        const char *x = string_of(s, a);
        const char *y = string_of(s, b);
        return x && y ? strcmp(x, y) == 0 : x == y;
    }
    if (s->type == SETTING_BOOL)
        return *(const bool *)field_of(s, a) == *(const bool *)field_of(s, b);
    return int_of(s, a) == int_of(s, b);
}
