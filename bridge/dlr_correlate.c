/*
 * Whose receipt it is. An id that Redis does not have is parked and looked up again for 2 s, or
 * while a submit_sm to that very address is under way, until 1 s before the hold ends: receipts
 * overtake responses. Of those that nobody expects at most 8 are parked per bind, so that a stream
 * of unknown ids delays nobody. While Redis can't be asked nothing is published uncorrelated.
 */
#include <string.h>

#include "common/log.h"

#include "bridge/dlr_private.h"

/* Milliseconds between looking up; the last one repeats. */
static const uint16_t lookup_delays_ms[] = {30, 60, 120, 240, 400};

static struct dlr_operator *state_of(const struct delivery *d)
{
    return d->op->dlr;
}

static bool is_expected(const struct delivery *d)
{
    const struct dlr_options *o = &d->dlr->options;
    if (!o->expects)
        return false;
    return (d->digests[0] && o->expects(o->arg, d->op, d->digests[0])) ||
           (d->digests[1] && o->expects(o->arg, d->op, d->digests[1]));
}

/* Those that are expected are bounded by the submits that are under way; only the others count. */
static void set_counted(struct delivery *d, bool counted)
{
    if (d->is_counted == counted)
        return;
    d->is_counted = counted;
    if (counted)
        state_of(d)->parked_count[d->bind]++;
    else
        state_of(d)->parked_count[d->bind]--;
}

void dlr_unpark(struct delivery *d)
{
    if (!d->is_parked)
        return;
    d->is_parked = false;
    set_counted(d, false);
    d->dlr->parked--;
    list_remove(&d->parked_link);
}

static void settle_unknown(struct delivery *d)
{
    dlr_unpark(d);
    if (d->is_tentative) {
        mo_publish(d);
        return;
    }
    d->op->counters.dlr_correlation_not_found++;
    dlr_publish(d);
}

/* The place is full: the one that waited longest has had its chance. */
static void make_room(struct delivery *newcomer)
{
    LIST_FOREACH (it, &state_of(newcomer)->parked) {
        struct delivery *d = LIST_ENTRY(it, struct delivery, parked_link);
        if (d->is_counted && d->bind == newcomer->bind && d != newcomer && !d->awaits_redis) {
            settle_unknown(d);
            return;
        }
    }
}

/* False: there is no place for it. */
static bool take_place(struct delivery *d)
{
    struct dlr_operator *state = state_of(d);
    bool counts = !is_expected(d);
    if (counts && !d->is_counted && state->parked_count[d->bind] >= DLR_MAX_PARKED)
        make_room(d);
    if (counts && !d->is_counted && state->parked_count[d->bind] >= DLR_MAX_PARKED)
        return false;
    set_counted(d, counts);
    if (d->is_parked)
        return true;
    d->is_parked = true;
    d->dlr->parked++;
    list_append(&state->parked, &d->parked_link);
    d->op->counters.dlr_parked += d->was_parked ? 0 : 1;
    d->was_parked = true;
    return true;
}

static bool may_wait(const struct delivery *d)
{
    int64_t waited = mono_diff_ms(loop_now(d->dlr->options.loop), d->arrived);
    if (delivery_hold_left_ms(d) <= DLR_MARGIN_MS)
        return false;
    return waited < DLR_LOOKUP_MS || is_expected(d);
}

static void park(struct delivery *d)
{
    if (!dlr_receipt_id(d)[0] || !may_wait(d) || !take_place(d)) {
        settle_unknown(d);
        return;
    }
    d->phase = DLR_PARKED;
    size_t i = min_size(d->lookups, ARRAY_LEN(lookup_delays_ms) - 1);
    d->lookups++;
    delivery_schedule(d, lookup_delays_ms[i]);
}

static void on_found(void *arg, enum correlation_result result, const struct correlation *entry)
{
    struct delivery *d = arg;
    if (!delivery_redis_answered(d))
        return;
    switch (result) {
    case CORRELATION_FOUND:
        dlr_unpark(d);
        if (d->is_tentative)
            d->op->counters.dlr_received[d->receipt.status]++;
        d->is_tentative = false;
        d->correlated = true;
        d->correlation = *entry;
        if (dlr_aggregate_applies(d))
            dlr_aggregate(d);
        else
            dlr_publish(d);
        break;
    case CORRELATION_MISSING:
        park(d);
        break;
    case CORRELATION_UNAVAILABLE:
        dlr_unpark(d);
        delivery_wait(d, dlr_correlate);
        break;
    }
}

void dlr_correlate(struct delivery *d)
{
    struct correlation_query query = {
        .ids = {d->receipt.id_tlv, d->receipt.id_text},
        .digests = {d->digests[0], d->digests[1]},
    };
    d->phase = DLR_LOOKING_UP;
    d->awaits_redis = true;
    timer_start_at(&d->timer, d->hold_until);
    correlation_find(d->dlr->options.correlations, d->op, &query, on_found, d);
}

void dlr_correlate_again(struct delivery *d)
{
    dlr_correlate(d);
}

/* A response was just processed: what waited for that very address looks again at once. */
void dlr_correlation_noted(void *arg, const struct mno *op, const struct correlation *entry)
{
    (void)arg;
    if (!op->dlr || list_empty(&op->dlr->parked))
        return;
    LIST_FOREACH (it, &op->dlr->parked) {
        struct delivery *d = LIST_ENTRY(it, struct delivery, parked_link);
        bool concerned =
            (entry->destination_digest && (d->digests[0] == entry->destination_digest ||
                                           d->digests[1] == entry->destination_digest)) ||
            strcmp(dlr_receipt_id(d), entry->operator_message_id) == 0;
        if (concerned && d->phase == DLR_PARKED)
            delivery_schedule(d, 0);
    }
}
