/*
 * The end of a message that is not (wholly) accepted: CLOSE at the agent, so that nothing of it is
 * sent any more and nobody who lost his place can say so; then the event; then the dead letter;
 * then it leaves the stream. A failing-over message has its copy in place of event and dead letter.
 */
#include "common/log.h"

#include "bridge/dead_letter.h"
#include "bridge/failover.h"
#include "bridge/mt_settle.h"
#include "bridge/mt_submit.h"
#include "bridge/report.h"

#define LETTER_PATIENCE_MS 10000 /* a stream's leader may be changing */

static const char *const end_names[] = {
    [MT_END_NONE] = "none",         [MT_END_INVALID] = "invalid", [MT_END_EXPIRED] = "expired",
    [MT_END_REJECTED] = "rejected", [MT_END_UNKNOWN] = "unknown", [MT_END_COPIED] = "failed-over",
};

static void send_close(struct mt *mt)
{
    struct agent_link *link = mt->owner->path->with.link;
    struct context context = mt_context(mt, NULL);
    uint8_t packed[CONTEXT_MAX];
    size_t len;
    if (!context_encode(&context, packed, sizeof(packed), &len))
        panic("a context does not fit");
    struct ipc_close close = {.key = mt->key, .context = {packed, len}};
    memcpy(close.operator_id, mt->owner->op->id, sizeof(close.operator_id));
    ipc_put_close(agent_link_begin(link), &close);
    agent_link_end(link);
}

static void log_end(const struct mt *mt)
{
    char id_text[UUID_TEXT_SIZE], status[SMPP_STATUS_TEXT_SIZE];
    struct uuid id;
    memcpy(id.octets, mt->message_id, UUID_SIZE);
    uuid_format(&id, id_text);
    smpp_status_format(mt->end_status, status);
    log_warn("a message ends without being sent", LOG_STR("operatorId", mt->owner->op->id_text),
             LOG_STR("messageId", mt->message_id_known ? id_text : NULL),
             LOG_UINT("streamSequence", mt->key.sequence), LOG_STR("end", end_names[mt->end]),
             LOG_STR("reason", mt->reason), LOG_STR("status", mt->end_status ? status : NULL),
             LOG_UINT("segment", mt->end_segment), LOG_UINT("segments", mt->segment_count));
}

static void proceed(struct mt *mt);

void mt_settle_end(struct mt *mt)
{
    if (mt->stage >= MT_CLOSING && mt->stage != MT_RECALLED)
        return; /* under way */
    if (!mt->is_closed) {
        mt_move(mt, MT_CLOSING);
        send_close(mt);
    } else if (mt->stage != MT_RECALLED) {
        proceed(mt);
    }
}

/* --- once it is closed --- */

static void count_end(const struct mt *mt)
{
    struct operator_counters *counters = &mt->owner->op->counters;
    switch ((enum mt_end)mt->end) {
    case MT_END_INVALID:
        counters->commands_invalid++;
        break;
    case MT_END_EXPIRED:
        counters->commands_expired++;
        break;
    case MT_END_REJECTED:
        counters->commands_rejected++;
        break;
    case MT_END_COPIED:
        counters->commands_failed_over++;
        break;
    default:
        break; /* unknown ones were counted as such */
    }
}

static void on_stored(void *arg, bool duplicate)
{
    struct mt *mt = arg;
    (void)duplicate; /* told before, by us or by a former bridge */
    mt->publish = NULL;
    mt_settle_end_stored(mt);
}

/* The next thing to publish for it; when the table is full the tick tries again. */
static void publish_next(struct mt *mt)
{
    if (mt->publish)
        return;
    if (mt->end == MT_END_COPIED) {
        mt->publish = failover_publish(mt, on_stored, mt);
    } else if (!mt->is_reported) {
        mt->publish = report_publish(mt, on_stored, mt);
    } else {
        mt->publish = dead_letter_publish(mt, on_stored, mt);
    }
}

static void leave_stream(struct mt *mt)
{
    size_t unstored =
        mt_count_segments(mt, SEGMENT_UNSTORED) + mt_count_segments(mt, SEGMENT_STORING);
    mt->terminate = mt->end == MT_END_INVALID || mt->end == MT_END_EXPIRED;
    mt_drop_raw(mt);
    mt_submit_unexpect(mt);
    mt_move(mt, unstored == 0 ? MT_ACK_DUE : MT_STORING);
}

/* What is left to do for it: the copy, or the event and then the dead letter. */
static void proceed(struct mt *mt)
{
    bool copy = mt->end == MT_END_COPIED;
    bool event_due = !copy && !mt->is_reported;
    bool bytes_due = copy ? !mt->is_reported : !mt->dead_letter_done && dead_letter_wants(mt);
    if (event_due || (bytes_due && mt->raw)) {
        mt_move(mt, MT_REPORTING);
        publish_next(mt);
    } else if (bytes_due) {
        mt_settle_recall(mt);
    } else {
        leave_stream(mt);
    }
}

void mt_settle_call_off_copy(struct mt *mt)
{
    bool in_part = mt_count_segments(mt, SEGMENT_REFUSED) > 0;
    mt->end = in_part ? MT_END_UNKNOWN : MT_END_NONE;
    mt_set_reason(mt, in_part ? "only a part of it was sent" : NULL);
}

