/* The header that every PDU has, and the PDUs that have nothing else. */
#include "common/buf.h"
#include "proto/smpp_pdu.h"

void smpp_pdu_put_header(const struct smpp_header *header, uint8_t out[SMPP_HEADER_SIZE])
{
    struct buf_writer w = buf_writer(out, SMPP_HEADER_SIZE);
    buf_put_u32(&w, header->length);
    buf_put_u32(&w, header->id);
    buf_put_u32(&w, header->status);
    buf_put_u32(&w, header->sequence);
}

struct smpp_header smpp_pdu_get_header(const uint8_t in[SMPP_HEADER_SIZE])
{
    struct buf_reader r = buf_reader(in, SMPP_HEADER_SIZE);
    struct smpp_header h;
    h.length = buf_get_u32(&r);
    h.id = buf_get_u32(&r);
    h.status = buf_get_u32(&r);
    h.sequence = buf_get_u32(&r);
    return h;
}

enum smpp_frame smpp_pdu_frame(const uint8_t *data, size_t len, size_t limit, size_t *pdu_len_r)
{
    struct buf_reader r = buf_reader(data, len);
    uint32_t length = buf_get_u32(&r);
    if (r.failed)
        return SMPP_FRAME_PARTIAL;
    if (length < SMPP_HEADER_SIZE)
        return SMPP_FRAME_TOO_SHORT;
    if (length > limit)
        return SMPP_FRAME_TOO_LONG;
    if (length > len)
        return SMPP_FRAME_PARTIAL;
    *pdu_len_r = length;
    return SMPP_FRAME_WHOLE;
}

static void put_empty(uint32_t id, uint32_t status, uint32_t sequence,
                      uint8_t out[SMPP_HEADER_SIZE])
{
    struct smpp_header h = {
        .length = SMPP_HEADER_SIZE, .id = id, .status = status, .sequence = sequence};
    smpp_pdu_put_header(&h, out);
}

void smpp_pdu_generic_nack(uint32_t status, uint32_t sequence, uint8_t out[SMPP_HEADER_SIZE])
{
    put_empty(SMPP_GENERIC_NACK, status, sequence, out);
}

void smpp_pdu_enquire_link(uint32_t sequence, uint8_t out[SMPP_HEADER_SIZE])
{
    put_empty(SMPP_ENQUIRE_LINK, SMPP_ROK, sequence, out);
}

void smpp_pdu_enquire_link_resp(uint32_t sequence, uint8_t out[SMPP_HEADER_SIZE])
{
    put_empty(SMPP_ENQUIRE_LINK_RESP, SMPP_ROK, sequence, out);
}

void smpp_pdu_unbind(uint32_t sequence, uint8_t out[SMPP_HEADER_SIZE])
{
    put_empty(SMPP_UNBIND, SMPP_ROK, sequence, out);
}

void smpp_pdu_unbind_resp(uint32_t status, uint32_t sequence, uint8_t out[SMPP_HEADER_SIZE])
{
    put_empty(SMPP_UNBIND_RESP, status, sequence, out);
}

bool smpp_pdu_is_response(uint32_t id)
{
    return (id & SMPP_RESPONSE) != 0;
}

const char *smpp_pdu_name(uint32_t id)
{
    static const struct {
        uint32_t id;
        const char *request;
        const char *response;
    } names[] = {
        {SMPP_SUBMIT_SM, "submit_sm", "submit_sm_resp"},
        {SMPP_DELIVER_SM, "deliver_sm", "deliver_sm_resp"},
        {SMPP_ENQUIRE_LINK, "enquire_link", "enquire_link_resp"},
        {SMPP_BIND_TRANSCEIVER, "bind_transceiver", "bind_transceiver_resp"},
        {SMPP_BIND_TRANSMITTER, "bind_transmitter", "bind_transmitter_resp"},
        {SMPP_BIND_RECEIVER, "bind_receiver", "bind_receiver_resp"},
        {SMPP_UNBIND, "unbind", "unbind_resp"},
        {SMPP_DATA_SM, "data_sm", "data_sm_resp"},
        {SMPP_ALERT_NOTIFICATION, "alert_notification", "unknown"},
        {SMPP_OUTBIND, "outbind", "unknown"},
        {SMPP_QUERY_SM, "query_sm", "query_sm_resp"},
        {SMPP_REPLACE_SM, "replace_sm", "replace_sm_resp"},
        {SMPP_CANCEL_SM, "cancel_sm", "cancel_sm_resp"},
        {SMPP_SUBMIT_MULTI, "submit_multi", "submit_multi_resp"},
        {0, "unknown", "generic_nack"},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i].id == (id & ~SMPP_RESPONSE))
            return smpp_pdu_is_response(id) ? names[i].response : names[i].request;
    }
    return "unknown";
}
