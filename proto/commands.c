/* SmsDispatchCommand: liberal about what is there, strict about what is used. */
#include <stdlib.h>

#include "common/str.h"
#include "proto/commands.h"
#include "proto/json_flat.h"
#include "proto/json_tlvs.h"
#include "proto/smpp.h"

/* While a command is read: the first thing that is wrong ends it. */
struct reading {
    const struct json_flat *flat; /* NULL: the document is not plain */
    const struct json *root;      /* in that case */
    struct command *command;
    const struct uuid *operator_id;
    enum command_fault fault;
    const char *field;
    const char *wrong;
};

static const char *const fault_names[] = {
    [COMMAND_OK] = "ok",
    [COMMAND_NOT_JSON] = "not_json",
    [COMMAND_MISSING_FIELD] = "missing_field",
    [COMMAND_INVALID_FIELD] = "invalid_field",
    [COMMAND_WRONG_OPERATOR] = "wrong_operator",
};
ASSERT_ARRAY_LEN(fault_names, COMMAND_WRONG_OPERATOR + 1);

const char *command_fault_name(enum command_fault fault)
{
    return fault_names[fault];
}

static bool refuse(struct reading *r, enum command_fault fault, const char *field,
                   const char *wrong)
{
    r->fault = fault;
    r->field = field;
    r->wrong = wrong;
    return false;
}

static bool invalid(struct reading *r, const char *field, const char *wrong)
{
    return refuse(r, COMMAND_INVALID_FIELD, field, wrong);
}

/* A member by either reader; both NULL when it is absent or null. */
struct value {
    const struct json_flat_member *flat;
    const struct json *json;
};

static struct value member(const struct reading *r, const char *field)
{
    if (r->flat)
        return (struct value){.flat = json_flat_member(r->flat, field)};
    return (struct value){.json = json_member(r->root, field)};
}

static bool is_there(struct value v)
{
    return v.flat || v.json;
}

static bool is_text(struct value v, struct bytes *text_r)
{
    return v.flat ? json_flat_string(v.flat, text_r) : json_string(v.json, text_r);
}

static bool is_int(struct value v, int64_t min, int64_t max, int64_t *v_r)
{
    return v.flat ? json_flat_int(v.flat, min, max, v_r) : json_int(v.json, min, max, v_r);
}

static bool is_time(struct value v, int64_t *unix_ms_r)
{
    return v.flat ? json_flat_time(v.flat, unix_ms_r) : json_time(v.json, unix_ms_r);
}

/* An indispensable text. */
static bool need(struct reading *r, const char *field, struct bytes *text_r)
{
    struct value value = member(r, field);
    if (!is_there(value))
        return refuse(r, COMMAND_MISSING_FIELD, field, "is missing");
    return is_text(value, text_r) || invalid(r, field, "is not a text");
}

static bool need_uuid(struct reading *r, const char *field, struct uuid *uuid_r)
{
    struct bytes text;
    if (!need(r, field, &text))
        return false;
    return uuid_parse((const char *)text.data, text.len, uuid_r) ||
           invalid(r, field, "is not a UUID");
}

static bool read_ids(struct reading *r)
{
    struct command *c = r->command;
    if (!need_uuid(r, "messageId", &c->message_id) || !need_uuid(r, "operatorId", &c->operator_id))
        return false;
    if (!uuid_equal(&c->operator_id, r->operator_id))
        return refuse(r, COMMAND_WRONG_OPERATOR, "operatorId", "is not the subject's");
    if (!is_text(member(r, "accountId"), &c->account_id))
        c->account_id = (struct bytes){0};
    return true;
}

/* Another major version may mean the same names differently. */
static bool read_version(struct reading *r)
{
    struct bytes text;
    if (!is_text(member(r, "version"), &text))
        return true;
    bool known = text.len > 0 && text.data[0] == '1' && (text.len == 1 || text.data[1] == '.');
    return known || invalid(r, "version", "is another major version than 1");
}

static bool read_addresses(struct reading *r)
{
    struct bytes to, from;
    if (!need(r, "to", &to) || !need(r, "from", &from))
        return false;
    if (!address_of_destination((const char *)to.data, to.len, &r->command->to))
        return invalid(r, "to", "is not a number of 3 to 15 digits");
    return address_of_sender((const char *)from.data, from.len, &r->command->from) ||
           invalid(r, "from", "is neither a number nor 1 to 20 printable ASCII characters");
}

static bool read_binary(struct reading *r, struct value value)
{
    struct command *c = r->command;
    struct bytes hex;
    int64_t coding;
    if (!is_text(value, &hex) || hex.len == 0 || hex.len > 2 * COMMAND_BINARY_MAX)
        return invalid(r, "dataHex", "is not a text of 2 to 71400 hex digits");
    c->owned = xmalloc(hex.len / 2 + JSON_TLVS_SIZE);
    if (!str_hex_decode((const char *)hex.data, hex.len, c->owned, hex.len / 2, &c->binary.len))
        return invalid(r, "dataHex", "is not an even number of hex digits");
    c->binary.data = c->owned;
    c->has_binary = true;
    if (!is_int(member(r, "dataCoding"), 0, UINT8_MAX, &coding))
        return invalid(r, "dataCoding", "is not a number from 0 to 255, which dataHex needs");
    c->data_coding = (uint8_t)coding;
    return true;
}

static bool read_content(struct reading *r)
{
    struct command *c = r->command;
    struct value data = member(r, "dataHex");
    if (is_there(data)) {
        bool text = is_text(member(r, "text"), &c->text) && c->text.len > 0;
        return text ? invalid(r, "dataHex", "and text exclude each other") : read_binary(r, data);
    }
    if (!need(r, "text", &c->text))
        return false;
    if (c->text.len == 0)
        return invalid(r, "text", "is empty");
    return !is_there(member(r, "dataCoding")) || invalid(r, "dataCoding", "goes with dataHex only");
}

