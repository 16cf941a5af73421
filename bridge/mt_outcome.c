/* Outcomes: accepted ones are stored in Redis, refused and unknown ones are sent again or ended. */
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/random.h"

#include "proto/smpp_submit.h"

#include "bridge/failover.h"
#include "bridge/mt_settle.h"
#include "bridge/mt_submit.h"
#include "bridge/retry_policy.h"

#define RECALL_AGAIN_MS 60000
#define TEXT_MISSING_MS 20000 /* twice AckWait: without the NAK as well it would have come */

static struct operator_counters *counters_of(const struct mt *mt)
{
    return &mt->owner->op->counters;
}

static void end_by_segment(struct mt_segment *s, enum mt_end end, uint32_t status,
                           const char *reason)
{
    struct mt *mt = s->mt;
    mt_set_segment_state(s, SEGMENT_REFUSED);
    if (mt->end) /* another segment was first */
        return;
    mt->end = (uint8_t)end;
    mt->end_segment = mt->segment_count > 1 ? s->number : 0;
    mt->end_status = status;
    mt_set_reason(mt, reason);
}

/* --- accepted --- */

static void store(struct mt_segment *s);

static void on_stored(void *arg, bool ok)
{
    struct mt_segment *s = arg;
    mt_set_segment_state(s, ok ? SEGMENT_DONE : SEGMENT_UNSTORED);
    if (ok)
        mt_settle_advance(s->mt);
}

static struct correlation correlation_of(const struct mt_segment *s)
{
    const struct mt *mt = s->mt;
    struct correlation c = {
        .segment = s->number,
        .segments = mt->segment_count,
        .destination_digest = mt->destination_digest,
    };
    struct uuid id;
    memcpy(id.octets, mt->message_id, UUID_SIZE);
    uuid_format(&id, c.message_id);
    if (mt->has_original_operator) {
        memcpy(id.octets, mt->original_operator, UUID_SIZE);
        uuid_format(&id, c.original_operator);
    }
    memcpy(c.operator_message_id, s->operator_message_id, sizeof(c.operator_message_id));
    memcpy(c.traceparent, mt->traceparent, sizeof(c.traceparent));
    return c;
}

static void store(struct mt_segment *s)
{
    struct mt_operator *mo = s->mt->owner;
    struct correlation c = correlation_of(s);
    bool asked = correlation_store(mo->path->with.correlations, mo->op, &c, on_stored, s);
    mt_set_segment_state(s, asked ? SEGMENT_STORING : SEGMENT_UNSTORED);
}

void mt_settle_store_again(struct mt_operator *mo)
{
    LIST_FOREACH (item, &mo->stages[MT_STORING]) {
        struct mt *mt = LIST_ENTRY(item, struct mt, link);
        for (size_t i = 0; i < mt->segment_count; i++) {
            if (mt->segments[i].state == SEGMENT_UNSTORED)
                store(&mt->segments[i]);
        }
    }
}

/* What passed between fetching it and its answer, and is not the operator's: it waited for its
 * token, behind others that did, or for a place in the window. */
static void note_wait(const struct mt_segment *s, const struct ipc_outcome *r)
{
    const struct mt_operator *mo = s->mt->owner;
    if (!s->mt->fetched_at.ns || s->attempt > 0)
        return;
    int64_t ns = mono_diff_ns(loop_now(mo->path->with.loop), s->mt->fetched_at) -
                 (int64_t)r->latency_us * 1000;
    histogram_observe(&mo->op->turn_wait, ns > 0 ? (double)ns / (double)NS_PER_S : 0);
}

static void accepted(struct mt_segment *s, const struct ipc_outcome *r)
{
    struct mt_operator *mo = s->mt->owner;
    struct smpp_submit_resp resp;
    smpp_submit_resp_decode(r->response, &resp);
    counters_of(s->mt)->submit_success++;
    histogram_observe(&mo->op->submit_duration, (double)r->latency_us / 1e6);
    if (!r->known) {
        tps_ok(mo->path->with.tps, mo->op, r->latency_us);
        note_wait(s, r);
    }
    memcpy(s->operator_message_id, resp.message_id, sizeof(s->operator_message_id));
    if (*resp.message_id) {
        store(s);
        return;
    }
    log_warn("accepted without a message id: its receipts can't be matched",
             LOG_STR("operatorId", mo->op->id_text),
             LOG_UINT("streamSequence", s->mt->key.sequence));
    mt_set_segment_state(s, SEGMENT_DONE);
}

