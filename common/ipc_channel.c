/*
 * Whole messages over an NNG stream on ipc://, in the wire format of NNG's pair sockets.
 *
 * The stream, and not the socket, because in NNG 1.5 a socket does not survive its peers: a pipe
 * that closes in the middle of a message blocks the one thread that ends pipes, and a peer that
 * closes while they greet stops the listener or dialer (#1518). README.md tells it in full. Both
 * bugs are above the streams; here a greeting concerns only the connection it belongs to.
 *
 * NNG's callbacks run on its own threads. They copy bytes and set flags under the lock, post once,
 * and start the next transfer; everything else happens on the loop. One connection exists at a
 * time, with buffers of its own, so nothing of one peer can ever reach the next.
 */
#include <nng/nng.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/backoff.h"
#include "common/ipc_channel.h"
#include "common/ipc_frame.h"
#include "common/ipc_path.h"
#include "common/log.h"
#include "common/random.h"
#include "common/text.h"

enum {
    SOCKET_MODE = 0660,
    GREETING_MS = 1000,     /* for the peer to say what it is */
    ACCEPT_RETRY_MS = 1000, /* out of descriptors, most likely */
    REDIAL_MIN_MS = 50,
    REDIAL_MAX_MS = 1000,
    REFUSAL_LOG_MS = 1000,       /* at most one line in this time */
    READ_SIZE = 128 * 1024,      /* of one read */
    HIGH_MARK = 4 * 1024 * 1024, /* arrived and not delivered: above this nothing more is read */
};

struct conn {
    struct ipc_channel *channel;
    nng_stream *stream;
    nng_aio *recv_aio, *send_aio;
    struct ipc_peer peer;
    char *input; /* READ_SIZE bytes; NNG reads into it */

    /* Under the channel's lock: */
    struct text arrived;
    bool receiving;
    struct text waiting;   /* to be sent after what is in flight */
    struct text in_flight; /* NNG sends it; touched by nobody else while `sending` */
    size_t sent;           /* of it */
    bool sending;
    bool ended;    /* by the peer, an error, or ipc_channel_drop() */
    bool stopping; /* nothing new is started */
};

struct ipc_channel {
    struct loop *loop;
    struct ipc_channel_events events;
    char *url;
    uint32_t *allowed_uids; /* a listener's */
    size_t uid_count;
    int lock_fd; /* −1: none */

    nng_stream_listener *listener; /* either this */
    nng_stream_dialer *dialer;     /* or that */
    nng_aio *endpoint_aio;         /* the accept or dial under way */
    struct timer endpoint_timer;   /* until the next one */
    struct backoff backoff;

    struct conn *conn; /* the one connection, or NULL */
    struct timer greeting_timer;
    bool up;             /* between up() and down() */
    bool dropped;        /* nothing more of this connection is delivered */
    struct text taken;   /* what is being delivered */
    struct text partial; /* a message that has not arrived whole */
    mono_t next_refusal_log;
    uint64_t refused; /* peers of a wrong uid, not logged yet */

    unsigned references; /* the owner's and those of posts; under the lock, as is all below */
    bool closing;        /* written by the loop only */
    bool posted;
    bool endpoint_done;
    int endpoint_status;
    nng_stream *incoming;
    pthread_mutex_t lock;
};

static void channel_turn(void *arg);

/* --- on NNG's threads, with the lock held where nothing else is said --- */

static void channel_post(struct ipc_channel *c)
{
    if (c->posted || c->closing)
        return;
    c->posted = true;
    c->references++;
    loop_post(c->loop, channel_turn, c);
}

static void conn_receive(struct conn *k)
{
    k->receiving = !k->ended && !k->stopping && k->arrived.len < HIGH_MARK;
    if (!k->receiving)
        return;
    nng_iov iov = {.iov_buf = k->input, .iov_len = READ_SIZE};
    nng_aio_set_iov(k->recv_aio, 1, &iov);
    nng_stream_recv(k->stream, k->recv_aio);
}

/* Without the lock. */
static void conn_on_received(void *arg)
{
    struct conn *k = arg;
    struct ipc_channel *c = k->channel;
    int status = nng_aio_result(k->recv_aio);
    size_t len = status == 0 ? nng_aio_count(k->recv_aio) : 0;
    pthread_mutex_lock(&c->lock);
    if (len > 0)
        text_append(&k->arrived, k->input, len);
    else
        k->ended = true;
    channel_post(c);
    conn_receive(k);
    pthread_mutex_unlock(&c->lock);
}

