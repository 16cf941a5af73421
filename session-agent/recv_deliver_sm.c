/* deliver_sm and data_sm: held for the bridge, which says when its event is stored. */
#include "session-agent/session_internal.h"

static void tell(struct session *s, const struct deliver *d, int64_t hold_left_ms)
{
    struct ipc_deliver record = {
        .id = d->id,
        .bind = s->slot->number,
        .command_id = d->command_id,
        .received_ms = d->received_ms,
        .hold_left_ms = (uint32_t)(hold_left_ms > 0 ? hold_left_ms : 0),
        .body = d->body,
    };
    memcpy(record.operator_id, s->op->id, sizeof(record.operator_id));
    bridge_link_send_deliver(s->ctx->link, &record);
}

/* False: the hold is full. */
static bool hold(struct session *s, uint32_t command_id, uint32_t sequence, struct bytes body,
                 int64_t received_ms)
{
    const struct operator_config *config = s->op->config;
    struct deliver *d =
        deliver_hold_add(s->ctx->holds, &s->held, config->deliver_hold_max, command_id, sequence,
                         body, received_ms, mono_add_ms(clock_mono(), config->deliver_hold_ms));
    if (!d)
        return false;
    s->newest_deliver = d->id;
    session_timers_plan_hold(s);
    tell(s, d, config->deliver_hold_ms);
    return true;
}

/* Without a bridge nothing makes room soon: no reason to wait. */
static bool stand_in_line(struct session *s, const struct smpp_header *h, struct bytes body)
{
    uint32_t max = s->op->config->deliver_hold_max * DELIVER_LINE_FACTOR;
    if (!bridge_link_is_attached(s->ctx->link) ||
        !deliver_line_add(&s->line, max, h->id, h->sequence, body, clock_wall_ms(), clock_mono()))
        return false;
    session_timers_plan_line(s);
    return true;
}

void recv_deliver_sm(struct session *s, const struct smpp_header *h, struct bytes body)
{
    if (!session_is_bound(s)) {
        send_deliver_sm_resp(s, h->id, h->sequence, SMPP_RINVBNDSTS);
        session_io_protocol_error(s, "the bind does not stand", h);
        return;
    }
    s->op->stats[IPC_STAT_DELIVERS_RECEIVED]++;
    if (s->line.count == 0 && hold(s, h->id, h->sequence, body, clock_wall_ms()))
        return;
    if (stand_in_line(s, h, body))
        return;
    s->op->stats[IPC_STAT_DELIVERS_BUSY]++;
    send_deliver_sm_resp(s, h->id, h->sequence, s->op->config->busy_status);
}

static void move_up(struct session *s)
{
    struct deliver_waiting *w;
    while ((w = deliver_line_first(&s->line)) != NULL) {
        if (!hold(s, w->command_id, w->sequence, w->body, w->received_ms))
            return;
        deliver_line_drop_first(&s->line);
    }
}

void session_answer_deliver(struct session *s, struct deliver *d, uint32_t status)
{
    send_deliver_sm_resp(s, d->command_id, d->sequence, status);
    deliver_hold_release(s->ctx->holds, &d);
    move_up(s);
    session_check_drained(s);
}

uint32_t session_delivers_held(const struct session *s)
{
    return s->held.count + s->line.count;
}

static void list_one(struct deliver *d, void *arg)
{
    tell(arg, d, mono_diff_ms(d->deadline, clock_mono()));
}

void session_list_delivers(struct session *s)
{
    deliver_hold_each(&s->held, list_one, s);
}
