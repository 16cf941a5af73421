/* The credentials answer: every field within the bounds of what a bind can use. */
#include "common/str.h"
#include "proto/credentials_answer.h"

static const char *const mode_names[] = {
    [BIND_TRANSCEIVER] = "TRANSCEIVER",
    [BIND_TRANSMITTER] = "TRANSMITTER",
    [BIND_RECEIVER] = "RECEIVER",
};

const char *bind_mode_name(enum bind_mode mode)
{
    return mode_names[mode];
}

bool bind_mode_parse(const char *s, size_t len, enum bind_mode *mode_r)
{
    for (size_t i = BIND_TRANSCEIVER; i < ARRAY_LEN(mode_names); i++) {
        if (!str_equal(s, len, mode_names[i], strlen(mode_names[i])))
            continue;
        *mode_r = (enum bind_mode)i;
        return true;
    }
    return false;
}

static bool get_uuid(const struct json *root, const char *name, struct uuid *uuid_r)
{
    struct bytes text;
    return json_string(json_member(root, name), &text) &&
           uuid_parse((const char *)text.data, text.len, uuid_r);
}

/* Printable ASCII without blanks, which covers host names, IPv4 and IPv6. */
static bool get_host(const struct json *root, char host[CREDENTIALS_HOST_SIZE])
{
    struct bytes text;
    if (!json_string(json_member(root, "host"), &text) || text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] <= 0x20 || text.data[i] >= 0x7F)
            return false;
    }
    return str_copy(host, CREDENTIALS_HOST_SIZE, (const char *)text.data, text.len);
}

static bool get_system_id(const struct json *root, struct credentials_answer *a)
{
    struct bytes text;
    return json_string(json_member(root, "systemId"), &text) && text.len > 0 &&
           str_copy(a->system_id, sizeof(a->system_id), (const char *)text.data, text.len);
}

static bool get_password(const struct json *root, struct credentials_answer *a)
{
    return json_string(json_member(root, "password"), &a->password) &&
           a->password.len <= SMPP_BIND_CREDENTIAL_MAX;
}

static bool get_mode(const struct json *root, struct credentials_answer *a)
{
    struct bytes text;
    return json_string(json_member(root, "bindMode"), &text) &&
           bind_mode_parse((const char *)text.data, text.len, &a->bind_mode);
}

static bool get_backup(const struct json *root, struct credentials_answer *a)
{
    if (!json_member(root, "backupOperatorId"))
        return true;
    a->has_backup = get_uuid(root, "backupOperatorId", &a->backup_operator_id);
    return a->has_backup && !uuid_equal(&a->backup_operator_id, &a->operator_id);
}

/* NULL, or what is wrong. */
static const char *read_fields(const struct json *root, const struct uuid *operator_id,
                               struct credentials_answer *a)
{
    int64_t port, tps;
    if (json_type(root) != JSON_OBJECT)
        return "the answer is not an object";
    if (!get_uuid(root, "operatorId", &a->operator_id))
        return "operatorId is not a UUID";
    if (!uuid_equal(&a->operator_id, operator_id))
        return "operatorId is another operator's";
    if (!get_host(root, a->host))
        return "host is not a host name or address of at most 255 characters";
    if (!json_int(json_member(root, "port"), 1, UINT16_MAX, &port))
        return "port is not a number from 1 to 65535";
    if (!get_system_id(root, a))
        return "systemId is not a text of 1 to 64 characters";
    if (!get_password(root, a))
        return "password is not a text of at most 64 characters";
    if (!json_int(json_member(root, "tpsLimit"), 0, CREDENTIALS_TPS_MAX, &tps))
        return "tpsLimit is not a number from 0 to 100000";
    if (!get_mode(root, a))
        return "bindMode is none of TRANSCEIVER, TRANSMITTER, RECEIVER";
    if (!get_backup(root, a))
        return "backupOperatorId is not another operator's UUID or null";
    a->port = (uint16_t)port;
    a->tps_limit = (uint32_t)tps;
    return NULL;
}

int credentials_answer_parse(const char *data, size_t len, const struct uuid *operator_id,
                             struct credentials_answer *answer_r, char *error, size_t error_size)
{
    struct credentials_answer a = {0};
    *answer_r = a;
    a.json = json_parse(data, len, CREDENTIALS_ANSWER_LIMIT, error, error_size);
    if (!a.json)
        return -1;
    const char *wrong = read_fields(a.json, operator_id, &a);
    if (wrong) {
        (void)str_copy(error, error_size, wrong, strlen(wrong));
        credentials_answer_wipe(&a);
        return -1;
    }
    *answer_r = a;
    return 0;
}

void credentials_answer_wipe(struct credentials_answer *answer)
{
    if (answer->json)
        json_wipe(&answer->json);
    *answer = (struct credentials_answer){0};
}
