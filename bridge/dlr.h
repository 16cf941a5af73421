/*
 * The receipt path: DELIVER → parse → correlate → publish → PubAck → DELIVER_DONE. What is no
 * receipt goes to mo_publish.c. Everything on the loop; holds nothing that a restart could lose,
 * since the agent lists what is unanswered again.
 */
#ifndef BRIDGE_DLR_H
#define BRIDGE_DLR_H

#include "bridge/agent_link.h"
#include "bridge/correlation.h"
#include "bridge/jetstream.h"

struct dlr;

struct dlr_options {
    struct loop *loop;
    struct agent_link *link;
    struct jetstream *js;
    struct redis *redis;
    struct correlations *correlations;
    struct operators *operators;
    const char *mo_subject; /* NULL or "": MO is refused; copied */
    /* A submit_sm to that address is unanswered, or its correlation is not yet stored. */
    bool (*expects)(void *arg, const struct mno *op, uint64_t destination_digest);
    void *arg;
};

struct dlr *dlr_create(const struct dlr_options *options) MUST_CHECK;
void dlr_destroy(struct dlr **dlr);

/* A DELIVER record; also those of the listing, before or after LIST_END. */
void dlr_deliver(struct dlr *dlr, const struct ipc_deliver *record);
/* The agent is gone: what is under way is forgotten, its publishes cancelled. */
void dlr_forget(struct dlr *dlr);
/* Before operators_remove(): releases operator->dlr. */
void dlr_operator_gone(struct dlr *dlr, struct mno *op);

struct dlr_view {
    size_t under_way, parked; /* all operators */
};
struct dlr_view dlr_view(const struct dlr *dlr);

#endif
