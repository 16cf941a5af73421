/* The way of a submit_sm through the agent, and the only place that decides "already sent". */
#include <stdlib.h>

#include "common/log.h"

#include "session-agent/lending.h"
#include "session-agent/operator.h"
#include "session-agent/session.h"
#include "session-agent/submits.h"
#include "session-agent/token_wait.h"

#define CLEAR_LOOK_MS 2 /* a stalled path is looked at again after this */
#define NOT_COUNTED (-1)

struct submits {
    struct agent_operator *op;
    struct submit_queue *queue;
    struct tokens *tokens;
    struct token_wait token_wait;
    struct lending *lending;
    struct timer wake; /* a token, a retry that is due, an expiry */
    uint32_t pace;     /* the bridge's word; the credentials may lower it until its next one */
    bool paced;
    bool path_stalled; /* a session waits for its kernel or for TCP's acknowledgements */
    uint32_t using_credit;
};

static uint32_t now_seconds(void)
{
    return (uint32_t)(clock_mono().ns / NS_PER_S);
}

static void on_wake(void *arg)
{
    submits_pump(arg);
}

struct submits *submits_create(struct agent_operator *op)
{
    struct submits *s = xcalloc(1, sizeof(*s));
    s->op = op;
    s->queue = submit_queue_create();
    submit_queue_set_share(s->queue, op->config->priority_share);
    s->tokens = tokens_create(clock_mono());
    s->lending = lending_create(op, s->tokens);
    timer_init(&s->wake, op->ctx->loop, on_wake, s);
    return s;
}

void submits_retune(struct submits *s)
{
    submit_queue_set_share(s->queue, s->op->config->priority_share);
}

void submits_pace(struct submits *s, uint32_t per_second)
{
    s->pace = per_second;
    s->paced = true;
    tokens_set_limit(s->tokens, per_second, clock_mono());
    operator_touch(s->op);
}

void submits_cap(struct submits *s, uint32_t tps_limit)
{
    if (s->paced && tps_limit < tokens_limit(s->tokens))
        tokens_set_limit(s->tokens, tps_limit, clock_mono());
}

void submits_lend(struct submits *s, const struct ipc_lend *record)
{
    lending_ask(s->lending, record);
}

void submits_grant(struct submits *s, const struct ipc_grant *record)
{
    lending_grant(s->lending, record);
}

void submits_flushed(struct submits *s, struct tokens_unsent *unsent, mono_t now)
{
    tokens_flushed(s->tokens, unsent, now);
}

void submits_held(struct submits *s, struct tokens_unsent *unsent)
{
    tokens_held(s->tokens, unsent);
    timer_start_ms(&s->wake, CLEAR_LOOK_MS);
}

void submits_bind_gone(struct submits *s, const void *bind)
{
    submit_queue_bind_gone(s->queue, bind);
}

/* --- the life of a submit --- */

static void give_back_credit(struct submit *m)
{
    if (!m->uses_credit)
        return;
    m->uses_credit = false;
    m->op->submits->using_credit--;
}

/* Its ledger entry may live on, without a body. */
static void submit_free(struct submit *m)
{
    give_back_credit(m);
    if (m->session)
        session_forget_submit(m->session, m);
    submit_queue_forget(m->op->submits->queue, &m->item);
    if (m->entry)
        ledger_set_owner(m->entry, NULL);
    free(m);
}

static void on_entry_gone(void *owner, void *arg)
{
    (void)arg;
    struct submit *m = owner;
    m->entry = NULL;
    submit_free(m);
}

static void tell_outcome(struct agent_context *ctx, const struct ledger_entry *e, bool known)
{
    struct ledger_outcome o = ledger_outcome(e);
    struct ipc_outcome record = {
        .key = ledger_key(e),
        .segments = ledger_segments(e),
        .kind = (uint8_t)o.kind,
        .known = known,
        .bind = o.bind,
        .status = o.status,
        .latency_us = o.latency_us,
        .at_ms = o.at_ms,
        .response = o.response,
        .context = ledger_context(e),
    };
    memcpy(record.operator_id, ledger_operator_id(e), sizeof(record.operator_id));
    bridge_link_send_outcome(ctx->link, &record);
}