static void conn_send_rest(struct conn *k)
{
    nng_iov iov = {.iov_buf = k->in_flight.data + k->sent, .iov_len = k->in_flight.len - k->sent};
    nng_aio_set_iov(k->send_aio, 1, &iov);
    nng_stream_send(k->stream, k->send_aio);
}

static void conn_send(struct conn *k)
{
    if (k->sending || k->waiting.len == 0 || k->ended || k->stopping)
        return;
    struct text empty = k->in_flight;
    empty.len = 0;
    k->in_flight = k->waiting;
    k->waiting = empty;
    k->sent = 0;
    k->sending = true;
    conn_send_rest(k);
}

/* Without the lock. */
static void conn_on_sent(void *arg)
{
    struct conn *k = arg;
    struct ipc_channel *c = k->channel;
    int status = nng_aio_result(k->send_aio);
    size_t len = status == 0 ? nng_aio_count(k->send_aio) : 0;
    pthread_mutex_lock(&c->lock);
    k->sent += len;
    if (status != 0) {
        k->ended = true;
        k->sending = false;
        channel_post(c);
    } else if (k->sent < k->in_flight.len && !k->stopping) {
        conn_send_rest(k);
    } else {
        k->sending = false;
        conn_send(k);
    }
    pthread_mutex_unlock(&c->lock);
}

/* Without the lock: an accept or a dial is done. */
static void channel_on_stream(void *arg)
{
    struct ipc_channel *c = arg;
    int status = nng_aio_result(c->endpoint_aio);
    nng_stream *stream = status == 0 ? nng_aio_get_output(c->endpoint_aio, 0) : NULL;
    pthread_mutex_lock(&c->lock);
    c->endpoint_done = true;
    c->endpoint_status = status;
    c->incoming = stream;
    channel_post(c);
    pthread_mutex_unlock(&c->lock);
}

/* --- the connection, on the loop --- */

static void must(int nng_status, const char *what)
{
    if (nng_status != 0)
        panic("%s: %s", what, nng_strerror(nng_status));
}

static void conn_start(struct ipc_channel *c, nng_stream *stream, struct ipc_peer peer)
{
    struct conn *k = xcalloc(1, sizeof(*k));
    k->channel = c;
    k->stream = stream;
    k->peer = peer;
    k->input = xmalloc(READ_SIZE);
    must(nng_aio_alloc(&k->recv_aio, conn_on_received, k), "nng_aio_alloc");
    must(nng_aio_alloc(&k->send_aio, conn_on_sent, k), "nng_aio_alloc");
    c->conn = k;
    c->dropped = false;
    c->partial.len = 0;
    timer_start_ms(&c->greeting_timer, GREETING_MS);

    pthread_mutex_lock(&c->lock);
    text_append(&k->waiting, (const char *)ipc_frame_greeting, IPC_FRAME_GREETING_SIZE);
    conn_send(k);
    conn_receive(k);
    pthread_mutex_unlock(&c->lock);
}

static void conn_destroy(struct conn *k)
{
    pthread_mutex_lock(&k->channel->lock);
    k->stopping = true;
    pthread_mutex_unlock(&k->channel->lock);
    nng_stream_close(k->stream);
    nng_aio_stop(k->recv_aio); /* waits for the callback, which takes the lock */
    nng_aio_stop(k->send_aio);
    nng_stream_free(k->stream);
    nng_aio_free(k->recv_aio);
    nng_aio_free(k->send_aio);
    text_free(&k->arrived);
    text_free(&k->waiting);
    text_free(&k->in_flight);
    free(k->input);
    free(k);
}

/* Has the loop come to the end of the connection, as if the peer had closed it. */
static void conn_end(struct conn *k)
{
    pthread_mutex_lock(&k->channel->lock);
    k->ended = true;
    channel_post(k->channel);
    pthread_mutex_unlock(&k->channel->lock);
}

static void channel_greeting_late(void *arg)
{
    struct ipc_channel *c = arg;
    conn_end(c->conn);
}

