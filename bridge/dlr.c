/*
 * The life of a deliver_sm in the bridge: taken in, carried from phase to phase by its callbacks
 * and its one timer, answered, or given up when its hold ends (the agent then answers busy and the
 * MNO repeats). Deliveries come from a pool.
 */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

#include "bridge/dlr_private.h"

static void on_timer(void *arg);

struct dlr *dlr_create(const struct dlr_options *options)
{
    struct dlr *dlr = xcalloc(1, sizeof(*dlr));
    dlr->options = *options;
    dlr->options.mo_subject = NULL; /* the caller's text need not last */
    if (options->mo_subject && options->mo_subject[0])
        dlr->mo_subject = xstrdup(options->mo_subject);
    dlr->json = json_emit_growable();
    dlr->mo = mo_messages_create(dlr);
    dlr->partial = dlr_partial_create(dlr);
    list_init(&dlr->free_deliveries);
    correlations_on_store(options->correlations, dlr_correlation_noted, dlr);
    return dlr;
}

static struct delivery *delivery_new(struct dlr *dlr)
{
    struct delivery *d;
    if (list_empty(&dlr->free_deliveries)) {
        d = xmalloc(sizeof(*d));
    } else {
        struct list *first = dlr->free_deliveries.next;
        list_remove(first);
        d = LIST_ENTRY(first, struct delivery, link);
    }
    memset(d, 0, offsetof(struct delivery, inline_body));
    d->dlr = dlr;
    list_init(&d->link);
    list_init(&d->parked_link);
    list_init(&d->parts_link);
    timer_init(&d->timer, dlr->options.loop, on_timer, d);
    return d;
}

static void delivery_free(struct delivery *d)
{
    if (d->body != d->inline_body)
        free(d->body);
    if (d->text != d->inline_text)
        free(d->text);
    list_append(&d->dlr->free_deliveries, &d->link);
}

/* The bodies are copied: whatever is asked is answered after the record is gone. */
static void delivery_take_body(struct delivery *d, struct bytes body)
{
    bool fits = body.len <= sizeof(d->inline_body);
    d->body = fits ? d->inline_body : xmalloc(body.len);
    d->text_size = fits ? sizeof(d->inline_text) : RECEIPT_TEXT_SIZE(body.len);
    d->text = fits ? d->inline_text : xmalloc(d->text_size);
    d->body_len = body.len;
    if (body.len)
        memcpy(d->body, body.data, body.len);
}

static struct dlr_operator *operator_state(struct mno *op)
{
    if (!op->dlr) {
        op->dlr = xcalloc(1, sizeof(*op->dlr));
        list_init(&op->dlr->deliveries);
        list_init(&op->dlr->parked);
    }
    return op->dlr;
}

/* Forgets it; what Redis still has to answer frees it later. */
static void delivery_drop(struct delivery *d)
{
    struct dlr *dlr = d->dlr;
    dlr_unpark(d);
    mo_forget(d);
    timer_stop(&d->timer);
    if (d->publish)
        jetstream_publish_cancel(dlr->options.js, &d->publish);
    list_remove(&d->link);
    dlr->under_way--;
    d->op = NULL;
    if (!d->awaits_redis)
        delivery_free(d);
}

bool delivery_redis_answered(struct delivery *d)
{
    d->awaits_redis = false;
    if (d->op)
        return true;
    delivery_free(d);
    return false;
}

void delivery_answer(struct delivery *d, uint32_t status)
{
    struct agent_link *link = d->dlr->options.link;
    struct ipc_deliver_done done = {.id = d->id, .status = status};
    if (agent_link_is_attached(link)) {
        ipc_put_deliver_done(agent_link_begin(link), &done);
        agent_link_end(link);
    }
    delivery_drop(d);
}

int64_t delivery_hold_left_ms(const struct delivery *d)
{
    return mono_diff_ms(d->hold_until, loop_now(d->dlr->options.loop));
}

void delivery_schedule(struct delivery *d, int64_t ms)
{
    mono_t due = mono_add_ms(loop_now(d->dlr->options.loop), ms);
    timer_start_at(&d->timer, mono_reached(due, d->hold_until) ? d->hold_until : due);
}

void delivery_wait(struct delivery *d, void (*retry)(struct delivery *d))
{
    d->phase = DLR_WAITING;
    d->retry = retry;
    delivery_schedule(d, DLR_RETRY_MS);
}

