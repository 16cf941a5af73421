/* The JSON of a phone's message. */
#include <stdlib.h>
#include <string.h>

#include "proto/event_id.h"

#include "bridge/crypto.h"
#include "bridge/mo_event.h"

static const char *const kind_names[] = {
    [MESSAGE_TEXT_DEFAULT] = "GSM7",  [MESSAGE_TEXT_LATIN1] = "LATIN1",
    [MESSAGE_TEXT_ASCII] = "ASCII",   [MESSAGE_TEXT_UCS2] = "UCS2",
    [MESSAGE_TEXT_BINARY] = "BINARY",
};

void mo_event_emit(struct json_emit *e, const struct mo_event *event)
{
    char event_id[UUID_TEXT_SIZE];
    uuid_format(&event->event_id, event_id);
    json_emit_reset(e);
    json_emit_object_begin(e);
    json_emit_member_string(e, "version", "1.0");
    json_emit_member_string(e, "eventId", event_id);
    json_emit_member_time(e, "occurredAt", event->received_ms);
    json_emit_member_string(e, "operatorId", event->op->id_text);
    json_emit_member_string(e, "from", event->from);
    json_emit_member_string(e, "to", event->to);
    json_emit_member_string(e, "encoding", kind_names[message_text_kind(event->data_coding)]);
    json_emit_member_uint(e, "dataCoding", event->data_coding);
    json_emit_member_text(e, "text", (const char *)event->text.data, event->text.len);
    if (event->binary.data) {
        json_emit_key(e, "dataHex");
        json_emit_hex(e, event->binary);
    }
    if (event->part)
        json_emit_member_uint(e, "part", event->part);
    if (event->parts)
        json_emit_member_uint(e, "parts", event->parts);
    json_emit_object_end(e);
}

struct message_text_alphabet mo_event_alphabet(const struct mno *op)
{
    return (struct message_text_alphabet){
        .default_alphabet = (enum split_alphabet)op->settings.default_alphabet,
        .packed = op->settings.gsm7_packed,
    };
}

static bool are_coded_alike(const struct mo_piece *pieces, unsigned count)
{
    for (unsigned i = 1; i < count; i++) {
        if (pieces[i].data_coding != pieces[0].data_coding ||
            pieces[i].tables.locking != pieces[0].tables.locking ||
            pieces[i].tables.single != pieces[0].tables.single)
            return false;
    }
    return true;
}

static void decode(const struct mno *op, const struct mo_piece *coding, struct bytes octets,
                   struct text *text)
{
    struct message_text_alphabet alphabet = mo_event_alphabet(op);
    size_t size = MESSAGE_TEXT_SIZE(octets.len);
    char *decoded = xmalloc(size + 1);
    alphabet.packed = false; /* the octets are not any more */
    size_t len = message_text_decode(alphabet, coding->data_coding, octets, 0, coding->tables,
                                     decoded, size);
    text_append(text, decoded, len);
    free(decoded);
}

void mo_event_join(const struct mno *op, const struct mo_piece *pieces, unsigned count,
                   struct text *text)
{
    struct text joined = {0};
    bool alike = are_coded_alike(pieces, count);
    for (unsigned i = 0; i < count; i++) {
        if (alike)
            text_append(&joined, (const char *)pieces[i].octets.data, pieces[i].octets.len);
        else
            decode(op, &pieces[i], pieces[i].octets, text);
    }
    if (alike)
        decode(op, &pieces[0], (struct bytes){(const uint8_t *)joined.data, joined.len}, text);
    text_free(&joined);
}

struct uuid mo_event_whole_id(const struct uuid *ids, unsigned count)
{
    struct bytes parts[1 + UINT8_MAX] = {{.data = event_id_namespace.octets, .len = UUID_SIZE}};
    for (unsigned i = 0; i < count; i++)
        parts[1 + i] = (struct bytes){.data = ids[i].octets, .len = UUID_SIZE};
    uint8_t digest[UUID_SHA1_SIZE];
    crypto_sha1(parts, 1 + count, digest);
    return uuid5_from_sha1(digest);
}
