/* Growable text, always NUL-terminated once something was appended. Starts as {0}. */
#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

#include "common/base.h"

struct text {
    char *data; /* NULL while nothing was appended */
    size_t len, size;
};
void text_append(struct text *t, const char *data, size_t len);
void text_puts(struct text *t, const char *cstr);
void text_printf(struct text *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* There will be room for `len` bytes and a NUL in all. */
void text_reserve(struct text *t, size_t len);
/* Empties it; memory beyond `keep` bytes is given back. */
void text_clear(struct text *t, size_t keep);
/* Releases the memory; the text is {0} again. */
void text_free(struct text *t);

#endif