/* An outcome that has no entry: nothing of it is remembered. */
static void tell_without_entry(struct agent_context *ctx, const struct ipc_submit *r,
                               enum ipc_outcome_kind kind, bool known)
{
    struct ipc_outcome record = {
        .key = r->key,
        .segments = r->segments,
        .kind = (uint8_t)kind,
        .known = known,
        .at_ms = clock_wall_ms(),
        .context = r->context,
    };
    memcpy(record.operator_id, r->operator_id, sizeof(record.operator_id));
    bridge_link_send_outcome(ctx->link, &record);
}

/* True: it was (another outcome stands). */
static bool settle_with(struct submit *m, const struct ledger_outcome *o, uint8_t bind)
{
    struct ledger_outcome kept = *o;
    kept.bind = bind;
    if (!ledger_set_outcome(m->op->ctx->ledger, m->entry, &kept))
        return false;
    give_back_credit(m);
    tell_outcome(m->op->ctx, m->entry, false);
    operator_touch(m->op);
    return true;
}

static void release_body(struct submit *m, enum ipc_outcome_kind kind)
{
    bool may_be_retried = kind == IPC_OUTCOME_REFUSED || kind == IPC_OUTCOME_UNKNOWN;
    if (!may_be_retried && !m->item.group)
        submit_free(m);
}

/* --- records of the bridge --- */

static bool answer_known(struct agent_context *ctx, const struct ipc_submit *r)
{
    struct ledger_entry *e = NULL;
    switch (ledger_find(ctx->ledger, &r->key, &e)) {
    case LEDGER_NONE:
        return false;
    case LEDGER_OUTCOME:
        tell_outcome(ctx, e, true);
        return true;
    case LEDGER_CLOSED:
        tell_without_entry(ctx, r, IPC_OUTCOME_CLOSED, true);
        return true;
    case LEDGER_SETTLED:
        tell_without_entry(ctx, r, IPC_OUTCOME_SETTLED, true);
        return true;
    case LEDGER_QUEUED:
    case LEDGER_HANDED:
        return true; /* its outcome follows */
    }
    return false;
}

bool submits_take(struct agent_context *ctx, struct agent_operator *op, const struct ipc_submit *r,
                  char *error_r, size_t error_size)
{
    if (answer_known(ctx, r)) {
        if (op)
            op->stats[IPC_STAT_SUBMITS_KNOWN]++;
        return true;
    }
    if (!op || op->ending || ctx->draining || !operator_has_lease(op)) {
        tell_without_entry(ctx, r, IPC_OUTCOME_UNSENT, false);
        return true;
    }
    struct submits *s = op->submits;
    if (s->using_credit >= op->credit_ceiling) {
        snprintf(error_r, error_size, "SUBMIT beyond the credit of %u", op->credit_ceiling);
        return false;
    }
    struct ledger_entry *e = ledger_add(ctx->ledger, op->id, &r->key, r->segments, r->context);
    if (!e) {
        snprintf(error_r, error_size, "SUBMIT beyond the ledger's %u entries",
                 ledger_capacity(ctx->ledger));
        return false;
    }
    struct submit *m = xmalloc(sizeof(*m) + r->body.len);
    *m = (struct submit){.op = op,
                         .entry = e,
                         .ready_at = token_wait_clock(&s->token_wait, clock_mono()),
                         .uses_credit = true,
                         .body_len = (uint32_t)r->body.len};
    memcpy(m->body, r->body.data, r->body.len);
    ledger_set_owner(e, m);
    s->using_credit++;
    submit_queue_add(s->queue, &m->item, &r->key, r->segments, r->lane ? 1 : 0, r->not_after_ms);
    operator_touch(op);
    return true;
}

