/* OPERATORS_FILE and OPERATOR_IDS into operator settings, or one line that says what is wrong. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/str.h"

#include "bridge/operator_members.h"

struct complaint {
    char *out;
    size_t size;
};

static int PRINTF_LIKE(2, 3) complain(struct complaint c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(c.out, c.size, fmt, ap);
    va_end(ap);
    return -1;
}

/* --- one member --- */

static bool parse_word(const struct operator_member *m, const struct json *value, int64_t *index_r)
{
    struct bytes text;
    if (!json_string(value, &text))
        return false;
    for (int64_t i = 0; m->words[i]; i++) {
        if (!str_equal((const char *)text.data, text.len, m->words[i], strlen(m->words[i])))
            continue;
        *index_r = i;
        return true;
    }
    return false;
}

static bool parse_string(const struct operator_member *m, const struct json *value, char **field)
{
    struct bytes text;
    if (!json_string(value, &text) || (int64_t)text.len > m->max)
        return false;
    free(*field);
    *field = NULL;
    if (text.len == 0)
        return true;
    *field = xmalloc(text.len + 1);
    memcpy(*field, text.data, text.len);
    (*field)[text.len] = 0;
    return true;
}

static void say_wanted(const struct operator_member *m, char *out, size_t size)
{
    struct str_out o = str_out(out, size);
    switch (m->kind) {
    case MEMBER_INT:
        str_putf(&o, "a whole number within %" PRId64 " … %" PRId64, m->min, m->max);
        break;
    case MEMBER_BOOL:
        str_puts(&o, "true or false");
        break;
    case MEMBER_STRING:
        str_putf(&o, "a string of at most %" PRId64 " octets", m->max);
        break;
    case MEMBER_WORD:
        for (int64_t i = 0; m->words[i]; i++)
            str_putf(&o, "%s\"%s\"", i ? ", " : "one of ", m->words[i]);
        break;
    case MEMBER_READ:
        break; /* says so by itself */
    }
}

static int parse_member(const struct operator_member *m, const struct json *value,
                        struct operator_settings *s, struct complaint c)
{
    void *field = operator_member_field(m, s);
    const char *wrong = NULL;
    bool ok = false;
    switch (m->kind) {
    case MEMBER_INT:
        ok = json_int(value, m->min, m->max, field);
        break;
    case MEMBER_BOOL:
        ok = json_bool(value, field);
        break;
    case MEMBER_STRING:
        ok = parse_string(m, value, field);
        break;
    case MEMBER_WORD:
        ok = parse_word(m, value, field);
        break;
    case MEMBER_READ:
        ok = m->read(value, s, &wrong);
        break;
    }
    if (ok)
        return 0;
    char wanted[256];
    say_wanted(m, wanted, sizeof(wanted));
    return complain(c, "%s: %s%s", m->name, wrong ? "" : "wanted is ", wrong ? wrong : wanted);
}

static const struct operator_member *find_member(const struct operator_member *table, size_t count,
                                                 const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    }
    return NULL;
}

static int parse_tls(const struct json *object, struct operator_settings *s, struct complaint c)
{
    if (json_type(object) != JSON_OBJECT)
        return complain(c, "tls: wanted is an object");
    s->tls = true;
    for (const struct json *v = json_child(object, NULL); v; v = json_child(object, v)) {
        const struct operator_member *m =
            find_member(operator_tls_members, operator_tls_members_count, json_name(v));
        if (!m)
            return complain(c, "tls: there is no member \"%.40s\"", json_name(v));
        char why[200];
        if (parse_member(m, v, s, (struct complaint){why, sizeof(why)}) != 0)
            return complain(c, "tls.%s", why);
    }
    return 0;
}

static bool is_stream_name(const char *s)
{
    return *s && !s[strcspn(s, " .*>/\\\t\r\n")];
}

/* What is only there where data_coding 0 is GSM 7; NULL: nothing of it is wanted. */
static const char *needs_gsm7(const struct operator_settings *s)
{
    if (s->gsm7_packed)
        return "gsm7Packed";
    if (s->transliterate)
        return "transliterate";
    return s->shift_table_count ? "shiftTables" : NULL;
}

/* What no single member can say. */
static int check_together(const struct operator_settings *s, struct complaint c)
{
    if (!s->dispatch_stream || !is_stream_name(s->dispatch_stream))
        return complain(c, "dispatchStream: a stream's name has no blank, dot, '*', '>' or slash");
    if (s->reconnect_min_ms > s->reconnect_max_ms)
        return complain(c, "reconnectMinMs is above reconnectMaxMs");
    if (s->enquire_link_timeout_ms > s->enquire_link_interval_ms)
        return complain(c, "enquireLinkTimeoutMs is above enquireLinkIntervalMs");
    if ((s->tls_cert_file == NULL) != (s->tls_key_file == NULL))
        return complain(c, "tls.certFile and tls.keyFile: one without the other");
    if (s->default_alphabet != SPLIT_ALPHABET_GSM7 && needs_gsm7(s))
        return complain(c, "%s goes with defaultAlphabet gsm7 only", needs_gsm7(s));
    return 0;
}

/* --- one operator --- */

