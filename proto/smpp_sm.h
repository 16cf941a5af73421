/*
 * The body that submit_sm and deliver_sm have in common (§4.4.1, §4.6.1): one struct, one encoder,
 * one decoder. The header is the business of whoever owns the socket.
 */
#ifndef PROTO_SMPP_SM_H
#define PROTO_SMPP_SM_H

#include "common/base.h"
#include "proto/smpp.h"

/* Strings and octets are views: of the decoded body, or of whatever the caller encodes from. NULL
 * strings count as "". */
struct smpp_sm {
    const char *service_type;
    uint8_t source_ton;
    uint8_t source_npi;
    const char *source;
    uint8_t dest_ton;
    uint8_t dest_npi;
    const char *dest;
    uint8_t esm_class;
    uint8_t protocol_id;
    uint8_t priority;
    const char *schedule; /* SMPP time format, see smpp_time.h */
    const char *validity;
    uint8_t registered_delivery;
    uint8_t replace_if_present;
    uint8_t data_coding;
    uint8_t default_message_id;
    struct bytes short_message;
    struct bytes
        payload;       /* message_payload; written before `tlvs`, and found in them when decoding */
    struct bytes tlvs; /* encoded parameters; decoded: the well-formed ones, payload included */
};

/* Enough for any body without message_payload and `tlvs`. */
#define SMPP_SM_BODY_SIZE 352

/* -1 with a reason that names the field when one is too long, short_message and payload are both
 * there, or `size` is too small. */
int smpp_sm_encode(const struct smpp_sm *sm, uint8_t *out, size_t size, size_t *len_r, char *error,
                   size_t error_size) MUST_CHECK;

/* Takes what peers send: strings longer than their field, sm_length 255, broken parameters
 * (dropped, with all that follow). False when the mandatory part is cut short or sm_length exceeds
 * what is there; then nothing in *sm_r may be used. The views live as long as `body`. */
bool smpp_sm_decode(struct bytes body, struct smpp_sm *sm_r) MUST_CHECK;

/* short_message, or message_payload when that is empty. */
struct bytes smpp_sm_message(const struct smpp_sm *sm);

#endif
