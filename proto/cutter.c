/* Segments filled one after the other. */
#include <string.h>

#include "proto/cutter.h"

size_t cutter_septets_after(size_t header_len)
{
    return CUTTER_SEPTETS - (header_len * 8 + 6) / 7;
}

size_t cutter_octets_after(size_t header_len)
{
    return CUTTER_OCTETS - header_len;
}

static void open_segment(struct cutter *c)
{
    c->count++;
    c->used = 0;
    c->staged = 0;
    if (c->count > c->max_segments)
        c->failed = true;
}

/* Room for the header now, its octets in cutter_end(), when the total is known. */
static void close_segment(struct cutter *c)
{
    if (c->failed || c->count_only)
        return;
    size_t header_len = udh_size(&c->header);
    uint8_t *start = c->out + c->out_len;
    size_t room = c->out_size - c->out_len;
    size_t len = c->staged;
    if (header_len + c->staged > room) {
        c->failed = true;
        return;
    }
    if (!c->packed) {
        if (len)
            memcpy(start + header_len, c->staging, len);
    } else if (!gsm7_pack(c->staging, c->staged, gsm7_fill_bits(header_len), start + header_len,
                          room - header_len, &len)) {
        c->failed = true;
        return;
    }
    c->result->segments[c->count - 1] = (struct bytes){.data = start, .len = header_len + len};
    c->out_len += header_len + len;
}

static void next_segment(struct cutter *c)
{
    close_segment(c);
    open_segment(c);
}

void cutter_begin(struct cutter *c)
{
    c->count = 0;
    c->out_len = 0;
    c->failed = false;
    open_segment(c);
}

void cutter_keep_together(struct cutter *c, size_t cost)
{
    if (c->used > 0 && c->used + cost > c->capacity)
        next_segment(c);
}

void cutter_add(struct cutter *c, const uint8_t *octets, size_t len, size_t cost)
{
    cutter_keep_together(c, cost);
    if (c->failed)
        return;
    for (size_t i = 0; i < len; i++) /* one or two: not worth a call */
        c->staging[c->staged + i] = octets[i];
    c->staged += len;
    c->used += cost;
}

bool cutter_end(struct cutter *c)
{
    close_segment(c);
    if (c->failed)
        return false;
    if (c->count_only)
        return true;
    c->result->count = c->count;
    for (unsigned i = 0; i < c->count; i++) {
        c->header.total = (uint8_t)c->count;
        c->header.part = (uint8_t)(i + 1);
        uint8_t header[UDH_MAX];
        size_t len = udh_build(&c->header, header);
        /* The segments are views of c->out, which is ours to write. */
        memcpy(c->out + (c->result->segments[i].data - c->out), header, len);
    }
    return true;
}
