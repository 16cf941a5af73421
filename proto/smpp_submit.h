/* submit_sm_resp (§4.4.2). The body of submit_sm itself is in smpp_sm.h. */
#ifndef PROTO_SMPP_SUBMIT_H
#define PROTO_SMPP_SUBMIT_H

#include "common/base.h"
#include "proto/smpp.h"

struct smpp_submit_resp {
    char message_id[SMPP_MESSAGE_ID_SIZE]; /* "" when there is none, whatever the status */
    struct bytes tlvs; /* the well-formed ones: additional_status_info_text and vendors' own */
};

/* Never fails, whatever the status. Seen: no body, one NUL, parameters straight after the header,
 * an id without NUL or longer than 64 octets (cut). What cannot be an id (control characters, 8-bit
 * octets) is none. */
void smpp_submit_resp_decode(struct bytes body, struct smpp_submit_resp *resp_r);

/* The body for a message id of at most 64 octets; for simulators and tests. */
bool smpp_submit_resp_encode(const char *message_id, uint8_t *out, size_t size,
                             size_t *len_r) MUST_CHECK;

#endif
