/*
 * NNG's streams on ipc://.
 *
 * The stream, and not the socket, because in NNG 1.5 a socket does not survive its peers: a pipe
 * that closes in the middle of a message blocks the one thread that ends pipes, and a peer that
 * closes while they greet stops the listener or dialer (#1518). README.md tells it in full. Both
 * bugs are above the streams; here a greeting concerns only the connection it belongs to.
 */
#include "common/ipc_stream.h"

#include <nng/nng.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SOCKET_MODE = 0660,
    READ_SIZE = 256 * 1024, /* of one read: all that a socket usually holds */
    KEEP_SIZE = 256 * 1024, /* a buffer that grew beyond it is given back when empty */
};

struct ipc_endpoint {
    nng_stream_listener *listener; /* either this */
    nng_stream_dialer *dialer;     /* or that */
    nng_aio *aio;                  /* the accept or dial under way */
    ipc_wake *wake;
    void *arg;

    pthread_mutex_t lock; /* of all below */
    bool done;
    int status;
    nng_stream *incoming;
};

struct ipc_stream {
    nng_stream *nng;
    nng_aio *recv_aio;
    nng_aio *try_aio;  /* to send at once */
    nng_aio *send_aio; /* to send when there is room again */
    ipc_wake *wake;
    void *arg;

    pthread_mutex_t lock; /* of all below */
    struct text arrived;  /* NNG reads into it; touched by nobody else while `receiving` */
    bool receiving;
    struct text waiting;   /* to be sent after what is in flight */
    struct text in_flight; /* touched by nobody else while `sending` */
    size_t sent;           /* of it */
    bool sending;          /* NNG's thread does */
    bool ended;            /* by the peer, an error, or ipc_stream_end() */
    bool stopping;         /* nothing new is started */
};

static void must(int nng_status, const char *what)
{
    if (nng_status != 0)
        panic("%s: %s", what, nng_strerror(nng_status));
}

static void make_lock(pthread_mutex_t *lock)
{
    if (pthread_mutex_init(lock, NULL) != 0)
        panic("pthread_mutex_init failed");
}

/* --- the endpoint --- */

/* On NNG's thread: an accept or a dial is done. */
static void on_stream(void *arg)
{
    struct ipc_endpoint *e = arg;
    int status = nng_aio_result(e->aio);
    nng_stream *stream = status == 0 ? nng_aio_get_output(e->aio, 0) : NULL;
    pthread_mutex_lock(&e->lock);
    e->done = true;
    e->status = status;
    e->incoming = stream;
    pthread_mutex_unlock(&e->lock);
    e->wake(e->arg);
}

static int endpoint_open(struct ipc_endpoint *e, const char *url, bool listens)
{
    int status = nng_aio_alloc(&e->aio, on_stream, e);
    if (status != 0)
        return status;
    if (!listens)
        return nng_stream_dialer_alloc(&e->dialer, url);
    if ((status = nng_stream_listener_alloc(&e->listener, url)) ||
        (status = nng_stream_listener_set_int(e->listener, NNG_OPT_IPC_PERMISSIONS, SOCKET_MODE)) ||
        (status = nng_stream_listener_listen(e->listener)))
        return status;
    return 0;
}

static int endpoint_create(const char *url, bool listens, ipc_wake *wake, void *arg,
                           struct ipc_endpoint **endpoint_r, char *error_r, size_t error_size)
{
    struct ipc_endpoint *e = xcalloc(1, sizeof(*e));
    e->wake = wake;
    e->arg = arg;
    make_lock(&e->lock);
    int status = endpoint_open(e, url, listens);
    if (status != 0) {
        snprintf(error_r, error_size, "%s: %s", url, nng_strerror(status));
        ipc_endpoint_destroy(&e);
        return -1;
    }
    *endpoint_r = e;
    return 0;
}

int ipc_endpoint_listen(const char *url, ipc_wake *wake, void *arg,
                        struct ipc_endpoint **endpoint_r, char *error_r, size_t error_size)
{
    return endpoint_create(url, true, wake, arg, endpoint_r, error_r, error_size);
}

