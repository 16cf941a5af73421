/* The acks of the last two to four seconds: they may have been in the buffers of a connection that
 * died, and sending an ack again does no harm. Used by one thread. */
#ifndef BRIDGE_JETSTREAM_ACK_LOG_H
#define BRIDGE_JETSTREAM_ACK_LOG_H

#include "common/clock.h"
#include "bridge/jetstream.h"

struct jetstream_ack_log;

struct jetstream_ack_log *jetstream_ack_log_create(void) MUST_CHECK;
void jetstream_ack_log_destroy(struct jetstream_ack_log **log);
void jetstream_ack_log_add(struct jetstream_ack_log *log, mono_t now, enum jetstream_ack what,
                           const char *subject);
/* Calls `send` for each, oldest first, until it says false. They stay in the log. */
bool jetstream_ack_log_replay(const struct jetstream_ack_log *log,
                              bool (*send)(void *arg, enum jetstream_ack what, const char *subject),
                              void *arg) MUST_CHECK;

#endif
