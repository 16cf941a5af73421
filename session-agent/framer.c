/* Cuts the byte stream of a bind into PDUs by their command_length, and nothing else. */
#include "session-agent/framer.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_SIZE 16u
#define LENGTH_SIZE 4u
#define PARTIAL_MIN 256u /* first size of the buffer for a PDU that is cut */

void framer_init(struct framer *f, uint32_t limit)
{
    INVARIANT(limit >= HEADER_SIZE);
    *f = (struct framer){.limit = limit};
}

void framer_reset(struct framer *f)
{
    free(f->partial);
    framer_init(f, f->limit);
}

static uint32_t length_at(const uint8_t *p)
{
    return ((uint32_t)p[0] << 24) | ((uint32_t)p[1] << 16) | ((uint32_t)p[2] << 8) | p[3];
}

static bool length_is_good(struct framer *f, uint32_t length)
{
    if (length >= HEADER_SIZE && length <= f->limit)
        return true;
    framer_reset(f);
    f->bad_length = length;
    f->broken = true;
    return false;
}

/* Keeps `len` bytes more of the PDU that is cut. Doubling bounds the memory to twice of what has
 * arrived, whatever the peer announced. */
static void collect(struct framer *f, const uint8_t *data, uint32_t len)
{
    uint32_t need = f->have + len;
    if (need > f->size) {
        uint32_t size = f->size ? f->size : PARTIAL_MIN;
        while (size < need)
            size *= 2;
        f->partial = xrealloc(f->partial, size);
        f->size = size;
    }
    memcpy(f->partial + f->have, data, len);
    f->have = need;
}

/* Continues the PDU that is cut; *used_r bytes of `data` belong to it. */
static enum framer_result continue_partial(struct framer *f, const uint8_t *data, size_t len,
                                           size_t *used_r, bool (*pdu)(void *arg, struct bytes pdu),
                                           void *arg)
{
    size_t used = 0;
    if (f->have < LENGTH_SIZE) {
        used = min_size(LENGTH_SIZE - f->have, len);
        collect(f, data, (uint32_t)used);
    }
    *used_r = used;
    if (f->have < LENGTH_SIZE)
        return FRAMER_MORE;
    uint32_t length = length_at(f->partial);
    if (!length_is_good(f, length))
        return FRAMER_BAD_LENGTH;
    size_t rest = min_size(length - f->have, len - used);
    collect(f, data + used, (uint32_t)rest);
    *used_r = used + rest;
    if (f->have < length)
        return FRAMER_MORE;

    /* The framer must be clean before the callback, which may free it. */
    uint8_t *whole = f->partial;
    framer_init(f, f->limit);
    bool go_on = pdu(arg, (struct bytes){.data = whole, .len = length});
    free(whole);
    return go_on ? FRAMER_MORE : FRAMER_STOPPED;
}

enum framer_result framer_feed(struct framer *f, const uint8_t *data, size_t len,
                               bool (*pdu)(void *arg, struct bytes pdu), void *arg)
{
    if (f->broken)
        return FRAMER_BAD_LENGTH;
    if (f->have && len) {
        size_t used;
        enum framer_result result = continue_partial(f, data, len, &used, pdu, arg);
        if (result != FRAMER_MORE)
            return result;
        data += used;
        len -= used;
    }
    while (len >= LENGTH_SIZE) {
        uint32_t length = length_at(data);
        if (!length_is_good(f, length))
            return FRAMER_BAD_LENGTH;
        if (length > len)
            break;
        if (!pdu(arg, (struct bytes){.data = data, .len = length}))
            return FRAMER_STOPPED;
        data += length;
        len -= length;
    }
    if (len)
        collect(f, data, (uint32_t)len);
    return FRAMER_MORE;
}
