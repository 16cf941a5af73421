/* What Linux knows about a TCP socket and libuv does not ask; by file descriptor, −1 allowed.
 * (Apart, because the kernel's tcp_info and the one that libuv's header brings exclude each other.)
 */
#ifndef SESSION_AGENT_TCP_SOCKET_H
#define SESSION_AGENT_TCP_SOCKET_H

#include "common/base.h"

/* Bytes written and not acknowledged by the peer's TCP, sent or not. */
size_t tcp_socket_unacked(int fd);
/* Bytes written that the kernel has not sent: the congestion window is full. */
size_t tcp_socket_unsent(int fd);
/* Bytes received and not read. */
size_t tcp_socket_unread(int fd);
/* The smallest round trip of the last minutes; 0: not measured yet. */
uint32_t tcp_socket_min_rtt_us(int fd);
/* The connection ends when written bytes stay unacknowledged this long. */
void tcp_socket_set_user_timeout(int fd, int64_t ms);

#endif
