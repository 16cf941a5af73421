/*
 * MessageCorrelation: the MNO's message id → the platform's messageId, per operator, in Redis under
 * `smpp:dlr:{operatorId}:<operatorMessageId>` for CORRELATION_TTL_S. The value is a packed string
 * whose first field is the messageId (README.md). Also remembers what is being written just now, so
 * that a receipt which is faster than our own write finds it.
 */
#ifndef BRIDGE_CORRELATION_H
#define BRIDGE_CORRELATION_H

#include "bridge/context.h"
#include "bridge/operators.h"
#include "bridge/redis.h"

struct correlation {
    char message_id[37];
    char operator_message_id[66]; /* as in submit_sm_resp */
    uint8_t segment, segments;
    uint64_t destination_digest;
    char traceparent[56];
    char original_operator[37]; /* empty: none */
};

struct correlations;

struct correlations *correlations_create(struct redis *redis, int64_t ttl_s) MUST_CHECK;
void correlations_destroy(struct correlations **c);

/* Stored under the exact id and the operator's canonical form. `ok` false: Redis could not be asked
 * or did not confirm; store again. Runs on the loop, later. */
typedef void correlation_stored(void *arg, bool ok);
bool correlation_store(struct correlations *c, const struct operator* op,
                       const struct correlation *entry, correlation_stored *done,
                       void *arg) MUST_CHECK;

enum correlation_result {
    CORRELATION_FOUND,
    CORRELATION_MISSING, /* Redis says that it is not there */
    CORRELATION_UNAVAILABLE,
};
typedef void correlation_found(void *arg, enum correlation_result result,
                               const struct correlation *entry);
/* By the id(s) of a receipt: exact forms first, then the dialect's; never one of another
 * destination (digest; 0: unknown). Looks among the writes under way too. */
bool correlation_find(struct correlations *c, const struct operator* op, const char *id,
                      const char *second_id, uint64_t destination_digest, correlation_found *done,
                      void *arg) MUST_CHECK;

#endif
