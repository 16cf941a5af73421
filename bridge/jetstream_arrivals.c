/* What came from the server, told to whom it concerns. On the loop. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/str.h"
#include "bridge/jetstream_private.h"
#include "bridge/jetstream_subjects.h"

enum { MAX_ACK_SUBJECT = 255, MAX_HEADER = 255 };

/* 0: the message has no status. */
static int status_of(const struct jetstream_arrival *a)
{
    const char *text = a->len == 0 ? jetstream_arrival_header(a, "Status") : NULL;
    uint64_t code;
    return text && str_parse_u64(text, strlen(text), 100, 999, &code) ? (int)code : 0;
}

static void take_pull_status(struct jetstream *js, const struct jetstream_arrival *a,
                             const struct jetstream_reply *reply)
{
    uint32_t tag = reply->numbers[0], batch = reply->numbers[2];
    const char *description = jetstream_arrival_header(a, "Description");
    enum jetstream_pull_end end;
    if (!description)
        description = "";
    if (jetstream_subjects_status(status_of(a), description, &end) == JETSTREAM_STATUS_HEARTBEAT) {
        js->events.heartbeat(js->events.arg, tag);
        return;
    }
    const char *pending = jetstream_arrival_header(a, "Nats-Pending-Messages");
    uint64_t missing = batch;
    if (pending && !str_parse_u64(pending, strlen(pending), 0, batch, &missing))
        missing = batch;
    char text[160];
    struct str_out out = str_out(text, sizeof(text));
    str_put_i64(&out, status_of(a));
    str_putc(&out, ' ');
    str_puts(&out, description);
    js->events.pull_ended(js->events.arg, tag, end, (uint32_t)missing, text);
}

static void take_puback(struct jetstream *js, const struct jetstream_arrival *a,
                        struct jetstream_slot *slot)
{
    struct jetstream_puback puback;
    if (status_of(a) == 503)
        jetstream_calls_refused(js, slot, "no stream takes this subject (or no JetStream leader)");
    else if (!jetstream_subjects_puback((const char *)a->data, a->len, &puback))
        jetstream_calls_refused(js, slot, "the answer is none of JetStream's");
    else if (puback.stored)
        jetstream_calls_stored(js, slot, puback.duplicate);
    else
        jetstream_calls_refused(js, slot, puback.error);
}

static void take_set(struct jetstream *js, const struct jetstream_arrival *a,
                     struct jetstream_slot *slot)
{
    enum { WRONG_LAST_SEQUENCE = 10071, WRONG_LAST_SEQUENCE_TOO = 10164 };
    struct jetstream_puback puback;
    if (status_of(a) == 503)
        jetstream_calls_set(js, slot, JETSTREAM_SET_REFUSED, 0, "there is no such bucket");
    else if (!jetstream_subjects_puback((const char *)a->data, a->len, &puback))
        jetstream_calls_set(js, slot, JETSTREAM_SET_REFUSED, 0,
                            "the answer is none of JetStream's");
    else if (puback.stored)
        jetstream_calls_set(js, slot, JETSTREAM_SET_DONE, puback.sequence, NULL);
    else if (puback.err_code == WRONG_LAST_SEQUENCE || puback.err_code == WRONG_LAST_SEQUENCE_TOO)
        jetstream_calls_set(js, slot, JETSTREAM_SET_CONFLICT, 0, puback.error);
    else
        jetstream_calls_set(js, slot, JETSTREAM_SET_REFUSED, 0, puback.error);
}

static void take_answer(struct jetstream *js, const struct jetstream_arrival *a)
{
    struct jetstream_reply reply;
    if (!jetstream_subjects_reply(a->tail, &reply))
        return; /* somebody guessed our inbox */
    if (reply.kind == 'm') {
        take_pull_status(js, a, &reply);
        return;
    }
    struct jetstream_slot *slot =
        jetstream_slots_find(js->slots, reply.numbers[0], reply.numbers[1]);
    if (!slot)
        return; /* answered before */
    const char *reason = status_of(a) == 503 ? "no responders" : NULL;
    if (slot->kind == JETSTREAM_SLOT_PUBLISH && reply.kind == 'p')
        take_puback(js, a, slot);
    else if (slot->kind == JETSTREAM_SLOT_SET && reply.kind == 's')
        take_set(js, a, slot);
    else if (slot->kind == JETSTREAM_SLOT_CONFIRM && reply.kind == 'a')
        jetstream_calls_answered(js, slot, NULL, 0, reason);
    else if (slot->kind == JETSTREAM_SLOT_API && reply.kind == 'r')
        jetstream_calls_answered(js, slot, reason ? NULL : (const char *)a->data,
                                 reason ? 0 : a->len, reason);
}

static const char *short_header(const struct jetstream_arrival *a, const char *name)
{
    const char *value = jetstream_arrival_header(a, name);
    return value && strlen(value) <= MAX_HEADER ? value : NULL;
}

static void take_message(struct jetstream *js, const struct jetstream_arrival *a)
{
    struct jetstream_ack_fields ack;
    if (!a->reply || strlen(a->reply) > MAX_ACK_SUBJECT ||
        !jetstream_subjects_ack(a->reply, &ack)) {
        log_warn("message without a usable ack subject", LOG_STR("subject", a->subject),
                 LOG_STR("ackSubject", a->reply));
        return;
    }
    const struct jetstream_puller *puller =
        map_get(js->pullers, ack.consumer_key, ack.consumer_key_len);
    if (!puller)
        return; /* nobody here pulls from it */
    const struct jetstream_message m = {
        .subject = a->subject,
        .ack_subject = a->reply,
        .stream = puller->stream,
        .stream_sequence = ack.stream_sequence,
        .delivered = ack.delivered,
        .time_ns = ack.time_ns,
        .pending = ack.pending,
        .traceparent = short_header(a, "traceparent"),
        .failover_from = short_header(a, "Smpp-Failover-From"),
        .data = a->data,
        .len = a->len,
    };
    js->events.message(js->events.arg, puller->tag, &m);
}

void jetstream_arrivals_take(struct jetstream *js, const struct jetstream_arrival *a)
{
    if (a->is_answer)
        take_answer(js, a);
    else
        take_message(js, a);
}

void jetstream_arrivals_complaint(struct jetstream *js, const char *text)
{
    if (strcmp(js->complaint, text) != 0)
        log_warn("NATS objects", LOG_STR("text", text));
    str_copy(js->complaint, sizeof(js->complaint), text, strlen(text));
    if (js->events.objected)
        js->events.objected(js->events.arg, text);
}

void jetstream_arrivals_refused(struct jetstream *js, const uint32_t numbers[2], const char *text)
{
    struct jetstream_slot *slot = jetstream_slots_find(js->slots, numbers[0], numbers[1]);
    if (slot && slot->kind == JETSTREAM_SLOT_PUBLISH)
        jetstream_calls_refused(js, slot, text);
}
