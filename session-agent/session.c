/* One bind: carries out what the state machine's table says, and is asked by those above. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/str.h"

#include "session-agent/session_internal.h"
#include "session-agent/submits.h"

#define UNBIND_TIMEOUT_MS 5000    /* kubernetes: a good-bye may not eat the grace period */
#define PEER_UNBIND_DRAIN_MS 5000 /* the MNO waits for our unbind_resp */
#define DRAIN_RESERVE_MS 10000    /* of DRAIN_MS, for outcomes and unbinding */
#define FINAL_DRAIN_MIN_MS 100
#define SETTLED_WAIT_MS 3000 /* at the end, from the last answer to unbind */
#define LATE_MAX_FACTOR 4    /* late answers remembered, in windows */

/* --- what the outside sees --- */

static bool ever_bound(const struct session *s)
{
    return s->shown.last_bound_ms != 0;
}

static enum ipc_session_state shown_state(const struct session *s)
{
    switch (s->state) {
    case SESSION_CONNECTING:
    case SESSION_TLS_HANDSHAKE:
    case SESSION_BINDING:
        return IPC_SESSION_CONNECTING;
    case SESSION_BOUND:
    case SESSION_DRAINING:
    case SESSION_REBIND_DRAINING:
        return s->op->health.failed_over ? IPC_SESSION_FAILBACK : IPC_SESSION_BOUND;
    default:
        return ever_bound(s) ? IPC_SESSION_UNBOUND : IPC_SESSION_DISCONNECTED;
    }
}

void session_changed(struct session *s)
{
    s->shown.changed = true;
    operator_touch(s->op);
}

/* Whether an operator has failed over shows in its rows, too: hence a look each time. */
static void refresh_shown(struct session *s)
{
    enum ipc_session_state state = shown_state(s);
    if (state == s->shown.state)
        return;
    s->shown.state = state;
    s->shown.since_ms = clock_wall_ms();
    s->shown.changed = true;
}

static struct bytes text_bytes(const char *text, size_t max)
{
    return (struct bytes){(const uint8_t *)text, min_size(strlen(text), max)};
}

/* When the credentials ask for a receiver instead of a pair, the pair's own is there for a while
 * beside the new one, in the same row. */
static struct session *heir_of_row(const struct session *s)
{
    struct session *other = s == s->slot->main ? s->slot->receiver : s->slot->main;
    return other && other->shown.mode == s->shown.mode ? other : NULL;
}

void session_tell_gone(struct session *s)
{
    if (!s->shown.mode)
        return;
    struct session *heir = heir_of_row(s);
    if (heir) {
        session_changed(heir);
        s->shown.mode = 0;
        return;
    }
    struct ipc_session_gone gone = {.bind = s->slot->number, .bind_mode = (uint8_t)s->shown.mode};
    memcpy(gone.operator_id, s->op->id, sizeof(gone.operator_id));
    bridge_link_send_session_gone(s->ctx->link, &gone);
    s->shown.mode = 0;
}

void session_tell(struct session *s, bool always)
{
    refresh_shown(s);
    if (!s->shown.changed && !always)
        return;
    if (s->shown.mode && s->shown.mode != s->mode)
        session_tell_gone(s);
    s->shown.changed = false;
    s->shown.window_told = window_used(s->window);
    s->shown.mode = s->mode;
    struct ipc_session row = {
        .bind = s->slot->number,
        .bind_mode = (uint8_t)s->mode,
        .state = (uint8_t)s->shown.state,
        .phase = text_bytes(session_fsm_state_name(s->state), 24),
        .since_ms = s->shown.since_ms,
        .last_bound_ms = s->shown.last_bound_ms,
        .reconnect_attempts = s->shown.attempts,
        .window_limit = window_limit(s->window),
        .window_used = window_used(s->window),
        .refused_status = s->shown.refused_status,
        .enquire_rtt_us = s->shown.enquire_rtt_us,
        .sc_interface_version = s->shown.sc_interface_version,
        .reason = text_bytes(s->reason, 200),
        .refused_ms = s->shown.refused_ms,
        .bytes_sent = s->shown.bytes_sent,
        .bytes_received = s->shown.bytes_received,
        .tls_expiry_ms = s->shown.tls_expiry_ms,
    };
    memcpy(row.operator_id, s->op->id, sizeof(row.operator_id));
    if (s->transport) {
        row.peer = text_bytes(transport_peer(s->transport), 64);
        row.tls = text_bytes(transport_tls(s->transport), 64);
    }
    if (s->shown.tls_peer)
        row.tls_peer = text_bytes(s->shown.tls_peer, 160);
    bridge_link_send_session(s->ctx->link, &row);
}

