/*
 * The management API on MGMT_LISTEN: /health, /ready, /metrics, /sessions, /sessions/{operatorId}.
 * The routes are a table in management.c; each answers at once from what the bridge knows.
 */
#ifndef BRIDGE_MANAGEMENT_H
#define BRIDGE_MANAGEMENT_H

#include "bridge/correlation.h"
#include "bridge/credentials.h"
#include "bridge/dlr.h"
#include "bridge/health_events.h"
#include "bridge/http_server.h"
#include "bridge/lease_rivals.h"
#include "bridge/leases.h"
#include "bridge/loop_lag.h"
#include "bridge/tps.h"

/* What the MT path says of an operator, filled by its owner for each page. */
struct management_mt {
    const char *trouble; /* of its consumer, for /ready; NULL: none */
    enum limiter limiter;
    uint64_t fetched, in_flight, unsettled; /* commands here; submits at the agent; not yet acked */
    uint64_t pending;                       /* in the stream, as the last message said */
};

struct management_options {
    struct loop *loop;
    struct operators *operators;
    struct agent_link *link;
    struct jetstream *js;
    struct redis *redis;
    struct correlations *correlations;
    struct credentials *credentials;
    struct dlr *dlr;
    struct health_events *health_events;
    struct tps *tps;
    const struct leases *leases; /* NULL: static assignment */
    const struct lease_rivals *rivals;
    const struct loop_lag *lag, *agent_lag;
    const char *instance_id; /* copied */
    /* May be NULL. */
    void (*mt)(void *arg, const struct mno *op, struct management_mt *mt_r);
    /* What else keeps the bridge from being ready, e.g. a stream that is missing; NULL: nothing. */
    const char *(*trouble)(void *arg);
    void *arg;
};

struct management;

/* −1 with the reason when `listen` can't be had. */
int management_create(const struct management_options *options, const char *listen,
                      struct management **m_r, char *error_r, size_t error_size) MUST_CHECK;
void management_destroy(struct management **m);
uint16_t management_port(const struct management *m);

/* The pages, also for `ctl`. */
const struct management_options *management_sources(const struct management *m);
void management_sessions(const struct management_options *m, struct http_answer *answer_r);
void management_session_detail(const struct management_options *m, const struct mno *op,
                               struct http_answer *answer_r);
void management_health(const struct management_options *m, struct http_answer *answer_r);
void management_ready(const struct management_options *m, struct http_answer *answer_r);
void management_metrics(const struct management_options *m, struct http_answer *answer_r);
/* {"error":reason} */
void management_error(int status, const char *reason, struct http_answer *answer_r);

#endif
