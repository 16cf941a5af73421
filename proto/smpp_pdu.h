/* The 16-octet header, framing, and the PDUs that are nothing but a header. */
#ifndef PROTO_SMPP_PDU_H
#define PROTO_SMPP_PDU_H

#include "common/base.h"
#include "proto/smpp.h"

/* Largest PDU accepted unless settings say otherwise: message_payload takes 64 KiB of it. */
#define SMPP_PDU_LIMIT 131072u

struct smpp_header {
    uint32_t length; /* of the PDU, these 16 octets included */
    uint32_t id;
    uint32_t status;
    uint32_t sequence;
};

void smpp_pdu_put_header(const struct smpp_header *header, uint8_t out[SMPP_HEADER_SIZE]);
struct smpp_header smpp_pdu_get_header(const uint8_t in[SMPP_HEADER_SIZE]);

enum smpp_frame {
    SMPP_FRAME_PARTIAL,   /* read on */
    SMPP_FRAME_WHOLE,     /* *pdu_len_r octets are one PDU */
    SMPP_FRAME_TOO_SHORT, /* command_length below 16: nack RINVCMDLEN with sequence 0, close */
    SMPP_FRAME_TOO_LONG,  /* above the limit: the same */
};
/* What the first `len` octets of a stream hold. Looks at command_length as soon as it is there, so
 * that nothing is ever allocated or awaited on the word of a length above `limit`. */
enum smpp_frame smpp_pdu_frame(const uint8_t *data, size_t len, size_t limit,
                               size_t *pdu_len_r) MUST_CHECK;

/* PDUs without a body, 16 octets into `out`. A response carries the request's sequence number. */
void smpp_pdu_generic_nack(uint32_t status, uint32_t sequence, uint8_t out[SMPP_HEADER_SIZE]);
void smpp_pdu_enquire_link(uint32_t sequence, uint8_t out[SMPP_HEADER_SIZE]);
void smpp_pdu_enquire_link_resp(uint32_t sequence, uint8_t out[SMPP_HEADER_SIZE]);
void smpp_pdu_unbind(uint32_t sequence, uint8_t out[SMPP_HEADER_SIZE]);
void smpp_pdu_unbind_resp(uint32_t status, uint32_t sequence, uint8_t out[SMPP_HEADER_SIZE]);

/* "submit_sm_resp"; "unknown" for what §5.1.2.1 does not list. */
const char *smpp_pdu_name(uint32_t id);
bool smpp_pdu_is_response(uint32_t id);

#endif
