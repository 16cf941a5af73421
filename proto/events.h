/* DlrInboundEvent and OperatorHealthEvent as JSON. The schemas beside this file say the same to
 * others. */
#ifndef PROTO_EVENTS_H
#define PROTO_EVENTS_H

#include "common/base.h"
#include "proto/json_emit.h"
#include "proto/uuid.h"

#define EVENT_TIME_NONE INT64_MIN

enum dlr_status {
    DLR_DELIVERED,
    DLR_UNDELIVERABLE,
    DLR_EXPIRED,
    DLR_DELETED,
    DLR_ACCEPTED,
    DLR_UNKNOWN,
    DLR_REJECTED,
    DLR_STATUS_COUNT
};
const char *dlr_status_name(enum dlr_status status); /* "DELIVERED" */
bool dlr_status_is_final(enum dlr_status status);    /* all but ACCEPTED */

enum dlr_source {
    DLR_SOURCE_MNO,       /* a receipt */
    DLR_SOURCE_SUBMIT,    /* refused by the MNO at submit */
    DLR_SOURCE_CONNECTOR, /* expired, invalid, unknown outcome reported */
};

/* Strings are the caller's, any octets (written as valid UTF-8); NULL where absent. Times are unix
 * ms. */
struct dlr_event {
    struct uuid event_id;
    int64_t occurred_at_ms;
    const struct uuid *message_id;   /* NULL: uncorrelated */
    const char *operator_message_id; /* the MNO's; NULL is written "" */
    struct uuid operator_id;
    enum dlr_status status;
    enum dlr_source source;
    int64_t delivered_at_ms; /* EVENT_TIME_NONE: null */
    const char *error_code;  /* smppErrorCode and errorCode; NULL: null */
    const char *stat;        /* raw state text, cut to 32 characters; NULL: the status */
    const char *source_addr; /* as in the PDU; NULL leaves the field out */
    const char *dest_addr;
    struct bytes raw_text;   /* rawPayload.text, with data NULL there is no rawPayload */
    struct bytes raw_tlvs;   /* rawPayload.tlvs, encoded parameters */
    struct bytes raw_octets; /* rawPayload.hex; data NULL leaves it out */
    unsigned segment;        /* 1..segments; 0: unknown, both are left out */
    unsigned segments;
    const struct uuid *original_operator_id; /* NULL: no failover */
    const char *reason; /* for people, without text or numbers; NULL leaves it out */
    bool has_final;     /* receipts: whether more may follow */
    bool final;
    bool out_of_order; /* a state that goes backwards */
};
void events_emit_dlr(struct json_emit *e, const struct dlr_event *event);

enum health_status { HEALTH_NONE, HEALTH_BOUND, HEALTH_UNBOUND, HEALTH_FAILBACK };
const char *health_status_name(enum health_status status); /* "BOUND"; NULL for HEALTH_NONE */

struct health_event {
    struct uuid event_id;
    int64_t occurred_at_ms;
    struct uuid operator_id;
    const char *operator_name; /* NULL: the operatorId */
    enum health_status status; /* not HEALTH_NONE */
    enum health_status previous;
    const char *reason; /* NULL leaves it out */
};
void events_emit_health(struct json_emit *e, const struct health_event *event);

#endif
