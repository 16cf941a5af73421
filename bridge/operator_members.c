/* Each member of an operator's entry: where it goes, what it may be, what it is when absent. */
#include <stdlib.h>
#include <string.h>

#include "common/str.h"

#include "proto/host_port.h"
#include "proto/ipc.h"
#include "proto/json_tlvs.h"

#include "bridge/operator_members.h"

/* --- members with a shape of their own --- */

static bool read_status(const struct json *value, uint32_t *status_r)
{
    struct bytes text;
    int64_t number;
    if (json_string(value, &text))
        return smpp_status_parse((const char *)text.data, text.len, status_r);
    if (!json_int(value, 0, UINT32_MAX, &number))
        return false;
    *status_r = (uint32_t)number;
    return true;
}

static bool read_busy_status(const struct json *value, struct operator_settings *s,
                             const char **wrong_r)
{
    uint32_t status;
    *wrong_r = "wanted is a command_status other than 0, as \"0x14\"";
    if (!read_status(value, &status) || status == 0)
        return false;
    s->busy_status = status;
    return true;
}

static bool read_pair_on(const struct json *value, struct operator_settings *s,
                         const char **wrong_r)
{
    *wrong_r = "wanted is an array of at most 16 command_statuses, as [\"0x0D\"]";
    s->pair_on_count = 0;
    if (json_type(value) != JSON_ARRAY || json_count(value) > OPERATOR_SETTINGS_MAX_PAIR_ON)
        return false;
    for (const struct json *item = json_child(value, NULL); item; item = json_child(value, item)) {
        if (!read_status(item, &s->pair_on[s->pair_on_count]))
            return false;
        s->pair_on_count++;
    }
    return true;
}

static bool read_status_classes(const struct json *value, struct operator_settings *s,
                                const char **wrong_r)
{
    *wrong_r =
        "wanted is an object of at most 64 like {\"0x45\": \"retry\"}, with retry, throttle, "
        "permanent or session";
    s->status_class_count = 0;
    if (json_type(value) != JSON_OBJECT || json_count(value) > OPERATOR_SETTINGS_MAX_STATUS_CLASSES)
        return false;
    for (const struct json *item = json_child(value, NULL); item; item = json_child(value, item)) {
        struct operator_status_class *row = &s->status_classes[s->status_class_count];
        const char *name = json_name(item);
        struct bytes word;
        if (!smpp_status_parse(name, strlen(name), &row->status) || row->status == SMPP_ROK ||
            !json_string(item, &word) ||
            !smpp_status_class_parse((const char *)word.data, word.len, &row->class))
            return false;
        s->status_class_count++;
    }
    return true;
}

static bool read_shift_tables(const struct json *value, struct operator_settings *s,
                              const char **wrong_r)
{
    *wrong_r = "wanted is an array of at most 4 of turkish, spanish, portuguese, urdu";
    s->shift_table_count = 0;
    if (json_type(value) != JSON_ARRAY || json_count(value) > SPLIT_LANGUAGES_MAX)
        return false;
    for (const struct json *item = json_child(value, NULL); item; item = json_child(value, item)) {
        struct bytes word;
        if (!json_string(item, &word) ||
            !gsm7_language_parse((const char *)word.data, word.len,
                                 &s->shift_tables[s->shift_table_count]))
            return false;
        s->shift_table_count++;
    }
    return true;
}

static bool read_hosts(const struct json *value, struct operator_settings *s, const char **wrong_r)
{
    char joined[1024];
    struct str_out out = str_out(joined, sizeof(joined));
    *wrong_r = "wanted is an array of at most 16 \"host:port\", at most 1023 characters together";
    _Static_assert(IPC_HOSTS_MAX == 16, "the text says so");
    if (json_type(value) != JSON_ARRAY || json_count(value) > IPC_HOSTS_MAX)
        return false;
    for (const struct json *item = json_child(value, NULL); item; item = json_child(value, item)) {
        struct bytes text;
        struct host_port parsed;
        if (!json_string(item, &text) ||
            !host_port_parse((const char *)text.data, text.len, &parsed))
            return false;
        str_puts(&out, out.len ? "," : "");
        str_put(&out, (const char *)text.data, text.len);
    }
    free(s->hosts);
    s->hosts = out.len ? xstrdup(joined) : NULL;
    return !out.cut;
}

static bool read_tlvs(const struct json *value, struct operator_settings *s, const char **wrong_r)
{
    struct buf_writer w = buf_writer(s->tlvs, sizeof(s->tlvs));
    *wrong_r = json_tlvs_read(value, &w);
    s->tlvs_len = buf_written(&w);
    return !*wrong_r;
}

static bool read_tls_min_version(const struct json *value, struct operator_settings *s,
                                 const char **wrong_r)
{
    struct bytes text;
    *wrong_r = "wanted is \"1.2\" or \"1.3\"";
    if (!json_string(value, &text))
        return false;
    if (str_equal((const char *)text.data, text.len, "1.2", 3))
        s->tls_min_version = 0x0303;
    else if (str_equal((const char *)text.data, text.len, "1.3", 3))
        s->tls_min_version = 0x0304;
    else
        return false;
    return true;
}

/* --- the tables --- */

