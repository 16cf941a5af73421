/*
 * One TCP socket over libuv, and name resolution: the agent's only file that knows libuv. Statuses
 * are libuv's: 0 or negative. All callbacks come from the loop; in each of them the link may be
 * closed.
 */
#ifndef SESSION_AGENT_TCP_LINK_H
#define SESSION_AGENT_TCP_LINK_H

#include <sys/socket.h>

#include "common/loop.h"

struct tcp_hub; /* what all links of a loop share: the read buffer, the count of what is open */
struct tcp_link;
struct tcp_resolution;

#define TCP_LINGER_MS 1000
#define TCP_ADDRESSES_MAX 8

struct tcp_hub *tcp_hub_create(struct loop *loop) MUST_CHECK;
/* Turns the loop until the last handles are closed (at most 1.5 × TCP_LINGER_MS); false: a name
 * resolution still hangs, the hub stays. */
bool tcp_hub_destroy(struct tcp_hub **hub);

/* An IPv4 or IPv6 literal; false: it is a name. */
bool tcp_parse_address(const char *text, uint16_t port, struct sockaddr_storage *r) MUST_CHECK;
/* "192.0.2.1:2775", "[2001:db8::1]:2775" */
void tcp_format_address(const struct sockaddr_storage *address, char *out, size_t size);

/* `done` with 1 … TCP_ADDRESSES_MAX addresses and status 0, or none and a negative one. */
typedef void tcp_resolved_fn(void *arg, int status, const struct sockaddr_storage *addresses,
                             unsigned count);
int tcp_resolve(struct tcp_hub *hub, const char *host, uint16_t port, tcp_resolved_fn *done,
                void *arg, struct tcp_resolution **resolution_r) MUST_CHECK;
/* `done` is not called any more; the resolver's thread may go on by itself. */
void tcp_resolve_cancel(struct tcp_resolution **resolution);

struct tcp_link_events {
    void (*connected)(void *arg, int status); /* 0, or it failed: close the link */
    void (*read)(void *arg, const uint8_t *data, size_t len);
    void (*drained)(void *arg);           /* some of the queue went to the socket */
    void (*ended)(void *arg, int status); /* read or write failed, or the peer closed */
    void *arg;
};

/* `local` may be empty: any address. */
int tcp_link_connect(struct tcp_hub *hub, const struct sockaddr_storage *address, const char *local,
                     int64_t user_timeout_ms, const struct tcp_link_events *events,
                     struct tcp_link **link_r) MUST_CHECK;
/* What the socket takes at once, the rest in order when it can. `secret`: what is queued is wiped
 * afterwards. */
int tcp_link_send(struct tcp_link *link, const uint8_t *data, size_t len, bool secret) MUST_CHECK;
size_t tcp_link_queued(const struct tcp_link *link); /* bytes that the socket has not taken */
int tcp_link_fd(const struct tcp_link *link);        /* −1: none */

/* At once; what is queued is lost. No callback from now on. */
void tcp_link_close(struct tcp_link **link);
/* At once, and the peer's TCP is told with a RST: what it has not acknowledged is never sent. */
void tcp_link_reset(struct tcp_link **link);
/* No callback from now on either, but the socket goes on alone for at most TCP_LINGER_MS: it sends
 * what is queued and a FIN, and waits for the peer's, since closing with unread bytes would reset
 * the connection and may cost the peer our last words. */
void tcp_link_linger(struct tcp_link **link);

/* One line for people: "connection refused by 192.0.2.1:2775". */
void tcp_reason(int status, const char *who, char *out, size_t size);
extern const int tcp_timed_out, tcp_closed_by_peer; /* the statuses of these */

#endif