void submits_retry(struct agent_context *ctx, const struct ipc_retry *r)
{
    struct ledger_entry *e = NULL;
    if (ledger_find(ctx->ledger, &r->key, &e) != LEDGER_OUTCOME ||
        ledger_key(e).attempt != r->key.attempt)
        return; /* settled or sent again meanwhile */
    struct submit *m = ledger_owner(e);
    bool is_closed = ledger_is_closed(ctx->ledger, &r->key);
    if (!m || is_closed || m->op->ending || ctx->draining || !operator_has_lease(m->op)) {
        struct ipc_submit unsent = {
            .key = r->key, .segments = ledger_segments(e), .context = r->context};
        memcpy(unsent.operator_id, r->operator_id, sizeof(unsent.operator_id));
        tell_without_entry(ctx, &unsent, is_closed ? IPC_OUTCOME_CLOSED : IPC_OUTCOME_UNSENT,
                           is_closed);
        if (m) {
            m->entry = NULL;
            submit_free(m);
        }
        ledger_forget(ctx->ledger, &e);
        return;
    }
    ledger_retry(ctx->ledger, e, r->context);
    m->ready_at = NOT_COUNTED;
    submit_queue_retry(m->op->submits->queue, &m->item, mono_add_ms(clock_mono(), r->after_ms));
    operator_touch(m->op);
}

void submits_close(struct agent_context *ctx, const struct ipc_close *r)
{
    struct ipc_closed closed = {.key = r->key};
    memcpy(closed.operator_id, r->operator_id, sizeof(closed.operator_id));
    closed.verdict =
        (uint8_t)ledger_close(ctx->ledger, &r->key, now_seconds(), on_entry_gone, NULL);
    bridge_link_send_closed(ctx->link, &closed);
}

void submits_settle(struct agent_context *ctx, const struct ipc_key *message)
{
    ledger_settle(ctx->ledger, message, now_seconds(), on_entry_gone, NULL);
}

/* --- listing --- */

static void list_outcome(struct ledger_entry *e, void *arg)
{
    if (ledger_entry_state(e) == LEDGER_OUTCOME)
        tell_outcome(arg, e, false);
}

static void list_in_flight(struct ledger_entry *e, void *arg)
{
    struct agent_context *ctx = arg;
    enum ledger_state state = ledger_entry_state(e);
    if (state == LEDGER_OUTCOME)
        return;
    struct ipc_in_flight record = {.key = ledger_key(e),
                                   .segments = ledger_segments(e),
                                   .handed = state == LEDGER_HANDED,
                                   .context = ledger_context(e)};
    memcpy(record.operator_id, ledger_operator_id(e), sizeof(record.operator_id));
    bridge_link_send_in_flight(ctx->link, &record);
}

void submits_list(struct agent_context *ctx)
{
    ledger_each(ctx->ledger, NULL, list_outcome, ctx);
    ledger_each(ctx->ledger, NULL, list_in_flight, ctx);
}

/* --- out --- */

static struct submit *from_item(struct submit_item *item)
{
    return CONTAINER_OF(item, struct submit, item);
}

static void expire(struct submits *s, int64_t wall_ms)
{
    struct submit_item *item;
    while ((item = submit_queue_take_expired(s->queue, wall_ms)) != NULL) {
        struct submit *m = from_item(item);
        s->op->stats[IPC_STAT_SUBMITS_EXPIRED]++;
        settle_with(m, &(struct ledger_outcome){.kind = IPC_OUTCOME_EXPIRED, .at_ms = wall_ms}, 0);
        release_body(m, IPC_OUTCOME_EXPIRED);
    }
}

/* Takes what may go over the slot now: nothing, when its path is stalled or all that is ready
 * belongs to other binds. */
static bool hand_over(struct submits *s, struct bind_slot *slot, mono_t now)
{
    if (!session_path_is_clear(slot->main, tokens_per_second(s->tokens), now)) {
        s->path_stalled = true;
        return false;
    }
    struct submit_item *item = submit_queue_take(s->queue, slot->main, now);
    if (!item)
        return false;
    struct submit *m = from_item(item);
    if (m->session) /* a late answer to the attempt before is not waited for any more */
        session_forget_submit(m->session, m);
    ledger_mark_handed(s->op->ctx->ledger, m->entry);
    tokens_wrote(s->tokens, session_unsent(slot->main), now);
    if (m->ready_at != NOT_COUNTED)
        token_wait_note(&s->token_wait, m->ready_at, now);
    session_send_submit(slot->main, m);
    return true;
}

