/* Reads option values strictly: a number with a tail or an unknown word is an error, not a guess.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base.h"

#include "tests/sim/sim_behaviour.h"
#include "tests/sim/sim_dialect.h"
#include "tests/sim/sim_option.h"
#include "tests/sim/sim_values.h"

static int fail(const struct sim_option *o, char *error, const char *expected, const char *text)
{
    snprintf(error, SIM_ERROR_SIZE, "%s: expected %s, not \"%.60s\"", o->name, expected, text);
    return -1;
}

static int read_u64(const char *text, int base, uint64_t *out_r)
{
    char *end;
    if (*text < '0' || *text > '9')
        return -1;
    errno = 0;
    unsigned long long v = strtoull(text, &end, base);
    if (errno != 0 || *end != 0)
        return -1;
    *out_r = v;
    return 0;
}

static int read_u32(const char *text, uint32_t *out_r)
{
    uint64_t v;
    if (read_u64(text, 0, &v) != 0 || v > UINT32_MAX)
        return -1;
    *out_r = (uint32_t)v;
    return 0;
}

static int read_share(const char *text, uint32_t *out_r)
{
    char *end;
    if ((*text < '0' || *text > '9') && *text != '.')
        return -1;
    double v = strtod(text, &end);
    if (end == text || strcmp(end, "%") != 0 || !(v >= 0 && v <= 100))
        return -1;
    *out_r = (uint32_t)(v * 10000 + 0.5);
    return 0;
}

static bool means_nothing(const char *text)
{
    return *text == 0 || strcmp(text, "off") == 0 || strcmp(text, "none") == 0;
}

int sim_value_flag(const struct sim_option *o, void *field, const char *text, char *error)
{
    bool on = strcmp(text, "on") == 0;
    if (!on && strcmp(text, "off") != 0)
        return fail(o, error, "on or off", text);
    *(bool *)field = on;
    return 0;
}

int sim_value_count(const struct sim_option *o, void *field, const char *text, char *error)
{
    if (strcmp(text, "off") == 0)
        text = "0";
    return read_u64(text, 10, field) == 0 ? 0 : fail(o, error, "a number", text);
}

int sim_value_status(const struct sim_option *o, void *field, const char *text, char *error)
{
    if (strcmp(text, "off") == 0)
        text = "0";
    return read_u32(text, field) == 0 ? 0 : fail(o, error, "a status such as 0x58", text);
}

int sim_value_share(const struct sim_option *o, void *field, const char *text, char *error)
{
    if (means_nothing(text) || strcmp(text, "0") == 0)
        text = "0%";
    return read_share(text, field) == 0 ? 0 : fail(o, error, "a share such as 1.5%", text);
}

int sim_value_range(const struct sim_option *o, void *field, const char *text, char *error)
{
    struct sim_range *range = field;
    char low[24];
    const char *dash = strchr(text, '-');
    size_t len = dash ? (size_t)(dash - text) : strlen(text);
    if (strcmp(text, "off") == 0) {
        *range = (struct sim_range){0};
        return 0;
    }
    if (len >= sizeof(low))
        return fail(o, error, "N or MIN-MAX", text);
    memcpy(low, text, len);
    low[len] = 0;
    if (read_u64(low, 10, &range->min) != 0 ||
        read_u64(dash ? dash + 1 : low, 10, &range->max) != 0 || range->max < range->min)
        return fail(o, error, "N or MIN-MAX", text);
    return 0;
}

int sim_value_late(const struct sim_option *o, void *field, const char *text, char *error)
{
    struct sim_late *late = field;
    char share[16];
    const char *colon = strchr(text, ':');
    *late = (struct sim_late){0};
    if (means_nothing(text))
        return 0;
    if (!colon || (size_t)(colon - text) >= sizeof(share))
        return fail(o, error, "SHARE:MS such as 1%:35000", text);
    memcpy(share, text, (size_t)(colon - text));
    share[colon - text] = 0;
    if (read_share(share, &late->millionths) != 0 || read_u64(colon + 1, 10, &late->delay_ms) != 0)
        return fail(o, error, "SHARE:MS such as 1%:35000", text);
    return 0;
}

int sim_value_choice(const struct sim_option *o, void *field, const char *text, char *error)
{
    for (int i = 0; o->names[i]; i++) {
        if (strcmp(o->names[i], text) == 0) {
            *(int *)field = i;
            return 0;
        }
    }
    return fail(o, error, o->argument, text);
}

int sim_value_token(const struct sim_option *o, void *field, const char *text, char *error)
{
    size_t len = strlen(text);
    if (len >= 24)
        return fail(o, error, "at most 23 characters", text);
    memcpy(field, text, len + 1);
    return 0;
}

int sim_value_string(const struct sim_option *o, void *field, const char *text, char *error)
{
    (void)o;
    (void)error;
    *(const char **)field = text;
    return 0;
}

int sim_value_append(const struct sim_option *o, void *field, const char *text, char *error)
{
    struct sim_strings *strings = field;
    if (strings->count == ARRAY_LEN(strings->item))
        return fail(o, error, "at most 64 of them", text);
    strings->item[strings->count++] = text;
    return 0;
}

/* The next item of a comma-separated list into `item`; false at the end. Items of no length and
 * those too long for any value come back as they are or cut: their reader refuses them. */
static bool next_item(const char **text, char item[48])
{
    if (**text == 0)
        return false;
    size_t len = strcspn(*text, ",");
    snprintf(item, 48, "%.*s", (int)len, *text);
    *text += len;
    if (**text == ',')
        (*text)++;
    return true;
}

