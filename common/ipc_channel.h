/*
 * Whole messages over one NNG pair socket on ipc://; the only file that knows NNG. Carries bytes
 * and says who is there; order, gaps and replay are the business of those above.
 *
 * A message that was "sent" may still be lost when the pipe ends (NNG's word means nothing);
 * while a pipe stands, what was sent arrives once and in order. Everything runs on the loop's
 * thread; NNG's threads only copy and post.
 */
#ifndef COMMON_IPC_CHANNEL_H
#define COMMON_IPC_CHANNEL_H

#include "common/loop.h"

struct ipc_channel;

#define IPC_CHANNEL_MAX_MESSAGE (1024 * 1024) /* bytes; a larger one ends the pipe */

struct ipc_peer {
    uint32_t uid, gid;
    int32_t pid;
};

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

/* The agent's end. Takes an flock on `<path>.lock` before it listens, so that no second listener's
 * stale-socket probe ever reaches a live socket (NNG 1.5 goes deaf then); socket mode 0660, umask
 * honoured by the 0700 or group directory. When no peer was seen for a while it closes and
 * re-creates the listener, which cures a listener deafened by a peer that connected and closed at
 * once. −1 with a reason: lock held, path too long, directory missing. */
int ipc_channel_listen(struct loop *loop, const char *url, const uint32_t *allowed_uids,
                       size_t uid_count, const struct ipc_channel_events *events,
                       struct ipc_channel **channel_r, char *error_r, size_t error_size) MUST_CHECK;

/* The bridge's end: dials, and again 50 ms … 1 s after each loss. */
int ipc_channel_dial(struct loop *loop, const char *url, const struct ipc_channel_events *events,
                     struct ipc_channel **channel_r, char *error_r, size_t error_size) MUST_CHECK;

/* Queues one message for the current peer; one nng send is in flight at a time, the rest waits in
 * order. Without a peer it is dropped. The bytes are copied. */
void ipc_channel_send(struct ipc_channel *c, const void *data, size_t len);
/* Bytes queued and not yet taken by NNG. */
size_t ipc_channel_queued(const struct ipc_channel *c);
/* Nothing queued and the last send was taken; for a last word before closing. */
bool ipc_channel_idle(const struct ipc_channel *c);
/* Ends the current pipe (`down` follows); the listener goes on listening, the dialer dials again.
 */
void ipc_channel_drop(struct ipc_channel *c);
/* No callback runs after it returns. */
void ipc_channel_destroy(struct ipc_channel **c);

#endif
