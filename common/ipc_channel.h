/*
 * Whole messages to one peer on ipc://, over NNG's streams. Carries bytes and says who is there;
 * order, gaps and replay are the business of those above.
 *
 * What was sent may be lost when the connection ends; while it stands, everything arrives once and
 * in order, and nothing of one connection ever reaches the next. On the wire it is what NNG's pair
 * sockets (version 0) speak. All callbacks run on the loop's thread, never from inside a call.
 */
#ifndef COMMON_IPC_CHANNEL_H
#define COMMON_IPC_CHANNEL_H

#include "common/ipc_stream.h"
#include "common/loop.h"

struct ipc_channel;

#define IPC_CHANNEL_MAX_MESSAGE (1024 * 1024) /* bytes; a larger one ends the pipe */

struct ipc_channel_events {
    /* A peer is there (its uid was allowed). Each `up` is followed by exactly one `down`. */
    void (*up)(void *arg, const struct ipc_peer *peer);
    /* `data` is valid during the call only. Calling ipc_channel_drop() inside is allowed. */
    void (*message)(void *arg, const uint8_t *data, size_t len);
    void (*down)(void *arg);
    /* Listener only: somebody else wants in while a peer is attached. */
    void (*knock)(void *arg);
    void *arg;
};

/* The agent's end. Takes an flock on `<path>.lock` before it listens, so that two listeners never
 * meet on one path; a stale socket file is replaced. Socket mode 0660. One peer at a time: others
 * are turned away (and knock while one is up), and so is who is of no allowed uid or does not greet
 * within a second. −1 with a reason: lock held, path too long, directory missing or not writable.
 */
int ipc_channel_listen(struct loop *loop, const char *url, const uint32_t *allowed_uids,
                       size_t uid_count, const struct ipc_channel_events *events,
                       struct ipc_channel **channel_r, char *error_r, size_t error_size) MUST_CHECK;

/* From now on these may come in; who is in stays. */
void ipc_channel_allow(struct ipc_channel *c, const uint32_t *uids, size_t count);

/* The bridge's end: dials, and again 50 ms … 1 s after each loss. Writes nothing to the directory.
 */
int ipc_channel_dial(struct loop *loop, const char *url, const struct ipc_channel_events *events,
                     struct ipc_channel **channel_r, char *error_r, size_t error_size) MUST_CHECK;

/* Queues one message of at most IPC_CHANNEL_MAX_MESSAGE bytes for the current peer; without a peer,
 * or after ipc_channel_drop(), it is dropped. The bytes are copied. Each call is
 * a write while the system has room, so gather what there is to say. */
void ipc_channel_send(struct ipc_channel *c, const void *data, size_t len);
/* Bytes that the system has not taken yet (0 without a peer); a peer that does not read makes them
 * grow without bound, so callers bound what they queue. */
size_t ipc_channel_queued(struct ipc_channel *c);
/* Nothing queued: all of it lies in the socket or beyond. */
bool ipc_channel_idle(struct ipc_channel *c);
/* Ends the current pipe (`down` follows); the listener goes on listening, the dialer dials again.
 */
void ipc_channel_drop(struct ipc_channel *c);
/* No callback runs after it returns. */
void ipc_channel_destroy(struct ipc_channel **c);

#endif
