/* What all of the agent's operators and sessions share. Made and owned by agent.c. */
#ifndef SESSION_AGENT_AGENT_CONTEXT_H
#define SESSION_AGENT_AGENT_CONTEXT_H

#include "common/loop.h"
#include "common/map.h"

#include "session-agent/bridge_link.h"
#include "session-agent/connect_gate.h"
#include "session-agent/deliver_hold.h"
#include "session-agent/leases.h"
#include "session-agent/ledger.h"
#include "session-agent/transport.h"

struct agent_context {
    struct loop *loop;
    struct bridge_link *link;
    struct ledger *ledger;
    struct transport_hub *hub;
    struct deliver_hold *holds;
    struct connect_gate gate;
    struct leases *leases;
    struct map *credentials_requests; /* by number; credentials_request.c */
    uint64_t last_credentials_request;
    uint8_t instance[16];
    uint8_t home[16];            /* the ledger's */
    uint64_t last_health_number; /* of operators that are gone: none is used twice */
    int64_t drain_ms;            /* DRAIN_MS */
    bool draining;               /* SIGTERM: nothing new is taken */
};

#endif
