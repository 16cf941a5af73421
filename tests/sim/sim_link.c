/* The transport: one read buffer for all connections, one write per connection and loop turn. */
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/base.h"
#include "common/list.h"

#include "tests/sim/sim_buffer.h"
#include "tests/sim/sim_link.h"

#define READ_BUFFER (SIM_MAX_PDU + 256u * 1024)
#define OUT_HIGH (4u * 1024 * 1024) /* a peer that does not read is not read from either */
#define LINGER_NS (1000 * SIM_NS_PER_MS)
#define SLOW_TICK_MS 50u
#define SPLIT_PAUSE_NS SIM_NS_PER_MS

enum link_state { LINK_CONNECTING, LINK_OPEN, LINK_LINGERING, LINK_CLOSED };

struct sim_links {
    struct sim_timers *timers;
    uv_loop_t *loop;
    uv_prepare_t prepare;
    uv_check_t check;
    int handles;
    void (*before_flush)(void *arg);
    void *arg;
    struct list dirty; /* links with something to write */
    uint8_t buffer[READ_BUFFER];
};

struct sim_link {
    uv_tcp_t tcp;
    struct sim_links *links;
    const struct sim_link_events *events;
    void *owner;
    struct list dirty;
    enum link_state state;
    unsigned refs;             /* the handle, and timers that will come back */
    struct sim_buffer partial; /* the beginning of a PDU whose rest is to come */
    struct sim_buffer out;
    size_t out_sent;
    struct sim_buffer sending; /* what libuv holds */
    bool writing;
    bool reading;
    bool paused;
    bool resting; /* a slow reader or split writer waits for its moment */
    uint64_t read_limit;
    uint64_t write_split;
    uv_write_t write;
    uv_connect_t connect;
    uv_shutdown_t shutdown;
};

static void flush(struct sim_link *link);

static void unref(struct sim_link *link)
{
    if (--link->refs > 0)
        return;
    sim_buffer_free(&link->partial);
    sim_buffer_free(&link->out);
    sim_buffer_free(&link->sending);
    free(link);
}

static void on_closed(uv_handle_t *handle)
{
    struct sim_link *link = handle->data;
    link->events->closed(link->owner);
    unref(link);
}

static void end(struct sim_link *link, enum sim_link_end how)
{
    if (link->state == LINK_CLOSED)
        return;
    link->state = LINK_CLOSED;
    list_remove(&link->dirty);
    if (how == SIM_LINK_RST && uv_tcp_close_reset(&link->tcp, on_closed) == 0)
        return;
    uv_close((uv_handle_t *)&link->tcp, on_closed);
}

static void on_linger_over(void *owner, void *arg)
{
    (void)arg;
    struct sim_link *link = owner;
    end(link, SIM_LINK_FIN);
    unref(link);
}

static void on_shutdown(uv_shutdown_t *request, int status)
{
    if (status != 0)
        end(request->data, SIM_LINK_FIN);
}

void sim_link_close(struct sim_link *link, enum sim_link_end how)
{
    if (link->state == LINK_CLOSED || (link->state == LINK_LINGERING && how == SIM_LINK_FIN))
        return;
    if (how == SIM_LINK_RST || link->state == LINK_CONNECTING) {
        end(link, how);
        return;
    }
    link->write_split = 0;
    flush(link);
    if (link->state != LINK_OPEN)
        return;
    /* The rest of the peer's bytes are read and thrown away: unread ones would turn our FIN into a
     * reset that may destroy the answers before it. */
    link->state = LINK_LINGERING;
    link->paused = false;
    link->shutdown.data = link;
    if (uv_shutdown(&link->shutdown, (uv_stream_t *)&link->tcp, on_shutdown) != 0) {
        end(link, SIM_LINK_FIN);
        return;
    }
    link->refs++;
    sim_timers_at(link->links->timers, uv_hrtime() + LINGER_NS, on_linger_over, link, NULL);
}

bool sim_link_closing(const struct sim_link *link)
{
    return link->state >= LINK_LINGERING;
}

/* Reading. */

static void start_reading(struct sim_link *link);

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct sim_link *link = handle->data;
    struct sim_links *links = link->links;
    size_t kept = link->partial.len;
    if (kept > 0)
        memcpy(links->buffer, link->partial.data, kept);
    size_t room = sizeof(links->buffer) - kept;
    if (link->read_limit > 0)
        room = min_size(room, max_u64(1, link->read_limit * SLOW_TICK_MS / 1000));
    *buf = uv_buf_init((char *)links->buffer + kept, (unsigned)room);
}

