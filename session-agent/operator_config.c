/* Checks and copies the OPERATOR record of the bridge's declaration. */
#include <stdlib.h>

#include "common/str.h"
#include "proto/host_port.h"
#include "proto/smpp.h"

#include "session-agent/operator_config.h"

#define MINUTE_MS 60000u
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

struct bound {
    const char *name;
    size_t from; /* in struct ipc_operator */
    size_t to;   /* in struct operator_config */
    uint32_t min, max;
};

#define BOUND(field, low, high)                                                                    \
    {                                                                                              \
        .name = #field, .from = offsetof(struct ipc_operator, field),                              \
        .to = offsetof(struct operator_config, field), .min = (low), .max = (high)                 \
    }

static const struct bound bounds[] = {
    BOUND(enquire_link_interval_ms, 10, DAY_MS),
    BOUND(enquire_link_timeout_ms, 10, HOUR_MS),
    BOUND(bind_timeout_ms, 10, HOUR_MS),
    BOUND(submit_timeout_ms, 10, DAY_MS),
    BOUND(reconnect_min_ms, 1, DAY_MS),
    BOUND(reconnect_max_ms, 1, DAY_MS),
    BOUND(auth_retry_min_ms, 1, DAY_MS),
    BOUND(pair_probe_ms, 0, UINT32_MAX),
    BOUND(window_size, 1, 100000),
    BOUND(binds, 1, 64),
    BOUND(deliver_hold_ms, 1, HOUR_MS),
    BOUND(deliver_hold_max, 1, 100000),
    BOUND(busy_status, 1, UINT32_MAX),
    BOUND(priority_share, 0, 100),
};

static bool copy_numbers(const struct ipc_operator *record, struct operator_config *config,
                         struct str_out *error)
{
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        const struct bound *b = &bounds[i];
        uint32_t value;
        memcpy(&value, (const char *)record + b->from, sizeof(value));
        if (value < b->min || value > b->max) {
            str_putf(error, "%s %u is not within %u and %u", b->name, value, b->min, b->max);
            return false;
        }
        memcpy((char *)config + b->to, &value, sizeof(value));
    }
    return true;
}

struct text_field {
    const char *name;
    size_t from; /* of the struct bytes in struct ipc_operator */
    size_t to;   /* of the char * in struct operator_config */
};

#define TEXT(field)                                                                                \
    {                                                                                              \
        .name = #field, .from = offsetof(struct ipc_operator, field),                              \
        .to = offsetof(struct operator_config, field)                                              \
    }

static const struct text_field texts[] = {
    TEXT(name),        TEXT(system_type),   TEXT(address_range), TEXT(local_address),
    TEXT(tls_ca_file), TEXT(tls_cert_file), TEXT(tls_key_file),  TEXT(tls_server_name),
};

static char **text_of(const struct operator_config *config, const struct text_field *field)
{
    return (char **)(void *)((const char *)config + field->to);
}

static char *copy_text(const char *text, size_t len)
{
    char *copy = xmalloc(len + 1);
    str_copy(copy, len + 1, text, len);
    return copy;
}

static bool copy_texts(const struct ipc_operator *record, struct operator_config *config,
                       struct str_out *error)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct bytes value;
        memcpy(&value, (const char *)record + texts[i].from, sizeof(value));
        if (value.len && memchr(value.data, 0, value.len)) {
            str_putf(error, "%s has a NUL inside", texts[i].name);
            return false;
        }
        *text_of(config, &texts[i]) = copy_text((const char *)value.data, value.len);
    }
    return true;
}

