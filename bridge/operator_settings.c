/* An operator's settings as a value: defaults, copies, comparison, and what is derived from them.
 */
#include <stdlib.h>
#include <string.h>

#include "common/str.h"

#include "bridge/operator_members.h"

typedef void member_visitor(const struct operator_member *m, void *arg);

static void each_member(member_visitor *visit, void *arg)
{
    for (size_t i = 0; i < operator_members_count; i++)
        visit(&operator_members[i], arg);
    for (size_t i = 0; i < operator_tls_members_count; i++)
        visit(&operator_tls_members[i], arg);
}

static char **string_field(const struct operator_member *m, const struct operator_settings *s)
{
    return operator_member_field(m, s);
}

/* --- life --- */

static void init_member(const struct operator_member *m, void *arg)
{
    if (m->kind == MEMBER_INT)
        *(int64_t *)operator_member_field(m, arg) = m->initial;
}

void operator_settings_init(struct operator_settings *s)
{
    *s = (struct operator_settings){.busy_status = SMPP_RMSGQFUL, .tls_min_version = 0x0303};
    each_member(init_member, s);
}

static void own_string(const struct operator_member *m, void *arg)
{
    if (m->kind != MEMBER_STRING)
        return;
    char **field = string_field(m, arg);
    *field = *field ? xstrdup(*field) : NULL;
}

void operator_settings_copy(struct operator_settings *to, const struct operator_settings *from)
{
    *to = *from;
    to->hosts = from->hosts ? xstrdup(from->hosts) : NULL;
    each_member(own_string, to);
}

static void free_string(const struct operator_member *m, void *arg)
{
    if (m->kind == MEMBER_STRING)
        free(*string_field(m, arg));
}

void operator_settings_free(struct operator_settings *s)
{
    free(s->hosts);
    each_member(free_string, s);
    *s = (struct operator_settings){0};
}

void operator_settings_list_free(struct operator_settings_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        operator_settings_free(&list->items[i]);
    free(list->items);
    *list = (struct operator_settings_list){0};
}

/* --- comparison --- */

struct comparison {
    const struct operator_settings *a, *b;
    bool equal;
};

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void compare_member(const struct operator_member *m, void *arg)
{
    struct comparison *c = arg;
    const void *x = operator_member_field(m, c->a);
    const void *y = operator_member_field(m, c->b);
    switch (m->kind) {
    case MEMBER_INT:
    case MEMBER_WORD:
        c->equal = c->equal && *(const int64_t *)x == *(const int64_t *)y;
        break;
    case MEMBER_BOOL:
        c->equal = c->equal && *(const bool *)x == *(const bool *)y;
        break;
    case MEMBER_STRING:
        c->equal = c->equal && same_text(*string_field(m, c->a), *string_field(m, c->b));
        break;
    case MEMBER_READ:
        break; /* operator_settings_equal() knows their fields */
    }
}

static bool same_arrays(const struct operator_settings *a, const struct operator_settings *b)
{
    if (a->pair_on_count != b->pair_on_count || a->shift_table_count != b->shift_table_count ||
        a->status_class_count != b->status_class_count || a->tlvs_len != b->tlvs_len)
        return false;
    for (size_t i = 0; i < a->status_class_count; i++) {
        if (a->status_classes[i].status != b->status_classes[i].status ||
            a->status_classes[i].class != b->status_classes[i].class)
            return false;
    }
    return !memcmp(a->pair_on, b->pair_on, a->pair_on_count * sizeof(a->pair_on[0])) &&
           !memcmp(a->shift_tables, b->shift_tables,
                   a->shift_table_count * sizeof(a->shift_tables[0])) &&
           !memcmp(a->tlvs, b->tlvs, a->tlvs_len);
}

bool operator_settings_equal(const struct operator_settings *a, const struct operator_settings *b)
{
    struct comparison c = {.a = a, .b = b, .equal = true};
    each_member(compare_member, &c);
    return c.equal && uuid_equal(&a->id, &b->id) && a->busy_status == b->busy_status &&
           a->tls_min_version == b->tls_min_version && same_text(a->hosts, b->hosts) &&
           same_arrays(a, b);
}

/* --- derived --- */

struct smpp_status operator_settings_status(const struct operator_settings *s, uint32_t code)
{
    struct smpp_status status = smpp_status_get(code);
    for (size_t i = 0; i < s->status_class_count; i++) {
        if (s->status_classes[i].status != code)
            continue;
        status.class = s->status_classes[i].class;
        status.max_attempts = SMPP_STATUS_ATTEMPTS_ANY;
    }
    return status;
}

static struct bytes text_view(const char *text)
{
    return (struct bytes){(const uint8_t *)text, text ? strlen(text) : 0};
}

struct ipc_operator operator_settings_record(const struct operator_settings *s,
                                             uint8_t pair_on_out[OPERATOR_SETTINGS_MAX_PAIR_ON * 4])
{
    struct buf_writer w = buf_writer(pair_on_out, (size_t)OPERATOR_SETTINGS_MAX_PAIR_ON * 4);
    for (size_t i = 0; i < s->pair_on_count; i++)
        buf_put_u32(&w, s->pair_on[i]);
    struct ipc_operator record = {
        .name = text_view(s->name),
        .enquire_link_interval_ms = (uint32_t)s->enquire_link_interval_ms,
        .enquire_link_timeout_ms = (uint32_t)s->enquire_link_timeout_ms,
        .bind_timeout_ms = (uint32_t)s->bind_timeout_ms,
        .submit_timeout_ms = (uint32_t)s->submit_timeout_ms,
        .reconnect_min_ms = (uint32_t)s->reconnect_min_ms,
        .reconnect_max_ms = (uint32_t)s->reconnect_max_ms,
        .auth_retry_min_ms = (uint32_t)s->auth_retry_min_ms,
        .failover_after_ms = (uint32_t)s->failover_after_ms,
        .pair_probe_ms = (uint32_t)s->pair_probe_ms,
        .window_size = (uint32_t)s->window_size,
        .binds = (uint32_t)s->binds,
        .deliver_hold_ms = (uint32_t)s->deliver_hold_ms,
        .deliver_hold_max = (uint32_t)s->deliver_hold_max,
        .busy_status = (uint32_t)s->busy_status,
        .priority_share = (uint32_t)s->priority_share,
        .system_type = text_view(s->system_type),
        .address_range = text_view(s->address_range),
        .addr_ton = (uint8_t)s->addr_ton,
        .addr_npi = (uint8_t)s->addr_npi,
        .local_address = text_view(s->local_address),
        .hosts = text_view(s->hosts),
        .pair_on = {pair_on_out, buf_written(&w)},
        .tls = s->tls,
        .tls_min_version = (uint16_t)s->tls_min_version,
        .tls_ca_file = text_view(s->tls_ca_file),
        .tls_cert_file = text_view(s->tls_cert_file),
        .tls_key_file = text_view(s->tls_key_file),
        .tls_server_name = text_view(s->tls_server_name),
        .trace_text = s->trace_text,
    };
    memcpy(record.operator_id, s->id.octets, sizeof(record.operator_id));
    return record;
}
