/* data_sm, alert_notification, and the answers to what an SMSC sends. */
#include "proto/smpp_deliver.h"
#include "proto/smpp_pdu.h"
#include "proto/smpp_text.h"
#include "proto/smpp_tlv.h"

bool smpp_deliver_decode_data_sm(struct bytes body, struct smpp_sm *sm_r)
{
    struct buf_reader r = buf_reader(body.data, body.len);
    struct smpp_sm sm = {.schedule = "", .validity = ""};
    sm.service_type = smpp_text_get(&r);
    sm.source_ton = buf_get_u8(&r);
    sm.source_npi = buf_get_u8(&r);
    sm.source = smpp_text_get(&r);
    sm.dest_ton = buf_get_u8(&r);
    sm.dest_npi = buf_get_u8(&r);
    sm.dest = smpp_text_get(&r);
    sm.esm_class = buf_get_u8(&r);
    sm.registered_delivery = buf_get_u8(&r);
    sm.data_coding = buf_get_u8(&r);
    if (r.failed)
        return false;
    sm.tlvs = smpp_tlv_intact((struct bytes){.data = r.pos, .len = buf_left(&r)});
    if (!smpp_tlv_find(sm.tlvs, SMPP_TLV_MESSAGE_PAYLOAD, &sm.payload))
        sm.payload = (struct bytes){0};
    *sm_r = sm;
    return true;
}

bool smpp_deliver_decode_alert(struct bytes body, struct smpp_alert *alert_r)
{
    struct buf_reader r = buf_reader(body.data, body.len);
    struct smpp_alert alert = {0};
    alert.source_ton = buf_get_u8(&r);
    alert.source_npi = buf_get_u8(&r);
    alert.source = smpp_text_get(&r);
    alert.esme_ton = buf_get_u8(&r);
    alert.esme_npi = buf_get_u8(&r);
    alert.esme = smpp_text_get(&r);
    if (r.failed)
        return false;
    alert.tlvs = smpp_tlv_intact((struct bytes){.data = r.pos, .len = buf_left(&r)});
    *alert_r = alert;
    return true;
}

void smpp_deliver_resp(uint32_t request, uint32_t status, uint32_t sequence,
                       uint8_t out[SMPP_DELIVER_RESP_SIZE])
{
    struct smpp_header h = {.length = SMPP_DELIVER_RESP_SIZE,
                            .id = request | SMPP_RESPONSE,
                            .status = status,
                            .sequence = sequence};
    smpp_pdu_put_header(&h, out);
    out[SMPP_HEADER_SIZE] = 0;
}
