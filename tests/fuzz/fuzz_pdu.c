/* A stream of PDUs from an SMSC: framing, then every decoder on what it is meant for. */
#include <string.h>

#include "proto/smpp_bind.h"
#include "proto/smpp_deliver.h"
#include "proto/smpp_pdu.h"
#include "proto/smpp_sm.h"
#include "proto/smpp_submit.h"
#include "tests/fuzz/fuzz.h"

static bool same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* What was read and may be written gives the same again. */
static void check_round_trip(const struct smpp_sm *sm)
{
    static uint8_t body[200000];
    char error[128];
    size_t len;
    struct smpp_sm again;
    struct smpp_sm plain = *sm;
    plain.payload = (struct bytes){0}; /* it is among the parameters */
    if (smpp_sm_encode(&plain, body, sizeof(body), &len, error, sizeof(error)) != 0)
        return;
    MUST(smpp_sm_decode((struct bytes){.data = body, .len = len}, &again));
    MUST(same(sm->source, again.source) && same(sm->dest, again.dest));
    MUST(same(sm->service_type, again.service_type) && same(sm->validity, again.validity));
    MUST(sm->esm_class == again.esm_class && sm->data_coding == again.data_coding);
    MUST(sm->short_message.len == again.short_message.len && sm->tlvs.len == again.tlvs.len);
    MUST(sm->payload.len == again.payload.len);
}

static void decode(const struct smpp_header *header, struct bytes body)
{
    struct smpp_sm sm;
    struct smpp_alert alert;
    struct smpp_bind_resp bind;
    struct smpp_submit_resp submit;
    switch (header->id & ~SMPP_RESPONSE) {
    case SMPP_DELIVER_SM:
        if (smpp_sm_decode(body, &sm))
            check_round_trip(&sm);
        break;
    case SMPP_DATA_SM:
        if (smpp_deliver_decode_data_sm(body, &sm))
            check_round_trip(&sm);
        break;
    case SMPP_ALERT_NOTIFICATION:
        if (smpp_deliver_decode_alert(body, &alert))
            MUST(strlen(alert.source) + strlen(alert.esme) < body.len);
        break;
    case SMPP_SUBMIT_SM:
        smpp_submit_resp_decode(body, &submit);
        break;
    default:
        smpp_bind_resp_decode(body, &bind);
        MUST(strlen(bind.system_id) < sizeof(bind.system_id));
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t len;
    while (smpp_pdu_frame(data, size, SMPP_PDU_LIMIT, &len) == SMPP_FRAME_WHOLE) {
        MUST(len >= SMPP_HEADER_SIZE && len <= size);
        struct smpp_header header = smpp_pdu_get_header(data);
        MUST(header.length == len && smpp_pdu_name(header.id));
        decode(&header,
               (struct bytes){.data = data + SMPP_HEADER_SIZE, .len = len - SMPP_HEADER_SIZE});
        data += len;
        size -= len;
    }
    return 0;
}
