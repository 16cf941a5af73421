/* The connector's own word on a command that was not (surely) sent: a DlrInboundEvent REJECTED,
 * EXPIRED or UNKNOWN. Its id is made of the message's place in the stream, so that it is one event
 * however often it is published. */
#ifndef BRIDGE_REPORT_H
#define BRIDGE_REPORT_H

#include "bridge/mt.h"

#define REPORT_SUBJECT "sms.dlr.inbound"

/* NULL: the table of unanswered publishes is full; try later. `stored` runs once, later. */
struct jetstream_publish *report_publish(const struct mt *mt, jetstream_stored *stored,
                                         void *arg) MUST_CHECK;

#endif