/* --- delivering, on the loop; any callback may drop the connection or destroy the channel --- */

static bool channel_delivers(const struct ipc_channel *c)
{
    return c->conn && !c->dropped && !c->closing;
}

/* What a peer says first; returns the bytes used. */
static size_t deliver_greeting(struct ipc_channel *c, struct bytes in)
{
    if (in.len < IPC_FRAME_GREETING_SIZE)
        return 0;
    timer_stop(&c->greeting_timer);
    if (memcmp(in.data, ipc_frame_greeting, IPC_FRAME_GREETING_SIZE) != 0) {
        log_warn("an IPC peer speaks another protocol", LOG_STR("url", c->url),
                 LOG_INT("pid", c->conn->peer.pid));
        c->dropped = true;
        conn_end(c->conn);
        return in.len;
    }
    c->up = true;
    backoff_reset(&c->backoff);
    c->events.up(c->events.arg, &c->conn->peer);
    return IPC_FRAME_GREETING_SIZE;
}

/* Returns the bytes used; what is left is the beginning of a message. */
static size_t deliver_messages(struct ipc_channel *c, struct bytes in)
{
    size_t done = c->up ? 0 : deliver_greeting(c, in);
    while (c->up && channel_delivers(c)) {
        struct bytes message;
        size_t used;
        struct bytes rest = {in.data + done, in.len - done};
        enum ipc_frame_result result =
            ipc_frame_next(rest, IPC_CHANNEL_MAX_MESSAGE, &message, &used);
        if (result == IPC_FRAME_MORE)
            break;
        if (result == IPC_FRAME_BAD) {
            log_warn("an IPC peer sent what is no message, or too long a one",
                     LOG_STR("url", c->url), LOG_INT("pid", c->conn->peer.pid));
            ipc_channel_drop(c);
            break;
        }
        done += used;
        c->events.message(c->events.arg, message.data, message.len);
    }
    return done;
}

static void deliver_taken(struct ipc_channel *c)
{
    /* Most often all that came is whole messages, and they are delivered where they lie. */
    bool joined = c->partial.len > 0;
    if (joined)
        text_append(&c->partial, c->taken.data, c->taken.len);
    const struct text *in = joined ? &c->partial : &c->taken;
    size_t done = deliver_messages(c, (struct bytes){(const uint8_t *)in->data, in->len});
    if (!joined) {
        text_append(&c->partial, c->taken.data + done, c->taken.len - done);
    } else {
        c->partial.len -= done;
        memmove(c->partial.data, c->partial.data + done, c->partial.len);
    }
}

static void channel_schedule_dial(struct ipc_channel *c)
{
    timer_start_ms(&c->endpoint_timer, backoff_next_ms(&c->backoff, random_u32()));
}

static void channel_lose_conn(struct ipc_channel *c)
{
    bool was_up = c->up;
    timer_stop(&c->greeting_timer);
    conn_destroy(c->conn);
    c->conn = NULL;
    c->up = false;
    if (c->dialer)
        channel_schedule_dial(c);
    if (was_up)
        c->events.down(c->events.arg);
}

static void channel_serve_conn(struct ipc_channel *c)
{
    struct conn *k = c->conn;
    pthread_mutex_lock(&c->lock);
    bool ended = k->ended;
    struct text taken = k->arrived;
    k->arrived = c->taken;
    k->arrived.len = 0;
    c->taken = taken;
    if (!k->receiving)
        conn_receive(k);
    pthread_mutex_unlock(&c->lock);

    if (c->taken.len > 0 && !c->dropped)
        deliver_taken(c);
    if (ended && !c->closing)
        channel_lose_conn(c);
}

/* --- accepting and dialling, on the loop --- */

static void channel_start_endpoint(void *arg)
{
    struct ipc_channel *c = arg;
    if (c->listener)
        nng_stream_listener_accept(c->listener, c->endpoint_aio);
    else
        nng_stream_dialer_dial(c->dialer, c->endpoint_aio);
}

