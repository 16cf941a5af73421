/* UTF-8 and the big-endian UTF-16 that SMS calls UCS2. */
#ifndef PROTO_UCS2_H
#define PROTO_UCS2_H

#include "common/base.h"

/* 2 octets, or 4 for a surrogate pair. */
size_t ucs2_put(uint32_t code_point, uint8_t out[4]);
/* False when the text is ill-formed or `size` is too small. */
bool ucs2_encode(const char *text, size_t len, uint8_t *out, size_t size, size_t *len_r) MUST_CHECK;
/* Never fails: lone surrogates and an odd last octet become U+FFFD. At most 3 octets for each 2.
 * Cut at `size`, between characters. Returns the length; no NUL. */
size_t ucs2_decode(const uint8_t *data, size_t len, char *text, size_t size);

#endif
