/* User data headers (3GPP TS 23.040 §9.2.3.24): concatenation and national language tables. */
#ifndef PROTO_UDH_H
#define PROTO_UDH_H

#include "common/base.h"
#include "proto/gsm7.h"

#define UDH_IE_CONCAT8 0x00
#define UDH_IE_CONCAT16 0x08
#define UDH_IE_SINGLE_SHIFT 0x24
#define UDH_IE_LOCKING_SHIFT 0x25
#define UDH_MAX 13 /* octets of the longest that udh_build makes */

struct udh {
    size_t length; /* octets, with the length octet: the text starts there */
    bool is_whole; /* its elements, at least one, fill it to the last octet */
    bool has_concat;
    bool wide; /* 16-bit reference */
    uint16_t reference;
    uint8_t total; /* 1..255 */
    uint8_t part;  /* 1..total */
    struct gsm7_tables tables;
};

/* Reads the header of a message whose esm_class has UDHI. False when its length exceeds the
 * message: then it is none. Elements that are cut short, of a wrong size or with a part of 0 or
 * beyond the total are ignored; an unknown language leaves the default table. */
bool udh_parse(struct bytes message, struct udh *udh_r) MUST_CHECK;

/* Writes has_concat and the languages that are not default. Returns the octets, 0 when there is
 * nothing to say. */
size_t udh_build(const struct udh *udh, uint8_t out[UDH_MAX]);
/* The same number without writing. */
size_t udh_size(const struct udh *udh);

#endif
