/*
 * What an operator's health is, and its transitions: numbered, the last 16 kept until the bridge
 * has their event's PubAck. Pure bookkeeping.
 */
#ifndef SESSION_AGENT_HEALTH_H
#define SESSION_AGENT_HEALTH_H

#include "proto/ipc.h"

#define HEALTH_KEPT 16
#define HEALTH_REASON_SIZE 96

struct health_transition {
    uint64_t number; /* rises; never used twice for an operator in a process */
    enum ipc_health_status status;
    enum ipc_health_status previous;
    int64_t at_ms; /* wall time */
    char reason[HEALTH_REASON_SIZE];
};

struct health {
    enum ipc_health_status status;
    bool failed_over;  /* between FAILOVER begin and end */
    bool refusal_told; /* since it was last able */
    uint64_t last_number;
    size_t count;
    struct health_transition *kept; /* oldest first; allocated when there is one */
};

void health_free(struct health *h);
/* Sessions changed: can the operator's traffic pass? The new transition, or NULL when nothing
 * changed. Never bound and not able is no transition unless `failed` says that an attempt failed.
 */
const struct health_transition *health_set_able(struct health *h, bool able, bool failed,
                                                int64_t at_ms, const char *reason);
/* The MNO refused the credentials. Told once, with its reason, also of an operator that is UNBOUND
 * for another one: only people can help then. NULL: it was told, or other binds stand. */
const struct health_transition *health_set_refused(struct health *h, int64_t at_ms,
                                                   const char *reason);
/* The bridge reports the begin or end of a failover. */
const struct health_transition *health_set_failed_over(struct health *h, bool begin, int64_t at_ms);
/* Its event is stored; an unknown number is ignored. */
void health_done(struct health *h, uint64_t number);

#endif
