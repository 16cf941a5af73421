/* The common body of submit_sm and deliver_sm. */
#include "common/str.h"
#include "proto/smpp_sm.h"
#include "proto/smpp_text.h"
#include "proto/smpp_tlv.h"

static bool fits(const char *cstr, size_t size)
{
    return !cstr || strnlen(cstr, size) < size;
}

/* §4.4.1: one octet or seventeen, NUL included. */
static bool is_time(const char *cstr)
{
    size_t len = cstr ? strnlen(cstr, SMPP_TIME_SIZE) : 0;
    return len == 0 || len == SMPP_TIME_SIZE - 1;
}

static const char *wrong_field(const struct smpp_sm *sm)
{
    if (!fits(sm->service_type, SMPP_SERVICE_TYPE_SIZE))
        return "service_type is longer than 5 characters";
    if (!fits(sm->source, SMPP_ADDRESS_SIZE))
        return "source_addr is longer than 20 characters";
    if (!fits(sm->dest, SMPP_ADDRESS_SIZE))
        return "destination_addr is longer than 20 characters";
    if (!is_time(sm->schedule))
        return "schedule_delivery_time has not 16 characters";
    if (!is_time(sm->validity))
        return "validity_period has not 16 characters";
    if (sm->short_message.len > SMPP_SHORT_MESSAGE_MAX)
        return "short_message is longer than 254 octets";
    if (sm->short_message.len && sm->payload.len)
        return "short_message and message_payload exclude each other";
    if (sm->payload.len > SMPP_PAYLOAD_MAX)
        return "message_payload is longer than 65535 octets";
    return NULL;
}

int smpp_sm_encode(const struct smpp_sm *sm, uint8_t *out, size_t size, size_t *len_r, char *error,
                   size_t error_size)
{
    const char *wrong = wrong_field(sm);
    if (wrong) {
        (void)str_copy(error, error_size, wrong, strlen(wrong));
        return -1;
    }
    struct buf_writer w = buf_writer(out, size);
    smpp_text_put(&w, sm->service_type, SMPP_SERVICE_TYPE_SIZE);
    buf_put_u8(&w, sm->source_ton);
    buf_put_u8(&w, sm->source_npi);
    smpp_text_put(&w, sm->source, SMPP_ADDRESS_SIZE);
    buf_put_u8(&w, sm->dest_ton);
    buf_put_u8(&w, sm->dest_npi);
    smpp_text_put(&w, sm->dest, SMPP_ADDRESS_SIZE);
    buf_put_u8(&w, sm->esm_class);
    buf_put_u8(&w, sm->protocol_id);
    buf_put_u8(&w, sm->priority);
    smpp_text_put(&w, sm->schedule, SMPP_TIME_SIZE);
    smpp_text_put(&w, sm->validity, SMPP_TIME_SIZE);
    buf_put_u8(&w, sm->registered_delivery);
    buf_put_u8(&w, sm->replace_if_present);
    buf_put_u8(&w, sm->data_coding);
    buf_put_u8(&w, sm->default_message_id);
    buf_put_u8(&w, (uint8_t)sm->short_message.len);
    buf_put(&w, sm->short_message.data, sm->short_message.len);
    if (sm->payload.len)
        smpp_tlv_put(&w, SMPP_TLV_MESSAGE_PAYLOAD, sm->payload);
    buf_put(&w, sm->tlvs.data, sm->tlvs.len);
    if (w.failed) {
        const char *text = "the buffer is too small for the body";
        (void)str_copy(error, error_size, text, strlen(text));
        return -1;
    }
    *len_r = buf_written(&w);
    return 0;
}

bool smpp_sm_decode(struct bytes body, struct smpp_sm *sm_r)
{
    struct buf_reader r = buf_reader(body.data, body.len);
    struct smpp_sm sm = {0};
    sm.service_type = smpp_text_get(&r);
    sm.source_ton = buf_get_u8(&r);
    sm.source_npi = buf_get_u8(&r);
    sm.source = smpp_text_get(&r);
    sm.dest_ton = buf_get_u8(&r);
    sm.dest_npi = buf_get_u8(&r);
    sm.dest = smpp_text_get(&r);
    sm.esm_class = buf_get_u8(&r);
    sm.protocol_id = buf_get_u8(&r);
    sm.priority = buf_get_u8(&r);
    sm.schedule = smpp_text_get(&r);
    sm.validity = smpp_text_get(&r);
    sm.registered_delivery = buf_get_u8(&r);
    sm.replace_if_present = buf_get_u8(&r);
    sm.data_coding = buf_get_u8(&r);
    sm.default_message_id = buf_get_u8(&r);
    size_t length = buf_get_u8(&r);
    sm.short_message = buf_get_bytes(&r, length);
    if (r.failed)
        return false;
    sm.tlvs = smpp_tlv_intact((struct bytes){.data = r.pos, .len = buf_left(&r)});
    if (!smpp_tlv_find(sm.tlvs, SMPP_TLV_MESSAGE_PAYLOAD, &sm.payload))
        sm.payload = (struct bytes){0};
    *sm_r = sm;
    return true;
}

struct bytes smpp_sm_message(const struct smpp_sm *sm)
{
    return sm->short_message.len ? sm->short_message : sm->payload;
}
