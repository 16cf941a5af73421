/* Sockets and name resolution over libuv. A link's memory lives until libuv has closed its handle,
 * whoever was interested in it is gone before. */
#include "session-agent/tcp_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "session-agent/tcp_socket.h"

#define KEEPALIVE_S 30
#define READ_SIZE 65536

const int tcp_timed_out = UV_ETIMEDOUT;
const int tcp_closed_by_peer = UV_EOF;

struct tcp_hub {
    struct loop *loop;
    size_t open; /* links and resolutions that libuv still knows */
    uint8_t read_buffer[READ_SIZE];
};

struct tcp_link {
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_shutdown_t shutdown;
    struct tcp_hub *hub;
    struct tcp_link_events events;
    bool silent;   /* no callbacks any more */
    size_t queued; /* bytes that uv_write has and the socket has not */
    struct timer linger;
};

struct write_request {
    uv_write_t uv;
    struct tcp_link *link;
    size_t len;
    bool secret;
    uint8_t data[];
};

struct tcp_resolution {
    uv_getaddrinfo_t uv;
    struct tcp_hub *hub;
    tcp_resolved_fn *done; /* NULL: cancelled */
    void *arg;
};

/* --- hub --- */

struct tcp_hub *tcp_hub_create(struct loop *loop)
{
    struct tcp_hub *hub = xcalloc(1, sizeof *hub);
    hub->loop = loop;
    return hub;
}

bool tcp_hub_destroy(struct tcp_hub **hub)
{
    if (!*hub)
        return true;
    mono_t deadline = mono_add_ms(clock_mono(), TCP_LINGER_MS + TCP_LINGER_MS / 2);
    while ((*hub)->open && !mono_reached(clock_mono(), deadline))
        loop_turn((*hub)->loop, 20);
    if ((*hub)->open)
        return false;
    free(*hub);
    *hub = NULL;
    return true;
}

/* --- addresses --- */

bool tcp_parse_address(const char *text, uint16_t port, struct sockaddr_storage *r)
{
    return uv_ip4_addr(text, port, (struct sockaddr_in *)(void *)r) == 0 ||
           uv_ip6_addr(text, port, (struct sockaddr_in6 *)(void *)r) == 0;
}

void tcp_format_address(const struct sockaddr_storage *address, char *out, size_t size)
{
    char text[INET6_ADDRSTRLEN] = "?";
    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;
        uv_ip6_name(v6, text, sizeof text);
        snprintf(out, size, "[%s]:%u", text, ntohs(v6->sin6_port));
    } else {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
        uv_ip4_name(v4, text, sizeof text);
        snprintf(out, size, "%s:%u", text, ntohs(v4->sin_port));
    }
}

static void on_resolved(uv_getaddrinfo_t *uv, int status, struct addrinfo *found)
{
    struct tcp_resolution *r = uv->data;
    struct sockaddr_storage addresses[TCP_ADDRESSES_MAX];
    unsigned count = 0;
    for (const struct addrinfo *a = found; a && count < TCP_ADDRESSES_MAX; a = a->ai_next) {
        if (a->ai_family == AF_INET || a->ai_family == AF_INET6)
            memcpy(&addresses[count++], a->ai_addr, a->ai_addrlen);
    }
    uv_freeaddrinfo(found);
    if (status == 0 && count == 0)
        status = UV_EAI_NODATA;
    tcp_resolved_fn *done = r->done;
    void *arg = r->arg;
    r->hub->open--;
    free(r);
    if (done)
        done(arg, status, addresses, count);
}