static void ignore_stored(void *arg, bool ok)
{
    (void)arg;
    (void)ok;
}

/* An earlier attempt was accepted after all, while a later one is under way: either may get a
 * receipt. */
static void accepted_late(const struct mt_segment *s, const struct ipc_outcome *r)
{
    struct mt_operator *mo = s->mt->owner;
    struct smpp_submit_resp resp;
    struct correlation c = correlation_of(s);
    smpp_submit_resp_decode(r->response, &resp);
    memcpy(c.operator_message_id, resp.message_id, sizeof(c.operator_message_id));
    if (*resp.message_id &&
        !correlation_store(mo->path->with.correlations, mo->op, &c, ignore_stored, NULL))
        log_warn("the id of a late answer is not stored", LOG_STR("operatorId", mo->op->id_text));
}

/* --- again --- */

static void send_again(struct mt_segment *s, int64_t after_ms)
{
    struct mt *mt = s->mt;
    struct agent_link *link = mt->owner->path->with.link;
    struct context context = mt_context(mt, s);
    uint8_t packed[CONTEXT_MAX];
    size_t len;
    if (!context_encode(&context, packed, sizeof(packed), &len))
        panic("a context does not fit");
    struct ipc_retry retry = {
        .key = mt->key, .after_ms = (uint32_t)after_ms, .context = {packed, len}};
    retry.key.segment = s->number;
    retry.key.attempt = s->attempt;
    memcpy(retry.operator_id, mt->owner->op->id, sizeof(retry.operator_id));
    ipc_put_retry(agent_link_begin(link), &retry);
    agent_link_end(link);
    s->attempt++;
    mt_set_segment_state(s, SEGMENT_OUT);
    mt_submit_expect(mt);
    counters_of(mt)->retries++;
}

/* An agent before 1.4 rebinds all of the operator's binds at each word. */
static void rebind(struct mt_operator *mo, uint8_t bind, const char *why)
{
    enum { AT_MOST_EVERY_MS = 60000, SINCE_MINOR = 4 };
    struct agent_link *link = mo->path->with.link;
    mono_t now = loop_now(mo->path->with.loop);
    unsigned index = agent_link_agent_minor(link) >= SINCE_MINOR ? bind : 0;
    if (index >= MT_BINDS_MAX)
        return;
    mono_t *last = &mo->rebound_at[index];
    if (last->ns && mono_diff_ms(now, *last) < AT_MOST_EVERY_MS)
        return;
    *last = now;
    struct ipc_rebind record = {.reason = {(const uint8_t *)why, strlen(why)},
                                .bind_plus_1 = (uint8_t)(bind + 1)};
    memcpy(record.operator_id, mo->op->id, sizeof(record.operator_id));
    ipc_put_rebind(agent_link_begin(link), &record);
    agent_link_end(link);
}

static void refused(struct mt_segment *s, const struct ipc_outcome *r)
{
    struct mt *mt = s->mt;
    struct mt_operator *mo = mt->owner;
    struct retry_case c = {
        .status = operator_settings_status(&mo->op->settings, r->status),
        .refusals = s->refusals,
        .attempt = (uint32_t)s->attempt,
        .max_attempts = mo->op->settings.max_attempts,
        .now_ms = clock_wall_ms(),
        .not_after_ms = mt->not_after_ms,
        .random = random_u32(),
    };
    struct retry_decision d = retry_policy_refused(&c);
    if (d.throttle)
        counters_of(mt)->submit_throttled++;
    else
        counters_of(mt)->submit_error++;
    if (d.throttle && !r->known)
        tps_throttled(mo->path->with.tps, mo->op);
    if (d.rebind)
        rebind(mo, r->bind, c.status.name);
    if (mt->end || d.verdict != RETRY_AGAIN) {
        end_by_segment(s, d.verdict == RETRY_EXPIRE ? MT_END_EXPIRED : MT_END_REJECTED, r->status,
                       c.status.name);
        return;
    }
    s->refusals = (uint8_t)(s->refusals + d.counts);
    s->last_status = r->status;
    send_again(s, d.after_ms);
}

/* While it waited for its turn or for its next attempt. */
static void expired(struct mt_segment *s)
{
    char reason[96];
    const char *status = s->last_status ? smpp_status_get(s->last_status).name : NULL;
    snprintf(reason, sizeof(reason), "it expired before it was sent%s%s",
             status ? " again, after " : "", status ? status : "");
    end_by_segment(s, MT_END_EXPIRED, s->last_status, reason);
}

