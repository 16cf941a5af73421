/* Optional parameters: whatever the octets are, the walk ends and stays inside. */
#include <string.h>

#include "proto/smpp_tlv.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t copy[70000];
    struct bytes all = {.data = data, .len = size};
    struct bytes intact = smpp_tlv_intact(all);
    MUST(intact.len <= size);
    if (intact.len > sizeof(copy))
        return 0;
    struct bytes rest = all;
    struct smpp_tlv tlv;
    struct buf_writer w = buf_writer(copy, sizeof(copy));
    while (smpp_tlv_next(&rest, &tlv)) {
        struct bytes value;
        uint32_t number;
        MUST(smpp_tlv_find(all, tlv.tag, &value));
        if (smpp_tlv_find_uint(all, tlv.tag, &number))
            MUST(value.len == 1 || value.len == 2 || value.len == 4);
        smpp_tlv_put(&w, tlv.tag, tlv.value);
    }
    MUST(!w.failed && buf_written(&w) == intact.len && rest.len == size - intact.len);
    MUST(intact.len == 0 || memcmp(copy, data, intact.len) == 0);
    return 0;
}
