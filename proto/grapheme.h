/* Where a text may be cut: not before what belongs to the character in front of it. */
#ifndef PROTO_GRAPHEME_H
#define PROTO_GRAPHEME_H

#include "common/base.h"

/* Does this code point stay with the one before it: combining marks, joiners, variation selectors,
 * emoji modifiers and tags, Hangul vowels and finals? */
bool grapheme_extends(uint32_t code_point);

/* The end of the cluster that starts at `pos` (pos < end, well-formed UTF-8): an approximation of
 * the extended grapheme clusters of UAX #29 that knows joiners, flags and CR LF. */
const char *grapheme_end(const char *pos, const char *end);

#endif