/* Cuts `item` at `separator`; the part behind it, or NULL if it is not there. */
static char *cut(char *item, char separator)
{
    char *at = strrchr(item, separator);
    if (!at)
        return NULL;
    *at = 0;
    return at + 1;
}

int sim_value_status_mix(const struct sim_option *o, void *field, const char *text, char *error)
{
    struct sim_mix *mix = field;
    const char *rest = text;
    char item[48];
    uint64_t total = 0;
    mix->count = 0;
    if (means_nothing(text))
        return 0;
    while (next_item(&rest, item)) {
        char *share = cut(item, ':');
        size_t n = mix->count++;
        if (n == SIM_LIST_MAX || !share || read_u32(item, &mix->value[n]) != 0 ||
            read_share(share, &mix->share[n]) != 0)
            return fail(o, error, "a list of STATUS:SHARE such as 0x08:1%,0x14:2%", text);
        total += mix->share[n];
    }
    return total <= SIM_MILLION ? 0 : fail(o, error, "shares of at most 100% in all", text);
}

int sim_value_state_mix(const struct sim_option *o, void *field, const char *text, char *error)
{
    struct sim_mix *mix = field;
    const char *rest = text;
    char item[48];
    uint64_t total = 0;
    mix->count = 0;
    while (next_item(&rest, item)) {
        char *share = cut(item, ':');
        int state = sim_dialect_state(item);
        size_t n = mix->count++;
        if (n == SIM_LIST_MAX || state < 0 || read_u32(share ? share : "1", &mix->share[n]) != 0)
            return fail(o, error, "STATE:SHARE such as DELIVRD:95,UNDELIV:5", text);
        mix->value[n] = (uint32_t)state;
        total += mix->share[n];
    }
    return total > 0 ? 0 : fail(o, error, "STATE:SHARE such as DELIVRD:95,UNDELIV:5", text);
}

int sim_value_status_list(const struct sim_option *o, void *field, const char *text, char *error)
{
    struct sim_list *list = field;
    const char *rest = text;
    char item[48];
    list->count = 0;
    if (means_nothing(text))
        return 0;
    while (next_item(&rest, item)) {
        size_t n = list->count++;
        if (n == SIM_LIST_MAX || read_u32(item, &list->value[n]) != 0)
            return fail(o, error, "statuses such as 0x08,0x14", text);
    }
    return 0;
}

static int find_dialect(const char *name)
{
    for (size_t i = 0; i < sim_dialect_count(); i++) {
        if (strcmp(sim_dialect_name(i), name) == 0)
            return (int)i;
    }
    return -1;
}

int sim_value_dialect_list(const struct sim_option *o, void *field, const char *text, char *error)
{
    struct sim_list *list = field;
    const char *rest = text;
    char item[48];
    list->count = 0;
    if (strcmp(text, "all") == 0) {
        for (uint32_t i = 0; i < min_size(sim_dialect_count(), SIM_LIST_MAX); i++)
            list->value[list->count++] = i;
        return 0;
    }
    while (next_item(&rest, item)) {
        size_t n = list->count++;
        int dialect = find_dialect(item);
        if (n == SIM_LIST_MAX || dialect < 0)
            return fail(o, error, "dialects (--help lists them) or all", text);
        list->value[n] = (uint32_t)dialect;
    }
    return list->count > 0 ? 0 : fail(o, error, "dialects (--help lists them) or all", text);
}

static bool is_action(struct sim_rule *rule, const char *word)
{
    static const struct {
        const char *word;
        enum sim_rule_action action;
    } words[] = {{"silent", SIM_RULE_SILENT}, {"close", SIM_RULE_CLOSE}, {"rst", SIM_RULE_RST}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(words[i].word, word) == 0) {
            rule->action = words[i].action;
            return true;
        }
    }
    return false;
}

typedef bool rule_value_fn(struct sim_rule *rule, const char *word);

static bool status_value(struct sim_rule *rule, const char *word)
{
    return is_action(rule, word) || read_u32(word, &rule->value) == 0;
}

static bool state_value(struct sim_rule *rule, const char *word)
{
    int state = sim_dialect_state(word);
    rule->value = (uint32_t)state;
    return state >= 0;
}

static int read_rules(const struct sim_option *o, struct sim_rules *rules, const char *text,
                      char *error, rule_value_fn *read_value)
{
    const char *rest = text;
    char item[48];
    rules->count = 0;
    if (means_nothing(text))
        return 0;
    while (next_item(&rest, item)) {
        if (rules->count == SIM_LIST_MAX)
            return fail(o, error, "at most 24 rules", text);
        struct sim_rule *rule = &rules->rule[rules->count++];
        *rule = (struct sim_rule){.left = UINT32_MAX};
        char *times = cut(item, '*');
        char *word = cut(item, '=');
        if (!word || strlen(item) >= sizeof(rule->suffix) || !read_value(rule, word) ||
            (times && read_u32(times, &rule->left) != 0))
            return fail(o, error, o->argument, text);
        strcpy(rule->suffix, item);
    }
    return 0;
}

int sim_value_status_rules(const struct sim_option *o, void *field, const char *text, char *error)
{
    return read_rules(o, field, text, error, status_value);
}

int sim_value_state_rules(const struct sim_option *o, void *field, const char *text, char *error)
{
    return read_rules(o, field, text, error, state_value);
}
