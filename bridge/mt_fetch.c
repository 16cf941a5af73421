/* Pulls, their accounting, and the first look at each message: new, or known already. */
#include <string.h>

#include "common/log.h"
#include "common/str.h"

#include "bridge/failover.h"
#include "bridge/mt_command.h"
#include "bridge/mt_consumer.h"
#include "bridge/mt_credit.h"
#include "bridge/mt_fetch.h"
#include "bridge/mt_ledger.h"
#include "bridge/mt_settle.h"
#include "bridge/mt_submit.h"
#include "bridge/report.h"

#define PATIENCE_MS 5
#define PULL_SILENT_MS 12000 /* two idle heartbeats of 5 s were missed */
#define BUSY_PAUSE_MS 1000
#define ENDING_MAX                                                                                 \
    256 /* messages on their way out: beyond it nothing is fetched for the operator */
#define RAW_OCTETS_MAX (64u << 20) /* texts kept, all operators together */

/* --- accounting of pulls --- */

static uint32_t pulled(const struct mt_operator *mo)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < mo->pull_count; i++)
        sum += mo->pulls[i].left;
    return sum;
}

static void drop_pull(struct mt_operator *mo, size_t index)
{
    mo->pull_count--;
    for (size_t i = index; i < mo->pull_count; i++)
        mo->pulls[i] = mo->pulls[i + 1];
}

/* Pulls are served in order: a message belongs to the oldest. */
static void note_message(struct mt_operator *mo)
{
    if (mo->pull_count > 0 && --mo->pulls[0].left == 0)
        drop_pull(mo, 0);
}

/* Which of the two ended is told by how much it lacks. */
static void note_end(struct mt_operator *mo, uint32_t missing)
{
    size_t index = 0;
    while (index < mo->pull_count && mo->pulls[index].left != missing)
        index++;
    if (mo->pull_count > 0)
        drop_pull(mo, index < mo->pull_count ? index : 0);
}

void mt_fetch_forget(struct mt_operator *mo)
{
    mo->pull_count = 0;
}

/* --- pulling --- */

static uint32_t live(const struct mt_operator *mo)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < MT_STAGES; i++)
        sum += mo->counts[i];
    return sum;
}

uint32_t mt_fetch_ack_pending_room(const struct mt_operator *mo)
{
    int64_t most = mt_consumer_max_ack_pending(mo);
    uint32_t have = live(mo);
    if (most < 0)
        return UINT32_MAX;
    return most > have ? (uint32_t)most - have : 0;
}

static struct mt_credit credit_of(const struct mt_operator *mo)
{
    const struct mt_path *path = mo->path;
    uint32_t held = mo->counts[MT_READY] + mo->counts[MT_READY_PRIORITY];
    /* What rests before its next attempt is not ahead of anything. */
    uint32_t ahead = mt_ahead_submits(&mo->ahead, loop_now(path->with.loop)) + mo->retries;
    struct mt_credit c = {
        .able = mo->slots > 0 && !mo->op->paused,
        .slots = mo->slots < ahead ? mo->slots : ahead,
        .without_outcome = mo->without_outcome,
        .waiting_segments = (held + mo->counts[MT_SENDING]) * mo->segments_x16 / 16,
        .held = held,
        .recalled = mo->counts[MT_RECALLED],
        .pulled = pulled(mo),
        .pulls = (uint32_t)mo->pull_count,
        .segments_x16 = mo->segments_x16,
        .ledger_free = mt_ledger_free(mo),
        .ack_pending_room = mt_fetch_ack_pending_room(mo),
        .max_batch = mt_consumer_max_batch(mo),
    };
    if (mo->op->failed_over) { /* against the publisher's bound */
        c.able = true;
        c.slots = FAILOVER_COPIES_MAX;
        c.without_outcome = mo->counts[MT_CLOSING] + mo->counts[MT_REPORTING];
        c.segments_x16 = 16;
        c.waiting_segments = held;
    }
    return c;
}