static bool copy_hosts(struct bytes hosts, struct operator_config *config, struct str_out *error)
{
    if (!hosts.len)
        return true;
    const char *at = (const char *)hosts.data;
    const char *end = at + hosts.len;
    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma ? comma : end;
        struct host_port parsed;
        if (config->host_count == IPC_HOSTS_MAX ||
            !host_port_parse(at, (size_t)(stop - at), &parsed)) {
            str_putf(error, "hosts: at most %d of host:port, separated by commas, are wanted",
                     IPC_HOSTS_MAX);
            return false;
        }
        config->hosts[config->host_count++] = (struct operator_host){
            .host = copy_text((const char *)parsed.host.data, parsed.host.len),
            .port = parsed.port,
        };
        at = comma ? comma + 1 : end;
    }
    return true;
}

static bool copy_pair_on(struct bytes statuses, struct operator_config *config,
                         struct str_out *error)
{
    struct buf_reader r = buf_reader(statuses.data, statuses.len);
    while (buf_left(&r) && !r.failed && config->pair_on_count < OPERATOR_CONFIG_MAX_PAIR_ON)
        config->pair_on[config->pair_on_count++] = buf_get_u32(&r);
    if (r.failed || buf_left(&r)) {
        str_putf(error, "pair_on: at most %d statuses of 32 bits are wanted",
                 OPERATOR_CONFIG_MAX_PAIR_ON);
        return false;
    }
    return true;
}

struct operator_config *operator_config_create(const struct ipc_operator *record, char *error_r,
                                               size_t error_size)
{
    struct str_out error = str_out(error_r, error_size);
    struct operator_config *config = xcalloc(1, sizeof(*config));
    memcpy(config->id, record->operator_id, sizeof(config->id));
    config->addr_ton = record->addr_ton;
    config->addr_npi = record->addr_npi;
    config->tls = record->tls != 0;
    config->tls_min_version = record->tls_min_version;
    config->trace_text = record->trace_text != 0;
    config->paused = record->paused != 0;
    if (!copy_numbers(record, config, &error) || !copy_texts(record, config, &error) ||
        !copy_hosts(record->hosts, config, &error) ||
        !copy_pair_on(record->pair_on, config, &error))
        operator_config_destroy(&config);
    else if (config->reconnect_max_ms < config->reconnect_min_ms)
        config->reconnect_max_ms = config->reconnect_min_ms;
    return config;
}

void operator_config_destroy(struct operator_config **config_ptr)
{
    struct operator_config *config = *config_ptr;
    if (!config)
        return;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        free(*text_of(config, &texts[i]));
    for (size_t i = 0; i < config->host_count; i++)
        free(config->hosts[i].host);
    free(config);
    *config_ptr = NULL;
}

static bool same_hosts(const struct operator_config *a, const struct operator_config *b)
{
    bool same = a->host_count == b->host_count;
    for (size_t i = 0; i < a->host_count && same; i++)
        same =
            a->hosts[i].port == b->hosts[i].port && strcmp(a->hosts[i].host, b->hosts[i].host) == 0;
    return same;
}

static bool same_texts(const struct operator_config *a, const struct operator_config *b)
{
    bool same = true;
    for (size_t i = 0; i < ARRAY_LEN(texts) && same; i++)
        same = texts[i].to == offsetof(struct operator_config, name) ||
               strcmp(*text_of(a, &texts[i]), *text_of(b, &texts[i])) == 0;
    return same;
}

bool operator_config_binds_alike(const struct operator_config *a, const struct operator_config *b)
{
    return a->addr_ton == b->addr_ton && a->addr_npi == b->addr_npi && a->tls == b->tls &&
           a->tls_min_version == b->tls_min_version && same_texts(a, b) && same_hosts(a, b) &&
           a->pair_on_count == b->pair_on_count &&
           memcmp(a->pair_on, b->pair_on, a->pair_on_count * sizeof(a->pair_on[0])) == 0;
}

bool operator_config_pairs_on(const struct operator_config *config, uint32_t status)
{
    if (status == SMPP_RINVCMDID)
        return true;
    for (size_t i = 0; i < config->pair_on_count; i++) {
        if (config->pair_on[i] == status)
            return true;
    }
    return false;
}
