/* Listening sockets. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/base.h"

#include "tests/sim/sim_server.h"
#include "tests/sim/sim_session.h"

#define BACKLOG 1024

struct listener {
    uv_tcp_t tcp;
    struct sim_server *server;
};

struct sim_server {
    struct sim *sim;
    struct listener *listener; /* NULL: down */
    char address[80];
};

int sim_server_read_address(const char *text, struct sockaddr_storage *out_r, char *error,
                            size_t error_size)
{
    char host[64];
    char *end = NULL;
    const char *colon = strrchr(text, ':');
    unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;
    if (colon && end != colon + 1 && *end == 0 && port <= 65535) {
        size_t skip = *text == '[' && colon > text && colon[-1] == ']';
        snprintf(host, sizeof(host), "%.*s", (int)((size_t)(colon - text) - 2 * skip), text + skip);
        if (uv_ip4_addr(host, (int)port, (struct sockaddr_in *)out_r) == 0 ||
            uv_ip6_addr(host, (int)port, (struct sockaddr_in6 *)out_r) == 0)
            return 0;
    }
    snprintf(error, error_size, "expected HOST:PORT with a numeric host, not \"%.60s\"", text);
    return -1;
}

static void write_name(const uv_tcp_t *tcp, char *name, size_t size)
{
    struct sockaddr_storage got;
    int len = sizeof(got);
    char host[INET6_ADDRSTRLEN] = "";
    uv_tcp_getsockname(tcp, (struct sockaddr *)&got, &len);
    if (got.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&got;
        uv_ip6_name(in6, host, sizeof(host));
        snprintf(name, size, "[%s]:%u", host, ntohs(in6->sin6_port));
        return;
    }
    const struct sockaddr_in *in = (const struct sockaddr_in *)&got;
    uv_ip4_name(in, host, sizeof(host));
    snprintf(name, size, "%s:%u", host, ntohs(in->sin_port));
}

int sim_server_listen(uv_tcp_t *tcp, const char *address, uv_connection_cb on_connection,
                      char *name, size_t name_size, char *error, size_t error_size)
{
    struct sockaddr_storage where;
    if (sim_server_read_address(address, &where, error, error_size) != 0)
        return -1;
    int rc = uv_tcp_bind(tcp, (const struct sockaddr *)&where, 0);
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)tcp, BACKLOG, on_connection);
    if (rc != 0) {
        snprintf(error, error_size, "cannot listen on %s: %s", address, uv_strerror(rc));
        return -1;
    }
    write_name(tcp, name, name_size);
    return 0;
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct listener *l = stream->data;
    if (status == 0 && l->server)
        sim_session_accept(l->server->sim, stream);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void sim_server_down(struct sim_server *server)
{
    struct listener *l = server->listener;
    server->listener = NULL;
    if (!l)
        return;
    l->server = NULL;
    uv_close((uv_handle_t *)&l->tcp, on_closed);
}

int sim_server_up(struct sim_server *server, char *error, size_t error_size)
{
    if (server->listener)
        return 0;
    struct listener *l = xcalloc(1, sizeof(*l));
    char address[sizeof(server->address)];
    uv_tcp_init(server->sim->loop, &l->tcp);
    l->tcp.data = l;
    l->server = server;
    server->listener = l;
    snprintf(address, sizeof(address), "%s", server->address);
    if (sim_server_listen(&l->tcp, address, on_connection, server->address, sizeof(server->address),
                          error, error_size) == 0)
        return 0;
    sim_server_down(server);
    return -1;
}

struct sim_server *sim_server_create(struct sim *sim, const char *address, char *error,
                                     size_t error_size)
{
    struct sim_server *server = xcalloc(1, sizeof(*server));
    server->sim = sim;
    snprintf(server->address, sizeof(server->address), "%s", address);
    if (sim_server_up(server, error, error_size) != 0)
        sim_server_destroy(&server);
    return server;
}

void sim_server_destroy(struct sim_server **server)
{
    if (*server)
        sim_server_down(*server);
    free(*server);
    *server = NULL;
}

const char *sim_server_address(const struct sim_server *server)
{
    return server->address;
}
