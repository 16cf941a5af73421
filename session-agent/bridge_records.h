/* What each record of the bridge means to the agent: a table from type to handler. */
#ifndef SESSION_AGENT_BRIDGE_RECORDS_H
#define SESSION_AGENT_BRIDGE_RECORDS_H

#include "session-agent/agent_context.h"

struct operators;

struct bridge_records {
    struct agent_context *ctx;
    struct operators *operators;
};

/* For bridge_link_events.record. False, with a reason: the pipe ends. */
bool bridge_records_handle(struct bridge_records *r, unsigned type, struct bytes body,
                           char *error_r, size_t error_size) MUST_CHECK;
/* For bridge_link_events.attached: lists everything, then LIST_END. */
void bridge_records_list(struct bridge_records *r);

#endif
