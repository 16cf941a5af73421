/*
 * receiptPolicy aggregate, and not all segments had their receipt: some MNOs send one for a whole
 * message. Before Redis forgets those that came, an event tells them: the worst of them, not final.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/str.h"

#include "bridge/dlr_private.h"
#include "bridge/due.h"

enum { DUE_SHARE = 4 /* of CORRELATION_TTL_S: told after that part of it */ };

struct dlr_partial {
    struct dlr *dlr;
    struct due *due;
    uint8_t operator_id[IPC_OPERATOR_ID_SIZE]; /* of what is published */
    struct jetstream_publish *publish;
};

int64_t dlr_partial_due_ms(const struct delivery *d)
{
    uint64_t ttl_s = 0;
    const char *text = correlations_ttl(d->dlr->options.correlations);
    bool is_number = str_parse_u64(text, strlen(text), 0, INT32_MAX, &ttl_s);
    INVARIANT(is_number);
    return clock_wall_ms() + (int64_t)ttl_s * 1000 / DUE_SHARE;
}

/* "receivedMs segments traceparent originalOperatorId operatorMessageId", "-" for what is absent.
 */
size_t dlr_partial_pack(const struct delivery *d, char out[DLR_PARTIAL_SIZE])
{
    const struct correlation *c = &d->correlation;
    struct str_out o = str_out(out, DLR_PARTIAL_SIZE);
    str_put_i64(&o, d->received_ms);
    str_putc(&o, ' ');
    str_put_u64(&o, c->segments);
    str_putc(&o, ' ');
    str_puts(&o, c->traceparent[0] ? c->traceparent : "-");
    str_putc(&o, ' ');
    str_puts(&o, c->original_operator[0] ? c->original_operator : "-");
    str_putc(&o, ' ');
    str_puts(&o, dlr_receipt_id(d));
    return o.len;
}

/* What was packed. */
struct partial {
    long long received_ms;
    unsigned segments;
    char traceparent[56], original_operator[37], operator_message_id[SMPP_MESSAGE_ID_SIZE];
};

static bool unpack(const char *text, struct partial *out)
{
    int id = 0;
    *out = (struct partial){0};
    if (sscanf(text, "%lld %u %55s %36s %n", &out->received_ms, &out->segments, out->traceparent,
               out->original_operator, &id) < 4 ||
        !id)
        return false;
    return str_copy(out->operator_message_id, sizeof(out->operator_message_id), text + id,
                    strlen(text + id));
}

static void on_stored(void *arg, bool duplicate)
{
    struct dlr_partial *p = arg;
    struct mno *op = operators_find(p->dlr->options.operators, p->operator_id);
    p->publish = NULL;
    if (op) {
        op->counters.dlr_published++;
        op->counters.dlr_duplicate += duplicate ? 1 : 0;
    }
    due_told(p->due, false);
}

static bool parse_uuid(const char *text, struct uuid *uuid_r)
{
    return uuid_parse(text, strlen(text), uuid_r);
}

static void publish(struct dlr_partial *p, const struct due_item *item,
                    const struct partial *partial, const struct dlr_segment_ends *ends)
{
    struct json_emit *json = &p->dlr->json;
    char reason[64], msg_id[UUID_TEXT_SIZE];
    struct uuid message_id, original;
    snprintf(reason, sizeof(reason), "receipts of %zu of %u segments came", ends->count,
             partial->segments);
    struct dlr_event event = {
        .event_id = dlr_aggregate_event_id(item->operator_id, item->name, (uint8_t)ends->count),
        .occurred_at_ms = partial->received_ms,
        .operator_message_id = partial->operator_message_id,
        .status = ends->worst,
        .stat = ends->stat,
        .error_code = ends->err[0] ? ends->err : NULL,
        .source = DLR_SOURCE_MNO,
        .delivered_at_ms = EVENT_TIME_NONE,
        .has_final = true,
        .reason = reason,
    };
    memcpy(event.operator_id.octets, item->operator_id, UUID_SIZE);
    memcpy(p->operator_id, item->operator_id, sizeof(p->operator_id));
    if (parse_uuid(item->name, &message_id))
        event.message_id = &message_id;
    if (parse_uuid(partial->original_operator, &original))
        event.original_operator_id = &original;
    json_emit_reset(json);
    events_emit_dlr(json, &event);
    uuid_format(&event.event_id, msg_id);
    const struct jetstream_header trace = {"traceparent", partial->traceparent};
    p->publish = jetstream_publish(p->dlr->options.js, DLR_SUBJECT, msg_id, &trace,
                                   partial->traceparent[0] == '-' ? 0 : 1, json->data, json->len,
                                   on_stored, p);
    if (!p->publish)
        due_later(p->due);
}

static void tell(void *arg, const struct due_item *item, const struct redis_reply *fields)
{
    struct dlr_partial *p = arg;
    struct partial partial;
    struct dlr_segment_ends ends = {0};
    bool known = false;
    for (size_t i = 0; i + 1 < fields->count; i += 2) {
        const struct redis_reply *field = &fields->elements[i], *value = &fields->elements[i + 1];
        if (str_equal(field->text, field->len, DLR_PARTIAL_FIELD, 1))
            known = unpack(value->text, &partial);
        else
            dlr_segment_ends_add(&ends, value->text, value->len);
    }
    if (known && ends.count > 0)
        publish(p, item, &partial, &ends);
    else
        due_told(p->due, false); /* forgotten, or none of ours */
}

static bool gathers(const struct mno *op)
{
    return op->settings.receipt_policy == RECEIPT_POLICY_AGGREGATE;
}

/* --- life --- */

struct dlr_partial *dlr_partial_create(struct dlr *dlr)
{
    struct dlr_partial *p = xcalloc(1, sizeof(*p));
    p->dlr = dlr;
    p->due = due_create(&(struct due_options){
        .loop = dlr->options.loop,
        .redis = dlr->options.redis,
        .operators = dlr->options.operators,
        .link = dlr->options.link,
        .prefix = DLR_SEGMENTS_PREFIX,
        .applies = gathers,
        .tell = tell,
        .arg = p,
    });
    return p;
}

void dlr_partial_forget(struct dlr_partial *p)
{
    if (!p->publish)
        return;
    jetstream_publish_cancel(p->dlr->options.js, &p->publish);
    due_later(p->due);
}

void dlr_partial_destroy(struct dlr_partial **p_ref)
{
    struct dlr_partial *p = *p_ref;
    if (!p)
        return;
    if (p->publish)
        jetstream_publish_cancel(p->dlr->options.js, &p->publish);
    due_destroy(&p->due);
    free(p);
    *p_ref = NULL;
}
