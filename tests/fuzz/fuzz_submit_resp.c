/* The body of submit_sm_resp: what comes out as an id is printable and short. */
#include <string.h>

#include "proto/smpp_submit.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct smpp_submit_resp resp;
    smpp_submit_resp_decode((struct bytes){.data = data, .len = size}, &resp);
    size_t len = strnlen(resp.message_id, sizeof(resp.message_id));
    MUST(len < sizeof(resp.message_id) && resp.tlvs.len <= size);
    for (size_t i = 0; i < len; i++)
        MUST(resp.message_id[i] >= 0x20 && resp.message_id[i] <= 0x7E);
    uint8_t body[SMPP_MESSAGE_ID_SIZE];
    size_t body_len;
    struct smpp_submit_resp again;
    MUST(smpp_submit_resp_encode(resp.message_id, body, sizeof(body), &body_len));
    smpp_submit_resp_decode((struct bytes){.data = body, .len = body_len}, &again);
    MUST(strcmp(resp.message_id, again.message_id) == 0);
    return 0;
}
