/* C-octet strings (§3.1), shared by the PDU codecs. */
#ifndef PROTO_SMPP_TEXT_H
#define PROTO_SMPP_TEXT_H

#include "common/base.h"
#include "common/buf.h"

/* A string of at most `size` octets with its NUL. Longer ones fail the writer. NULL counts as "".
 */
void smpp_text_put(struct buf_writer *w, const char *cstr, size_t size);
/* The string up to its NUL, wherever that is; a view. Without a NUL the reader fails and "" is
 * returned. */
const char *smpp_text_get(struct buf_reader *r);
/* Octets that should end with a NUL and often do not, cut at the first NUL and to size - 1. */
void smpp_text_copy(char *out, size_t size, struct bytes octets);

#endif