void session_tell_gauges(struct session *s)
{
    if (window_used(s->window) != s->shown.window_told)
        session_tell(s, true);
}

/* --- actions, in the order of the table's bits --- */

/* What comes in from now on may still be answered, but is not waited for: on a busy bind there is
 * always something held, and the MNO repeats what was not answered. */
static void do_leave_bound(struct session *s)
{
    s->drain_mark = s->newest_deliver;
}

static void do_send_unbind_resp(struct session *s)
{
    send_unbind_resp(s, s->peer_unbind_sequence);
}

static void do_send_nack_length(struct session *s)
{
    send_generic_nack(s, SMPP_RINVCMDLEN, 0);
}

/* Unanswered submits become UNKNOWN; what waited for the bridge can't be answered any more. */
static void do_end_window(struct session *s)
{
    struct window_entry entry;
    while (window_drain(s->window, &entry))
        submits_lost(&entry, s->slot->number);
    deliver_hold_drop_bind(s->ctx->holds, &s->held);
    deliver_line_clear(&s->line);
    submits_bind_gone(s->op->submits, s);
    session_timers_plan_window(s);
    session_timers_plan_hold(s);
}

static void do_stop_timer(struct session *s)
{
    timer_stop(&s->clock);
}

static void do_enter_bound(struct session *s)
{
    s->shown.last_bound_ms = clock_wall_ms();
    s->shown.attempts = 0;
    s->op->stats[IPC_STAT_BINDS_OK]++;
    session_attempt_succeeded(s);
    session_timers_start_heartbeat(s);
}

static void do_time_bind(struct session *s)
{
    session_start_clock(s, s->op->config->bind_timeout_ms, SESSION_EVENT_BIND_TIMEOUT);
}

static void do_time_drain(struct session *s)
{
    int64_t wait = s->op->config->submit_timeout_ms;
    if (s->event == SESSION_EVENT_UNBIND_RECEIVED && wait > PEER_UNBIND_DRAIN_MS)
        wait = PEER_UNBIND_DRAIN_MS;
    if (s->ctx->draining && wait > s->ctx->drain_ms - DRAIN_RESERVE_MS)
        wait = s->ctx->drain_ms - DRAIN_RESERVE_MS;
    session_start_clock(s, wait > FINAL_DRAIN_MIN_MS ? wait : FINAL_DRAIN_MIN_MS,
                        SESSION_EVENT_DRAIN_TIMEOUT);
}

static void do_time_unbind(struct session *s)
{
    session_start_clock(s, UNBIND_TIMEOUT_MS, SESSION_EVENT_UNBIND_TIMEOUT);
}

/* CHECK_WINDOW and GONE come after the state is set: session_raise() and bind_slot_reap(). */
static void (*const actions[SESSION_ACTION_COUNT])(struct session *s) = {
    [SESSION_BIT_LEAVE_BOUND] = do_leave_bound,
    [SESSION_BIT_SEND_UNBIND_RESP] = do_send_unbind_resp,
    [SESSION_BIT_SEND_NACK_LENGTH] = do_send_nack_length,
    [SESSION_BIT_CLOSE_SOCKET] = session_io_close,
    [SESSION_BIT_END_WINDOW] = do_end_window,
    [SESSION_BIT_WIPE] = session_attempt_wipe,
    [SESSION_BIT_USE_PAIR] = session_attempt_use_pair,
    [SESSION_BIT_STOP_TIMER] = do_stop_timer,
    [SESSION_BIT_ASK_CREDENTIALS] = session_attempt_ask,
    [SESSION_BIT_CONNECT] = session_attempt_connect,
    [SESSION_BIT_SEND_BIND] = send_bind,
    [SESSION_BIT_ENTER_BOUND] = do_enter_bound,
    [SESSION_BIT_SEND_UNBIND] = send_unbind,
    [SESSION_BIT_TIME_BIND] = do_time_bind,
    [SESSION_BIT_TIME_DRAIN] = do_time_drain,
    [SESSION_BIT_TIME_UNBIND] = do_time_unbind,
    [SESSION_BIT_BACKOFF] = session_attempt_back_off,
    [SESSION_BIT_BACKOFF_AUTH] = session_attempt_back_off_auth,
    [SESSION_BIT_BACKOFF_BOUND] = session_attempt_back_off_already_bound,
};

