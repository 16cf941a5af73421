/*
 * HEALTH records → OperatorHealthEvent on operator.health → PubAck → HEALTH_DONE, in order per
 * operator. The event id is made of agent instance, operator and number, so a transition that is
 * listed again is the same event.
 */
#ifndef BRIDGE_HEALTH_EVENTS_H
#define BRIDGE_HEALTH_EVENTS_H

#include "bridge/agent_link.h"
#include "bridge/jetstream.h"
#include "bridge/operators.h"

#define HEALTH_EVENTS_SUBJECT "operator.health"

struct health_events;

struct health_events *health_events_create(struct loop *loop, struct agent_link *link,
                                           struct jetstream *js,
                                           struct operators *operators) MUST_CHECK;
void health_events_destroy(struct health_events **h);

/* A HEALTH record; also those of the listing, and of operators that are no longer configured. */
void health_events_note(struct health_events *h, const struct ipc_health *record);
/* op->voice changed: what is not stored yet is looked at again. */
void health_events_voice_changed(struct health_events *h, const struct mno *op);
/* It said good-bye for good, and nobody will list these again: they are stored without telling it.
 */
void health_events_agent_gone(struct health_events *h);
void health_events_forget(struct health_events *h);
size_t health_events_pending(const struct health_events *h);

#endif