static bool read_peer(nng_stream *stream, struct ipc_peer *peer_r)
{
    uint64_t uid, gid, pid;
    if (nng_stream_get_uint64(stream, NNG_OPT_IPC_PEER_UID, &uid) != 0 ||
        nng_stream_get_uint64(stream, NNG_OPT_IPC_PEER_GID, &gid) != 0 ||
        nng_stream_get_uint64(stream, NNG_OPT_IPC_PEER_PID, &pid) != 0)
        return false;
    *peer_r = (struct ipc_peer){.uid = (uint32_t)uid, .gid = (uint32_t)gid, .pid = (int32_t)pid};
    return true;
}

static bool channel_allows(struct ipc_channel *c, const struct ipc_peer *peer)
{
    for (size_t i = 0; i < c->uid_count; i++) {
        if (c->allowed_uids[i] == peer->uid)
            return true;
    }
    mono_t now = loop_now(c->loop);
    c->refused++;
    if (mono_reached(now, c->next_refusal_log)) {
        log_warn("a peer of a wrong uid was refused", LOG_STR("url", c->url),
                 LOG_UINT("uid", peer->uid), LOG_UINT("count", c->refused));
        c->refused = 0;
        c->next_refusal_log = mono_add_ms(now, REFUSAL_LOG_MS);
    }
    return false;
}

static void channel_take_accepted(struct ipc_channel *c, nng_stream *stream)
{
    struct ipc_peer peer;
    bool welcome = read_peer(stream, &peer) && channel_allows(c, &peer);
    if (welcome && !c->conn) {
        conn_start(c, stream, peer);
        return;
    }
    nng_stream_free(stream);
    if (welcome && c->up && !c->dropped && c->events.knock)
        c->events.knock(c->events.arg);
}

static void channel_take_stream(struct ipc_channel *c, int status, nng_stream *stream)
{
    struct ipc_peer peer = {0};
    if (c->listener) {
        if (stream) {
            channel_start_endpoint(c); /* first, since a callback may destroy the channel */
            channel_take_accepted(c, stream);
        } else {
            log_warn("an IPC connection can't be accepted", LOG_STR("url", c->url),
                     LOG_STR("error", nng_strerror(status)));
            timer_start_ms(&c->endpoint_timer, ACCEPT_RETRY_MS);
        }
    } else if (stream && read_peer(stream, &peer)) {
        conn_start(c, stream, peer);
    } else {
        if (stream)
            nng_stream_free(stream);
        channel_schedule_dial(c);
    }
}

static void channel_release(struct ipc_channel *c)
{
    pthread_mutex_lock(&c->lock);
    bool last = --c->references == 0;
    pthread_mutex_unlock(&c->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&c->lock);
    text_free(&c->taken);
    text_free(&c->partial);
    free(c->allowed_uids);
    free(c->url);
    free(c);
}

/* What NNG's threads posted. */
static void channel_turn(void *arg)
{
    struct ipc_channel *c = arg;
    pthread_mutex_lock(&c->lock);
    c->posted = false;
    bool endpoint_done = c->endpoint_done;
    int status = c->endpoint_status;
    nng_stream *stream = c->incoming;
    c->endpoint_done = false;
    c->incoming = NULL;
    pthread_mutex_unlock(&c->lock);

    /* The old connection first: its end makes room for the newcomer. */
    if (c->conn && !c->closing)
        channel_serve_conn(c);
    if (endpoint_done && !c->closing)
        channel_take_stream(c, status, stream);
    else if (stream)
        nng_stream_free(stream);
    channel_release(c);
}

/* --- the contract --- */

static int channel_open_endpoint(struct ipc_channel *c, bool listens)
{
    int status = nng_aio_alloc(&c->endpoint_aio, channel_on_stream, c);
    if (status != 0)
        return status;
    if (!listens)
        return nng_stream_dialer_alloc(&c->dialer, c->url);
    if ((status = nng_stream_listener_alloc(&c->listener, c->url)) ||
        (status = nng_stream_listener_set_int(c->listener, NNG_OPT_IPC_PERMISSIONS, SOCKET_MODE)) ||
        (status = nng_stream_listener_listen(c->listener)))
        return status;
    return 0;
}

static int channel_open(struct ipc_channel *c, bool listens, struct ipc_channel **channel_r,
                        char *error_r, size_t error_size)
{
    int status = channel_open_endpoint(c, listens);
    if (status != 0) {
        snprintf(error_r, error_size, "%s: %s", c->url, nng_strerror(status));
        ipc_channel_destroy(&c);
        return -1;
    }
    channel_start_endpoint(c);
    *channel_r = c;
    return 0;
}

