/* The bytes of a JSON document before a parser sees them: everything that cJSON would let pass. */
#ifndef PROTO_JSON_CHECK_H
#define PROTO_JSON_CHECK_H

#include "common/base.h"

/* NULL, or what is wrong (a constant text) and the offset of the byte. Checks UTF-8, control
 * characters, escapes (no \u0000), numbers by the letter of RFC 8259 and the depth; leaves the
 * structure to the parser. */
const char *json_check(const char *data, size_t len, unsigned depth_limit, size_t *at_r) MUST_CHECK;

/* Skips printable ASCII without quotes and backslashes in steps of eight. What it stops at may be
 * such a character still, above all near the end. */
const char *json_skip_plain(const char *pos, const char *end);

#endif
