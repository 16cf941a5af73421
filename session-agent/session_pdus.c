/* Which receiver takes which PDU, and what becomes of those that have none. */
#include "session-agent/session_internal.h"

struct receiver {
    uint32_t id;
    void (*receive)(struct session *s, const struct smpp_header *h, struct bytes body);
};

static const struct receiver receivers[] = {
    {SMPP_SUBMIT_SM_RESP, recv_submit_sm_resp}, /* first: most of the traffic */
    {SMPP_DELIVER_SM, recv_deliver_sm},
    {SMPP_DATA_SM, recv_deliver_sm},
    {SMPP_ENQUIRE_LINK, recv_enquire_link},
    {SMPP_ENQUIRE_LINK_RESP, recv_enquire_link_resp},
    {SMPP_BIND_TRANSCEIVER_RESP, recv_bind_resp},
    {SMPP_BIND_TRANSMITTER_RESP, recv_bind_resp},
    {SMPP_BIND_RECEIVER_RESP, recv_bind_resp},
    {SMPP_UNBIND, recv_unbind},
    {SMPP_UNBIND_RESP, recv_unbind_resp},
    {SMPP_GENERIC_NACK, recv_generic_nack},
    {SMPP_ALERT_NOTIFICATION, recv_alert_notification},
};

static const struct receiver *find(uint32_t id)
{
    for (size_t i = 0; i < ARRAY_LEN(receivers); i++) {
        if (receivers[i].id == id)
            return &receivers[i];
    }
    return NULL;
}

void session_pdus_receive(struct session *s, struct bytes pdu)
{
    struct smpp_header h = smpp_pdu_get_header(pdu.data);
    struct bytes body = {pdu.data + SMPP_HEADER_SIZE, pdu.len - SMPP_HEADER_SIZE};
    session_io_trace(s, "in", &h);
    const struct receiver *r = find(h.id);
    if (r) {
        r->receive(s, &h, body);
        return;
    }
    /* A request must be answered (SMPP 3.4 §3.3); outbind has no answer, and neither has a
     * response. */
    if (!smpp_pdu_is_response(h.id) && h.id != SMPP_OUTBIND)
        send_generic_nack(s, SMPP_RINVCMDID, h.sequence);
    session_io_protocol_error(s, "nobody here takes it", &h);
}
