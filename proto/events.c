/* What the connector tells the platform, as JSON. */
#include "common/str.h"
#include "proto/events.h"
#include "proto/smpp_tlv.h"

#define VERSION "1.0"
#define STAT_MAX 32                /* dlr-processor's schema */
#define OPERATOR_MESSAGE_ID_MAX 64 /* the same */

static const char *const dlr_status_names[] = {
    [DLR_DELIVERED] = "DELIVERED", [DLR_UNDELIVERABLE] = "UNDELIVERABLE", [DLR_EXPIRED] = "EXPIRED",
    [DLR_DELETED] = "DELETED",     [DLR_ACCEPTED] = "ACCEPTED",           [DLR_UNKNOWN] = "UNKNOWN",
    [DLR_REJECTED] = "REJECTED",
};
ASSERT_ARRAY_LEN(dlr_status_names, DLR_STATUS_COUNT);

static const char *const dlr_source_names[] = {
    [DLR_SOURCE_MNO] = "MNO",
    [DLR_SOURCE_SUBMIT] = "SUBMIT",
    [DLR_SOURCE_CONNECTOR] = "CONNECTOR",
};

static const char *const health_names[] = {
    [HEALTH_NONE] = NULL,
    [HEALTH_BOUND] = "BOUND",
    [HEALTH_UNBOUND] = "UNBOUND",
    [HEALTH_FAILBACK] = "FAILBACK",
};
ASSERT_ARRAY_LEN(health_names, HEALTH_FAILBACK + 1);

const char *dlr_status_name(enum dlr_status status)
{
    return dlr_status_names[status];
}

bool dlr_status_is_final(enum dlr_status status)
{
    return status != DLR_ACCEPTED;
}

const char *health_status_name(enum health_status status)
{
    return health_names[status];
}

static void emit_uuid(struct json_emit *e, const char *key, const struct uuid *uuid)
{
    char text[UUID_TEXT_SIZE];
    json_emit_key(e, key);
    if (!uuid) {
        json_emit_null(e);
        return;
    }
    uuid_format(uuid, text);
    json_emit_plain(e, text, UUID_TEXT_SIZE - 1);
}

static void emit_optional(struct json_emit *e, const char *key, const char *cstr)
{
    if (cstr)
        json_emit_member_string(e, key, cstr);
}

/* A field that others declare with a maximal length: cut between characters. */
static void emit_limited(struct json_emit *e, const char *key, const char *cstr, size_t max)
{
    size_t len = strlen(cstr);
    const char *end = cstr + len;
    const char *pos = len <= max ? end : cstr;
    for (size_t n = 0; n < max && pos < end; n++)
        (void)str_utf8_next(&pos, end);
    json_emit_member_text(e, key, cstr, (size_t)(pos - cstr));
}

static void emit_raw_payload(struct json_emit *e, const struct dlr_event *event)
{
    json_emit_key(e, "rawPayload");
    json_emit_object_begin(e);
    json_emit_member_text(e, "text", (const char *)event->raw_text.data, event->raw_text.len);
    json_emit_key(e, "tlvs");
    json_emit_array_begin(e);
    struct bytes rest = event->raw_tlvs;
    struct smpp_tlv tlv;
    while (smpp_tlv_next(&rest, &tlv)) {
        uint8_t tag[2] = {(uint8_t)(tlv.tag >> 8), (uint8_t)tlv.tag};
        char text[7] = "0x";
        str_hex_encode(tag, sizeof(tag), text + 2);
        json_emit_object_begin(e);
        json_emit_member_string(e, "tag", text);
        json_emit_key(e, "hex");
        json_emit_hex(e, tlv.value);
        json_emit_object_end(e);
    }
    json_emit_array_end(e);
    if (event->raw_octets.data) {
        json_emit_key(e, "hex");
        json_emit_hex(e, event->raw_octets);
    }
    json_emit_object_end(e);
}

static void emit_segment(struct json_emit *e, const struct dlr_event *event)
{
    if (event->segment == 0)
        return;
    json_emit_member_uint(e, "segment", event->segment);
    json_emit_member_uint(e, "segments", event->segments);
}

void events_emit_dlr(struct json_emit *e, const struct dlr_event *event)
{
    const char *status = dlr_status_name(event->status);
    const char *id = event->operator_message_id ? event->operator_message_id : "";
    json_emit_object_begin(e);
    json_emit_member_string(e, "version", VERSION);
    json_emit_member_string(e, "schemaVersion", VERSION);
    emit_uuid(e, "eventId", &event->event_id);
    json_emit_member_time(e, "occurredAt", event->occurred_at_ms);
    emit_uuid(e, "messageId", event->message_id);
    emit_limited(e, "operatorMessageId", id, OPERATOR_MESSAGE_ID_MAX);
    emit_uuid(e, "operatorId", &event->operator_id);
    json_emit_member_string(e, "status", status);
    emit_limited(e, "stat", event->stat ? event->stat : status, STAT_MAX);
    json_emit_member_string(e, "source", dlr_source_names[event->source]);
    json_emit_key(e, "deliveredAt");
    if (event->delivered_at_ms == EVENT_TIME_NONE)
        json_emit_null(e);
    else
        json_emit_time(e, event->delivered_at_ms);
    json_emit_member_string(e, "smppErrorCode", event->error_code);
    json_emit_member_string(e, "errorCode", event->error_code);
    emit_optional(e, "sourceAddr", event->source_addr);
    emit_optional(e, "destAddr", event->dest_addr);
    emit_segment(e, event);
    if (event->original_operator_id)
        emit_uuid(e, "originalOperatorId", event->original_operator_id);
    if (event->has_final)
        json_emit_member_bool(e, "final", event->final);
    if (event->out_of_order)
        json_emit_member_bool(e, "outOfOrder", true);
    emit_optional(e, "reason", event->reason);
    if (event->raw_text.data)
        emit_raw_payload(e, event);
    json_emit_object_end(e);
}

void events_emit_health(struct json_emit *e, const struct health_event *event)
{
    char operator_id[UUID_TEXT_SIZE];
    uuid_format(&event->operator_id, operator_id);
    json_emit_object_begin(e);
    json_emit_member_string(e, "version", VERSION);
    emit_uuid(e, "eventId", &event->event_id);
    json_emit_member_time(e, "occurredAt", event->occurred_at_ms);
    json_emit_member_string(e, "operatorId", operator_id);
    json_emit_member_string(e, "operatorName",
                            event->operator_name ? event->operator_name : operator_id);
    json_emit_member_string(e, "status", health_status_name(event->status));
    json_emit_member_string(e, "previousStatus", health_status_name(event->previous));
    emit_optional(e, "reason", event->reason);
    json_emit_object_end(e);
}
