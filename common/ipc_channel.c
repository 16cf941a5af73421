/*
 * Who is the one peer, what it says first, and where a message ends; on the loop's thread alone.
 * What touches NNG and its threads is ipc_stream's.
 */
#include <pthread.h>
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
    GREETING_MS = 1000,     /* for the peer to say what it is */
    ACCEPT_RETRY_MS = 1000, /* out of descriptors, most likely */
    REDIAL_MIN_MS = 50,
    REDIAL_MAX_MS = 1000,
    PARTIAL_KEEP = 256 * 1024, /* memory beyond it is given back when nothing is in it */
    REFUSAL_LOG_MS = 1000,     /* at most one line in this time */
};

struct ipc_channel {
    struct loop *loop;
    struct ipc_channel_events events;
    char *url;
    uint32_t *allowed_uids; /* a listener's */
    size_t uid_count;
    int lock_fd; /* −1: none */

    struct ipc_endpoint *endpoint;
    struct timer endpoint_timer; /* until the next accept or dial */
    struct backoff backoff;

    struct ipc_stream *stream; /* the one connection, or NULL */
    struct ipc_peer peer;      /* at its other end */
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
    pthread_mutex_t lock;
};

static void channel_turn(void *arg);

/* On any thread: one turn of the loop sees to all that there is to take. */
static void channel_wake(void *arg)
{
    struct ipc_channel *c = arg;
    pthread_mutex_lock(&c->lock);
    if (!c->posted && !c->closing) {
        c->posted = true;
        c->references++;
        loop_post(c->loop, channel_turn, c);
    }
    pthread_mutex_unlock(&c->lock);
}

/* --- the connection --- */

static void channel_start_stream(struct ipc_channel *c, struct ipc_stream *stream,
                                 struct ipc_peer peer)
{
    c->stream = stream;
    c->peer = peer;
    c->dropped = false;
    c->partial.len = 0;
    timer_start_ms(&c->greeting_timer, GREETING_MS);
    ipc_stream_start(stream, channel_wake, c);
    struct bytes greeting = {ipc_frame_greeting, IPC_FRAME_GREETING_SIZE};
    ipc_stream_send(stream, &greeting, 1);
}

static void channel_greeting_late(void *arg)
{
    struct ipc_channel *c = arg;
    ipc_stream_end(c->stream);
}

/* --- delivering; any callback may drop the connection or destroy the channel --- */

static bool channel_delivers(const struct ipc_channel *c)
{
    return c->stream && !c->dropped && !c->closing;
}

/* What a peer says first; returns the bytes used. */
static size_t deliver_greeting(struct ipc_channel *c, struct bytes in)
{
    if (in.len < IPC_FRAME_GREETING_SIZE)
        return 0;
    timer_stop(&c->greeting_timer);
    if (memcmp(in.data, ipc_frame_greeting, IPC_FRAME_GREETING_SIZE) != 0) {
        log_warn("an IPC peer speaks another protocol", LOG_STR("url", c->url),
                 LOG_INT("pid", c->peer.pid));
        c->dropped = true;
        ipc_stream_end(c->stream);
        return in.len;
    }
    c->up = true;
    backoff_reset(&c->backoff);
    c->events.up(c->events.arg, &c->peer);
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
                     LOG_STR("url", c->url), LOG_INT("pid", c->peer.pid));
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
        if (c->partial.len == 0)
            text_clear(&c->partial, PARTIAL_KEEP);
    }
}

static void channel_schedule_dial(struct ipc_channel *c)
{
    timer_start_ms(&c->endpoint_timer, backoff_next_ms(&c->backoff, random_u32()));
}

static void channel_lose_stream(struct ipc_channel *c)
{
    bool was_up = c->up;
    timer_stop(&c->greeting_timer);
    ipc_stream_destroy(&c->stream);
    c->up = false;
    if (!ipc_endpoint_listens(c->endpoint))
        channel_schedule_dial(c);
    if (was_up)
        c->events.down(c->events.arg);
}

static void channel_serve_stream(struct ipc_channel *c)
{
    bool more = ipc_stream_take(c->stream, &c->taken);
    if (c->taken.len > 0 && !c->dropped)
        deliver_taken(c);
    if (!more && !c->closing)
        channel_lose_stream(c);
}

/* --- accepting and dialling --- */

