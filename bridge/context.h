/*
 * The context that travels with a submit_sm through the agent and back (proto/README.md): all that
 * a bridge which never saw the message needs to settle it. Versioned by its first octet; a decoder
 * skips what later versions append. ≤ 512 octets; holds no number and no text.
 */
#ifndef BRIDGE_CONTEXT_H
#define BRIDGE_CONTEXT_H

#include "common/buf.h"

struct context {
    char ack_subject[256];
    uint8_t message_id[16]; /* the platform's */
    uint8_t message_id_known;
    uint8_t segment, segments; /* 1 … n */
    uint8_t strategy;          /* 0 single, 1 csms, 2 tlv */
    uint16_t concat_ref;
    uint8_t data_coding;
    uint8_t attempt; /* refusals so far that count towards maxAttempts */
    int64_t not_after_ms;
    uint64_t destination_digest; /* tells recipients apart; 0: no subscriber number */
    char traceparent[56];        /* empty: none */
    uint8_t has_original_operator;
    uint8_t original_operator[16];
    uint8_t unknown_resubmits; /* how often it was sent again after an unknown outcome */
    uint32_t last_status;      /* of its last refusal; 0: none, or of version 1 */
    uint32_t format;           /* how it was encoded (mt_encode.c); 0: of version 1 */
};

/* False: does not fit into `size`. */
#define CONTEXT_MAX 512
bool context_encode(const struct context *c, uint8_t *out, size_t size, size_t *len_r) MUST_CHECK;
bool context_decode(struct bytes in, struct context *c_r) MUST_CHECK;

/* Of an address as it stands in a PDU or a command. A guard, not an identity: it looks at the last
 * eight digits only, since an MNO may phrase a number nationally, with '+' or with "00"; addresses
 * without digits are taken as they are. Never 0. */
uint64_t context_destination_digest(const char *address, size_t len);

#endif