int tcp_resolve(struct tcp_hub *hub, const char *host, uint16_t port, tcp_resolved_fn *done,
                void *arg, struct tcp_resolution **resolution_r)
{
    char service[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct tcp_resolution *r = xcalloc(1, sizeof *r);
    *r = (struct tcp_resolution){.hub = hub, .done = done, .arg = arg};
    r->uv.data = r;
    snprintf(service, sizeof service, "%u", port);
    int status = uv_getaddrinfo(loop_uv(hub->loop), &r->uv, on_resolved, host, service, &hints);
    if (status < 0) {
        free(r);
        return status;
    }
    hub->open++;
    *resolution_r = r;
    return 0;
}

void tcp_resolve_cancel(struct tcp_resolution **resolution)
{
    if (!*resolution)
        return;
    (*resolution)->done = NULL;
    uv_cancel((uv_req_t *)&(*resolution)->uv); /* only helps while it waits for a thread */
    *resolution = NULL;
}

/* --- connecting and closing --- */

static void on_closed(uv_handle_t *handle)
{
    struct tcp_link *link = handle->data;
    link->hub->open--;
    free(link);
}

static void close_handle(struct tcp_link *link)
{
    link->silent = true;
    timer_stop(&link->linger);
    if (!uv_is_closing((uv_handle_t *)&link->tcp))
        uv_close((uv_handle_t *)&link->tcp, on_closed);
}

void tcp_link_close(struct tcp_link **link)
{
    if (*link)
        close_handle(*link);
    *link = NULL;
}

void tcp_link_reset(struct tcp_link **link)
{
    (*link)->silent = true;
    timer_stop(&(*link)->linger);
    if (uv_tcp_close_reset(&(*link)->tcp, on_closed) !=
        0) /* it is shutting down: nothing to keep back */
        close_handle(*link);
    *link = NULL;
}

static void on_linger_over(void *arg)
{
    close_handle(arg);
}

static void on_shut_down(uv_shutdown_t *shutdown, int status)
{
    (void)shutdown, (void)status; /* on_read sees the peer's end, or the timer ends it */
}

void tcp_link_linger(struct tcp_link **link)
{
    struct tcp_link *lonely = *link;
    *link = NULL;
    lonely->silent = true;
    timer_start_ms(&lonely->linger, TCP_LINGER_MS);
    if (uv_shutdown(&lonely->shutdown, (uv_stream_t *)&lonely->tcp, on_shut_down) < 0)
        close_handle(lonely);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct tcp_link *link = handle->data;
    *buf = uv_buf_init((char *)link->hub->read_buffer, READ_SIZE);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct tcp_link *link = stream->data;
    if (len < 0 && link->silent)
        close_handle(link); /* the peer has closed too: no need to linger */
    else if (len < 0)
        link->events.ended(link->events.arg, (int)len);
    else if (len > 0 && !link->silent)
        link->events.read(link->events.arg, (const uint8_t *)buf->base, (size_t)len);
}

static void on_connected(uv_connect_t *connect, int status)
{
    struct tcp_link *link = connect->data;
    if (link->silent)
        return;
    if (status == 0)
        status = uv_read_start((uv_stream_t *)&link->tcp, on_alloc, on_read);
    link->events.connected(link->events.arg, status);
}

static int bind_local(struct tcp_link *link, const char *local)
{
    struct sockaddr_storage address;
    if (!local[0])
        return 0;
    if (!tcp_parse_address(local, 0, &address))
        return UV_EINVAL;
    return uv_tcp_bind(&link->tcp, (const struct sockaddr *)&address, 0);
}

int tcp_link_connect(struct tcp_hub *hub, const struct sockaddr_storage *address, const char *local,
                     int64_t user_timeout_ms, const struct tcp_link_events *events,
                     struct tcp_link **link_r)
{
    struct tcp_link *link = xcalloc(1, sizeof *link);
    link->hub = hub;
    link->events = *events;
    link->tcp.data = link->connect.data = link->shutdown.data = link;
    timer_init(&link->linger, hub->loop, on_linger_over, link);
    int status = uv_tcp_init_ex(loop_uv(hub->loop), &link->tcp, address->ss_family);
    if (status < 0) {
        free(link);
        return status;
    }
    hub->open++;
    uv_tcp_nodelay(&link->tcp, 1);
    uv_tcp_keepalive(&link->tcp, 1, KEEPALIVE_S);
    if (user_timeout_ms > 0)
        tcp_socket_set_user_timeout(tcp_link_fd(link), user_timeout_ms);
    status = bind_local(link, local);
    if (status == 0)
        status = uv_tcp_connect(&link->connect, &link->tcp, (const struct sockaddr *)address,
                                on_connected);
    if (status < 0) {
        close_handle(link);
        return status;
    }
    *link_r = link;
    return 0;
}

int tcp_link_fd(const struct tcp_link *link)
{
    uv_os_fd_t fd;
    return uv_fileno((const uv_handle_t *)&link->tcp, &fd) == 0 ? fd : -1;
}

/* --- output --- */

size_t tcp_link_queued(const struct tcp_link *link)
{
    return link->queued;
}

static void free_request(struct write_request *request)
{
    if (request->secret)
        explicit_bzero(request->data, request->len);
    free(request);
}

static void on_written(uv_write_t *uv, int status)
{
    struct write_request *request = uv->data;
    struct tcp_link *link = request->link;
    link->queued -= request->len;
    free_request(request);
    if (link->silent)
        return;
    if (status < 0)
        link->events.ended(link->events.arg, status);
    else
        link->events.drained(link->events.arg);
}

int tcp_link_send(struct tcp_link *link, const uint8_t *data, size_t len, bool secret)
{
    if (link->queued == 0) {
        uv_buf_t now = uv_buf_init((char *)data, (unsigned)len);
        int taken = uv_try_write((uv_stream_t *)&link->tcp, &now, 1);
        if (taken < 0 && taken != UV_EAGAIN)
            return taken;
        if (taken > 0) {
            data += taken;
            len -= (size_t)taken;
        }
    }
    if (len == 0)
        return 0;
    struct write_request *request = xmalloc(sizeof *request + len);
    *request = (struct write_request){.link = link, .len = len, .secret = secret};
    request->uv.data = request;
    memcpy(request->data, data, len);
    uv_buf_t rest = uv_buf_init((char *)request->data, (unsigned)len);
    int status = uv_write(&request->uv, (uv_stream_t *)&link->tcp, &rest, 1, on_written);
    if (status < 0)
        free_request(request);
    else
        link->queued += len;
    return status;
}

/* --- texts --- */

void tcp_reason(int status, const char *who, char *out, size_t size)
{
    switch (status) {
    case UV_EOF:
        snprintf(out, size, "connection closed by %s", who);
        break;
    case UV_ECONNREFUSED:
        snprintf(out, size, "connection refused by %s", who);
        break;
    case UV_ECONNRESET:
    case UV_EPIPE:
        snprintf(out, size, "connection reset by %s", who);
        break;
    case UV_ETIMEDOUT:
        snprintf(out, size, "no answer from %s", who);
        break;
    default:
        snprintf(out, size, "%s: %s", who, uv_strerror(status));
    }
}
