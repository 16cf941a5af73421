/* What an SMSC sends of its own accord besides deliver_sm (whose body is in smpp_sm.h), and the
 * answers. */
#ifndef PROTO_SMPP_DELIVER_H
#define PROTO_SMPP_DELIVER_H

#include "common/base.h"
#include "proto/smpp.h"
#include "proto/smpp_sm.h"

/* data_sm (§4.7.1) as a deliver_sm without the fields it lacks; false as smpp_sm_decode. */
bool smpp_deliver_decode_data_sm(struct bytes body, struct smpp_sm *sm_r) MUST_CHECK;

/* alert_notification (§4.12.1): the phone `source` can be reached again. It has no answer. */
struct smpp_alert {
    uint8_t source_ton;
    uint8_t source_npi;
    const char *source;
    uint8_t esme_ton;
    uint8_t esme_npi;
    const char *esme;
    struct bytes tlvs;
};
bool smpp_deliver_decode_alert(struct bytes body, struct smpp_alert *alert_r) MUST_CHECK;

/* deliver_sm_resp or data_sm_resp: the header and one NUL, since a filled message_id breaks strict
 * peers (§4.6.2). `request` is SMPP_DELIVER_SM or SMPP_DATA_SM. */
#define SMPP_DELIVER_RESP_SIZE (SMPP_HEADER_SIZE + 1)
void smpp_deliver_resp(uint32_t request, uint32_t status, uint32_t sequence,
                       uint8_t out[SMPP_DELIVER_RESP_SIZE]);

#endif
