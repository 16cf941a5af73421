/* Optional parameters: two octets of tag, two of length, and the value. */
#include "proto/smpp_tlv.h"

#define TLV_HEADER 4

bool smpp_tlv_next(struct bytes *rest, struct smpp_tlv *tlv_r)
{
    struct buf_reader r = buf_reader(rest->data, rest->len);
    uint16_t tag = buf_get_u16(&r);
    struct bytes value = buf_get_bytes16(&r);
    if (r.failed)
        return false;
    *tlv_r = (struct smpp_tlv){.tag = tag, .value = value};
    *rest = (struct bytes){.data = r.pos, .len = buf_left(&r)};
    return true;
}

bool smpp_tlv_find(struct bytes tlvs, uint16_t tag, struct bytes *value_r)
{
    struct smpp_tlv tlv;
    while (smpp_tlv_next(&tlvs, &tlv)) {
        if (tlv.tag != tag)
            continue;
        *value_r = tlv.value;
        return true;
    }
    return false;
}

struct bytes smpp_tlv_intact(struct bytes tlvs)
{
    struct bytes rest = tlvs;
    struct smpp_tlv tlv;
    while (smpp_tlv_next(&rest, &tlv))
        ;
    return (struct bytes){.data = tlvs.data, .len = tlvs.len - rest.len};
}

bool smpp_tlv_find_uint(struct bytes tlvs, uint16_t tag, uint32_t *value_r)
{
    struct bytes value;
    if (!smpp_tlv_find(tlvs, tag, &value))
        return false;
    if (value.len != 1 && value.len != 2 && value.len != 4)
        return false;
    uint32_t v = 0;
    for (size_t i = 0; i < value.len; i++)
        v = (v << 8) | value.data[i];
    *value_r = v;
    return true;
}

void smpp_tlv_put(struct buf_writer *w, uint16_t tag, struct bytes value)
{
    if (value.len > UINT16_MAX || value.len + TLV_HEADER > (size_t)(w->end - w->pos))
        w->failed = true; /* whole or not at all */
    buf_put_u16(w, tag);
    buf_put_bytes16(w, value);
}

void smpp_tlv_put_u8(struct buf_writer *w, uint16_t tag, uint8_t value)
{
    smpp_tlv_put(w, tag, (struct bytes){.data = &value, .len = 1});
}

void smpp_tlv_put_u16(struct buf_writer *w, uint16_t tag, uint16_t value)
{
    uint8_t octets[2] = {(uint8_t)(value >> 8), (uint8_t)value};
    smpp_tlv_put(w, tag, (struct bytes){.data = octets, .len = 2});
}