/* On their way out, without copies that get nowhere. */
static bool too_many_end(const struct mt_operator *mo)
{
    uint32_t ending = mo->counts[MT_CLOSING] + mo->counts[MT_REPORTING];
    if (ending <= ENDING_MAX)
        return false;
    LIST_FOREACH (item, &mo->stages[MT_REPORTING]) {
        ending -= failover_is_stuck(LIST_ENTRY(item, struct mt, link));
    }
    return ending > ENDING_MAX;
}

static bool may_fetch(const struct mt_operator *mo)
{
    const struct mt_path *path = mo->path;
    return path->listed && !path->stopping && operators_is_served(mo->op) &&
           mt_consumer_is_ready(mo) && !too_many_end(mo) && path->raw_octets < RAW_OCTETS_MAX &&
           mono_reached(loop_now(path->with.loop), mo->pull_after) &&
           jetstream_is_connected(path->with.js) &&
           !jetstream_publish_trouble(path->with.js, REPORT_SUBJECT); /* else receipts pile up */
}

static void pull(struct mt_operator *mo, uint32_t batch)
{
    struct mt_path *path = mo->path;
    if (!jetstream_pull(path->with.js, mo->op->tag, mo->op->settings.dispatch_stream,
                        mt_consumer_name(mo), batch))
        return; /* the tick tries again */
    mo->pulls[mo->pull_count++].left = batch;
    mo->pull_heard = loop_now(path->with.loop);
    timer_stop(&mo->pull_timer);
}

static void work(struct mt_operator *mo, bool patience_over)
{
    if (!may_fetch(mo))
        return;
    struct mt_credit c = credit_of(mo);
    c.patience_over = patience_over;
    uint32_t batch = mt_credit_batch(&c);
    if (batch > 0)
        pull(mo, batch);
    else if (mt_credit_wants_patience(&c) && !timer_is_active(&mo->pull_timer))
        timer_start_ms(&mo->pull_timer, PATIENCE_MS);
}

void mt_fetch_work(struct mt_operator *mo)
{
    work(mo, false);
}

static void on_patience_over(void *arg)
{
    work(arg, true);
}

void mt_fetch_timer_init(struct mt_operator *mo)
{
    timer_init(&mo->pull_timer, mo->path->with.loop, on_patience_over, mo);
}

void mt_fetch_tick(struct mt_operator *mo)
{
    mono_t now = loop_now(mo->path->with.loop);
    if (mo->pull_count > 0 && mono_diff_ms(now, mo->pull_heard) >= PULL_SILENT_MS) {
        log_warn("a pull is silent, its consumer may be gone",
                 LOG_STR("operatorId", mo->op->id_text));
        mt_fetch_forget(mo);
        mt_consumer_check(mo);
    }
    mt_ahead_tick(&mo->ahead, now, mo->without_outcome);
    work(mo, true);
}

/* --- ends of pulls --- */

void mt_fetch_heartbeat(struct mt_operator *mo)
{
    mo->pull_heard = loop_now(mo->path->with.loop);
}

void mt_fetch_pull_ended(struct mt_operator *mo, enum jetstream_pull_end why, uint32_t missing,
                         const char *text)
{
    mt_fetch_heartbeat(mo);
    note_end(mo, missing);
    switch (why) {
    case JETSTREAM_PULL_DONE:
        break;
    case JETSTREAM_PULL_GONE:
        log_warn("a consumer is gone", LOG_STR("operatorId", mo->op->id_text),
                 LOG_STR("reason", text));
        mt_fetch_forget(mo);
        mt_consumer_check(mo);
        break;
    case JETSTREAM_PULL_BUSY:
        log_debug("a pull was refused", LOG_STR("operatorId", mo->op->id_text),
                  LOG_STR("reason", text));
        mo->pull_after = mono_add_ms(loop_now(mo->path->with.loop), BUSY_PAUSE_MS);
        break;
    case JETSTREAM_PULL_LOST:
        mt_fetch_forget(mo);
        break;
    }
    mt_touch(mo);
}

/* --- messages --- */

static void take_ack_subject(struct mt *mt, const struct jetstream_message *m)
{
    str_copy(mt->ack_subject, sizeof(mt->ack_subject), m->ack_subject, strlen(m->ack_subject));
    mt->sign_of_life = loop_now(mt->owner->path->with.loop);
    list_remove(&mt->alive);
    list_append(&mt->owner->alive, &mt->alive);
}