int ipc_endpoint_dial(const char *url, ipc_wake *wake, void *arg, struct ipc_endpoint **endpoint_r,
                      char *error_r, size_t error_size)
{
    return endpoint_create(url, false, wake, arg, endpoint_r, error_r, error_size);
}

bool ipc_endpoint_listens(const struct ipc_endpoint *e)
{
    return e->listener != NULL;
}

void ipc_endpoint_next(struct ipc_endpoint *e)
{
    if (e->listener)
        nng_stream_listener_accept(e->listener, e->aio);
    else
        nng_stream_dialer_dial(e->dialer, e->aio);
}

bool ipc_endpoint_take(struct ipc_endpoint *e, struct ipc_stream **stream_r, const char **error_r)
{
    pthread_mutex_lock(&e->lock);
    bool done = e->done;
    nng_stream *incoming = e->incoming;
    *error_r = nng_strerror(e->status);
    e->done = false;
    e->incoming = NULL;
    pthread_mutex_unlock(&e->lock);
    *stream_r = NULL;
    if (!incoming)
        return done;
    struct ipc_stream *s = xcalloc(1, sizeof(*s));
    s->nng = incoming;
    make_lock(&s->lock);
    *stream_r = s;
    return true;
}

void ipc_endpoint_destroy(struct ipc_endpoint **endpoint)
{
    struct ipc_endpoint *e = *endpoint;
    if (!e)
        return;
    nng_aio_stop(e->aio); /* waits for the callback */
    if (e->incoming)
        nng_stream_free(e->incoming);
    nng_stream_listener_free(e->listener);
    nng_stream_dialer_free(e->dialer);
    nng_aio_free(e->aio);
    pthread_mutex_destroy(&e->lock);
    free(e);
    *endpoint = NULL;
}

/* --- the stream on either thread, with its lock held where nothing else is said --- */

static void receive(struct ipc_stream *s)
{
    s->receiving = !s->ended && !s->stopping;
    if (!s->receiving)
        return;
    text_reserve(&s->arrived, READ_SIZE);
    nng_iov iov = {.iov_buf = s->arrived.data, .iov_len = READ_SIZE};
    nng_aio_set_iov(s->recv_aio, 1, &iov);
    nng_stream_recv(s->nng, s->recv_aio);
}

/* Without the lock, on NNG's thread. The next read begins when this one was taken. */
static void on_received(void *arg)
{
    struct ipc_stream *s = arg;
    int status = nng_aio_result(s->recv_aio);
    size_t len = status == 0 ? nng_aio_count(s->recv_aio) : 0;
    pthread_mutex_lock(&s->lock);
    s->receiving = false;
    s->arrived.len = len;
    if (len == 0)
        s->ended = true;
    pthread_mutex_unlock(&s->lock);
    s->wake(s->arg);
}

static void send_rest(struct ipc_stream *s, nng_aio *aio)
{
    nng_iov iov = {.iov_buf = s->in_flight.data + s->sent, .iov_len = s->in_flight.len - s->sent};
    nng_aio_set_iov(aio, 1, &iov);
    nng_stream_send(s->nng, aio);
}

/* An aio without a callback is done when the call returns, and wakes no thread for it. If it is not
 * done, the socket is full: it is taken back, unless it was sent meanwhile. */
static int try_to_send_rest(struct ipc_stream *s)
{
    send_rest(s, s->try_aio);
    nng_aio_cancel(s->try_aio);
    nng_aio_wait(s->try_aio);
    int status = nng_aio_result(s->try_aio);
    if (status == 0)
        s->sent += nng_aio_count(s->try_aio);
    return status;
}

static void send_in_flight(struct ipc_stream *s)
{
    int status = 0;
    while (status == 0 && s->sent < s->in_flight.len)
        status = try_to_send_rest(s);
    s->sending = status == NNG_ECANCELED;
    if (s->sending)
        send_rest(s, s->send_aio);
    else if (status != 0)
        s->ended = true;
}

static void send_waiting(struct ipc_stream *s)
{
    while (!s->sending && s->waiting.len > 0 && !s->ended && !s->stopping) {
        text_clear(&s->in_flight, KEEP_SIZE);
        struct text emptied = s->in_flight;
        s->in_flight = s->waiting;
        s->waiting = emptied;
        s->sent = 0;
        send_in_flight(s);
    }
}