static void channel_next_stream(void *arg)
{
    struct ipc_channel *c = arg;
    ipc_endpoint_next(c->endpoint);
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

static void channel_take_accepted(struct ipc_channel *c, struct ipc_stream *stream)
{
    struct ipc_peer peer;
    bool welcome = ipc_stream_peer(stream, &peer) && channel_allows(c, &peer);
    if (welcome && !c->stream) {
        channel_start_stream(c, stream, peer);
        return;
    }
    ipc_stream_destroy(&stream);
    if (welcome && c->up && !c->dropped && c->events.knock)
        c->events.knock(c->events.arg);
}

static void channel_take_stream(struct ipc_channel *c)
{
    struct ipc_stream *stream;
    struct ipc_peer peer;
    const char *error;
    if (!ipc_endpoint_take(c->endpoint, &stream, &error))
        return;
    if (!ipc_endpoint_listens(c->endpoint)) {
        if (stream && ipc_stream_peer(stream, &peer)) {
            channel_start_stream(c, stream, peer);
        } else {
            ipc_stream_destroy(&stream);
            channel_schedule_dial(c);
        }
    } else if (stream) {
        ipc_endpoint_next(c->endpoint); /* first, since a callback may destroy the channel */
        channel_take_accepted(c, stream);
    } else {
        log_warn("an IPC connection can't be accepted", LOG_STR("url", c->url),
                 LOG_STR("error", error));
        timer_start_ms(&c->endpoint_timer, ACCEPT_RETRY_MS);
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

/* What channel_wake() posted. */
static void channel_turn(void *arg)
{
    struct ipc_channel *c = arg;
    pthread_mutex_lock(&c->lock);
    c->posted = false;
    pthread_mutex_unlock(&c->lock);

    /* The old connection first: its end makes room for the newcomer. */
    if (c->stream && !c->closing)
        channel_serve_stream(c);
    if (!c->closing)
        channel_take_stream(c);
    channel_release(c);
}

/* --- the contract --- */

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
    timer_init(&c->endpoint_timer, loop, channel_next_stream, c);
    timer_init(&c->greeting_timer, loop, channel_greeting_late, c);
    if (pthread_mutex_init(&c->lock, NULL) != 0)
        panic("pthread_mutex_init failed");
    return c;
}

void ipc_channel_allow(struct ipc_channel *c, const uint32_t *uids, size_t count)
{
    free(c->allowed_uids);
    c->allowed_uids = xcalloc(count, sizeof(uint32_t));
    c->uid_count = count;
    memcpy(c->allowed_uids, uids, count * sizeof(uint32_t));
}

static int channel_open(struct ipc_channel *c, int status, struct ipc_channel **channel_r)
{
    if (status != 0) {
        ipc_channel_destroy(&c);
        return -1;
    }
    channel_next_stream(c);
    *channel_r = c;
    return 0;
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
    ipc_channel_allow(c, allowed_uids, uid_count);
    int status = ipc_endpoint_listen(url, channel_wake, c, &c->endpoint, error_r, error_size);
    return channel_open(c, status, channel_r);
}

int ipc_channel_dial(struct loop *loop, const char *url, const struct ipc_channel_events *events,
                     struct ipc_channel **channel_r, char *error_r, size_t error_size)
{
    const char *path;
    if (ipc_path_of_url(url, &path, error_r, error_size) != 0)
        return -1;
    struct ipc_channel *c = channel_create(loop, url, events);
    int status = ipc_endpoint_dial(url, channel_wake, c, &c->endpoint, error_r, error_size);
    return channel_open(c, status, channel_r);
}

void ipc_channel_send(struct ipc_channel *c, const void *data, size_t len)
{
    INVARIANT(len <= IPC_CHANNEL_MAX_MESSAGE);
    if (!c->up || c->dropped)
        return;
    uint8_t header[IPC_FRAME_HEADER_SIZE];
    ipc_frame_header(len, header);
    struct bytes parts[] = {{header, sizeof(header)}, {data, len}};
    ipc_stream_send(c->stream, parts, ARRAY_LEN(parts));
}

size_t ipc_channel_queued(struct ipc_channel *c)
{
    return c->stream ? ipc_stream_queued(c->stream) : 0;
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
    ipc_stream_end(c->stream);
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
    ipc_stream_destroy(&c->stream);
    c->up = false;
    ipc_endpoint_destroy(&c->endpoint);
    if (c->lock_fd >= 0)
        close(c->lock_fd);
    channel_release(c);
    *channel = NULL;
}
