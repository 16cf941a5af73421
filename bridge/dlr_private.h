/* One deliver_sm on its way through the receipt path; shared by the dlr_*.c and mo_*.c files. */
#ifndef BRIDGE_DLR_PRIVATE_H
#define BRIDGE_DLR_PRIVATE_H

#include "proto/event_id.h"
#include "proto/events.h"
#include "proto/receipt.h"
#include "proto/smpp_sm.h"
#include "proto/udh.h"

#include "bridge/dlr.h"
#include "bridge/dlr_states.h"
#include "bridge/mo_event.h"
#include "bridge/mo_repeats.h"

#define DLR_SUBJECT "sms.dlr.inbound"
#define DLR_INLINE_BODY 256 /* octets, more than most receipts; larger bodies are allocated */
#define DLR_MAX_PARKED 8    /* per bind */
#define DLR_LOOKUP_MS 2000  /* how long an unknown id is looked up again */
#define DLR_MARGIN_MS 1000  /* before the hold ends, for publishing what was expected */
#define DLR_RETRY_MS 50     /* while Redis or the publisher can't be asked */
#define DLR_SLICES 256      /* binds are numbered by an octet */

enum dlr_phase {
    DLR_LOOKING_UP, /* Redis is asked */
    DLR_PARKED,     /* Redis does not have the id (yet): waits to ask again */
    DLR_WAITING,    /* Redis or the publisher can't be asked: waits to try again */
    DLR_GATHERING,  /* Redis keeps the states of a message's segments: was asked */
    DLR_ASSEMBLING, /* MO: waits for the other parts */
    DLR_PUBLISHING, /* waits for the PubAck */
};

struct delivery;
struct mo_message;
struct mo_messages;

/* What `struct mno` hangs on to. */
struct dlr_operator {
    struct list deliveries; /* all of the operator */
    struct list parked;     /* those in DLR_PARKED or parked once and asking again, oldest first */
    uint8_t parked_count[DLR_SLICES]; /* per bind, without those that are expected */
};

struct delivery {
    struct list link;        /* of its operator, or while free */
    struct list parked_link; /* of its operator's parked ones */
    struct list parts_link;  /* MO: of the message it is a part of */
    struct mo_message *message;
    struct udh udh; /* MO: has_concat with part and total, from header or parameters */
    size_t mo_text_len;
    struct uuid mo_same;         /* MO: of all that say the same */
    struct mo_identity identity; /* MO: once it has its event id */
    struct dlr *dlr;
    struct mno *op; /* NULL: abandoned while an answer of Redis is still to come */
    uint64_t id;    /* the agent's */
    uint8_t bind;
    uint32_t command_id; /* DELIVER_SM or DATA_SM */
    int64_t received_ms; /* wall time */
    mono_t arrived, hold_until;
    enum dlr_phase phase;
    bool awaits_redis; /* an answer will come: not to be freed before */
    bool was_parked, is_parked;
    bool is_counted;   /* among those parked that nobody expects */
    bool is_tentative; /* a receipt only if it correlates */
    bool correlated;
    unsigned lookups;
    struct timer timer; /* the next try, or the end of the hold */
    struct jetstream_publish *publish;
    void (*retry)(struct delivery *d); /* what DLR_WAITING does next */

    struct smpp_sm sm;
    struct receipt receipt;
    struct correlation correlation;
    uint64_t digests[2]; /* of source and destination address */
    struct uuid event_id;

    uint8_t *body;
    size_t body_len;
    char *text; /* decoded, receipt.text_len octets */
    size_t text_size;
    uint8_t inline_body[DLR_INLINE_BODY];
    char inline_text[RECEIPT_TEXT_SIZE(DLR_INLINE_BODY)];
};

struct dlr {
    struct dlr_options options;
    char *mo_subject; /* NULL: MO is refused */
    struct list free_deliveries;
    size_t under_way, parked;
    struct json_emit json; /* reused for each event */
    uint8_t *id_input;     /* reused: the octets of an event id */
    size_t id_input_size;
    struct dlr_states states;
    struct redis_script aggregate_script, parts_script;
    struct mo_messages *mo; /* messages whose parts are coming in */
    struct dlr_partial *partial;
};

/* dlr.c: the life of a delivery. */

