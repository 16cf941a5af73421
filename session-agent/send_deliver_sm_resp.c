/* deliver_sm_resp and data_sm_resp. */
#include "proto/smpp_deliver.h"

#include "session-agent/session_internal.h"

void send_deliver_sm_resp(struct session *s, uint32_t request, uint32_t sequence, uint32_t status)
{
    uint8_t pdu[SMPP_DELIVER_RESP_SIZE];
    smpp_deliver_resp(request, status, sequence, pdu);
    session_io_write_pdu(s, pdu, sizeof(pdu));
}
