/* submit_sm_resp, as SMSCs really send it. */
#include "common/str.h"
#include "proto/smpp_submit.h"
#include "proto/smpp_text.h"
#include "proto/smpp_tlv.h"

static bool is_id(const char *id)
{
    for (; *id; id++) {
        if ((uint8_t)*id < 0x20 || (uint8_t)*id > 0x7E)
            return false;
    }
    return true;
}

/* Are these octets parameters from the first to the last? An id seldom is: its first characters
 * would have to spell the length of the rest. */
static bool is_all_tlvs(struct bytes octets)
{
    return octets.len > 0 && smpp_tlv_intact(octets).len == octets.len;
}

void smpp_submit_resp_decode(struct bytes body, struct smpp_submit_resp *resp_r)
{
    *resp_r = (struct smpp_submit_resp){0};
    if (is_all_tlvs(body)) {
        resp_r->tlvs = body;
        return;
    }
    smpp_text_copy(resp_r->message_id, sizeof(resp_r->message_id), body);
    if (!is_id(resp_r->message_id))
        resp_r->message_id[0] = '\0';
    struct buf_reader r = buf_reader(body.data, body.len);
    smpp_text_get(&r);
    if (!r.failed)
        resp_r->tlvs = smpp_tlv_intact((struct bytes){.data = r.pos, .len = buf_left(&r)});
}

bool smpp_submit_resp_encode(const char *message_id, uint8_t *out, size_t size, size_t *len_r)
{
    struct buf_writer w = buf_writer(out, size);
    smpp_text_put(&w, message_id, SMPP_MESSAGE_ID_SIZE);
    if (w.failed)
        return false;
    *len_r = buf_written(&w);
    return true;
}
