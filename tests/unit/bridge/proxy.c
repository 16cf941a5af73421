/* Relays one connection at a time on a thread of its own. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/bridge/proxy.h"

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

static bool ready(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 5) > 0;
}

/* False: this end is finished. */
static bool relay(int from, int to, bool swallow)
{
    char buf[65536];
    ssize_t got = recv(from, buf, sizeof(buf), MSG_DONTWAIT);
    if (got <= 0)
        return got < 0;
    for (ssize_t done = 0; !swallow && done < got;) {
        ssize_t sent = send(to, buf + done, (size_t)(got - done), MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        done += sent;
    }
    return true;
}

static void serve(struct proxy *p, int client)
{
    struct sockaddr_in a = loopback(p->server_port);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool open = connect(server, (struct sockaddr *)&a, sizeof(a)) == 0;
    while (open && !atomic_load(&p->stop) && !atomic_exchange(&p->cut, false)) {
        struct pollfd fds[] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
        poll(fds, 2, 5);
        if (fds[0].revents)
            open = relay(client, server, atomic_load(&p->swallow_up));
        if (open && fds[1].revents)
            open = relay(server, client, atomic_load(&p->swallow_down));
    }
    close(server);
    close(client);
}

static void *proxy_main(void *arg)
{
    struct proxy *p = arg;
    while (!atomic_load(&p->stop)) {
        if (!ready(p->listener))
            continue;
        int client = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
        if (client < 0)
            continue;
        atomic_fetch_add(&p->connections, 1);
        serve(p, client);
    }
    return NULL;
}

void proxy_start(struct proxy *p, uint16_t server_port)
{
    struct sockaddr_in a = loopback(0);
    socklen_t len = sizeof(a);
    *p = (struct proxy){.server_port = server_port};
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    INVARIANT(bind(p->listener, (struct sockaddr *)&a, len) == 0 && listen(p->listener, 8) == 0);
    INVARIANT(getsockname(p->listener, (struct sockaddr *)&a, &len) == 0);
    p->port = ntohs(a.sin_port);
    INVARIANT(pthread_create(&p->thread, NULL, proxy_main, p) == 0);
}

void proxy_stop(struct proxy *p)
{
    atomic_store(&p->stop, true);
    pthread_join(p->thread, NULL);
    close(p->listener);
}