static void give_up(struct delivery *d)
{
    d->op->counters.dlr_given_up++;
    mo_give_up(d);
    log_debug("a deliver_sm was held too long and is given up",
              LOG_STR("operatorId", d->op->id_text), LOG_UINT("deliver", d->id));
    delivery_drop(d);
}

static void on_timer(void *arg)
{
    struct delivery *d = arg;
    if (mono_reached(loop_now(d->dlr->options.loop), d->hold_until)) {
        give_up(d);
        return;
    }
    switch (d->phase) {
    case DLR_PARKED:
        dlr_correlate_again(d);
        break;
    case DLR_WAITING:
        d->retry(d);
        break;
    case DLR_ASSEMBLING:
        mo_publish(d);
        break;
    case DLR_LOOKING_UP:
    case DLR_GATHERING:
    case DLR_PUBLISHING:
        timer_start_at(&d->timer, d->hold_until);
        break;
    }
}

static void refuse_malformed(struct delivery *d)
{
    d->op->counters.mo_refused++;
    log_warn("a deliver_sm can't be read and is refused", LOG_STR("operatorId", d->op->id_text),
             LOG_UINT("octets", d->body_len));
    delivery_answer(d, SMPP_RX_R_APPN);
}

/* Nothing is done, and nothing could be answered, before the agent has listed everything. */
static void begin(struct delivery *d)
{
    if (!agent_link_is_attached(d->dlr->options.link)) {
        delivery_wait(d, begin);
        return;
    }
    switch (dlr_receipt_read(d)) {
    case DLR_KIND_MALFORMED:
        refuse_malformed(d);
        break;
    case DLR_KIND_TENTATIVE:
        d->is_tentative = true;
        dlr_correlate(d);
        break;
    case DLR_KIND_RECEIPT:
        d->op->counters.dlr_received[d->receipt.status]++;
        dlr_correlate(d);
        break;
    case DLR_KIND_MO:
        mo_publish(d);
        break;
    }
}

void dlr_deliver(struct dlr *dlr, const struct ipc_deliver *record)
{
    struct mno *op = operators_find(dlr->options.operators, record->operator_id);
    if (!op) {
        log_debug("a deliver_sm of an operator that is not configured is left to its hold",
                  LOG_UINT("deliver", record->id));
        return;
    }
    struct delivery *d = delivery_new(dlr);
    d->op = op;
    d->id = record->id;
    d->bind = record->bind;
    d->command_id = record->command_id;
    d->received_ms = record->received_ms;
    d->arrived = loop_now(dlr->options.loop);
    d->hold_until = mono_add_ms(d->arrived, record->hold_left_ms);
    delivery_take_body(d, record->body);
    list_append(&operator_state(op)->deliveries, &d->link);
    dlr->under_way++;
    timer_start_at(&d->timer, d->hold_until);

    begin(d);
}

static void forget_operator(struct mno *op)
{
    if (!op->dlr)
        return;
    while (!list_empty(&op->dlr->deliveries))
        delivery_drop(LIST_ENTRY(op->dlr->deliveries.next, struct delivery, link));
}

void dlr_forget(struct dlr *dlr)
{
    dlr_partial_forget(dlr->partial);
    mo_messages_forget(dlr->mo);
    for (size_t i = 0; i < operators_count(dlr->options.operators); i++)
        forget_operator(operators_at(dlr->options.operators, i));
}

void dlr_operator_gone(struct dlr *dlr, struct mno *op)
{
    (void)dlr;
    forget_operator(op);
    free(op->dlr);
    op->dlr = NULL;
}

void dlr_destroy(struct dlr **dlr_ref)
{
    struct dlr *dlr = *dlr_ref;
    if (!dlr)
        return;
    for (size_t i = 0; i < operators_count(dlr->options.operators); i++)
        dlr_operator_gone(dlr, operators_at(dlr->options.operators, i));
    correlations_on_store(dlr->options.correlations, NULL, NULL);
    LIST_FOREACH (it, &dlr->free_deliveries) {
        free(LIST_ENTRY(it, struct delivery, link));
    }
    mo_messages_destroy(&dlr->mo);
    dlr_partial_destroy(&dlr->partial);
    json_emit_free(&dlr->json);
    free(dlr->id_input);
    free(dlr->mo_subject);
    free(dlr);
    *dlr_ref = NULL;
}

struct dlr_view dlr_view(const struct dlr *dlr)
{
    return (struct dlr_view){.under_way = dlr->under_way, .parked = dlr->parked};
}
