/* Three buffers go round: one the loop fills, one handed over, one the sender works on. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "bridge/jetstream_queue.h"

enum { KEEP_BYTES = 1024 * 1024 }; /* a buffer that grew beyond it is given back when empty */

struct batch {
    uint8_t *data;
    size_t len, size;
};

struct jetstream_queue {
    struct batch filling; /* the loop's */
    size_t added, added_bytes;

    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct batch handed_over; /* under the lock */
    bool waiting, woken, stopping;

    struct batch working; /* the sender's */
    size_t working_pos;
    _Atomic size_t done, done_bytes;
};

size_t jetstream_command_size(size_t text_len, size_t data_len)
{
    size_t size = offsetof(struct jetstream_command, text) + text_len + data_len;
    return (size + 7) & ~(size_t)7;
}

struct jetstream_queue *jetstream_queue_create(void)
{
    struct jetstream_queue *q = xcalloc(1, sizeof(*q));
    pthread_condattr_t monotonic;
    if (pthread_mutex_init(&q->lock, NULL) != 0 || pthread_condattr_init(&monotonic) != 0 ||
        pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) != 0 ||
        pthread_cond_init(&q->wake, &monotonic) != 0)
        panic("a lock can't be made");
    pthread_condattr_destroy(&monotonic);
    return q;
}

void jetstream_queue_destroy(struct jetstream_queue **queue)
{
    struct jetstream_queue *q = *queue;
    if (!q)
        return;
    pthread_cond_destroy(&q->wake);
    pthread_mutex_destroy(&q->lock);
    free(q->filling.data);
    free(q->handed_over.data);
    free(q->working.data);
    free(q);
    *queue = NULL;
}

static uint8_t *batch_room(struct batch *b, size_t size)
{
    if (b->size - b->len < size) {
        while (b->size - b->len < size)
            b->size = b->size ? b->size * 2 : 64 * 1024;
        b->data = xrealloc(b->data, b->size);
    }
    uint8_t *room = b->data + b->len;
    b->len += size;
    return room;
}

static void batch_reset(struct batch *b)
{
    b->len = 0;
    if (b->size > KEEP_BYTES) {
        free(b->data);
        *b = (struct batch){0};
    }
}

struct jetstream_command *jetstream_queue_add(struct jetstream_queue *q, size_t size)
{
    size_t on_the_way = q->added_bytes - atomic_load_explicit(&q->done_bytes, memory_order_relaxed);
    if (on_the_way + size > JETSTREAM_QUEUE_MAX_BYTES)
        return NULL;
    q->added++;
    q->added_bytes += size;
    struct jetstream_command *c = (void *)batch_room(&q->filling, size);
    c->size = (uint32_t)size;
    return c;
}

void jetstream_queue_hand_over(struct jetstream_queue *q)
{
    if (q->filling.len == 0)
        return;
    pthread_mutex_lock(&q->lock);
    if (q->handed_over.len == 0) {
        struct batch empty = q->handed_over;
        q->handed_over = q->filling;
        q->filling = empty;
    } else {
        uint8_t *room = batch_room(&q->handed_over, q->filling.len);
        memcpy(room, q->filling.data, q->filling.len);
        batch_reset(&q->filling);
    }
    if (q->waiting)
        pthread_cond_signal(&q->wake);
    pthread_mutex_unlock(&q->lock);
}

void jetstream_queue_wake(struct jetstream_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->woken = true;
    pthread_cond_signal(&q->wake);
    pthread_mutex_unlock(&q->lock);
}

void jetstream_queue_stop(struct jetstream_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->stopping = true;
    q->woken = true;
    pthread_cond_signal(&q->wake);
    pthread_mutex_unlock(&q->lock);
}

bool jetstream_queue_is_stopping(struct jetstream_queue *q)
{
    pthread_mutex_lock(&q->lock);
    bool stopping = q->stopping;
    pthread_mutex_unlock(&q->lock);
    return stopping;
}

size_t jetstream_queue_count(const struct jetstream_queue *q)
{
    return q->added - atomic_load_explicit(&q->done, memory_order_relaxed);
}

static struct timespec deadline_in(int64_t wait_ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t ns = (int64_t)t.tv_nsec + wait_ms * NS_PER_MS;
    t.tv_sec += (time_t)(ns / NS_PER_S);
    t.tv_nsec = (long)(ns % NS_PER_S);
    return t;
}

const struct jetstream_command *jetstream_queue_next(struct jetstream_queue *q, int64_t wait_ms)
{
    if (q->working_pos < q->working.len)
        return (const void *)(q->working.data + q->working_pos);

    batch_reset(&q->working);
    q->working_pos = 0;
    struct timespec deadline = deadline_in(wait_ms);
    pthread_mutex_lock(&q->lock);
    q->waiting = true;
    while (q->handed_over.len == 0 && !q->woken && wait_ms > 0 &&
           pthread_cond_timedwait(&q->wake, &q->lock, &deadline) == 0) {
        /* until something is there, or the time is up */
    }
    q->waiting = false;
    q->woken = false;
    struct batch empty = q->working;
    q->working = q->handed_over;
    q->handed_over = empty;
    pthread_mutex_unlock(&q->lock);
    return q->working.len > 0 ? (const void *)q->working.data : NULL;
}

bool jetstream_queue_has_more(struct jetstream_queue *q)
{
    pthread_mutex_lock(&q->lock);
    bool more = q->working_pos < q->working.len || q->handed_over.len > 0;
    pthread_mutex_unlock(&q->lock);
    return more;
}

bool jetstream_queue_rest(struct jetstream_queue *q, int64_t wait_ms)
{
    struct timespec deadline = deadline_in(wait_ms);
    pthread_mutex_lock(&q->lock);
    while (!q->stopping && pthread_cond_timedwait(&q->wake, &q->lock, &deadline) == 0) {
        /* other wake-ups mean nothing here */
    }
    bool stopping = q->stopping;
    pthread_mutex_unlock(&q->lock);
    return stopping;
}

void jetstream_queue_done(struct jetstream_queue *q)
{
    const struct jetstream_command *c = (const void *)(q->working.data + q->working_pos);
    q->working_pos += c->size;
    atomic_fetch_add_explicit(&q->done, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&q->done_bytes, c->size, memory_order_relaxed);
}
