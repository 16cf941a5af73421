/* Optional parameters (§3.2.4): walking what a peer sent, which may be broken, and writing our own.
 */
#ifndef PROTO_SMPP_TLV_H
#define PROTO_SMPP_TLV_H

#include "common/base.h"
#include "common/buf.h"

struct smpp_tlv {
    uint16_t tag;
    struct bytes value; /* a view into the PDU */
};

/* Takes the next parameter off the front of *rest. False at the end, and at the first one that
 * claims more than is left: then *rest is what could not be read. */
bool smpp_tlv_next(struct bytes *rest, struct smpp_tlv *tlv_r);
/* The first parameter with the tag. */
bool smpp_tlv_find(struct bytes tlvs, uint16_t tag, struct bytes *value_r);
/* The leading part that is well-formed; a broken tail is cut off. */
struct bytes smpp_tlv_intact(struct bytes tlvs);
/* A value of 1, 2 or 4 octets as a number; false for absent or other sizes. */
bool smpp_tlv_find_uint(struct bytes tlvs, uint16_t tag, uint32_t *value_r);

/* The writer fails when the value is longer than 65,535 or does not fit. */
void smpp_tlv_put(struct buf_writer *w, uint16_t tag, struct bytes value);
void smpp_tlv_put_u8(struct buf_writer *w, uint16_t tag, uint8_t value);
void smpp_tlv_put_u16(struct buf_writer *w, uint16_t tag, uint16_t value);

#endif
