/* Life and output of one connection; what comes in goes to sim_dispatch.c. */
#include <stdlib.h>
#include <string.h>

#include "common/base.h"
#include "common/list.h"

#include "tests/sim/sim_dispatch.h"
#include "tests/sim/sim_history.h"
#include "tests/sim/sim_outbox.h"
#include "tests/sim/sim_session.h"

static const char *const state_names[] = {
    [SIM_OPEN] = "open",         [SIM_BOUND_TX] = "transmitter",
    [SIM_BOUND_RX] = "receiver", [SIM_BOUND_TRX] = "transceiver",
    [SIM_UNBOUND] = "unbound",
};

const char *sim_session_state_name(const struct sim_session *s)
{
    return state_names[s->state];
}

void sim_session_hold(struct sim_session *s)
{
    s->refs++;
}

void sim_session_release(struct sim_session *s)
{
    if (--s->refs > 0)
        return;
    sim_inflight_free(&s->inflight);
    free(s);
}

bool sim_session_alive(const struct sim_session *s)
{
    return s->link && !sim_link_closing(s->link);
}

bool sim_session_can_submit(const struct sim_session *s)
{
    return s->state == SIM_BOUND_TX || s->state == SIM_BOUND_TRX;
}

bool sim_session_can_receive(const struct sim_session *s)
{
    return sim_session_alive(s) && (s->state == SIM_BOUND_RX || s->state == SIM_BOUND_TRX);
}

uint8_t *sim_session_body(struct sim_session *s, size_t size)
{
    return sim_link_room(s->link, SIM_HEADER_SIZE + size) + SIM_HEADER_SIZE;
}

void sim_session_send(struct sim_session *s, uint32_t command, uint32_t status, uint32_t sequence,
                      size_t body_len, const struct sim_note *note)
{
    struct sim_header h = {(uint32_t)(SIM_HEADER_SIZE + body_len), command, status, sequence};
    sim_pdu_put_header(sim_link_room(s->link, h.length), h.length, command, status, sequence);
    sim_link_written(s->link, h.length);
    sim_history_pdu(s->sim->history, s->sim->now_ns, s, true, &h, note);
}

void sim_session_send_header(struct sim_session *s, uint32_t command, uint32_t status,
                             uint32_t sequence)
{
    if (sim_session_alive(s))
        sim_session_send(s, command, status, sequence, 0, NULL);
}

void sim_session_send_raw(struct sim_session *s, struct bytes octets)
{
    if (!sim_session_alive(s))
        return;
    memcpy(sim_link_room(s->link, octets.len), octets.data, octets.len);
    sim_link_written(s->link, octets.len);
    sim_history_event(s->sim->history, s->sim->now_ns, s, "raw");
}

uint32_t sim_session_next_sequence(struct sim_session *s)
{
    uint32_t sequence = s->next_sequence;
    s->next_sequence = sequence == SIM_MAX_SEQUENCE ? 1 : sequence + 1;
    return sequence;
}

void sim_session_problem(struct sim_session *s, enum sim_problem problem)
{
    sim_stats_problem(&s->system->stats, problem);
    sim_history_event(s->sim->history, s->sim->now_ns, s, sim_pdu_problem_name(problem));
}

void sim_session_apply_behaviour(struct sim_session *s)
{
    if (!s->link)
        return;
    sim_link_limit_reading(s->link, s->system->behaviour.slow_read);
    sim_link_split_writing(s->link, s->system->behaviour.write_split);
}

void sim_session_close(struct sim_session *s, enum sim_link_end end)
{
    s->state = SIM_UNBOUND;
    if (s->link)
        sim_link_close(s->link, end);
}

static void on_enquire_link(void *owner, void *arg)
{
    (void)arg;
    struct sim_session *s = owner;
    struct sim *sim = s->sim;
    uint64_t interval = s->system->behaviour.enquire_link_ms;
    if (!sim_session_alive(s)) {
        sim_session_release(s);
        return;
    }
    if (interval > 0) {
        sim_session_send_header(s, PDU_ENQUIRE_LINK, ESME_ROK, sim_session_next_sequence(s));
        s->system->stats.enquire_links_sent++;
    }
    /* While it is switched off, look again now and then: it may be switched on at run time. */
    uint64_t wait = interval > 0 ? interval : 1000;
    sim_timers_at(sim->timers, uv_hrtime() + wait * SIM_NS_PER_MS, on_enquire_link, s, NULL);
}

static void start_enquire_link(struct sim_session *s)
{
    uint64_t interval = s->system->behaviour.enquire_link_ms;
    uint64_t wait = interval > 0 ? interval : 1000;
    sim_session_hold(s);
    sim_timers_at(s->sim->timers, uv_hrtime() + wait * SIM_NS_PER_MS, on_enquire_link, s, NULL);
}

void sim_session_bind(struct sim_session *s, struct sim_system *system, enum sim_bound state)
{
    s->system = system;
    s->state = state;
    list_append(&system->sessions, &s->bound);
    sim_session_apply_behaviour(s);
    sim_outbox_wake(system->outbox);
    start_enquire_link(s);
}

static void on_pdu(void *owner, struct sim_header h, struct bytes body)
{
    struct sim_session *s = owner;
    s->sim->now_ns = uv_hrtime();
    sim_dispatch_pdu(s, h, body);
}

static void on_bad_length(void *owner, uint32_t length)
{
    (void)length;
    struct sim_session *s = owner;
    sim_session_problem(s, SIM_BAD_LENGTH);
    sim_session_send_header(s, PDU_GENERIC_NACK, ESME_RINVCMDLEN, 0);
}

static void on_closed(void *owner)
{
    struct sim_session *s = owner;
    s->sim->now_ns = uv_hrtime();
    sim_history_event(s->sim->history, s->sim->now_ns, s, "closed");
    s->system->stats.disconnects++;
    s->link = NULL;
    s->state = SIM_UNBOUND;
    list_remove(&s->all);
    list_remove(&s->bound);
    sim_outbox_cut_off(s);
    sim_session_release(s);
}

static const struct sim_link_events link_events = {
    .pdu = on_pdu,
    .bad_length = on_bad_length,
    .closed = on_closed,
};

void sim_session_accept(struct sim *sim, uv_stream_t *listener)
{
    struct sim_session *s = xcalloc(1, sizeof(*s));
    s->sim = sim;
    s->system = sim->unbound;
    s->number = ++sim->next_session;
    s->refs = 1;
    s->next_sequence = 1;
    sim_inflight_init(&s->inflight);
    list_init(&s->bound);
    list_append(&sim->sessions, &s->all);
    s->link = sim_link_accept(sim->links, listener, &link_events, s);
    sim->now_ns = uv_hrtime();
    s->system->stats.connections++;
    sim_history_event(sim->history, sim->now_ns, s, "connected");
    sim_session_apply_behaviour(s);
    if (sim->defaults.on_connect != SIM_CONNECT_ACCEPT)
        sim_session_close(s, sim->defaults.on_connect == SIM_CONNECT_RST ? SIM_LINK_RST
                                                                         : SIM_LINK_FIN);
}
