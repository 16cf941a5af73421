/* Line-based TCP around sim_command_run(). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/base.h"
#include "common/list.h"

#include "tests/sim/sim_buffer.h"
#include "tests/sim/sim_command.h"
#include "tests/sim/sim_control.h"
#include "tests/sim/sim_server.h"

#define LINE_MAX_BYTES 65536u

struct sim_control {
    uv_tcp_t tcp;
    struct sim *sim;
    struct list clients;
    char address[80];
};

struct client {
    struct list link;
    uv_tcp_t tcp;
    struct sim *sim;
    struct sim_buffer in;
    char read[4096];
};

struct reply {
    uv_write_t write;
    struct sim_buffer octets;
};

static void on_client_closed(uv_handle_t *handle)
{
    struct client *c = handle->data;
    sim_buffer_free(&c->in);
    free(c);
}

static void close_client(struct client *c)
{
    if (uv_is_closing((uv_handle_t *)&c->tcp))
        return;
    list_remove(&c->link);
    uv_close((uv_handle_t *)&c->tcp, on_client_closed);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct client *c = handle->data;
    *buf = uv_buf_init(c->read, sizeof(c->read));
}

static void on_written(uv_write_t *request, int status)
{
    (void)status;
    struct reply *r = CONTAINER_OF(request, struct reply, write);
    sim_buffer_free(&r->octets);
    free(r);
}

static void run_line(struct client *c, char *line)
{
    struct reply *r = xcalloc(1, sizeof(*r));
    line[strcspn(line, "\r")] = 0;
    sim_command_run(c->sim, line, &r->octets);
    uv_buf_t buf = uv_buf_init((char *)r->octets.data, (unsigned)r->octets.len);
    if (uv_write(&r->write, (uv_stream_t *)&c->tcp, &buf, 1, on_written) != 0)
        on_written(&r->write, -1);
}

static void take_lines(struct client *c)
{
    size_t at = 0;
    char *newline;
    while (c->in.len > at && (newline = memchr(c->in.data + at, '\n', c->in.len - at)) != NULL) {
        *newline = 0;
        char *line = (char *)c->in.data + at;
        at = (size_t)(newline + 1 - (char *)c->in.data);
        if (*line && *line != '\r')
            run_line(c, line);
    }
    memmove(c->in.data, c->in.data + at, c->in.len - at);
    c->in.len -= at;
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    struct client *c = stream->data;
    if (got < 0 || c->in.len > LINE_MAX_BYTES) {
        close_client(c);
        return;
    }
    sim_buffer_append(&c->in, buf->base, (size_t)got);
    if (got > 0)
        take_lines(c);
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct sim_control *control = stream->data;
    if (status != 0)
        return;
    struct client *c = xcalloc(1, sizeof(*c));
    c->sim = control->sim;
    uv_tcp_init(control->sim->loop, &c->tcp);
    c->tcp.data = c;
    list_append(&control->clients, &c->link);
    if (uv_accept(stream, (uv_stream_t *)&c->tcp) != 0 ||
        uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) != 0)
        close_client(c);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct sim_control *sim_control_create(struct sim *sim, const char *address, char *error,
                                       size_t error_size)
{
    struct sim_control *control = xcalloc(1, sizeof(*control));
    control->sim = sim;
    list_init(&control->clients);
    uv_tcp_init(sim->loop, &control->tcp);
    control->tcp.data = control;
    if (sim_server_listen(&control->tcp, address, on_connection, control->address,
                          sizeof(control->address), error, error_size) != 0)
        sim_control_destroy(&control);
    return control;
}

void sim_control_destroy(struct sim_control **control)
{
    struct sim_control *c = *control;
    *control = NULL;
    if (!c)
        return;
    LIST_FOREACH (it, &c->clients)
        close_client(LIST_ENTRY(it, struct client, link));
    uv_close((uv_handle_t *)&c->tcp, on_closed);
}

const char *sim_control_address(const struct sim_control *control)
{
    return control->address;
}