/* Over the bind with the most room, else over any that has some. */
static bool hand_one(struct submits *s, mono_t now)
{
    struct agent_operator *op = s->op;
    struct bind_slot *best = NULL;
    uint32_t room = 0;
    for (uint32_t i = 0; i < op->slot_count; i++) {
        uint32_t r = op->slots[i] ? bind_slot_room(op->slots[i]) : 0;
        if (r > room) {
            best = op->slots[i];
            room = r;
        }
    }
    if (!best)
        return false;
    if (hand_over(s, best, now))
        return true;
    for (uint32_t i = 0; i < op->slot_count; i++) {
        struct bind_slot *slot = op->slots[i];
        if (slot && slot != best && bind_slot_room(slot) > 0 && hand_over(s, slot, now))
            return true;
    }
    return false;
}

static bool has_room(const struct submits *s)
{
    for (uint32_t i = 0; i < s->op->slot_count; i++) {
        if (s->op->slots[i] && bind_slot_room(s->op->slots[i]) > 0)
            return true;
    }
    return false;
}

static bool has_clear_path(const struct submits *s, mono_t now)
{
    for (uint32_t i = 0; i < s->op->slot_count; i++) {
        struct bind_slot *slot = s->op->slots[i];
        if (slot && bind_slot_room(slot) > 0 &&
            session_path_is_clear(slot->main, tokens_per_second(s->tokens), now))
            return true;
    }
    return false;
}

static size_t ready_count(const struct submits *s)
{
    return submit_queue_count(s->queue) - submit_queue_delayed(s->queue);
}

bool submits_is_idle(const struct submits *s)
{
    return ready_count(s) == 0 || !has_room(s);
}

static void plan_wake(struct submits *s, mono_t now, int64_t token_wait_ns)
{
    mono_t at = {INT64_MAX};
    mono_t due;
    int64_t expiry;
    if (token_wait_ns > 0 && token_wait_ns != TOKENS_NEVER)
        at = mono_add_ns(now, token_wait_ns);
    if (s->path_stalled && at.ns > mono_add_ms(now, CLEAR_LOOK_MS).ns)
        at = mono_add_ms(now, CLEAR_LOOK_MS);
    if (submit_queue_next_due(s->queue, &due) && due.ns < at.ns)
        at = due;
    if (submit_queue_next_expiry(s->queue, &expiry)) {
        int64_t left_ms = expiry - clock_wall_ms();
        mono_t then = mono_add_ms(now, left_ms > 0 ? left_ms + 1 : 1);
        if (then.ns < at.ns)
            at = then;
    }
    if (at.ns == INT64_MAX)
        timer_stop(&s->wake);
    else
        timer_start_at(&s->wake, at);
}

/* True: the kernel still holds back what was written somewhere. */
static bool is_any_held(struct submits *s, mono_t now)
{
    bool held = false;
    for (uint32_t i = 0; i < s->op->slot_count; i++) {
        struct bind_slot *slot = s->op->slots[i];
        held |= slot && slot->main && session_is_held(slot->main, now);
    }
    return held;
}

void submits_pump(struct submits *s)
{
    mono_t now = clock_mono();
    int64_t wait_ns = 0;
    bridge_link_look(s->op->ctx->link, now);
    s->path_stalled = is_any_held(s, now);
    if (submit_queue_count(s->queue) > 0)
        expire(s, clock_wall_ms());
    while (submit_queue_has_ready(s->queue, now) && has_room(s)) {
        wait_ns = tokens_next_ns(s->tokens, now);
        if (wait_ns > 0 || !hand_one(s, now))
            break;
    }
    bool waits_for_token = wait_ns > 0 && has_clear_path(s, now);
    token_wait_looked(&s->token_wait, now, waits_for_token ? wait_ns : 0);
    if (wait_ns > 0 && lending_waits(s->lending, now, ready_count(s), wait_ns) &&
        wait_ns > LENDING_WANTS_EVERY_MS * NS_PER_MS)
        wait_ns = LENDING_WANTS_EVERY_MS * NS_PER_MS; /* to say so again */
    plan_wake(s, now, wait_ns);
}

void submits_give_back(struct submits *s)
{
    struct submit_item *item;
    while ((item = submit_queue_take_any(s->queue)) != NULL) {
        struct submit *m = from_item(item);
        struct agent_context *ctx = s->op->ctx;
        struct ledger_entry *e = m->entry;
        struct ipc_submit unsent = {
            .key = ledger_key(e), .segments = ledger_segments(e), .context = ledger_context(e)};
        memcpy(unsent.operator_id, s->op->id, sizeof(unsent.operator_id));
        tell_without_entry(ctx, &unsent, IPC_OUTCOME_UNSENT, false);
        m->entry = NULL;
        submit_free(m);
        ledger_forget(ctx->ledger, &e);
    }
}

