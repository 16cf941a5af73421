/* The table of PDUs, and those that take one line to answer. */
#include "common/base.h"

#include "tests/sim/sim_bind.h"
#include "tests/sim/sim_dispatch.h"
#include "tests/sim/sim_history.h"
#include "tests/sim/sim_outbox.h"
#include "tests/sim/sim_submit.h"

typedef void pdu_fn(struct sim_session *s, struct sim_header h, struct bytes body);

static void unbind(struct sim_session *s, struct sim_header h, struct bytes body)
{
    (void)body;
    s->system->stats.unbinds++;
    if (!s->system->behaviour.answer_unbind)
        return;
    sim_session_send_header(s, PDU_UNBIND | PDU_RESPONSE, ESME_ROK, h.sequence);
    sim_session_close(s, SIM_LINK_FIN);
}

static void unbind_resp(struct sim_session *s, struct sim_header h, struct bytes body)
{
    (void)h;
    (void)body;
    sim_session_close(s, SIM_LINK_FIN);
}

static void enquire_link(struct sim_session *s, struct sim_header h, struct bytes body)
{
    (void)body;
    s->system->stats.enquire_links++;
    if (s->system->behaviour.answer_enquire_link)
        sim_session_send_header(s, PDU_ENQUIRE_LINK | PDU_RESPONSE, ESME_ROK, h.sequence);
}

static void enquire_link_resp(struct sim_session *s, struct sim_header h, struct bytes body)
{
    (void)h;
    (void)body;
    s->system->stats.enquire_links_answered++;
}

static void generic_nack(struct sim_session *s, struct sim_header h, struct bytes body)
{
    (void)h;
    (void)body;
    s->system->stats.generic_nacks++;
}

/* A request of SMPP 3.4 that this SMSC does not offer. */
static void not_offered(struct sim_session *s, struct sim_header h, struct bytes body)
{
    (void)body;
    sim_session_send_header(s, PDU_GENERIC_NACK, ESME_RINVCMDID, h.sequence);
}

enum {
    IN_OPEN = 1u << SIM_OPEN,
    IN_TX = 1u << SIM_BOUND_TX | 1u << SIM_BOUND_TRX,
    IN_RX = 1u << SIM_BOUND_RX | 1u << SIM_BOUND_TRX,
    IN_ANY = 0xff,
};

/* §2.3 Table 2-1; binds judge their state themselves (ESME_RALYBND). */
static const struct row {
    uint32_t command;
    pdu_fn *take;
    unsigned states;
    bool header_only;
} rows[] = {
    {PDU_SUBMIT_SM, sim_submit_received, IN_TX, false},
    {PDU_DELIVER_SM | PDU_RESPONSE, sim_outbox_answered, IN_RX, false},
    {PDU_DATA_SM | PDU_RESPONSE, sim_outbox_answered, IN_RX, false},
    {PDU_ENQUIRE_LINK, enquire_link, IN_ANY, true},
    {PDU_ENQUIRE_LINK | PDU_RESPONSE, enquire_link_resp, IN_ANY, true},
    {PDU_BIND_TRANSCEIVER, sim_bind_received, IN_ANY, false},
    {PDU_BIND_TRANSMITTER, sim_bind_received, IN_ANY, false},
    {PDU_BIND_RECEIVER, sim_bind_received, IN_ANY, false},
    {PDU_UNBIND, unbind, IN_TX | IN_RX, true},
    {PDU_UNBIND | PDU_RESPONSE, unbind_resp, IN_ANY, true},
    {PDU_GENERIC_NACK, generic_nack, IN_ANY, true},
    {PDU_DATA_SM, not_offered, IN_TX | IN_RX, false},
    {PDU_QUERY_SM, not_offered, IN_TX, false},
    {PDU_REPLACE_SM, not_offered, IN_TX, false},
    {PDU_CANCEL_SM, not_offered, IN_TX, false},
    {PDU_SUBMIT_MULTI, not_offered, IN_TX, false},
};

static const struct row *find_row(uint32_t command)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].command == command)
            return &rows[i];
    }
    return NULL;
}

static void unknown(struct sim_session *s, struct sim_header h)
{
    sim_session_problem(s, SIM_UNKNOWN_COMMAND);
    if (!(h.command & PDU_RESPONSE)) /* a nack for a response would make storms */
        sim_session_send_header(s, PDU_GENERIC_NACK, ESME_RINVCMDID, h.sequence);
}

static void note_oddities(struct sim_session *s, struct sim_header h, struct bytes body,
                          const struct row *row)
{
    bool request = !(h.command & PDU_RESPONSE);
    bool nack = h.command == PDU_GENERIC_NACK; /* may carry sequence 0, §4.3.1 */
    if ((h.sequence == 0 && !nack) || h.sequence > SIM_MAX_SEQUENCE)
        sim_session_problem(s, SIM_BAD_SEQUENCE);
    if (request && h.status != ESME_ROK)
        sim_session_problem(s, SIM_STATUS_IN_REQUEST);
    if (row->header_only && body.len > 0)
        sim_session_problem(s, SIM_BODY_WHERE_NONE);
}

void sim_dispatch_pdu(struct sim_session *s, struct sim_header h, struct bytes body)
{
    const struct row *row = find_row(h.command);
    if (!row || row->take != sim_submit_received) /* which tells the history more */
        sim_history_pdu(s->sim->history, s->sim->now_ns, s, false, &h, NULL);
    if (!row) {
        unknown(s, h);
        return;
    }
    note_oddities(s, h, body, row);
    if (!(row->states & 1u << s->state)) {
        sim_session_problem(s, SIM_WRONG_STATE);
        if (!(h.command & PDU_RESPONSE))
            sim_session_send_header(s, h.command | PDU_RESPONSE, ESME_RINVBNDSTS, h.sequence);
        return;
    }
    row->take(s, h, body);
}
