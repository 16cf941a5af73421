/* Vendor parameters from JSON. */
#include "common/str.h"
#include "proto/json_tlvs.h"
#include "proto/smpp.h"
#include "proto/smpp_tlv.h"

static bool read_tag(const struct json *value, uint16_t *tag_r)
{
    int64_t number;
    uint64_t hex;
    struct bytes text;
    if (value && json_type(value) == JSON_NUMBER && json_int(value, 1, UINT16_MAX, &number)) {
        *tag_r = (uint16_t)number;
        return true;
    }
    if (!json_string(value, &text) ||
        !str_parse_0x((const char *)text.data, text.len, UINT16_MAX, &hex) || hex == 0)
        return false;
    *tag_r = (uint16_t)hex;
    return true;
}

static bool is_ours(uint16_t tag)
{
    return tag == SMPP_TLV_MESSAGE_PAYLOAD || tag == SMPP_TLV_SAR_MSG_REF_NUM ||
           tag == SMPP_TLV_SAR_TOTAL_SEGMENTS || tag == SMPP_TLV_SAR_SEGMENT_SEQNUM;
}

static const char *read_one(const struct json *item, struct buf_writer *w)
{
    uint16_t tag;
    struct bytes hex;
    uint8_t value[JSON_TLVS_VALUE_MAX];
    size_t len;
    if (!read_tag(json_member(item, "tag"), &tag))
        return "has a tag that is not a number from 1 to 65535 or 0x0001 to 0xffff";
    if (is_ours(tag))
        return "has a tag that the connector sets itself";
    if (!json_string(json_member(item, "hex"), &hex) ||
        !str_hex_decode((const char *)hex.data, hex.len, value, sizeof(value), &len))
        return "has a hex value that is not an even number of at most 508 hex digits";
    smpp_tlv_put(w, tag, (struct bytes){.data = value, .len = len});
    return w->failed ? "has too many octets" : NULL;
}

const char *json_tlvs_read(const struct json *list, struct buf_writer *w)
{
    if (json_type(list) != JSON_ARRAY || json_count(list) > JSON_TLVS_MAX)
        return "is not a list of at most 16 parameters";
    const struct json *item = NULL;
    while ((item = json_child(list, item))) {
        const char *wrong = read_one(item, w);
        if (wrong)
            return wrong;
    }
    return NULL;
}
