/* Questions to the kernel about one TCP socket. */
#include "session-agent/tcp_socket.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static size_t ask(int fd, unsigned long request)
{
    int bytes = 0;
    return fd >= 0 && ioctl(fd, request, &bytes) == 0 && bytes > 0 ? (size_t)bytes : 0;
}

size_t tcp_socket_unacked(int fd)
{
    return ask(fd, SIOCOUTQ);
}

size_t tcp_socket_unsent(int fd)
{
    return ask(fd, SIOCOUTQNSD);
}

size_t tcp_socket_unread(int fd)
{
    return ask(fd, FIONREAD);
}

uint32_t tcp_socket_min_rtt_us(int fd)
{
    struct tcp_info info = {.tcpi_min_rtt = 0};
    socklen_t len = sizeof info;
    if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return 0;
    return info.tcpi_min_rtt == UINT32_MAX ? 0 : info.tcpi_min_rtt;
}

void tcp_socket_set_user_timeout(int fd, int64_t ms)
{
    unsigned timeout = (unsigned)ms;
    if (fd >= 0) /* best effort: the heartbeat finds a dead peer too */
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout);
}