static void forget_owner(struct ledger_entry *e, void *arg)
{
    (void)arg;
    struct submit *m = ledger_owner(e);
    if (m)
        submit_free(m);
}

void submits_destroy(struct submits **s_ptr)
{
    struct submits *s = *s_ptr;
    if (!s)
        return;
    submits_give_back(s);
    ledger_each(s->op->ctx->ledger, s->op->id, forget_owner, NULL);
    timer_stop(&s->wake);
    submit_queue_destroy(&s->queue);
    lending_destroy(&s->lending);
    tokens_destroy(&s->tokens);
    free(s);
    *s_ptr = NULL;
}

/* --- what happens to one in a window --- */

/* Whether the window's entry speaks of the attempt that the ledger's entry is at. Attempts are
 * counted up to 255 only: what waits to be sent is at another one, whatever the number says. */
static bool is_current(const struct submit *m, const struct window_entry *w)
{
    return !submit_queue_is_waiting(&m->item) && ledger_key(m->entry).attempt == w->tag;
}

void submits_answered(const struct window_entry *w, uint8_t bind, uint32_t status,
                      struct bytes body, mono_t now)
{
    struct submit *m = w->owner;
    enum ipc_outcome_kind kind = status == 0 ? IPC_OUTCOME_ACCEPTED : IPC_OUTCOME_REFUSED;
    struct ledger_outcome o = {.kind = kind,
                               .status = status,
                               .latency_us = (uint32_t)(mono_diff_ns(now, w->written) / 1000),
                               .at_ms = clock_wall_ms(),
                               .response = body};
    m->session = NULL;
    if (w->late)
        m->op->stats[IPC_STAT_LATE_RESPONSES]++;
    /* Sent again meanwhile, or about to be: an acceptance still spares the next attempt. */
    if (!is_current(m, w)) {
        if (kind != IPC_OUTCOME_ACCEPTED || !submit_queue_is_waiting(&m->item))
            return;
        submit_queue_remove(m->op->submits->queue, &m->item);
    }
    if (settle_with(m, &o, bind))
        release_body(m, kind);
}

static void unknown(struct submit *m, uint8_t bind)
{
    m->op->stats[IPC_STAT_SUBMITS_UNKNOWN]++;
    settle_with(m, &(struct ledger_outcome){.kind = IPC_OUTCOME_UNKNOWN, .at_ms = clock_wall_ms()},
                bind);
}

void submits_timed_out(const struct window_entry *w, uint8_t bind)
{
    unknown(w->owner, bind); /* stays in the window as late */
}

void submits_lost(const struct window_entry *w, uint8_t bind)
{
    struct submit *m = w->owner;
    m->session = NULL;
    if (!w->late)
        unknown(m, bind);
}

void submits_stats(struct submits *s, uint64_t stats[IPC_STATS_COUNT])
{
    struct tokens_counts counts = tokens_counts(s->tokens, clock_mono());
    stats[IPC_STAT_PACER_WAITS] = counts.waits;
    stats[IPC_STAT_TPS_CURRENT] = counts.last_second;
    stats[IPC_STAT_TPS_PEAK] = counts.peak;
    stats[IPC_STAT_TOKENS_LENT] = counts.lent;
    stats[IPC_STAT_TOKENS_BORROWED] = counts.borrowed;
    stats[IPC_STAT_TOKENS_LOST] = counts.lost;
    stats[IPC_STAT_QUEUED] = submit_queue_count(s->queue);
    stats[IPC_STAT_LEDGER_USED] = ledger_operator_used(s->op->ctx->ledger, s->op->id);
    stats[IPC_STAT_PACER_LIMIT] = tokens_limit(s->tokens);
    stats[IPC_STAT_TOKEN_WAIT_US] = s->token_wait.sum_us;
    memcpy(&stats[IPC_STAT_TOKEN_WAITS], s->token_wait.buckets, sizeof(s->token_wait.buckets));
}
