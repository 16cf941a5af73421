/*
 * Bounded reader and writer of big-endian bytes with sticky failure: after the first access that
 * does not fit nothing more is read or written, and `failed` stays set. Callers check once.
 */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <string.h>

#include "common/base.h"

struct buf_reader {
    const uint8_t *pos;
    const uint8_t *end;
    bool failed;
};

static inline struct buf_reader buf_reader(const void *data, size_t len)
{
    const uint8_t *p = data;
    return (struct buf_reader){.pos = p, .end = p ? p + len : p};
}

static inline size_t buf_left(const struct buf_reader *r)
{
    return (size_t)(r->end - r->pos);
}

/* `len` bytes where they lie, or NULL (and failed) when fewer are left. */
static inline const uint8_t *buf_take(struct buf_reader *r, size_t len)
{
    if (r->failed || len > buf_left(r)) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *p = r->pos;
    r->pos += len;
    return p;
}

static inline uint8_t buf_get_u8(struct buf_reader *r)
{
    const uint8_t *p = buf_take(r, 1);
    return p ? p[0] : 0;
}

static inline uint16_t buf_get_u16(struct buf_reader *r)
{
    const uint8_t *p = buf_take(r, 2);
    return (uint16_t)(p ? (p[0] << 8) | p[1] : 0);
}

static inline uint32_t buf_get_u32(struct buf_reader *r)
{
    const uint8_t *p = buf_take(r, 4);
    if (!p)
        return 0;
    return ((uint32_t)p[0] << 24) | ((uint32_t)p[1] << 16) | ((uint32_t)p[2] << 8) | p[3];
}

static inline uint64_t buf_get_u64(struct buf_reader *r)
{
    uint64_t high = buf_get_u32(r);
    return (high << 32) | buf_get_u32(r);
}

/* The next `len` bytes as a view; empty (and failed) when fewer are left. */
static inline struct bytes buf_get_bytes(struct buf_reader *r, size_t len)
{
    const uint8_t *p = buf_take(r, len);
    return (struct bytes){.data = p, .len = p ? len : 0};
}

/* A 16-bit length and that many bytes, as a view. */
static inline struct bytes buf_get_bytes16(struct buf_reader *r)
{
    size_t len = buf_get_u16(r);
    return buf_get_bytes(r, len);
}

struct buf_writer {
    uint8_t *start;
    uint8_t *pos;
    uint8_t *end;
    bool failed;
};

static inline struct buf_writer buf_writer(void *data, size_t size)
{
    uint8_t *p = data;
    return (struct buf_writer){.start = p, .pos = p, .end = p ? p + size : p};
}

static inline size_t buf_written(const struct buf_writer *w)
{
    return (size_t)(w->pos - w->start);
}

/* Room for `len` bytes to fill in, or NULL (and failed) when there is less. */
static inline uint8_t *buf_room(struct buf_writer *w, size_t len)
{
    if (w->failed || len > (size_t)(w->end - w->pos)) {
        w->failed = true;
        return NULL;
    }
    uint8_t *p = w->pos;
    w->pos += len;
    return p;
}

static inline void buf_put_u8(struct buf_writer *w, uint8_t v)
{
    uint8_t *p = buf_room(w, 1);
    if (p)
        p[0] = v;
}

static inline void buf_put_u16(struct buf_writer *w, uint16_t v)
{
    uint8_t *p = buf_room(w, 2);
    if (p) {
        p[0] = (uint8_t)(v >> 8);
        p[1] = (uint8_t)v;
    }
}

static inline void buf_put_u32(struct buf_writer *w, uint32_t v)
{
    uint8_t *p = buf_room(w, 4);
    if (p) {
        p[0] = (uint8_t)(v >> 24);
        p[1] = (uint8_t)(v >> 16);
        p[2] = (uint8_t)(v >> 8);
        p[3] = (uint8_t)v;
    }
}

static inline void buf_put_u64(struct buf_writer *w, uint64_t v)
{
    buf_put_u32(w, (uint32_t)(v >> 32));
    buf_put_u32(w, (uint32_t)v);
}

static inline void buf_put(struct buf_writer *w, const void *data, size_t len)
{
    uint8_t *p = buf_room(w, len);
    if (p && len)
        memcpy(p, data, len);
}

/* A 16-bit length and the bytes; more than 65,535 fail. */
static inline void buf_put_bytes16(struct buf_writer *w, struct bytes b)
{
    if (b.len > UINT16_MAX)
        w->failed = true;
    buf_put_u16(w, (uint16_t)b.len);
    buf_put(w, b.data, b.len);
}

#endif