static void keep_partial(struct sim_link *link, const uint8_t *data, size_t len)
{
    link->partial.len = 0;
    sim_buffer_append(&link->partial, data, len);
}

static void take_pdus(struct sim_link *link, const uint8_t *data, size_t len)
{
    size_t at = 0;
    while (link->state == LINK_OPEN && len - at >= SIM_HEADER_SIZE) {
        struct sim_header h = sim_pdu_header(data + at);
        if (h.length < SIM_HEADER_SIZE || h.length > SIM_MAX_PDU) {
            link->events->bad_length(link->owner, h.length);
            sim_link_close(link, SIM_LINK_FIN);
            break;
        }
        if (h.length > len - at)
            break;
        struct bytes body = {data + at + SIM_HEADER_SIZE, h.length - SIM_HEADER_SIZE};
        at += h.length;
        link->events->pdu(link->owner, h, body);
    }
    keep_partial(link, data + at, link->state == LINK_OPEN ? len - at : 0);
}

static void on_rested(void *owner, void *arg)
{
    (void)arg;
    struct sim_link *link = owner;
    link->resting = false;
    start_reading(link);
    unref(link);
}

static void stop_reading(struct sim_link *link)
{
    if (link->reading)
        uv_read_stop((uv_stream_t *)&link->tcp);
    link->reading = false;
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    struct sim_link *link = stream->data;
    (void)buf;
    if (got < 0) {
        end(link, SIM_LINK_FIN);
        return;
    }
    if (got == 0 || link->state != LINK_OPEN)
        return;
    size_t kept = link->partial.len;
    take_pdus(link, link->links->buffer, kept + (size_t)got);
    if (link->out.len - link->out_sent + link->sending.len > OUT_HIGH)
        stop_reading(link);
    if (link->read_limit > 0 && link->state == LINK_OPEN && !link->resting) {
        stop_reading(link);
        link->resting = true;
        link->refs++;
        sim_timers_at(link->links->timers, uv_hrtime() + SLOW_TICK_MS * SIM_NS_PER_MS, on_rested,
                      link, NULL);
    }
}

static void start_reading(struct sim_link *link)
{
    bool want = !link->paused && !link->resting && link->state != LINK_CLOSED &&
                link->state != LINK_CONNECTING;
    if (want && !link->reading)
        link->reading = uv_read_start((uv_stream_t *)&link->tcp, on_alloc, on_read) == 0;
}

void sim_link_pause_reading(struct sim_link *link, bool pause)
{
    link->paused = pause;
    if (pause)
        stop_reading(link);
    else
        start_reading(link);
}

void sim_link_limit_reading(struct sim_link *link, uint64_t bytes_per_second)
{
    link->read_limit = bytes_per_second;
}

/* Writing. */

static void on_written(uv_write_t *request, int status)
{
    struct sim_link *link = request->data;
    link->writing = false;
    link->sending.len = 0;
    if (status != 0) {
        end(link, SIM_LINK_FIN);
        return;
    }
    start_reading(link);
    if (link->state == LINK_OPEN)
        flush(link);
}

static void hand_over_rest(struct sim_link *link)
{
    struct sim_buffer spare = link->sending;
    link->sending = link->out;
    link->out = spare;
    link->out.len = 0;
    size_t sent = link->out_sent;
    link->out_sent = 0;
    uv_buf_t buf =
        uv_buf_init((char *)link->sending.data + sent, (unsigned)(link->sending.len - sent));
    link->write.data = link;
    link->writing = true;
    if (uv_write(&link->write, (uv_stream_t *)&link->tcp, &buf, 1, on_written) != 0)
        end(link, SIM_LINK_FIN);
}

static void on_next_piece(void *owner, void *arg)
{
    (void)arg;
    struct sim_link *link = owner;
    if (link->state == LINK_OPEN)
        flush(link);
    unref(link);
}