static int parse_operator(const struct json *entry, struct operator_settings *s, struct complaint c)
{
    for (const struct json *v = json_child(entry, NULL); v; v = json_child(entry, v)) {
        const char *name = json_name(v);
        if (strcmp(name, "operatorId") == 0 || json_type(v) == JSON_NULL)
            continue;
        if (strcmp(name, "tls") == 0) {
            if (parse_tls(v, s, c) != 0)
                return -1;
            continue;
        }
        const struct operator_member *m =
            find_member(operator_members, operator_members_count, name);
        if (!m)
            return complain(c, "there is no member \"%.40s\"", name);
        if (parse_member(m, v, s, c) != 0)
            return -1;
    }
    return check_together(s, c);
}

static bool is_listed(const struct operator_settings_list *list, const struct uuid *id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (uuid_equal(&list->items[i].id, id))
            return true;
    }
    return false;
}

/* A new last item, made from the defaults; NULL with a reason for an id that can't be. */
static struct operator_settings *add_item(struct operator_settings_list *list,
                                          const struct operator_settings *defaults,
                                          struct bytes id_text, struct complaint c)
{
    struct uuid id;
    if (!uuid_parse((const char *)id_text.data, id_text.len, &id) || uuid_is_nil(&id)) {
        complain(c, "\"%.*s\" is no operatorId (a uuid)", (int)min_size(id_text.len, 40),
                 (const char *)id_text.data);
        return NULL;
    }
    if (is_listed(list, &id)) {
        complain(c, "operator %.36s is listed twice", (const char *)id_text.data);
        return NULL;
    }
    struct operator_settings *s = &list->items[list->count++];
    operator_settings_copy(s, defaults);
    s->id = id;
    return s;
}

static int parse_entry(const struct json *entry, size_t number,
                       const struct operator_settings *defaults,
                       struct operator_settings_list *list, struct complaint c)
{
    struct bytes id_text;
    char why[300];
    if (!json_string(json_member(entry, "operatorId"), &id_text))
        return complain(c, "operators[%zu]: operatorId is missing", number);
    struct operator_settings *s =
        add_item(list, defaults, id_text, (struct complaint){why, sizeof(why)});
    if (!s)
        return complain(c, "operators[%zu]: %s", number, why);
    if (parse_operator(entry, s, (struct complaint){why, sizeof(why)}) != 0)
        return complain(c, "operator %.36s: %s", (const char *)id_text.data, why);
    return 0;
}

static int parse_document(const struct json *root, const struct operator_settings *defaults,
                          struct operator_settings_list *list, struct complaint c)
{
    const struct json *operators = json_member(root, "operators");
    if (!operators || json_type(operators) != JSON_ARRAY || json_count(root) != 1)
        return complain(c, "wanted is {\"operators\": [ … ]} and nothing else");
    size_t count = json_count(operators);
    if (count == 0 || count > OPERATOR_SETTINGS_MAX_OPERATORS)
        return complain(c, "%zu operators are listed: 1 to %d may be", count,
                        OPERATOR_SETTINGS_MAX_OPERATORS);
    list->items = xcalloc(count, sizeof(*list->items));
    size_t number = 0;
    for (const struct json *v = json_child(operators, NULL); v; v = json_child(operators, v)) {
        if (parse_entry(v, number++, defaults, list, c) != 0)
            return -1;
    }
    return 0;
}

/* --- the two sources --- */

int operator_settings_parse_file(const char *json, size_t len,
                                 const struct operator_settings *defaults,
                                 struct operator_settings_list *list_r, char *error_r,
                                 size_t error_size)
{
    *list_r = (struct operator_settings_list){0};
    struct json *root = json_parse(json, len, OPERATOR_SETTINGS_FILE_MAX, error_r, error_size);
    if (!root)
        return -1;
    int status = parse_document(root, defaults, list_r, (struct complaint){error_r, error_size});
    json_destroy(&root);
    if (status != 0)
        operator_settings_list_free(list_r);
    return status;
}

static int parse_id(struct bytes item, const struct operator_settings *defaults,
                    struct operator_settings_list *list, struct complaint c)
{
    const char *text = (const char *)item.data;
    const char *equals = item.len ? memchr(text, '=', item.len) : NULL;
    size_t id_len = equals ? (size_t)(equals - text) : item.len;
    struct operator_settings *s = add_item(list, defaults, (struct bytes){item.data, id_len}, c);
    if (!s)
        return -1;
    if (!equals)
        return 0;
    size_t name_len = item.len - id_len - 1;
    if (name_len == 0 || name_len > 128 || !str_utf8_valid(equals + 1, name_len))
        return complain(c, "the name of %.36s has to have 1 to 128 octets of UTF-8", text);
    s->name = xcalloc(1, name_len + 1);
    memcpy(s->name, equals + 1, name_len);
    return 0;
}

static struct bytes trimmed(const char *from, const char *to)
{
    while (from < to && *from == ' ')
        from++;
    while (to > from && to[-1] == ' ')
        to--;
    return (struct bytes){(const uint8_t *)from, (size_t)(to - from)};
}

int operator_settings_parse_ids(const char *ids, const struct operator_settings *defaults,
                                struct operator_settings_list *list_r, char *error_r,
                                size_t error_size)
{
    struct complaint c = {error_r, error_size};
    size_t count = 1;
    for (const char *p = ids; *p; p++)
        count += *p == ',';
    *list_r = (struct operator_settings_list){0};
    list_r->items = xcalloc(count, sizeof(*list_r->items));
    for (const char *p = ids; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        if (parse_id(trimmed(p, p + strcspn(p, ",")), defaults, list_r, c) == 0)
            continue;
        operator_settings_list_free(list_r);
        return -1;
    }
    return 0;
}
