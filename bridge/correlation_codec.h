/* A correlation as Redis keeps it: keys, the packed value, aliases. Pure. */
#ifndef BRIDGE_CORRELATION_CODEC_H
#define BRIDGE_CORRELATION_CODEC_H

#include "bridge/correlation.h"

/* "smpp:dlr:{" uuid "}:" id; aliases have a name space of their own, "smpp:dlr-alias:{" …, since
 * what is found under an id itself is believed more. */
#define CORRELATION_KEY_SIZE (16 + 36 + 2 + SMPP_MESSAGE_ID_SIZE)
size_t correlation_key(const char *operator_id, const char *id, bool is_alias,
                       char out[CORRELATION_KEY_SIZE]);

/* "messageId segment segments digest traceparent originalOperatorId", one blank between them, the
 * digest as 16 hexadecimal digits, "-" for what is absent. Readers skip what later versions append.
 */
#define CORRELATION_VALUE_SIZE 176
size_t correlation_pack(const struct correlation *c, char out[CORRELATION_VALUE_SIZE]);
/* False: not a value of ours. operator_message_id is left empty. */
bool correlation_unpack(const char *text, size_t len, struct correlation *c_r) MUST_CHECK;

/* A receipt's spelling is turned into the spellings the response may have had, and those are looked
 * up. That does not reach responses in mixed case or with an unusual number of leading zeros: such
 * ids get a second key, the lower-case id without leading zeros. */
bool correlation_needs_alias(const char *response_id);
/* False: the id has none ("", too long). */
bool correlation_alias(const char *id, char out[SMPP_MESSAGE_ID_SIZE]) MUST_CHECK;

#endif