/* --- unknown --- */

/* The session that it was sent over still stands: its answer may yet come. */
static bool may_be_answered(const struct mt_segment *s)
{
    const struct mno *op = s->mt->owner->op;
    for (size_t i = 0; i < op->row_end; i++) {
        const struct operator_session *row = &op->rows[i];
        bool bound = row->state == IPC_SESSION_BOUND || row->state == IPC_SESSION_FAILBACK;
        if (row->present && row->bind == s->bind && row->bind_mode != IPC_BIND_RECEIVER && bound &&
            row->last_bound_ms <= s->unknown_ms)
            return true;
    }
    return false;
}

bool mt_settle_has_rested(const struct mt_segment *s, int64_t now_ms)
{
    int64_t rest_ms = retry_policy_rest_ms(!may_be_answered(s), s->unknown_ms, s->mt->not_after_ms);
    return now_ms >= s->unknown_ms + rest_ms;
}

static void unknown(struct mt_segment *s, const struct ipc_outcome *r)
{
    struct mt *mt = s->mt;
    const struct mt_operator *mo = mt->owner;
    counters_of(mt)->submit_unknown++;
    if (mt->end || mo->op->settings.on_unknown == ON_UNKNOWN_REPORT || s->resubmits > 0) {
        end_by_segment(s, MT_END_UNKNOWN, 0, "its outcome at the MNO is unknown");
        return;
    }
    s->bind = r->bind;
    s->unknown_ms = r->at_ms;
    mt_set_segment_state(s, SEGMENT_UNKNOWN);
}

static void resubmit(struct mt_segment *s)
{
    s->resubmits++;
    send_again(s, 0);
}

static void resubmit_rested(struct mt *mt, int64_t now_ms)
{
    bool changed = false;
    for (size_t i = 0; i < mt->segment_count; i++) {
        struct mt_segment *s = &mt->segments[i];
        if (s->state != SEGMENT_UNKNOWN || !mt_settle_has_rested(s, now_ms))
            continue;
        resubmit(s);
        changed = true;
    }
    if (changed)
        mt_settle_advance(mt);
}

/* --- all of them --- */

static void closed_before(struct mt_segment *s)
{
    bool copy = failover_may_copy(s->mt);
    /* Closed by a bridge that died before it had said why. Only failing over closes what has
     * neither an outcome nor a reason that would have been found again. */
    end_by_segment(s, copy ? MT_END_COPIED : MT_END_UNKNOWN, 0, "it was closed before");
}

static void apply(struct mt_segment *s, const struct ipc_outcome *r)
{
    struct mt_operator *mo = s->mt->owner;
    if (!r->known && (r->kind == IPC_OUTCOME_ACCEPTED || r->kind == IPC_OUTCOME_REFUSED))
        mt_ahead_answered(&mo->ahead, loop_now(mo->path->with.loop), r->latency_us);
    switch ((enum ipc_outcome_kind)r->kind) {
    case IPC_OUTCOME_ACCEPTED:
        accepted(s, r);
        break;
    case IPC_OUTCOME_REFUSED:
        refused(s, r);
        break;
    case IPC_OUTCOME_UNKNOWN:
        unknown(s, r);
        break;
    case IPC_OUTCOME_EXPIRED:
        expired(s);
        break;
    case IPC_OUTCOME_CLOSED:
        closed_before(s);
        break;
    case IPC_OUTCOME_SETTLED:
        mt_set_segment_state(s, SEGMENT_DONE);
        break;
    case IPC_OUTCOME_UNSENT:
        mt_set_segment_state(s, SEGMENT_NEW);
        break;
    default:
        log_warn("an outcome of an unknown kind", LOG_UINT("kind", r->kind));
        return;
    }
    mt_settle_advance(s->mt);
}

/* It was dealt with here, whatever came of it. */
static bool tells_of_here(const struct ipc_outcome *r)
{
    return r->kind == IPC_OUTCOME_ACCEPTED || r->kind == IPC_OUTCOME_REFUSED ||
           r->kind == IPC_OUTCOME_UNKNOWN || r->kind == IPC_OUTCOME_EXPIRED;
}

