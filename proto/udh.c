/* User data headers: elements of one octet of type, one of length, and data. */
#include "common/buf.h"
#include "proto/udh.h"

/* §9.2.3.24.1 and .8; a part of 0 or beyond the total makes the element void. */
static void read_concat(struct udh *udh, struct bytes ie, bool wide)
{
    struct buf_reader r = buf_reader(ie.data, ie.len);
    uint16_t reference = wide ? buf_get_u16(&r) : buf_get_u8(&r);
    uint8_t total = buf_get_u8(&r);
    uint8_t part = buf_get_u8(&r);
    if (r.failed || buf_left(&r) > 0 || part == 0 || part > total)
        return;
    udh->has_concat = true;
    udh->wide = wide;
    udh->reference = reference;
    udh->total = total;
    udh->part = part;
}

static void read_language(enum gsm7_language *language, struct bytes ie, bool locking)
{
    if (ie.len != 1)
        return;
    enum gsm7_language named = (enum gsm7_language)ie.data[0];
    switch (named) {
    case GSM7_SPANISH:
        if (locking)
            return;
        break;
    case GSM7_TURKISH:
    case GSM7_PORTUGUESE:
    case GSM7_URDU:
        break;
    case GSM7_DEFAULT:
    default:
        return;
    }
    *language = named;
}

bool udh_parse(struct bytes message, struct udh *udh_r)
{
    struct buf_reader r = buf_reader(message.data, message.len);
    size_t length = buf_get_u8(&r);
    struct bytes elements = buf_get_bytes(&r, length);
    if (r.failed)
        return false;
    struct udh udh = {.length = length + 1};
    r = buf_reader(elements.data, elements.len);
    while (buf_left(&r) > 0) {
        uint8_t type = buf_get_u8(&r);
        size_t size = buf_get_u8(&r);
        struct bytes ie = buf_get_bytes(&r, size);
        if (r.failed)
            break;
        if (type == UDH_IE_CONCAT8 || type == UDH_IE_CONCAT16)
            read_concat(&udh, ie, type == UDH_IE_CONCAT16);
        else if (type == UDH_IE_SINGLE_SHIFT)
            read_language(&udh.tables.single, ie, false);
        else if (type == UDH_IE_LOCKING_SHIFT)
            read_language(&udh.tables.locking, ie, true);
    }
    udh.is_whole = length > 0 && !r.failed;
    *udh_r = udh;
    return true;
}

static void put_language(struct buf_writer *w, uint8_t type, enum gsm7_language language)
{
    if (language == GSM7_DEFAULT)
        return;
    buf_put_u8(w, type);
    buf_put_u8(w, 1);
    buf_put_u8(w, (uint8_t)language);
}

size_t udh_build(const struct udh *udh, uint8_t out[UDH_MAX])
{
    struct buf_writer w = buf_writer(out, UDH_MAX);
    buf_put_u8(&w, 0);
    if (udh->has_concat) {
        buf_put_u8(&w, udh->wide ? UDH_IE_CONCAT16 : UDH_IE_CONCAT8);
        buf_put_u8(&w, udh->wide ? 4 : 3);
        if (udh->wide)
            buf_put_u16(&w, udh->reference);
        else
            buf_put_u8(&w, (uint8_t)udh->reference);
        buf_put_u8(&w, udh->total);
        buf_put_u8(&w, udh->part);
    }
    put_language(&w, UDH_IE_SINGLE_SHIFT, udh->tables.single);
    put_language(&w, UDH_IE_LOCKING_SHIFT, udh->tables.locking);
    size_t len = buf_written(&w);
    out[0] = (uint8_t)(len - 1);
    return len == 1 ? 0 : len;
}

size_t udh_size(const struct udh *udh)
{
    uint8_t scratch[UDH_MAX];
    return udh_build(udh, scratch);
}