/* Its outcome comes first, and may change everything. */
static void wait_for_outcome(struct mt *mt)
{
    mt_move(mt, MT_AT_AGENT);
    if (mt->end == MT_END_COPIED)
        mt_settle_call_off_copy(mt);
}

/* An outcome came before the answer to CLOSE, and the copy was called off. What of it the agent had
 * not sent by then is not sent any more. */
static void closed_after_all(struct mt *mt)
{
    bool rest = mt_count_segments(mt, SEGMENT_OUT) + mt_count_segments(mt, SEGMENT_NEW) +
                    mt_count_segments(mt, SEGMENT_UNKNOWN) >
                0;
    if (mt->end || !rest)
        return;
    mt->end = failover_may_copy(mt) ? MT_END_COPIED : MT_END_UNKNOWN;
    mt_set_reason(mt, "only a part of it was sent");
    mt_settle_end(mt);
}

void mt_settle_closed(struct mt *mt, enum ipc_close_verdict verdict)
{
    if (mt->stage != MT_CLOSING) {
        if (verdict == IPC_CLOSE_DONE && !mt->is_closed)
            closed_after_all(mt);
        return;
    }
    switch (verdict) {
    case IPC_CLOSE_IN_FLIGHT:
        wait_for_outcome(mt);
        return;
    case IPC_CLOSE_SETTLED:
        mt->is_closed = mt->is_reported = mt->dead_letter_done = true;
        leave_stream(mt);
        return;
    case IPC_CLOSE_DONE:
        break;
    }
    mt->is_closed = true;
    for (size_t i = 0; i < mt->segment_count; i++) {
        uint8_t state = mt->segments[i].state;
        if (state == SEGMENT_OUT || state == SEGMENT_NEW || state == SEGMENT_UNKNOWN)
            mt_set_segment_state(&mt->segments[i], SEGMENT_REFUSED);
    }
    if (mt->end != MT_END_COPIED)
        log_end(mt);
    count_end(mt);
    proceed(mt);
}

void mt_settle_end_resume(struct mt *mt, const void *data, size_t len)
{
    mt_keep_raw(mt, data, len);
    mt->recalled = false;
    proceed(mt);
}

void mt_settle_end_stored(struct mt *mt)
{
    if (mt->is_reported) {
        mt->dead_letter_done = true;
        mt->owner->op->counters.commands_dead_lettered++;
    }
    mt->is_reported = true;
    proceed(mt);
}

static void give_up_letter(struct mt *mt, const char *reason)
{
    struct mt_operator *mo = mt->owner;
    log_error("a dead letter can't be stored: it is given up",
              LOG_STR("operatorId", mo->op->id_text), LOG_UINT("streamSequence", mt->key.sequence),
              LOG_STR("reason", reason));
    jetstream_publish_cancel(mo->path->with.js, &mt->publish);
    mo->op->counters.commands_dead_letters_lost++;
    mt->dead_letter_done = true;
    proceed(mt);
}

/* It was told of by its event; who wants its bytes as well has to see to their stream. */
static void give_up_refused_letter(struct mt *mt)
{
    char subject[DEAD_LETTER_SUBJECT_SIZE];
    dead_letter_subject(mt->owner->op, subject);
    give_up_letter(mt, jetstream_publish_trouble(mt->owner->path->with.js, subject));
}

/* Nobody has it, and nobody will: it may not be sent any more. */
static void give_up_copy(struct mt *mt)
{
    jetstream_publish_cancel(mt->owner->path->with.js, &mt->publish);
    mt->end = MT_END_EXPIRED;
    mt_set_reason(mt, "it expired before its copy for the backup could be stored");
    log_end(mt);
    count_end(mt);
    proceed(mt);
}

static bool is_refused_letter(const struct mt *mt)
{
    return mt->publish && mt->is_reported &&
           jetstream_publish_troubled_ms(mt->owner->path->with.js, mt->publish) >=
               LETTER_PATIENCE_MS;
}

void mt_settle_publish_again(struct mt_operator *mo)
{
    int64_t now_ms = clock_wall_ms();
    LIST_FOREACH (item, &mo->stages[MT_REPORTING]) {
        struct mt *mt = LIST_ENTRY(item, struct mt, link);
        if (is_refused_letter(mt))
            give_up_refused_letter(mt);
        else if (now_ms >= mt->not_after_ms && failover_is_stuck(mt))
            give_up_copy(mt);
        else
            publish_next(mt);
    }
}

/* The message is gone from the stream; or another instance got it, and has sent it, or a former
 * bridge had finished it and died before SETTLED. So it is not called EXPIRED. */
static void end_without_text(struct mt *mt)
{
    static const char reason[] = "its text did not come again before it expired";
    if (mt->is_reported) {
        give_up_letter(mt, reason);
        return;
    }
    mt->end = MT_END_UNKNOWN;
    mt_set_reason(mt, reason);
    if (mt->is_closed) { /* it should have been copied */
        log_end(mt);
        proceed(mt);
    } else {
        mt_settle_end(mt);
    }
}

void mt_settle_end_textless(struct mt_operator *mo)
{
    int64_t now_ms = clock_wall_ms();
    LIST_FOREACH (item, &mo->stages[MT_RECALLED]) {
        struct mt *mt = LIST_ENTRY(item, struct mt, link);
        if (now_ms >= mt->not_after_ms && mt_settle_is_text_missing(mt))
            end_without_text(mt);
    }
}
