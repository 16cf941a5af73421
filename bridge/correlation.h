/*
 * MessageCorrelation: the MNO's message id → the platform's messageId, per operator, in Redis under
 * `smpp:dlr:{operatorId}:<operatorMessageId as in submit_sm_resp>` for CORRELATION_TTL_S. The value
 * is a packed string whose first field is the messageId (README.md). Also remembers what is being
 * written just now, so that a receipt which is faster than our own write finds it, and learns how
 * an operator's two spellings of an id relate.
 */
#ifndef BRIDGE_CORRELATION_H
#define BRIDGE_CORRELATION_H

#include "bridge/context.h"
#include "bridge/operators.h"
#include "bridge/redis.h"
#include "common/text.h"
#include "proto/message_id.h"

struct correlation {
    char message_id[37];
    char operator_message_id[SMPP_MESSAGE_ID_SIZE]; /* as in submit_sm_resp */
    uint8_t segment, segments;
    uint64_t destination_digest; /* context.h; 0: unknown */
    char traceparent[56];        /* empty: none */
    char original_operator[37];  /* empty: none */
};

struct correlations;

struct correlations *correlations_create(struct redis *redis, int64_t ttl_s) MUST_CHECK;
/* After redis_destroy(), whose last callbacks still come here. */
void correlations_destroy(struct correlations **c);
void correlations_set_ttl(struct correlations *c, int64_t ttl_s);
const char *correlations_ttl(const struct correlations *c); /* seconds as digits */
/* Called in correlation_store() for each new entry: receipts that wait for one can look again. */
typedef void correlation_noted(void *arg, const struct mno *op, const struct correlation *entry);
void correlations_on_store(struct correlations *c, correlation_noted *fn, void *arg);

/* `ok` false: Redis could not be asked or did not confirm; store again (the entry stays findable
 * meanwhile). Runs on the loop, later. */
typedef void correlation_stored(void *arg, bool ok);
/* Also under an alias where the dialect needs one. False: Redis is not connected or its queue is
 * full; then nothing was taken. An empty operator_message_id can't be stored: don't call. */
bool correlation_store(struct correlations *c, const struct mno *op,
                       const struct correlation *entry, correlation_stored *done,
                       void *arg) MUST_CHECK;

enum correlation_result {
    CORRELATION_FOUND,
    CORRELATION_MISSING, /* Redis says that it is not there; or nothing that may be taken */
    CORRELATION_UNAVAILABLE,
};
typedef void correlation_found(void *arg, enum correlation_result result,
                               const struct correlation *entry);

/* What a receipt says of the message it belongs to. */
struct correlation_query {
    const char *ids[2];  /* most trusted first; NULL or "": none */
    uint64_t digests[2]; /* of source and destination address; 0: no phone number */
};
/* Exact forms first, then the dialect's, then whatever the operator may mean; never a message of
 * another destination, and never one of two. `done` may run inside the call (what is being written
 * is known at once), else once, later. */
void correlation_find(struct correlations *c, const struct mno *op,
                      const struct correlation_query *query, correlation_found *done, void *arg);
/* Digest of an address that can be a subscriber's, as it stands in a command or in a receipt; 0: it
 * can't (letters, fewer digits than are compared). */
uint64_t correlation_address_digest(const char *address);

/* How the operator's ids relate as far as was seen; shown in /sessions/{operatorId}. */
struct correlation_dialect {
    enum message_id_dialect learnt;
    bool is_learnt;
    uint64_t seen[MESSAGE_ID_DIALECTS]; /* receipts matched under each since start */
    uint64_t ambiguous;                 /* refused because two messages were possible */
    uint64_t other_destination;         /* refused because the destination differs */
};
struct correlation_dialect correlations_dialect(struct correlations *c, const struct mno *op);

/* Writes under way or to be repeated. */
size_t correlations_pending(const struct correlations *c);

#endif
