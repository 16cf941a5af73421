/* unbind, unbind_resp and generic_nack: the PDUs that end something. */
#include "session-agent/session_internal.h"

void send_unbind(struct session *s)
{
    uint8_t pdu[SMPP_HEADER_SIZE];
    s->unbind_sequence = window_sequence(s->window);
    smpp_pdu_unbind(s->unbind_sequence, pdu);
    session_io_write_pdu(s, pdu, sizeof(pdu));
}

void send_unbind_resp(struct session *s, uint32_t sequence)
{
    uint8_t pdu[SMPP_HEADER_SIZE];
    smpp_pdu_unbind_resp(SMPP_ROK, sequence, pdu);
    session_io_write_pdu(s, pdu, sizeof(pdu));
}

void send_generic_nack(struct session *s, uint32_t status, uint32_t sequence)
{
    uint8_t pdu[SMPP_HEADER_SIZE];
    smpp_pdu_generic_nack(status, sequence, pdu);
    session_io_write_pdu(s, pdu, sizeof(pdu));
}
