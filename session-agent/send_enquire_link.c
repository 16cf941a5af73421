/* enquire_link, every interval, and the answer to theirs. */
#include "session-agent/session_internal.h"

void send_enquire_link(struct session *s)
{
    uint8_t pdu[SMPP_HEADER_SIZE];
    uint32_t sequence = window_sequence(s->window);
    smpp_pdu_enquire_link(sequence, pdu);
    session_io_write_pdu(s, pdu, sizeof(pdu));
    heartbeat_sent(&s->heartbeat, sequence, clock_mono());
}

void send_enquire_link_resp(struct session *s, uint32_t sequence)
{
    uint8_t pdu[SMPP_HEADER_SIZE];
    smpp_pdu_enquire_link_resp(sequence, pdu);
    session_io_write_pdu(s, pdu, sizeof(pdu));
}
