/* A growable run of bytes: output of a session, a text under construction. Dies without memory. */
#ifndef SIM_BUFFER_H
#define SIM_BUFFER_H

#include "common/base.h"

struct sim_buffer {
    uint8_t *data;
    size_t len;
    size_t size;
};

void sim_buffer_grow(struct sim_buffer *b, size_t extra);
void sim_buffer_free(struct sim_buffer *b);
void sim_buffer_append(struct sim_buffer *b, const void *data, size_t len);
void sim_buffer_printf(struct sim_buffer *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* `text` as a JSON string with its quotes. */
void sim_buffer_json_string(struct sim_buffer *b, const char *text);
void sim_buffer_hex(struct sim_buffer *b, struct bytes bytes);

/* Room for `extra` more bytes at data + len; the caller adds to len what it used. */
static inline uint8_t *sim_buffer_room(struct sim_buffer *b, size_t extra)
{
    if (extra > b->size - b->len)
        sim_buffer_grow(b, extra);
    return b->data + b->len;
}

#endif
