/* Phone numbers, short codes and alphanumeric senders: which characters SMPP carries, with which
 * TON and NPI. */
#ifndef PROTO_ADDRESS_H
#define PROTO_ADDRESS_H

#include "common/base.h"
#include "proto/smpp.h"

struct address {
    uint8_t ton;
    uint8_t npi;
    char text[SMPP_ADDRESS_SIZE]; /* an international number loses its '+' */
};

/* A destination: E.164 with or without '+', 3 to 15 digits. With '+', or from 8 digits on,
 * international; shorter: a short code. */
bool address_of_destination(const char *s, size_t len, struct address *address_r) MUST_CHECK;
/* A sender: a number as above, or up to 20 printable ASCII characters, which are then alphanumeric.
 */
bool address_of_sender(const char *s, size_t len, struct address *address_r) MUST_CHECK;

#endif