/* One of a list of words; absent leaves *index_r alone. */
static bool read_word(struct reading *r, const char *field, const char *const *words,
                      size_t *index_r, const char *wrong)
{
    struct value value = member(r, field);
    struct bytes text;
    if (!is_there(value))
        return true;
    if (!is_text(value, &text))
        return invalid(r, field, wrong);
    for (size_t i = 0; words[i]; i++) {
        if (!str_equal_nocase((const char *)text.data, text.len, words[i], strlen(words[i])))
            continue;
        *index_r = i;
        return true;
    }
    return invalid(r, field, wrong);
}

static bool read_words(struct reading *r)
{
    static const char *const types[] = {"SMS", "FLASH", NULL};
    static const char *const strategies[] = {"CSMS", "TLV", NULL};
    static const char *const encodings[] = {"GSM7", "UCS2", NULL};
    size_t type = 0;
    size_t strategy = 0;
    size_t encoding = SIZE_MAX; /* missing */
    if (!read_word(r, "messageType", types, &type, "is neither SMS nor FLASH") ||
        !read_word(r, "longMessageStrategy", strategies, &strategy, "is neither CSMS nor TLV") ||
        !read_word(r, "encoding", encodings, &encoding, "is neither GSM7 nor UCS2"))
        return false;
    r->command->flash = type == 1;
    r->command->payload_wanted = strategy == 1;
    r->command->encoding = encoding == 0 ? SPLIT_GSM7 : encoding == 1 ? SPLIT_UCS2 : SPLIT_AUTO;
    if (r->command->flash && r->command->has_binary)
        return invalid(r, "messageType", "FLASH is dataCoding's affair where there is dataHex");
    return true;
}

static bool read_time(struct reading *r, const char *field, bool *has_r, int64_t *ms_r)
{
    struct value value = member(r, field);
    *has_r = is_there(value);
    return !*has_r || is_time(value, ms_r) || invalid(r, field, "is not an ISO 8601 time");
}

static bool read_times(struct reading *r)
{
    struct command *c = r->command;
    if (!read_time(r, "expiresAt", &c->has_expires_at, &c->expires_at_ms) ||
        !read_time(r, "scheduledAt", &c->has_scheduled_at, &c->scheduled_at_ms))
        return false;
    if (c->has_expires_at && c->has_scheduled_at && c->scheduled_at_ms >= c->expires_at_ms)
        return invalid(r, "scheduledAt", "is not before expiresAt");
    return true;
}

static bool read_small(struct reading *r, const char *field, int max, int *v_r, const char *wrong)
{
    struct value value = member(r, field);
    int64_t v = -1;
    if (is_there(value) && !is_int(value, 0, max, &v))
        return invalid(r, field, wrong);
    *v_r = (int)v;
    return true;
}

static bool read_numbers(struct reading *r)
{
    struct command *c = r->command;
    static const char ton[] = "is not a number from 0 to 7";
    static const char npi[] = "is not a number from 0 to 18";
    return read_small(r, "priority", SMPP_PRIORITY_MAX, &c->priority,
                      "is not a number from 0 to 3") &&
           read_small(r, "registeredDelivery", 31, &c->registered_delivery,
                      "is not a number from 0 to 31") &&
           read_small(r, "sourceTon", SMPP_TON_MAX, &c->source_ton, ton) &&
           read_small(r, "sourceNpi", SMPP_NPI_MAX, &c->source_npi, npi) &&
           read_small(r, "destTon", SMPP_TON_MAX, &c->dest_ton, ton) &&
           read_small(r, "destNpi", SMPP_NPI_MAX, &c->dest_npi, npi);
}

static bool read_tlvs(struct reading *r)
{
    struct command *c = r->command;
    const struct json *list = member(r, "tlvs").json; /* no list is plain */
    if (!list)
        return true;
    if (!c->owned)
        c->owned = xmalloc(JSON_TLVS_SIZE);
    struct buf_writer w = buf_writer(c->owned + c->binary.len, JSON_TLVS_SIZE);
    const char *wrong = json_tlvs_read(list, &w);
    if (wrong)
        return invalid(r, "tlvs", wrong);
    c->tlvs = (struct bytes){.data = w.start, .len = buf_written(&w)};
    return true;
}

static bool read_all(struct reading *r)
{
    if (r->root && json_type(r->root) != JSON_OBJECT)
        return refuse(r, COMMAND_NOT_JSON, "the command", "is not an object");
    return read_ids(r) && read_version(r) && read_addresses(r) && read_content(r) &&
           read_words(r) && read_times(r) && read_numbers(r) && read_tlvs(r);
}

enum command_fault commands_parse(const char *data, size_t len, const struct uuid *operator_id,
                                  struct command *command_r, char *error, size_t error_size)
{
    struct json_flat flat;
    struct reading r = {.command = command_r, .operator_id = operator_id};
    *command_r = (struct command){0};
    if (json_flat_read(data, len, &flat) && !json_flat_member(&flat, "tlvs")) {
        r.flat = &flat;
    } else {
        command_r->json = json_parse(data, len, JSON_SIZE_LIMIT, error, error_size);
        if (!command_r->json)
            return COMMAND_NOT_JSON;
        r.root = command_r->json;
    }
    if (read_all(&r))
        return COMMAND_OK;
    struct str_out e = str_out(error, error_size);
    str_puts(&e, r.field);
    str_putc(&e, ' ');
    str_puts(&e, r.wrong);
    commands_clear(command_r);
    return r.fault;
}

void commands_clear(struct command *command)
{
    if (command->json)
        json_destroy(&command->json);
    free(command->owned);
    *command = (struct command){0};
}
