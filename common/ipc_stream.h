/*
 * Byte streams to a peer on ipc://, and where they come from; the only file that knows NNG. NNG
 * works on threads of its own: they copy bytes and set flags, and say with one call that there is
 * something to take. Everything else here is for the loop's thread.
 */
#ifndef COMMON_IPC_STREAM_H
#define COMMON_IPC_STREAM_H

#include "common/base.h"
#include "common/text.h"

struct ipc_endpoint; /* accepts streams, or dials */
struct ipc_stream;   /* one connection, with buffers of its own */

struct ipc_peer {
    uint32_t uid, gid;
    int32_t pid;
};

/* On any thread, never from inside a call of these functions but for ipc_stream_send() and
 * ipc_stream_end(): look with ipc_endpoint_take() or ipc_stream_take(). */
typedef void ipc_wake(void *arg);

/* --- the endpoint --- */

int ipc_endpoint_listen(const char *url, ipc_wake *wake, void *arg,
                        struct ipc_endpoint **endpoint_r, char *error_r,
                        size_t error_size) MUST_CHECK;
int ipc_endpoint_dial(const char *url, ipc_wake *wake, void *arg, struct ipc_endpoint **endpoint_r,
                      char *error_r, size_t error_size) MUST_CHECK;
bool ipc_endpoint_listens(const struct ipc_endpoint *e);
/* Begins to accept or to dial the next one; not while one is under way. */
void ipc_endpoint_next(struct ipc_endpoint *e);
/* What became of it, once: false while there is nothing. *stream_r: the caller's, not started; NULL
 * with *error_r (static text) when it failed. */
bool ipc_endpoint_take(struct ipc_endpoint *e, struct ipc_stream **stream_r,
                       const char **error_r) MUST_CHECK;
/* No wake after it returns. */
void ipc_endpoint_destroy(struct ipc_endpoint **e);

/* --- the stream --- */

/* False: the system does not tell. */
bool ipc_stream_peer(struct ipc_stream *s, struct ipc_peer *peer_r) MUST_CHECK;
/* From now on it reads, takes what is sent, and wakes. */
void ipc_stream_start(struct ipc_stream *s, ipc_wake *wake, void *arg);
/* Sends the parts, one after the other, as one piece. Of what the system has no room for a copy is
 * queued, and goes out in one write when there is room. */
void ipc_stream_send(struct ipc_stream *s, const struct bytes *parts, size_t count);
/* Bytes that the system has not taken yet. */
size_t ipc_stream_queued(struct ipc_stream *s);
/* Exchanges *text (its content is lost) for what arrived. False: after that nothing more will come,
 * since the peer closed, an error, or ipc_stream_end(). Nothing is read ahead of it but 256 KiB. */
bool ipc_stream_take(struct ipc_stream *s, struct text *text) MUST_CHECK;
/* As if the peer had closed; wakes. */
void ipc_stream_end(struct ipc_stream *s);
/* No wake after it returns. */
void ipc_stream_destroy(struct ipc_stream **s);

#endif
