/*
 * Health transitions of operators that were dropped, until the bridge has their events' PubAck: the
 * last word about an operator is often that it is UNBOUND, and a bridge may die before it is
 * stored. Bounded in number and time. Pure bookkeeping.
 */
#ifndef SESSION_AGENT_DEPARTED_H
#define SESSION_AGENT_DEPARTED_H

#include "common/clock.h"
#include "session-agent/health.h"

#define DEPARTED_MAX 1024 /* operators; the longest gone is forgotten first */
#define DEPARTED_KEPT_MS (60 * 60 * 1000)

struct departed;

struct departed *departed_create(void) MUST_CHECK;
void departed_destroy(struct departed **d);

/* Takes over what is unconfirmed in `health`, which is empty then. */
void departed_keep(struct departed *d, const uint8_t operator_id[IPC_OPERATOR_ID_SIZE],
                   struct health *health, mono_t now);
/* Its event is stored; an unknown one is ignored. */
void departed_done(struct departed *d, const uint8_t operator_id[IPC_OPERATOR_ID_SIZE],
                   uint64_t number);

typedef void departed_fn(const uint8_t operator_id[IPC_OPERATOR_ID_SIZE],
                         const struct health_transition *t, void *arg);
/* Oldest first. */
void departed_each(struct departed *d, mono_t now, departed_fn *fn, void *arg);

#endif
