/* Reads and writes a lease's value. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/str.h"

#include "proto/json.h"
#include "proto/json_emit.h"

#include "bridge/crypto.h"
#include "bridge/lease_value.h"

#define ERR_NO_MESSAGE 10037
#define ERR_NO_STREAM 10059
#define REVISION_MAX (INT64_C(1) << 53)
#define TTL_MAX_MS 86400000

size_t lease_value_encode(const struct lease_value *v, char out[LEASE_VALUE_MAX])
{
    char home[LEASES_HOME_SIZE * 2 + 1];
    str_hex_encode(v->home, sizeof(v->home), home);
    struct json_emit e = json_emit_fixed(out, LEASE_VALUE_MAX);
    json_emit_object_begin(&e);
    json_emit_member_string(&e, "holder", v->holder);
    json_emit_member_string(&e, "home", home);
    json_emit_member_string(&e, "state", v->free ? "free" : "held");
    json_emit_member_int(&e, "ttlMs", v->ttl_ms);
    if (v->offered)
        json_emit_member_bool(&e, "offered", true);
    json_emit_object_end(&e);
    INVARIANT(!e.failed);
    return e.len;
}

static bool read_value(const char *data, size_t len, struct lease_value *v, char *error_r,
                       size_t error_size)
{
    struct bytes holder, home, state;
    size_t home_len = 0;
    struct json *root = json_parse(data, len, LEASE_VALUE_MAX, error_r, error_size);
    if (!root)
        return false;
    bool ok =
        json_string(json_member(root, "holder"), &holder) &&
        json_string(json_member(root, "home"), &home) &&
        json_string(json_member(root, "state"), &state) &&
        json_int(json_member(root, "ttlMs"), 0, TTL_MAX_MS, &v->ttl_ms) &&
        home.len == LEASES_HOME_SIZE * 2 &&
        str_hex_decode((const char *)home.data, home.len, v->home, sizeof(v->home), &home_len) &&
        home_len == LEASES_HOME_SIZE;
    if (ok) {
        str_copy(v->holder, sizeof(v->holder), (const char *)holder.data, holder.len);
        v->free = str_equal((const char *)state.data, state.len, "free", 4);
        if (!json_bool(json_member(root, "offered"), &v->offered))
            v->offered = false;
    } else {
        snprintf(error_r, error_size, "a member of it is missing or malformed");
    }
    json_destroy(&root);
    return ok;
}

static enum lease_answer read_message(const struct json *message, struct lease_value *v,
                                      uint64_t *revision_r, char *error_r, size_t error_size)
{
    uint8_t data[LEASE_VALUE_MAX];
    struct bytes text = {0};
    size_t len = 0;
    int64_t revision;
    if (!json_int(json_member(message, "seq"), 1, REVISION_MAX, &revision)) {
        snprintf(error_r, error_size, "its revision is missing");
        return LEASE_ANSWER_ODD;
    }
    *revision_r = (uint64_t)revision;
    if (!json_string(json_member(message, "data"), &text) || text.len == 0)
        return LEASE_ANSWER_NONE; /* deleted */
    if (!crypto_base64_decode(text, data, sizeof(data), &len)) {
        snprintf(error_r, error_size, "it is too long or no base64");
        return LEASE_ANSWER_ODD;
    }
    return read_value((const char *)data, len, v, error_r, error_size) ? LEASE_ANSWER_VALUE
                                                                       : LEASE_ANSWER_ODD;
}

static enum lease_answer read_error(const struct json *error, char *error_r, size_t error_size)
{
    int64_t code = 0;
    if (!json_int(json_member(error, "err_code"), 0, INT32_MAX, &code))
        code = 0;
    if (code == ERR_NO_MESSAGE)
        return LEASE_ANSWER_NONE;
    if (code == ERR_NO_STREAM)
        return LEASE_ANSWER_NO_BUCKET;
    struct bytes text = {0};
    if (!json_string(json_member(error, "description"), &text))
        text = (struct bytes){(const uint8_t *)"refused", 7};
    snprintf(error_r, error_size, "%.*s (error %" PRId64 ")", (int)min_size(text.len, 100),
             (const char *)text.data, code);
    return LEASE_ANSWER_ODD;
}

enum lease_answer lease_value_read(const char *json, size_t len, struct lease_value *v_r,
                                   uint64_t *revision_r, char *error_r, size_t error_size)
{
    *v_r = (struct lease_value){.free = true};
    *revision_r = 0;
    struct json *root = json_parse(json, len, JSON_SIZE_LIMIT, error_r, error_size);
    if (!root)
        return LEASE_ANSWER_ODD;
    const struct json *error = json_member(root, "error");
    enum lease_answer answer =
        error ? read_error(error, error_r, error_size)
              : read_message(json_member(root, "message"), v_r, revision_r, error_r, error_size);
    json_destroy(&root);
    return answer;
}