/* --- the state machine --- */

static void set_state(struct session *s, enum session_state next)
{
    if (next != s->state)
        log_info("session", LOG_STR("operatorId", s->op->id_text),
                 LOG_UINT("bind", s->slot->number), LOG_STR("mode", ipc_bind_mode_name(s->mode)),
                 LOG_STR("from", session_fsm_state_name(s->state)),
                 LOG_STR("to", session_fsm_state_name(next)),
                 LOG_STR("event", session_fsm_event_name(s->event)), LOG_STR("reason", s->reason));
    s->state = next;
    s->shown.changed = true;
    refresh_shown(s);
    operator_touch_because(s->op, s->reason);
}

/* A probe for a transceiver may fail in any way, since the receiver of the pair is still bound.
 * Only the pair that was there before leads out of it. */
static enum session_event judge(const struct session *s, enum session_event event)
{
    if (s->state != SESSION_BINDING || !bind_slot_is_probe(s->slot, s))
        return event;
    switch (event) {
    case SESSION_EVENT_REFUSED_CREDENTIALS:
    case SESSION_EVENT_REFUSED_ALREADY_BOUND:
    case SESSION_EVENT_REFUSED_TRANSIENT:
    case SESSION_EVENT_BIND_TIMEOUT:
    case SESSION_EVENT_UNBIND_RECEIVED:
    case SESSION_EVENT_SOCKET_CLOSED:
    case SESSION_EVENT_PROTOCOL_ERROR:
        return SESSION_EVENT_REFUSED_PAIR;
    default:
        return event;
    }
}

void session_raise(struct session *s, enum session_event event, const char *fmt, ...)
{
    event = judge(s, event);
    struct session_step step = session_fsm_step(s->state, event);
    if (step.ignored)
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(s->reason, sizeof(s->reason), fmt, ap);
    va_end(ap);
    s->event = event;
    for (unsigned bit = 0; bit < SESSION_ACTION_COUNT; bit++) {
        if ((step.actions & (UINT32_C(1) << bit)) && actions[bit])
            actions[bit](s);
    }
    set_state(s, step.next);
    if (step.actions & SESSION_DO_CHECK_WINDOW)
        session_check_drained(s);
    if (s->state == SESSION_BOUND)
        bind_slot_bound(s->slot, s);
}

/* At the end of the process the bind stands until the bridge has settled the outcomes: it can't
 * when we are gone. */
static bool waits_for_settled(struct session *s)
{
    if (!s->ctx->draining || s->state != SESSION_DRAINING ||
        !bridge_link_is_attached(s->ctx->link) ||
        ledger_operator_used(s->ctx->ledger, s->op->id) == 0)
        return false;
    if (!s->answered_at.ns)
        s->answered_at = clock_mono();
    return mono_diff_ms(clock_mono(), s->answered_at) < SETTLED_WAIT_MS;
}

void session_check_drained(struct session *s)
{
    const struct deliver *d = deliver_hold_oldest(&s->held);
    if (window_used(s->window) == 0 && (!d || d->id > s->drain_mark) && !waits_for_settled(s))
        session_raise(s, SESSION_EVENT_WINDOW_EMPTY, "everything is answered");
}

/* A time-out is believed only when the socket was read empty after it: after a pause of the process
 * the answer may lie there. */
static void on_clock(void *arg)
{
    struct session *s = arg;
    bool waits_for_peer = s->clock_event != SESSION_EVENT_BACKOFF_OVER;
    if (waits_for_peer && !session_io_read_empty(s)) {
        timer_start_ms(&s->clock, 1);
        return;
    }
    session_raise(s, s->clock_event, "%s",
                  waits_for_peer ? "no answer in time" : "time for the next attempt");
}

