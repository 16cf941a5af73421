/* bind_transceiver, bind_transmitter, bind_receiver and their responses (§4.1). */
#ifndef PROTO_SMPP_BIND_H
#define PROTO_SMPP_BIND_H

#include "common/base.h"
#include "proto/smpp.h"

/* MNOs issue longer names and passwords than the specification's 15 and 8 octets: they are sent
 * whole, up to this. */
#define SMPP_BIND_CREDENTIAL_MAX 64
/* Enough for any bind PDU. */
#define SMPP_BIND_PDU_SIZE                                                                         \
    (SMPP_HEADER_SIZE + 2 * (SMPP_BIND_CREDENTIAL_MAX + 1) + SMPP_SYSTEM_TYPE_SIZE + 3 +           \
     SMPP_ADDRESS_RANGE_SIZE)

struct smpp_bind {
    uint32_t command; /* SMPP_BIND_TRANSCEIVER, SMPP_BIND_TRANSMITTER or SMPP_BIND_RECEIVER */
    const char *system_id;
    struct bytes password;   /* read where it lies, once, into `out`; no NUL needed */
    const char *system_type; /* NULL counts as "" here and below */
    uint8_t interface_version;
    uint8_t addr_ton;
    uint8_t addr_npi;
    const char *address_range;
};

/* The whole PDU with its header. -1 with a reason (which never quotes a value) when a field is too
 * long, has a NUL inside, or `size` is too small; `out` may then hold part of the password, so that
 * the caller wipes it either way. */
int smpp_bind_encode(const struct smpp_bind *bind, uint32_t sequence, uint8_t *out, size_t size,
                     size_t *len_r, char *error, size_t error_size) MUST_CHECK;
/* Is a credential longer than the specification allows? Worth one warning, not a refusal. */
bool smpp_bind_exceeds_spec(const struct smpp_bind *bind);

struct smpp_bind_resp {
    char
        system_id[SMPP_BIND_CREDENTIAL_MAX + 1]; /* of the SMSC; "" when missing, cut when longer */
    bool has_version;
    uint8_t version; /* sc_interface_version; its absence means nothing in practice */
};
/* Never fails: bodies are empty, half there or padded in the wild, and only the status matters. */
void smpp_bind_resp_decode(struct bytes body, struct smpp_bind_resp *resp_r);

#endif
