/* Builds and publishes the event with which a message ends. */
#include <string.h>

#include "proto/event_id.h"
#include "proto/events.h"

#include "bridge/crypto.h"
#include "bridge/report.h"

static enum dlr_status status_of(const struct mt *mt)
{
    switch ((enum mt_end)mt->end) {
    case MT_END_EXPIRED:
        return DLR_EXPIRED;
    case MT_END_UNKNOWN:
        return DLR_UNKNOWN;
    default:
        return DLR_REJECTED;
    }
}

static struct uuid event_id(const struct mt *mt, const struct uuid *operator_id, const char *status)
{
    char stream[256];
    uint8_t input[EVENT_ID_INPUT_SIZE];
    uint8_t digest[UUID_SHA1_SIZE];
    struct buf_writer w = buf_writer(input, sizeof(input));
    if (!mt_stream_name(mt->ack_subject, stream, sizeof(stream)))
        stream[0] = 0;
    event_id_of_command(&w, operator_id, stream, mt->key.sequence, (int64_t)mt->key.time_ns, status,
                        mt->end_segment);
    crypto_sha1(&(struct bytes){input, buf_written(&w)}, 1, digest);
    return uuid5_from_sha1(digest);
}

struct jetstream_publish *report_publish(const struct mt *mt, jetstream_stored *stored, void *arg)
{
    char code[SMPP_STATUS_TEXT_SIZE], id_text[UUID_TEXT_SIZE], json[2048];
    struct uuid message_id, original;
    struct dlr_event event = {
        .occurred_at_ms = clock_wall_ms(),
        .status = status_of(mt),
        .source = mt->end_status ? DLR_SOURCE_SUBMIT : DLR_SOURCE_CONNECTOR,
        .delivered_at_ms = EVENT_TIME_NONE,
        .segment = mt->end_segment,
        .segments = mt->segment_count,
        .reason = mt->reason,
    };
    memcpy(event.operator_id.octets, mt->owner->op->id, UUID_SIZE);
    memcpy(message_id.octets, mt->message_id, UUID_SIZE);
    memcpy(original.octets, mt->original_operator, UUID_SIZE);
    if (mt->message_id_known)
        event.message_id = &message_id;
    if (mt->has_original_operator)
        event.original_operator_id = &original;
    if (mt->end_status) {
        smpp_status_format(mt->end_status, code);
        event.error_code = code;
    }
    event.event_id = event_id(mt, &event.operator_id, dlr_status_name(event.status));
    uuid_format(&event.event_id, id_text);
    struct json_emit e = json_emit_fixed(json, sizeof(json));
    events_emit_dlr(&e, &event);
    INVARIANT(!e.failed); /* reasons are short */
    struct jetstream_header trace = {"traceparent", mt->traceparent};
    return jetstream_publish(mt->owner->path->with.js, REPORT_SUBJECT, id_text, &trace,
                             *mt->traceparent ? 1 : 0, json, e.len, stored, arg);
}