/* Without the lock, on NNG's thread. */
static void on_sent(void *arg)
{
    struct ipc_stream *s = arg;
    int status = nng_aio_result(s->send_aio);
    size_t len = status == 0 ? nng_aio_count(s->send_aio) : 0;
    pthread_mutex_lock(&s->lock);
    s->sent += len;
    s->sending = false;
    if (status != 0) {
        s->ended = true;
    } else if (!s->stopping) {
        send_in_flight(s);
        send_waiting(s);
    }
    bool ended = s->ended;
    pthread_mutex_unlock(&s->lock);
    if (ended)
        s->wake(s->arg);
}

/* --- the stream on the loop --- */

bool ipc_stream_peer(struct ipc_stream *s, struct ipc_peer *peer_r)
{
    uint64_t uid, gid, pid;
    if (nng_stream_get_uint64(s->nng, NNG_OPT_IPC_PEER_UID, &uid) != 0 ||
        nng_stream_get_uint64(s->nng, NNG_OPT_IPC_PEER_GID, &gid) != 0 ||
        nng_stream_get_uint64(s->nng, NNG_OPT_IPC_PEER_PID, &pid) != 0)
        return false;
    *peer_r = (struct ipc_peer){.uid = (uint32_t)uid, .gid = (uint32_t)gid, .pid = (int32_t)pid};
    return true;
}

void ipc_stream_start(struct ipc_stream *s, ipc_wake *wake, void *arg)
{
    s->wake = wake;
    s->arg = arg;
    must(nng_aio_alloc(&s->recv_aio, on_received, s), "nng_aio_alloc");
    must(nng_aio_alloc(&s->try_aio, NULL, NULL), "nng_aio_alloc");
    must(nng_aio_alloc(&s->send_aio, on_sent, s), "nng_aio_alloc");
    pthread_mutex_lock(&s->lock);
    receive(s);
    pthread_mutex_unlock(&s->lock);
}

void ipc_stream_send(struct ipc_stream *s, const struct bytes *parts, size_t count)
{
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < count; i++)
        text_append(&s->waiting, (const char *)parts[i].data, parts[i].len);
    bool ended = s->ended;
    send_waiting(s);
    ended = s->ended && !ended;
    pthread_mutex_unlock(&s->lock);
    if (ended)
        s->wake(s->arg);
}

size_t ipc_stream_queued(struct ipc_stream *s)
{
    pthread_mutex_lock(&s->lock);
    size_t bytes = s->waiting.len + (s->sending ? s->in_flight.len - s->sent : 0);
    pthread_mutex_unlock(&s->lock);
    return bytes;
}

bool ipc_stream_take(struct ipc_stream *s, struct text *text)
{
    text->len = 0;
    pthread_mutex_lock(&s->lock);
    bool ended = s->ended;
    if (!s->receiving) {
        struct text arrived = s->arrived;
        s->arrived = *text;
        *text = arrived;
        receive(s);
    }
    pthread_mutex_unlock(&s->lock);
    return !ended;
}

void ipc_stream_end(struct ipc_stream *s)
{
    pthread_mutex_lock(&s->lock);
    s->ended = true;
    pthread_mutex_unlock(&s->lock);
    s->wake(s->arg);
}

static void stop(struct ipc_stream *s)
{
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_mutex_unlock(&s->lock);
    nng_stream_close(s->nng);
    nng_aio_stop(s->recv_aio); /* waits for the callback, which takes the lock */
    nng_aio_stop(s->send_aio);
    nng_aio_free(s->recv_aio);
    nng_aio_free(s->try_aio);
    nng_aio_free(s->send_aio);
}

void ipc_stream_destroy(struct ipc_stream **stream)
{
    struct ipc_stream *s = *stream;
    if (!s)
        return;
    if (s->wake)
        stop(s);
    nng_stream_free(s->nng);
    text_free(&s->arrived);
    text_free(&s->waiting);
    text_free(&s->in_flight);
    pthread_mutex_destroy(&s->lock);
    free(s);
    *stream = NULL;
}
