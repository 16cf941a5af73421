/* A text that doubles its memory as it grows. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

/* Room for `len` bytes and a NUL. */
static char *text_room(struct text *t, size_t len)
{
    size_t need = t->len + len + 1;
    if (need > t->size) {
        size_t size = t->size ? t->size * 2 : 256;
        t->size = size < need ? need : size;
        t->data = xrealloc(t->data, t->size);
    }
    return t->data + t->len;
}

void text_reserve(struct text *t, size_t len)
{
    if (t->size <= len) {
        t->data = xrealloc(t->data, len + 1);
        t->size = len + 1;
    }
}

void text_append(struct text *t, const char *data, size_t len)
{
    char *at = text_room(t, len);
    if (len)
        memcpy(at, data, len);
    at[len] = 0;
    t->len += len;
}

void text_puts(struct text *t, const char *cstr)
{
    text_append(t, cstr, strlen(cstr));
}

void text_printf(struct text *t, const char *fmt, ...)
{
    INVARIANT(fmt != NULL);
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    INVARIANT(len >= 0);
    vsnprintf(text_room(t, (size_t)len), (size_t)len + 1, fmt, again);
    va_end(again);
    t->len += (size_t)len;
}

void text_clear(struct text *t, size_t keep)
{
    if (t->size > keep)
        text_free(t);
    t->len = 0;
}

void text_free(struct text *t)
{
    free(t->data);
    *t = (struct text){0};
}