/* It is here or at the agent already: nothing is submitted anew. */
static void take_known(struct mt *mt, const struct jetstream_message *m)
{
    take_ack_subject(mt, m);
    if (mt->stage != MT_RECALLED)
        return;
    if (mt->end)
        mt_settle_end_resume(mt, m->data, m->len);
    else
        mt_submit_resume(mt, m->data, m->len);
}

/* As W3C Trace Context writes it: what is not, must not get into packed fields nor be passed on. */
static bool is_traceparent(const char *text)
{
    static const char form[] = "hh-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";
    _Static_assert(sizeof(form) == sizeof(((struct mt *)0)->traceparent), "fits");
    size_t i = 0;
    for (; text && text[i] && form[i]; i++) {
        bool digit = str_is_digit(text[i]) || (text[i] >= 'a' && text[i] <= 'f');
        if (form[i] == 'h' ? !digit : text[i] != '-')
            return false;
    }
    return i == sizeof(form) - 1 && !text[i];
}

static void take_headers(struct mt *mt, const struct jetstream_message *m)
{
    struct uuid original;
    if (is_traceparent(m->traceparent))
        str_copy(mt->traceparent, sizeof(mt->traceparent), m->traceparent, strlen(m->traceparent));
    if (!m->failover_from || !uuid_parse(m->failover_from, strlen(m->failover_from), &original))
        return;
    mt->has_original_operator = true;
    memcpy(mt->original_operator, original.octets, UUID_SIZE);
}

/* Those that can't be kept while the operator can't send. */
static bool is_one_too_many(const struct mt_operator *mo)
{
    uint32_t held = mo->counts[MT_READY] + mo->counts[MT_READY_PRIORITY];
    return mo->slots == 0 && !mo->op->failed_over && held > MT_HELD_WHILE_UNABLE;
}

/* The former holder may have sent it, and died before it could settle that. */
static void count_takeover(const struct mt_operator *mo, const struct jetstream_message *m)
{
    struct mno *op = mo->op;
    if (m->delivered > 1 && (int64_t)(m->time_ns / (uint64_t)NS_PER_MS) < op->taken_over_ms)
        op->counters.takeover_redelivered++;
}

static void take_new(struct mt_operator *mo, const struct ipc_key *key,
                     const struct jetstream_message *m)
{
    struct mt *mt = mt_create(mo, key, MT_READY);
    count_takeover(mo, m);
    struct command command;
    take_ack_subject(mt, m);
    take_headers(mt, m);
    if (!mt_command_read(mt, m->data, m->len, &command)) {
        mt_settle_end(mt);
        return;
    }
    if (failover_wants(mt)) {
        mt_keep_raw(mt, m->data, m->len);
        mt->end = MT_END_COPIED;
        mt_settle_end(mt);
    } else {
        mt_submit_take(mt, &command, m->data, m->len);
    }
    commands_clear(&command);
}

/* If the NAK does not go out, AckWait does the same later. */
static void give_back(struct mt_operator *mo, const struct jetstream_message *m)
{
    if (!jetstream_nak_after(mo->path->with.js, m->ack_subject,
                             mo->path->stopping ? MT_REST_WHILE_STOPPING_NS : NS_PER_S))
        log_debug("a command is left to its AckWait", LOG_STR("operatorId", mo->op->id_text));
}

void mt_fetch_message(struct mt_operator *mo, const struct jetstream_message *m)
{
    struct mt_path *path = mo->path;
    struct ipc_key key = {
        .stream = ipc_stream_id(m->stream),
        .sequence = m->stream_sequence,
        .time_ns = m->time_ns,
    };
    note_message(mo);
    mo->pull_heard = loop_now(path->with.loop);
    mo->pending = m->pending;
    mo->op->counters.commands_fetched++;
    if (m->delivered > 1)
        mo->op->counters.commands_redelivered++;
    struct mt *known = mt_find(path, &key);
    if (known)
        take_known(known, m);
    else if (path->stopping || !operators_is_served(mo->op) || is_one_too_many(mo))
        give_back(mo, m);
    else
        take_new(mo, &key, m);
    mt_touch(mo);
}