static const char *const on_unknown_words[] = {"resubmit", "report", NULL};
static const char *const alphabet_words[] = {"gsm7", "latin1", "ascii", NULL};
static const char *const concatenation_words[] = {"udh8", "udh16", "sar", NULL};
static const char *const validity_words[] = {"absolute", "relative", "none", NULL};
static const char *const detection_words[] = {"flags", "text", "any", NULL};
static const char *const id_format_words[] = {"auto", "exact", "respHex", "receiptHex", NULL};
static const char *const receipt_policy_words[] = {"each", "aggregate", NULL};
_Static_assert(SPLIT_ALPHABET_ASCII == 2 && SPLIT_SAR == 2 && RECEIPT_BY_ANY == 2 &&
                   MESSAGE_ID_FORMAT_RECEIPT_HEX == 3,
               "the words stand in the order of their enums");

#define FIELD(f) offsetof(struct operator_settings, f)
#define INT(n, f, initial_value, low, high)                                                        \
    {                                                                                              \
        .name = (n), .kind = MEMBER_INT, .offset = FIELD(f), .initial = (initial_value),           \
        .min = (low), .max = (high)                                                                \
    }
#define BOOL(n, f)                                                                                 \
    {                                                                                              \
        .name = (n), .kind = MEMBER_BOOL, .offset = FIELD(f)                                       \
    }
#define STRING(n, f, longest)                                                                      \
    {                                                                                              \
        .name = (n), .kind = MEMBER_STRING, .offset = FIELD(f), .max = (longest)                   \
    }
#define WORD(n, f, list)                                                                           \
    {                                                                                              \
        .name = (n), .kind = MEMBER_WORD, .offset = FIELD(f), .words = (list)                      \
    }
#define READ(n, fn)                                                                                \
    {                                                                                              \
        .name = (n), .kind = MEMBER_READ, .read = (fn)                                             \
    }

/* clang-format off */
const struct operator_member operator_members[] = {
    STRING("operatorName", name, 128),
    STRING("dispatchStream", dispatch_stream, 255),
#define SHARED_SETTING(NAME, member, field, default_text, low, high, meaning)                      \
    INT(member, field, 0, low, high),
#include "bridge/shared_settings.def"
    INT("pairProbeMs", pair_probe_ms, 3600000, 1000, 604800000),
    INT("deliverHoldMax", deliver_hold_max, 100, 1, 10000),
    READ("busyStatus", read_busy_status),
    INT("priorityShare", priority_share, 50, 1, 99),
    STRING("systemType", system_type, 12),
    STRING("addressRange", address_range, 40),
    STRING("localAddress", local_address, 64),
    READ("hosts", read_hosts),
    INT("addrTon", addr_ton, 0, 0, SMPP_TON_MAX),
    INT("addrNpi", addr_npi, 0, 0, SMPP_NPI_MAX),
    READ("pairOn", read_pair_on),
    BOOL("traceText", trace_text),

    INT("tpsLimit", tps_limit, OPERATOR_SETTINGS_UNSET, 0, 100000),
    WORD("onUnknown", on_unknown, on_unknown_words),
    INT("maxAttempts", max_attempts, 10, 1, 100),
    READ("statusClasses", read_status_classes),
    WORD("defaultAlphabet", default_alphabet, alphabet_words),
    BOOL("gsm7Packed", gsm7_packed),
    BOOL("transliterate", transliterate),
    READ("shiftTables", read_shift_tables),
    WORD("concatenation", concatenation, concatenation_words),
    INT("maxSegments", max_segments, 10, 1, SPLIT_SEGMENTS_MAX),
    INT("sourceTon", source_ton, OPERATOR_SETTINGS_UNSET, 0, SMPP_TON_MAX),
    INT("sourceNpi", source_npi, OPERATOR_SETTINGS_UNSET, 0, SMPP_NPI_MAX),
    INT("destTon", dest_ton, OPERATOR_SETTINGS_UNSET, 0, SMPP_TON_MAX),
    INT("destNpi", dest_npi, OPERATOR_SETTINGS_UNSET, 0, SMPP_NPI_MAX),
    STRING("serviceType", service_type, SMPP_SERVICE_TYPE_SIZE - 1),
    INT("priority", priority, 0, 0, SMPP_PRIORITY_MAX),
    INT("protocolId", protocol_id, 0, 0, 255),
    INT("registeredDelivery", registered_delivery, SMPP_REGISTERED_FINAL, 0, 31),
    BOOL("replaceIfPresent", replace_if_present),
    WORD("validity", validity, validity_words),
    READ("tlvs", read_tlvs),

    WORD("receiptDetection", receipt_detection, detection_words),
    WORD("messageIdFormat", message_id_format, id_format_words),
    WORD("receiptPolicy", receipt_policy, receipt_policy_words),
};
const size_t operator_members_count = ARRAY_LEN(operator_members);

const struct operator_member operator_tls_members[] = {
    BOOL("enabled", tls),
    STRING("caFile", tls_ca_file, 512),
    STRING("certFile", tls_cert_file, 512),
    STRING("keyFile", tls_key_file, 512),
    STRING("serverName", tls_server_name, 255),
    READ("minVersion", read_tls_min_version),
};
const size_t operator_tls_members_count = ARRAY_LEN(operator_tls_members);
/* clang-format on */
