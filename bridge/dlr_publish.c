/* A receipt's event, made and published; the MNO is answered when JetStream has stored it. */
#include <string.h>

#include "common/str.h"

#include "bridge/dlr_private.h"

void dlr_publish_stored(void *arg, bool duplicate)
{
    struct delivery *d = arg;
    d->publish = NULL;
    d->op->counters.dlr_published++;
    d->op->counters.dlr_duplicate += duplicate ? 1 : 0;
    delivery_answer(d, SMPP_ROK);
}

static bool parse_uuid(const char *text, struct uuid *uuid_r)
{
    return uuid_parse(text, strlen(text), uuid_r);
}

/* What the text does not say to the last bit: it was UTF-16, or had NULs or other octets. */
static struct bytes raw_octets(const struct delivery *d)
{
    struct bytes raw = d->receipt.raw;
    if (raw.len == d->receipt.text_len && (!raw.len || memcmp(raw.data, d->text, raw.len) == 0))
        return (struct bytes){0};
    return raw;
}

/* A message's state, whichever of its spellings this receipt has; else that of the MNO's id. */
static bool is_out_of_order(const struct delivery *d)
{
    char key[DLR_STATES_KEY_SIZE];
    struct str_out o = str_out(key, sizeof(key));
    if (d->correlated && d->correlation.message_id[0]) {
        str_puts(&o, d->correlation.message_id);
        str_putc(&o, ':');
        str_put_u64(&o, d->correlation.segment);
    } else {
        str_puts(&o, dlr_receipt_id(d));
    }
    return dlr_states_note(&d->dlr->states, d->op->id, key, d->receipt.final);
}

void dlr_publish_event(struct delivery *d, struct dlr_event *event, struct uuid store[2])
{
    const struct receipt *r = &d->receipt;
    const char *id = dlr_receipt_id(d);
    *event = (struct dlr_event){
        .event_id = d->event_id,
        .occurred_at_ms = d->received_ms,
        .operator_message_id = id,
        .status = r->status,
        .source = DLR_SOURCE_MNO,
        .delivered_at_ms = EVENT_TIME_NONE,
        .error_code = r->err[0] ? r->err : NULL,
        .stat = r->stat,
        .source_addr = d->sm.source,
        .dest_addr = d->sm.dest,
        .raw_text = {.data = (const uint8_t *)d->text, .len = r->text_len},
        .raw_tlvs = d->sm.tlvs,
        .raw_octets = raw_octets(d),
        .has_final = true,
        .final = r->final,
        .out_of_order = is_out_of_order(d),
    };
    memcpy(event->operator_id.octets, d->op->id, UUID_SIZE);
    if (r->status == DLR_DELIVERED && r->done_ms != RECEIPT_TIME_NONE)
        event->delivered_at_ms = r->done_ms;
    if (!d->correlated)
        return;
    const struct correlation *c = &d->correlation;
    event->segment = c->segment;
    event->segments = c->segments;
    if (parse_uuid(c->message_id, &store[0]))
        event->message_id = &store[0];
    if (c->original_operator[0] && parse_uuid(c->original_operator, &store[1]))
        event->original_operator_id = &store[1];
}

void dlr_publish_json(struct delivery *d, const char *subject, jetstream_stored *stored)
{
    const struct json_emit *json = &d->dlr->json;
    char msg_id[UUID_TEXT_SIZE];
    uuid_format(&d->event_id, msg_id);
    const char *traceparent = d->correlated ? d->correlation.traceparent : "";
    const struct jetstream_header header = {.name = "traceparent", .value = traceparent};
    d->phase = DLR_PUBLISHING;
    timer_start_at(&d->timer, d->hold_until);
    d->publish = jetstream_publish(d->dlr->options.js, subject, msg_id, &header,
                                   traceparent[0] ? 1 : 0, json->data, json->len, stored, d);
}

void dlr_publish(struct delivery *d)
{
    struct uuid store[2];
    struct dlr_event event;
    dlr_receipt_event_id(d);
    dlr_publish_event(d, &event, store);
    json_emit_reset(&d->dlr->json);
    events_emit_dlr(&d->dlr->json, &event);
    dlr_publish_json(d, DLR_SUBJECT, dlr_publish_stored);
    if (!d->publish)
        delivery_wait(d, dlr_publish);
}