void session_start_clock(struct session *s, int64_t delay_ms, enum session_event event)
{
    s->clock_event = event;
    timer_start_ms(&s->clock, delay_ms);
}

/* --- life --- */

struct session *session_create(struct bind_slot *slot, enum ipc_bind_mode mode)
{
    struct session *s = xcalloc(1, sizeof(*s));
    s->slot = slot;
    s->op = slot->op;
    s->ctx = slot->op->ctx;
    s->mode = mode;
    s->shown.state = IPC_SESSION_DISCONNECTED;
    s->shown.since_ms = clock_wall_ms();
    uint32_t limit = s->op->config->window_size;
    s->window = window_create(limit, limit * LATE_MAX_FACTOR);
    framer_init(&s->framer, FRAMER_LIMIT_DEFAULT);
    deliver_bind_init(&s->held, s);
    deliver_line_init(&s->line);
    timer_init(&s->clock, s->ctx->loop, on_clock, s);
    session_attempt_init(s);
    session_timers_init(s);
    session_changed(s);
    return s;
}

void session_destroy(struct session **session_ptr)
{
    struct session *s = *session_ptr;
    if (!s)
        return;
    INVARIANT(session_is_gone(s) && !s->transport);
    timer_stop(&s->clock);
    session_timers_stop(s);
    session_attempt_stop(s);
    window_destroy(&s->window);
    framer_reset(&s->framer);
    free(s->shown.tls_peer);
    free(s);
    *session_ptr = NULL;
}

void session_start(struct session *s)
{
    session_raise(s, SESSION_EVENT_START, "declared");
}

void session_start_with(struct session *s, const struct credentials *credentials)
{
    s->credentials = xmalloc(sizeof(*credentials));
    *s->credentials = *credentials;
    size_t size = secret_size(credentials->password);
    s->credentials->password = secret_create(size);
    memcpy(secret_data(s->credentials->password), secret_data(credentials->password), size);
    session_raise(s, SESSION_EVENT_START, "half of a pair");
    if (s->ticket.state == CONNECT_TICKET_INSIDE) /* admitted while it was not yet ready for them */
        session_raise(s, SESSION_EVENT_CREDENTIALS, "half of a pair");
}

void session_end(struct session *s, const char *reason)
{
    session_raise(s, SESSION_EVENT_END_WANTED, "%s", reason);
}

void session_rebind(struct session *s, const char *reason)
{
    session_raise(s, SESSION_EVENT_REBIND_WANTED, "%s", reason);
}

void session_cut(struct session *s, const char *reason)
{
    if (s->state == SESSION_BOUND || s->state == SESSION_DRAINING ||
        s->state == SESSION_REBIND_DRAINING)
        send_unbind(s);
    session_raise(s, SESSION_EVENT_CUT, "%s", reason);
}

void session_lapse(struct session *s, const char *reason)
{
    if (s->transport && transport_unacked(s->transport) > 0)
        transport_reset(&s->transport);
    session_cut(s, reason);
}

void session_retune(struct session *s, bool binds_alike)
{
    const struct operator_config *config = s->op->config;
    window_set_limit(s->window, config->window_size, config->window_size * LATE_MAX_FACTOR);
    session_timers_tune_heartbeat(s);
    session_changed(s);
    if (!binds_alike)
        session_raise(s, SESSION_EVENT_BACKOFF_OVER, "what a bind asks for has changed");
}

bool session_is_gone(const struct session *s)
{
    return s->state == SESSION_CLOSED;
}

bool session_is_bound(const struct session *s)
{
    switch (s->state) {
    case SESSION_BOUND:
    case SESSION_DRAINING:
    case SESSION_REBIND_DRAINING:
    case SESSION_PEER_UNBINDING:
    case SESSION_UNBINDING:
    case SESSION_REBIND_UNBINDING:
        return true;
    default:
        return false;
    }
}

bool session_is_ready(const struct session *s)
{
    return s->state == SESSION_BOUND;
}

enum ipc_bind_mode session_mode(const struct session *s)
{
    return s->mode;
}
