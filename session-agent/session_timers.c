/* A session's clocks besides the state machine's: heartbeat, unanswered submits, held deliver_sm.
 */
#include "session-agent/session_internal.h"
#include "session-agent/submits.h"

#define LOOK_MS 1 /* until the loop has come round and read what lies in the socket */

/* --- heartbeat --- */

static void heartbeat_look(struct session *s)
{
    if (session_io_read_empty(s))
        heartbeat_socket_drained(&s->heartbeat, clock_mono());
}

static void on_heartbeat(void *arg)
{
    struct session *s = arg;
    enum heartbeat_verdict verdict = heartbeat_check(&s->heartbeat, clock_mono());
    if (verdict == HEARTBEAT_LOOK) {
        heartbeat_look(s);
        verdict = heartbeat_check(&s->heartbeat, clock_mono());
    }
    if (verdict == HEARTBEAT_SILENT) {
        s->op->stats[IPC_STAT_ENQUIRE_LINK_TIMEOUTS]++;
        session_raise(s, SESSION_EVENT_ENQUIRE_TIMEOUT, "enquire_link was not answered in %lld ms",
                      (long long)s->heartbeat.timeout_ms);
        return;
    }
    if (verdict == HEARTBEAT_LOOK) {
        timer_start_ms(&s->heartbeat_timer, LOOK_MS);
        return;
    }
    if (verdict == HEARTBEAT_SEND)
        send_enquire_link(s);
    timer_start_at(&s->heartbeat_timer, heartbeat_next(&s->heartbeat));
}

void session_timers_start_heartbeat(struct session *s)
{
    const struct operator_config *config = s->op->config;
    heartbeat_start(&s->heartbeat, config->enquire_link_interval_ms,
                    config->enquire_link_timeout_ms, clock_mono());
    timer_start_at(&s->heartbeat_timer, heartbeat_next(&s->heartbeat));
}

void session_timers_tune_heartbeat(struct session *s)
{
    const struct operator_config *config = s->op->config;
    if (!session_is_bound(s))
        return;
    heartbeat_tune(&s->heartbeat, config->enquire_link_interval_ms,
                   config->enquire_link_timeout_ms);
    timer_start_at(&s->heartbeat_timer, heartbeat_next(&s->heartbeat));
}

/* --- unanswered submits --- */

static void expire(struct session *s)
{
    struct window_entry entry;
    while (window_expire(s->window, clock_mono(), &entry))
        submits_timed_out(&entry, s->slot->number);
    while (window_forget(s->window, clock_mono(), &entry))
        submits_lost(&entry, s->slot->number);
}

static void on_window(void *arg)
{
    struct session *s = arg;
    if (!session_io_read_empty(s)) {
        timer_start_ms(&s->window_timer, LOOK_MS);
        return;
    }
    expire(s);
    session_timers_plan_window(s);
    operator_touch(s->op);
    session_check_drained(s);
}

/* The timer is only ever moved when it runs out: answers come by the thousand, time-outs don't. */
void session_timers_plan_window(struct session *s)
{
    mono_t deadline, forget;
    bool has_deadline = window_next_deadline(s->window, &deadline);
    bool has_forget = window_next_forget(s->window, &forget);
    if (has_forget && (!has_deadline || forget.ns < deadline.ns))
        deadline = forget;
    if (!has_deadline && !has_forget)
        timer_stop(&s->window_timer);
    else if (!timer_is_active(&s->window_timer) || deadline.ns < s->window_timer.due.ns)
        timer_start_at(&s->window_timer, deadline);
}

/* --- held deliver_sm --- */

static void on_hold(void *arg)
{
    struct session *s = arg;
    struct deliver *d = deliver_hold_oldest(&s->held);
    while (d && mono_reached(clock_mono(), d->deadline)) {
        s->op->stats[IPC_STAT_DELIVERS_BUSY]++;
        session_answer_deliver(s, d, s->op->config->busy_status);
        d = deliver_hold_oldest(&s->held);
    }
    session_timers_plan_hold(s);
    operator_touch(s->op);
}

void session_timers_plan_hold(struct session *s)
{
    const struct deliver *d = deliver_hold_oldest(&s->held);
    if (!d)
        timer_stop(&s->hold_timer);
    else if (!timer_is_active(&s->hold_timer) || d->deadline.ns < s->hold_timer.due.ns)
        timer_start_at(&s->hold_timer, d->deadline);
}

static void on_line(void *arg)
{
    struct session *s = arg;
    struct deliver_waiting *w;
    while ((w = deliver_line_first(&s->line)) != NULL && mono_reached(clock_mono(), w->until)) {
        s->op->stats[IPC_STAT_DELIVERS_BUSY]++;
        send_deliver_sm_resp(s, w->command_id, w->sequence, s->op->config->busy_status);
        deliver_line_drop_first(&s->line);
    }
    session_timers_plan_line(s);
    session_check_drained(s);
}

void session_timers_plan_line(struct session *s)
{
    const struct deliver_waiting *w = deliver_line_first(&s->line);
    if (!w)
        timer_stop(&s->line_timer);
    else if (!timer_is_active(&s->line_timer))
        timer_start_at(&s->line_timer, w->until);
}

/* --- all of them --- */

void session_timers_init(struct session *s)
{
    timer_init(&s->heartbeat_timer, s->ctx->loop, on_heartbeat, s);
    timer_init(&s->window_timer, s->ctx->loop, on_window, s);
    timer_init(&s->hold_timer, s->ctx->loop, on_hold, s);
    timer_init(&s->line_timer, s->ctx->loop, on_line, s);
}

void session_timers_stop(struct session *s)
{
    timer_stop(&s->heartbeat_timer);
    timer_stop(&s->window_timer);
    timer_stop(&s->hold_timer);
    timer_stop(&s->line_timer);
}