void mt_settle_outcome(struct mt_segment *s, const struct ipc_outcome *r)
{
    if (s->state == SEGMENT_DONE || s->state == SEGMENT_STORING || s->state == SEGMENT_UNSTORED ||
        s->state == SEGMENT_REFUSED)
        return; /* the late answer of what was settled otherwise */
    /* UNSENT and CLOSED answer a RETRY that can't be, with the key it was asked for. */
    bool answers_retry = r->kind == IPC_OUTCOME_UNSENT || r->kind == IPC_OUTCOME_CLOSED;
    bool is_earlier = s->state == SEGMENT_OUT && r->key.attempt < s->attempt;
    if (is_earlier && !answers_retry) {
        if (r->kind == IPC_OUTCOME_ACCEPTED)
            accepted_late(s, r);
        return;
    }
    if (r->key.attempt > s->attempt)
        s->attempt = r->key.attempt;
    if (s->mt->end == MT_END_COPIED && s->mt->stage <= MT_CLOSING && tells_of_here(r))
        mt_settle_call_off_copy(s->mt);
    apply(s, r);
}

void mt_settle_recall(struct mt *mt)
{
    mt->recalled = jetstream_ack(mt->owner->path->with.js, mt->ack_subject, JETSTREAM_NAK);
    mt->sign_of_life = loop_now(mt->owner->path->with.loop);
    mt_move(mt, MT_RECALLED);
}

/* Its commands are delivered to another instance. */
static bool is_left_to_others(const struct mno *op)
{
    return op->standby || op->release == RELEASE_UNBINDING;
}

bool mt_settle_is_text_missing(const struct mt *mt)
{
    mono_t now = loop_now(mt->owner->path->with.loop);
    return mt->stage == MT_RECALLED && mt->recalled && !is_left_to_others(mt->owner->op) &&
           mono_diff_ms(now, mt->sign_of_life) >= TEXT_MISSING_MS;
}

/* Another instance sends it: JetStream delivers it there. What of it was accepted here stays with
 * the agent, which answers with it should the operator come back. */
static void leave_to_others(struct mt *mt)
{
    bool untouched = mt_count_segments(mt, SEGMENT_NEW) == mt->segment_count;
    mt_drop_raw(mt);
    mt_settle_recall(mt);
    if (untouched)
        mt_destroy(&mt);
}

/* Segments that are not at the agent. */
static void advance_fresh(struct mt *mt)
{
    if (is_left_to_others(mt->owner->op)) {
        if (mt->stage != MT_RECALLED)
            leave_to_others(mt);
        return;
    }
    if (mt->stage == MT_SENDING || mt->stage == MT_RECALLED)
        return;
    if (mt->raw)
        mt_move(mt, MT_SENDING);
    else
        mt_settle_recall(mt);
}

void mt_settle_advance(struct mt *mt)
{
    if (!mt->owner->path->listed)
        return; /* until then only a part of it may be known */
    if (mt->end) {
        mt_settle_end(mt);
    } else if (mt_count_segments(mt, SEGMENT_NEW) > 0) {
        advance_fresh(mt);
    } else if (mt_count_segments(mt, SEGMENT_OUT) > 0) {
        mt_move(mt, MT_AT_AGENT);
    } else if (mt_count_segments(mt, SEGMENT_UNKNOWN) > 0) {
        mt_move(mt, MT_WAITING);
    } else if (mt_count_segments(mt, SEGMENT_DONE) < mt->segment_count) {
        mt_move(mt, MT_STORING);
    } else {
        mt_submit_unexpect(mt);
        mt_move(mt, MT_ACK_DUE);
    }
}

/* JetStream has it in hand and may be slow; or our NAK went with a connection. */
static void recall_again(struct mt *mt, mono_t now)
{
    struct jetstream *js = mt->owner->path->with.js;
    bool connected = jetstream_is_connected(js);
    if (mt->recalled && connected && mono_diff_ms(now, mt->sign_of_life) < RECALL_AGAIN_MS)
        return;
    mt->sign_of_life = now;
    mt->recalled = connected && jetstream_ack(js, mt->ack_subject, JETSTREAM_NAK);
}

void mt_settle_tick(struct mt_operator *mo)
{
    int64_t now_ms = clock_wall_ms();
    mono_t now = loop_now(mo->path->with.loop);
    LIST_FOREACH (item, &mo->stages[MT_WAITING]) {
        resubmit_rested(LIST_ENTRY(item, struct mt, link), now_ms);
    }
    LIST_FOREACH (item, &mo->stages[MT_RECALLED]) {
        recall_again(LIST_ENTRY(item, struct mt, link), now);
    }
    mt_settle_end_textless(mo);
    mt_settle_store_again(mo);
    mt_settle_publish_again(mo);
}
