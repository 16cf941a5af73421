/* Loading settings from their three sources, and changing the reloadable ones of a live set. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/settings.h"
#include "common/settings_text.h"

struct line {
    unsigned number;
    struct bytes name, value; /* no name: blank or comment */
    bool malformed;
};

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct bytes trimmed(const char *from, const char *to)
{
    while (from < to && is_blank((uint8_t)*from))
        from++;
    while (to > from && is_blank((uint8_t)to[-1]))
        to--;
    return (struct bytes){(const uint8_t *)from, (size_t)(to - from)};
}

/* Steps over one line; false at the end of the text. */
static bool next_line(const char **pos, struct line *line)
{
    if (**pos == 0)
        return false;
    const char *start = *pos;
    const char *end = start + strcspn(start, "\n");
    *pos = *end ? end + 1 : end;
    *line = (struct line){.number = line->number + 1};
    struct bytes all = trimmed(start, end);
    if (all.len == 0 || all.data[0] == '#')
        return true;
    const char *equals = memchr(start, '=', (size_t)(end - start));
    line->malformed = !equals;
    line->name = trimmed(start, equals ? equals : end);
    if (equals)
        line->value = trimmed(equals + 1, end);
    return true;
}

static bool is_name(const struct setting *s, struct bytes name)
{
    return strlen(s->name) == name.len && memcmp(s->name, name.data, name.len) == 0;
}

static bool find_in_file(const char *file_text, const struct setting *s, struct line *found_r)
{
    struct line line = {0};
    const char *pos = file_text;
    while (next_line(&pos, &line)) {
        if (!is_name(s, line.name))
            continue;
        *found_r = line;
        return true;
    }
    return false;
}

static int PRINTF_LIKE(3, 4) fail(char *error_r, size_t error_size, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(error_r, error_size, fmt, ap);
    va_end(ap);
    return -1;
}

static int check_line(const struct setting *table, size_t count, const char *file_text,
                      const struct line *line, char *error_r, size_t error_size)
{
    enum { SHOWN = 64 };
    const char *name = (const char *)line->name.data;
    int len = (int)min_size(line->name.len, SHOWN);
    if (line->malformed) /* it may be a secret that went astray: not shown */
        return fail(error_r, error_size, "settings file, line %u: not NAME=value", line->number);
    for (size_t i = 0; i < count; i++) {
        struct line first;
        if (!is_name(&table[i], line->name))
            continue;
        if (find_in_file(file_text, &table[i], &first) && first.number != line->number)
            return fail(error_r, error_size, "settings file, line %u: %.*s is set in line %u too",
                        line->number, len, name, first.number);
        return 0;
    }
    return fail(error_r, error_size, "settings file, line %u: there is no setting %.*s",
                line->number, len, name);
}

static int check_file(const struct setting *table, size_t count, const char *file_text,
                      char *error_r, size_t error_size)
{
    struct line line = {0};
    const char *pos = file_text;
    while (next_line(&pos, &line)) {
        bool blank = !line.malformed && !line.name.data;
        if (!blank && check_line(table, count, file_text, &line, error_r, error_size) != 0)
            return -1;
    }
    return 0;
}

int settings_load_one(const struct setting *s, const char *file_text, void *out, char *error_r,
                      size_t error_size)
{
    struct line line;
    struct bytes text;
    const char *from;
    const char *environment = getenv(s->name);
    if (environment) {
        from = "environment";
        text = (struct bytes){(const uint8_t *)environment, strlen(environment)};
    } else if (file_text && find_in_file(file_text, s, &line)) {
        from = "settings file";
        text = line.value;
    } else if (s->default_text) {
        from = "default";
        text = (struct bytes){(const uint8_t *)s->default_text, strlen(s->default_text)};
    } else {
        return s->required ? fail(error_r, error_size, "%s is required", s->name) : 0;
    }
    if (s->required && text.len == 0)
        return fail(error_r, error_size, "%s is required and empty (%s)", s->name, from);
    char why[320];
    if (settings_text_parse(s, text, out, why, sizeof(why)) != 0)
        return fail(error_r, error_size, "%s (%s): %s", s->name, from, why);
    return 0;
}

static size_t field_size(const struct setting *s)
{
    static const size_t sizes[] = {
        [SETTING_STRING] = sizeof(char *),
        [SETTING_INT] = sizeof(int64_t),
        [SETTING_BOOL] = sizeof(bool),
        [SETTING_CHOICE] = sizeof(int64_t),
    };
    return sizes[s->type];
}

static void clear_field(const struct setting *s, void *settings)
{
    memset((char *)settings + s->offset, 0, field_size(s));
}

int settings_load(const struct setting *table, size_t count, const char *file_text, void *out,
                  char *error_r, size_t error_size)
{
    for (size_t i = 0; i < count; i++)
        clear_field(&table[i], out);
    if (file_text && check_file(table, count, file_text, error_r, error_size) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (settings_load_one(&table[i], file_text, out, error_r, error_size) == 0)
            continue;
        settings_free(table, count, out);
        return -1;
    }
    return 0;
}

void settings_free(const struct setting *table, size_t count, void *settings)
{
    for (size_t i = 0; i < count; i++) {
        if (table[i].type == SETTING_STRING) {
            char *value = *settings_text_string(&table[i], settings);
            if (value && table[i].secret)
                explicit_bzero(value, strlen(value));
            free(value);
        }
        clear_field(&table[i], settings);
    }
}

/* Exchanged, not copied: each string has one owner at any time. */
static void swap_field(const struct setting *s, void *a, void *b)
{
    char *x = (char *)a + s->offset;
    char *y = (char *)b + s->offset;
    size_t size = field_size(s);
    char keep[sizeof(int64_t)];
    memcpy(keep, x, size);
    memcpy(x, y, size);
    memcpy(y, keep, size);
}

bool settings_apply_reloadable(const struct setting *table, size_t count, void *live, void *fresh)
{
    bool changed = false;
    for (size_t i = 0; i < count; i++) {
        const struct setting *s = &table[i];
        if (settings_text_equal(s, live, fresh))
            continue;
        char from[SETTINGS_TEXT_SIZE], to[SETTINGS_TEXT_SIZE];
        settings_text_format(s, live, from);
        settings_text_format(s, fresh, to);
        if (!s->reloadable) {
            log_warn("a changed setting needs a restart", LOG_STR("setting", s->name),
                     LOG_STR("is", from), LOG_STR("wanted", to));
            continue;
        }
        log_info("setting changed", LOG_STR("setting", s->name), LOG_STR("from", from),
                 LOG_STR("to", to));
        swap_field(s, live, fresh);
        changed = true;
    }
    return changed;
}

void settings_print_effective(const struct setting *table, size_t count, const void *settings,
                              FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        char value[SETTINGS_TEXT_SIZE];
        settings_text_format(&table[i], settings, value);
        fprintf(out, "%s=%s\n", table[i].name, value);
    }
}

void settings_print_table(const struct setting *table, size_t count, FILE *out)
{
    fputs("| name | default | bounds | reloadable | meaning |\n|---|---|---|---|---|\n", out);
    for (size_t i = 0; i < count; i++) {
        const struct setting *s = &table[i];
        char bounds[256];
        settings_text_bounds(s, bounds, sizeof(bounds));
        const char *fallback = s->default_text ? s->default_text : s->required ? "required" : "";
        fprintf(out, "| %s | %s | %s | %s | %s |\n", s->name, fallback, bounds,
                s->reloadable ? "yes" : "no", s->meaning);
    }
}
