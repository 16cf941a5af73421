/* Memory for one answer: locked, not in core dumps, wiped when it is given back. */
#ifndef BRIDGE_HTTPS_BUFFER_H
#define BRIDGE_HTTPS_BUFFER_H

#include "common/base.h"

struct https_buffer {
    char *data; /* NULL: none */
    size_t len, size;
};

/* Room for `size` octets and a NUL. Where the process may not lock so much the rest still holds. */
void https_buffer_create(struct https_buffer *b, size_t size);
void https_buffer_free(struct https_buffer *b);
/* False: it does not fit, and nothing was appended. Keeps the NUL behind what is there. */
bool https_buffer_append(struct https_buffer *b, const void *data, size_t len) MUST_CHECK;

#endif