static void flush(struct sim_link *link)
{
    list_remove(&link->dirty);
    size_t left = link->out.len - link->out_sent;
    if (link->writing || link->state != LINK_OPEN || left == 0)
        return;
    size_t piece = link->write_split ? min_size(left, link->write_split) : left;
    uv_buf_t buf = uv_buf_init((char *)link->out.data + link->out_sent, (unsigned)piece);
    int sent = uv_try_write((uv_stream_t *)&link->tcp, &buf, 1);
    if (sent < 0 && sent != UV_EAGAIN) {
        end(link, SIM_LINK_FIN);
        return;
    }
    link->out_sent += sent > 0 ? (size_t)sent : 0;
    if (link->out_sent == link->out.len) {
        link->out.len = link->out_sent = 0;
    } else if (link->write_split) {
        link->refs++;
        sim_timers_at(link->links->timers, uv_hrtime() + SPLIT_PAUSE_NS, on_next_piece, link, NULL);
    } else {
        hand_over_rest(link);
    }
}

uint8_t *sim_link_room(struct sim_link *link, size_t size)
{
    return sim_buffer_room(&link->out, size);
}

void sim_link_written(struct sim_link *link, size_t size)
{
    bool piecemeal = link->write_split && link->out.len > link->out_sent;
    link->out.len += size;
    if (link->dirty.next == &link->dirty && !piecemeal && link->state == LINK_OPEN)
        list_append(&link->links->dirty, &link->dirty);
}

void sim_link_split_writing(struct sim_link *link, uint64_t bytes)
{
    link->write_split = bytes;
}

/* Opening. */

static struct sim_link *link_new(struct sim_links *links, const struct sim_link_events *events,
                                 void *owner)
{
    struct sim_link *link = xcalloc(1, sizeof(*link));
    link->links = links;
    link->events = events;
    link->owner = owner;
    link->refs = 1;
    list_init(&link->dirty);
    uv_tcp_init(links->loop, &link->tcp);
    link->tcp.data = link;
    return link;
}

static void opened(struct sim_link *link)
{
    link->state = LINK_OPEN;
    uv_tcp_nodelay(&link->tcp, 1);
    start_reading(link);
}

struct sim_link *sim_link_accept(struct sim_links *links, uv_stream_t *listener,
                                 const struct sim_link_events *events, void *owner)
{
    struct sim_link *link = link_new(links, events, owner);
    if (uv_accept(listener, (uv_stream_t *)&link->tcp) == 0)
        opened(link);
    else
        end(link, SIM_LINK_FIN);
    return link;
}

static void on_connect(uv_connect_t *request, int status)
{
    struct sim_link *link = request->data;
    if (status != 0) {
        end(link, SIM_LINK_FIN);
        return;
    }
    opened(link);
    link->events->connected(link->owner);
}

struct sim_link *sim_link_connect(struct sim_links *links, const struct sockaddr *address,
                                  const struct sim_link_events *events, void *owner)
{
    struct sim_link *link = link_new(links, events, owner);
    link->connect.data = link;
    if (uv_tcp_connect(&link->connect, &link->tcp, address, on_connect) != 0)
        end(link, SIM_LINK_FIN);
    return link;
}

/* What they share. */

static void turn(struct sim_links *links)
{
    links->before_flush(links->arg);
    while (!list_empty(&links->dirty))
        flush(LIST_ENTRY(links->dirty.next, struct sim_link, dirty));
}

static void on_prepare(uv_prepare_t *handle)
{
    turn(handle->data);
}

static void on_check(uv_check_t *handle)
{
    turn(handle->data);
}

struct sim_links *sim_links_create(uv_loop_t *loop, struct sim_timers *timers,
                                   void (*before_flush)(void *arg), void *arg)
{
    struct sim_links *links = xcalloc(1, sizeof(*links));
    links->loop = loop;
    links->timers = timers;
    links->before_flush = before_flush;
    links->arg = arg;
    list_init(&links->dirty);
    /* Around the poll: after what the sockets brought, and after what the timers did. */
    uv_prepare_init(loop, &links->prepare);
    uv_check_init(loop, &links->check);
    links->prepare.data = links->check.data = links;
    links->handles = 2;
    uv_prepare_start(&links->prepare, on_prepare);
    uv_check_start(&links->check, on_check);
    return links;
}

uv_loop_t *sim_links_loop(const struct sim_links *links)
{
    return links->loop;
}

static void on_links_closed(uv_handle_t *handle)
{
    struct sim_links *links = handle->data;
    if (--links->handles == 0)
        free(links);
}

void sim_links_destroy(struct sim_links **links)
{
    struct sim_links *l = *links;
    *links = NULL;
    if (!l)
        return;
    uv_close((uv_handle_t *)&l->prepare, on_links_closed);
    uv_close((uv_handle_t *)&l->check, on_links_closed);
}