static struct ipc_channel *channel_create(struct loop *loop, const char *url,
                                          const struct ipc_channel_events *events)
{
    struct ipc_channel *c = xcalloc(1, sizeof(*c));
    c->loop = loop;
    c->url = xstrdup(url);
    c->events = *events;
    c->lock_fd = -1;
    c->references = 1;
    c->backoff = (struct backoff){.min_ms = REDIAL_MIN_MS, .max_ms = REDIAL_MAX_MS};
    timer_init(&c->endpoint_timer, loop, channel_start_endpoint, c);
    timer_init(&c->greeting_timer, loop, channel_greeting_late, c);
    if (pthread_mutex_init(&c->lock, NULL) != 0)
        panic("pthread_mutex_init failed");
    return c;
}

int ipc_channel_listen(struct loop *loop, const char *url, const uint32_t *allowed_uids,
                       size_t uid_count, const struct ipc_channel_events *events,
                       struct ipc_channel **channel_r, char *error_r, size_t error_size)
{
    const char *path;
    int lock_fd;
    if (ipc_path_of_url(url, &path, error_r, error_size) != 0 ||
        ipc_path_lock(path, &lock_fd, error_r, error_size) != 0)
        return -1;
    struct ipc_channel *c = channel_create(loop, url, events);
    c->lock_fd = lock_fd;
    c->uid_count = uid_count;
    c->allowed_uids = xcalloc(uid_count, sizeof(uint32_t));
    for (size_t i = 0; i < uid_count; i++)
        c->allowed_uids[i] = allowed_uids[i];
    return channel_open(c, true, channel_r, error_r, error_size);
}

int ipc_channel_dial(struct loop *loop, const char *url, const struct ipc_channel_events *events,
                     struct ipc_channel **channel_r, char *error_r, size_t error_size)
{
    const char *path;
    if (ipc_path_of_url(url, &path, error_r, error_size) != 0)
        return -1;
    return channel_open(channel_create(loop, url, events), false, channel_r, error_r, error_size);
}

void ipc_channel_send(struct ipc_channel *c, const void *data, size_t len)
{
    INVARIANT(len <= IPC_CHANNEL_MAX_MESSAGE);
    if (!c->up || c->dropped)
        return;
    uint8_t header[IPC_FRAME_HEADER_SIZE];
    ipc_frame_header(len, header);
    pthread_mutex_lock(&c->lock);
    text_append(&c->conn->waiting, (const char *)header, sizeof(header));
    text_append(&c->conn->waiting, data, len);
    conn_send(c->conn);
    pthread_mutex_unlock(&c->lock);
}

size_t ipc_channel_queued(struct ipc_channel *c)
{
    const struct conn *k = c->conn;
    if (!k)
        return 0;
    pthread_mutex_lock(&c->lock);
    size_t bytes = k->waiting.len + (k->sending ? k->in_flight.len - k->sent : 0);
    pthread_mutex_unlock(&c->lock);
    return bytes;
}

bool ipc_channel_idle(struct ipc_channel *c)
{
    return ipc_channel_queued(c) == 0;
}

void ipc_channel_drop(struct ipc_channel *c)
{
    if (!c->up || c->dropped)
        return;
    c->dropped = true;
    conn_end(c->conn);
}

void ipc_channel_destroy(struct ipc_channel **channel)
{
    struct ipc_channel *c = *channel;
    if (!c)
        return;
    timer_stop(&c->endpoint_timer);
    timer_stop(&c->greeting_timer);
    pthread_mutex_lock(&c->lock);
    c->closing = true;
    pthread_mutex_unlock(&c->lock);
    if (c->conn)
        conn_destroy(c->conn);
    c->conn = NULL;
    c->up = false;
    nng_aio_stop(c->endpoint_aio);
    if (c->incoming)
        nng_stream_free(c->incoming);
    c->incoming = NULL;
    nng_stream_listener_free(c->listener);
    nng_stream_dialer_free(c->dialer);
    nng_aio_free(c->endpoint_aio);
    if (c->lock_fd >= 0)
        close(c->lock_fd);
    channel_release(c);
    *channel = NULL;
}
