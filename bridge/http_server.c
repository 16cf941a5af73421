/*
 * libmicrohttpd on the loop: the only file that knows it. Its epoll descriptor is watched by ours
 * and it runs when there is something to do; no thread, no lock. Its own time-out is of idle time
 * only, so each connection has a deadline until the request at hand is answered.
 */
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "common/str.h"
#include "bridge/http_listen.h"
#include "bridge/http_server.h"

enum {
    MAX_CONNECTIONS = 64,
    MAX_PER_ADDRESS = 16,
    IDLE_S = 10,
    REQUEST_MS = 10000, /* from its first octet to the last of the answer */
    MEMORY_PER_CONNECTION = 32 * 1024,
    RUNS_IN_A_TURN = 16,
};

struct http_server {
    struct loop *loop;
    http_handler *handler;
    void *arg;
    struct MHD_Daemon *daemon;
    struct http_listen listen;
    uv_poll_t *poll; /* outlives us until libuv has closed it */
    struct timer timer;
};

struct connection {
    struct http_server *server;
    struct timer deadline;
    int fd;
};

/* --- running --- */

static void run(struct http_server *server)
{
    MHD_UNSIGNED_LONG_LONG wait_ms = 0;
    for (int i = 0; i < RUNS_IN_A_TURN && wait_ms == 0; i++) {
        MHD_run(server->daemon);
        if (MHD_get_timeout(server->daemon, &wait_ms) != MHD_YES) {
            timer_stop(&server->timer);
            return;
        }
    }
    timer_start_ms(&server->timer, (int64_t)min_u64(wait_ms, INT32_MAX));
}

static void on_timer(void *arg)
{
    run(arg);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    run(poll->data);
}

/* --- connections --- */

static void on_deadline(void *arg)
{
    struct connection *c = arg;
    struct http_server *server = c->server;
    shutdown(c->fd, SHUT_RDWR); /* libmicrohttpd sees the end and cleans up */
    run(server);
}

static void on_connection(void *arg, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct http_server *server = arg;
    struct connection *c = *context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        c = xcalloc(1, sizeof(*c));
        c->server = server;
        c->fd = info->connect_fd;
        timer_init(&c->deadline, server->loop, on_deadline, c);
        timer_start_ms(&c->deadline, REQUEST_MS);
        *context = c;
        return;
    }
    timer_stop(&c->deadline);
    free(c);
    *context = NULL;
}

/* Answered: the next request on this connection has its own time. */
static void on_completed(void *arg, struct MHD_Connection *mhd, void **request,
                         enum MHD_RequestTerminationCode why)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct connection *c = info ? info->socket_context : NULL;
    (void)arg;
    (void)request;
    if (c && why == MHD_REQUEST_TERMINATED_COMPLETED_OK)
        timer_start_ms(&c->deadline, REQUEST_MS);
}

/* --- requests --- */

/* Takes the body over. */
static enum MHD_Result respond(struct MHD_Connection *mhd, struct http_answer *answer)
{
    struct MHD_Response *response =
        answer->body.data ? MHD_create_response_from_buffer(answer->body.len, answer->body.data,
                                                            MHD_RESPMEM_MUST_FREE)
                          : MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    INVARIANT(response != NULL && answer->status >= 200);
    enum MHD_Result result = MHD_YES;
    if (answer->content_type)
        result =
            MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type);
    if (result == MHD_YES)
        result = MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (result == MHD_YES)
        result = MHD_queue_response(mhd, (unsigned)answer->status, response);
    MHD_destroy_response(response);
    return result;
}

static bool announces_body(struct MHD_Connection *mhd)
{
    const char *length =
        MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return (length && strcmp(length, "0") != 0) ||
           MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *mhd, const char *path,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **request)
{
    static char headers_seen;
    struct http_server *server = arg;
    struct http_answer answer = {0};
    (void)version;
    (void)upload;
    if (*upload_len > 0 || (!*request && announces_body(mhd))) {
        answer.status = MHD_HTTP_CONTENT_TOO_LARGE; /* nothing here takes a body */
        return respond(mhd, &answer);
    }
    if (!*request) {
        *request = &headers_seen; /* it calls again when the request is complete */
        return MHD_YES;
    }
    const struct http_request r = {.method = method, .path = path};
    server->handler(server->arg, &r, &answer);
    return respond(mhd, &answer);
}

/* --- create and destroy --- */

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle);
}

static void start_polling(struct http_server *server)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    INVARIANT(info != NULL);
    server->poll = xcalloc(1, sizeof(*server->poll));
    if (uv_poll_init(loop_uv(server->loop), server->poll, info->epoll_fd) != 0)
        panic("uv_poll_init failed");
    server->poll->data = server;
    if (uv_poll_start(server->poll, UV_READABLE, on_poll) != 0)
        panic("uv_poll_start failed");
    run(server);
}

int http_server_create(struct loop *loop, const char *listen, http_handler *handler, void *arg,
                       struct http_server **server_r, char *error_r, size_t error_size)
{
    struct http_listen opened;
    if (http_listen_open(listen, &opened, error_r, error_size) != 0)
        return -1;
    struct http_server *server = xcalloc(1, sizeof(*server));
    server->loop = loop;
    server->handler = handler;
    server->arg = arg;
    server->listen = opened;
    timer_init(&server->timer, loop, on_timer, server);
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL, 0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, opened.fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        (unsigned)MAX_PER_ADDRESS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_PER_CONNECTION,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_END);
    if (!server->daemon) {
        static const char text[] = "the HTTP server can't be started";
        str_copy(error_r, error_size, text, sizeof(text) - 1);
        close(opened.fd);
        http_listen_forget(&server->listen);
        free(server);
        return -1;
    }
    start_polling(server);
    *server_r = server;
    return 0;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->listen.port;
}

void http_server_destroy(struct http_server **server_ptr)
{
    struct http_server *server = *server_ptr;
    if (!server)
        return;
    uv_close((uv_handle_t *)server->poll, on_poll_closed); /* before its descriptor goes */
    MHD_stop_daemon(server->daemon);
    timer_stop(&server->timer);
    http_listen_forget(&server->listen);
    free(server);
    *server_ptr = NULL;
}