/* Answers the MNO and forgets the delivery. */
void delivery_answer(struct delivery *d, uint32_t status);
/* Tries `retry` again in a moment; the hold's end still counts. */
void delivery_wait(struct delivery *d, void (*retry)(struct delivery *d));
/* Runs the timer no later than in `ms`. */
void delivery_schedule(struct delivery *d, int64_t ms);
/* An awaited answer of Redis came; false: the delivery was abandoned and is gone now. */
bool delivery_redis_answered(struct delivery *d) MUST_CHECK;
int64_t delivery_hold_left_ms(const struct delivery *d);

/* dlr_receipt.c: what it is. */
enum dlr_kind { DLR_KIND_MALFORMED, DLR_KIND_RECEIPT, DLR_KIND_TENTATIVE, DLR_KIND_MO };
enum dlr_kind dlr_receipt_read(struct delivery *d);
/* The MNO's id as it stands in the receipt; "" when it has none. */
const char *dlr_receipt_id(const struct delivery *d);
void dlr_receipt_event_id(struct delivery *d);

/* dlr_correlate.c: whose it is. */
void dlr_correlate(struct delivery *d);
void dlr_correlate_again(struct delivery *d);
void dlr_unpark(struct delivery *d);
/* correlations_on_store */
void dlr_correlation_noted(void *arg, const struct mno *op, const struct correlation *entry);

/* dlr_publish.c: telling the platform. */
void dlr_publish(struct delivery *d);
/* Everything of the receipt and its correlation; `event` may be changed before it is emitted. */
void dlr_publish_event(struct delivery *d, struct dlr_event *event, struct uuid store[2]);
void dlr_publish_stored(void *arg, bool duplicate);
/* An event that is in dlr->json, under the delivery's event id; `stored` as jetstream's. */
void dlr_publish_json(struct delivery *d, const char *subject, jetstream_stored *stored);

/* dlr_aggregate.c: one event for all segments. */
bool dlr_aggregate_applies(const struct delivery *d);
void dlr_aggregate(struct delivery *d);

/* How the segments ended of which that is known; starts as {0}. */
struct dlr_segment_ends {
    size_t count;
    enum dlr_status worst;
    char stat[RECEIPT_STAT_SIZE], err[RECEIPT_ERR_SIZE]; /* of the worst */
};
/* A value of Redis; what is none of ours is passed over. */
void dlr_segment_ends_add(struct dlr_segment_ends *ends, const char *text, size_t len);
struct uuid dlr_aggregate_event_id(const uint8_t operator_id[UUID_SIZE], const char *message_id,
                                   uint8_t ended);
#define DLR_SEGMENTS_PREFIX "smpp:segments:"

/* dlr_partial.c: what stays incomplete. */
#define DLR_PARTIAL_FIELD "0" /* of the hash: segments count from 1 */
#define DLR_PARTIAL_SIZE (24 + 4 + 56 + 37 + SMPP_MESSAGE_ID_SIZE)
int64_t dlr_partial_due_ms(const struct delivery *d);
size_t dlr_partial_pack(const struct delivery *d, char out[DLR_PARTIAL_SIZE]);
struct dlr_partial *dlr_partial_create(struct dlr *dlr) MUST_CHECK;
/* Gives up what it is about to tell. */
void dlr_partial_forget(struct dlr_partial *p);
void dlr_partial_destroy(struct dlr_partial **p);

/* mo_publish.c */
void mo_publish(struct delivery *d);
void mo_forget(struct delivery *d);  /* it is no part of a message any more */
void mo_give_up(struct delivery *d); /* it will be repeated */
void mo_publish_single(struct delivery *d);
void mo_event_id(struct delivery *d);
/* operator, reference, total, width, source and destination with their NULs */
#define MO_MESSAGE_KEY_SIZE (IPC_OPERATOR_ID_SIZE + 4 + 2 * (SMPP_ADDRESS_SIZE + 64))
size_t mo_message_key(const struct delivery *d, uint8_t out[MO_MESSAGE_KEY_SIZE]);
struct mo_messages *mo_messages_create(struct dlr *dlr) MUST_CHECK;
void mo_messages_destroy(struct mo_messages **mo);
void mo_messages_forget(struct mo_messages *mo);

/* mo_parts.c: parts that wait for others. */
struct mo_parts;
struct mo_parts *mo_parts_create(struct dlr *dlr) MUST_CHECK;
void mo_parts_destroy(struct mo_parts **parts);
/* Gives up what it is about to tell. */
void mo_parts_forget(struct mo_parts *parts);
void mo_lay_aside(struct delivery *d);
/* `octets` has room for message_text_joinable_max() of the body. */
struct mo_piece mo_piece_of(const struct delivery *d, uint8_t *octets);

#endif
