/* Growable bytes: doubling, so that appending costs nothing on the hot path. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base.h"

#include "tests/sim/sim_buffer.h"

void sim_buffer_grow(struct sim_buffer *b, size_t extra)
{
    size_t size = b->size ? b->size : 512;
    while (size - b->len < extra)
        size *= 2;
    b->data = xrealloc(b->data, size);
    b->size = size;
}

void sim_buffer_free(struct sim_buffer *b)
{
    free(b->data);
    *b = (struct sim_buffer){0};
}

void sim_buffer_append(struct sim_buffer *b, const void *data, size_t len)
{
    if (len == 0)
        return;
    memcpy(sim_buffer_room(b, len), data, len);
    b->len += len;
}

void sim_buffer_printf(struct sim_buffer *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int need = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    INVARIANT(need >= 0);
    size_t size = (size_t)need + 1;
    va_start(ap, fmt);
    vsnprintf((char *)sim_buffer_room(b, size), size, fmt, ap);
    va_end(ap);
    b->len += (size_t)need;
}

void sim_buffer_json_string(struct sim_buffer *b, const char *text)
{
    sim_buffer_append(b, "\"", 1);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            sim_buffer_printf(b, "\\%c", *p);
        else if (*p < 0x20 || *p > 0x7e) /* a system_id may hold any octet: shown as Latin-1 */
            sim_buffer_printf(b, "\\u%04x", *p);
        else
            sim_buffer_append(b, p, 1);
    }
    sim_buffer_append(b, "\"", 1);
}

void sim_buffer_hex(struct sim_buffer *b, struct bytes bytes)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t *out = sim_buffer_room(b, 2 * bytes.len);
    for (size_t i = 0; i < bytes.len; i++) {
        *out++ = (uint8_t)digits[bytes.data[i] >> 4];
        *out++ = (uint8_t)digits[bytes.data[i] & 0xf];
    }
    b->len += 2 * bytes.len;
}
