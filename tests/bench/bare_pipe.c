/* Records over NNG for the bare pipeline: kind (1), length (2), number (4), body. */
#include <stdlib.h>
#include <string.h>

#include "tests/bench/bare_pipe.h"
#include "tests/bench/bench_nats.h"

enum { RECORD_HEAD = 7, BATCH_RECORDS = 64 };

void bare_mailbox_init(struct bare_mailbox *m, uv_loop_t *loop, uv_async_cb wake, void *arg)
{
    *m = (struct bare_mailbox){.lock = PTHREAD_MUTEX_INITIALIZER};
    if (uv_async_init(loop, &m->async, wake) != 0)
        bench_die("no async handle");
    m->async.data = arg;
}

void bare_mailbox_post(struct bare_mailbox *m, void *item)
{
    pthread_mutex_lock(&m->lock);
    bool was_empty = m->count == 0;
    if (m->count == m->size) {
        m->size = m->size ? 2 * m->size : 1024;
        m->items = xrealloc(m->items, m->size * sizeof(*m->items));
    }
    m->items[m->count++] = item;
    pthread_mutex_unlock(&m->lock);
    if (was_empty)
        uv_async_send(&m->async);
}

size_t bare_mailbox_take(struct bare_mailbox *m, void ***items_r)
{
    pthread_mutex_lock(&m->lock);
    void **items = m->items;
    size_t count = m->count, size = m->size;
    m->items = m->taken;
    m->size = m->taken_size;
    m->count = 0;
    pthread_mutex_unlock(&m->lock);
    m->taken = items;
    m->taken_size = size;
    *items_r = items;
    return count;
}

static void check(int rv, const char *what)
{
    if (rv != 0)
        bench_die("%s: %s", what, nng_strerror(rv));
}

static void on_received(void *arg)
{
    struct bare_pipe *p = arg;
    if (nng_aio_result(p->receiving) != 0)
        return;
    bare_mailbox_post(&p->mailbox, nng_aio_get_msg(p->receiving));
    nng_recv_aio(p->socket, p->receiving);
}

void bare_pipe_open(struct bare_pipe *p, uv_loop_t *loop, const char *url, bool listen,
                    uv_async_cb wake, void *arg)
{
    bare_mailbox_init(&p->mailbox, loop, wake, arg);
    check(nng_pair1_open(&p->socket), "pair");
    check(nng_socket_set_ms(p->socket, NNG_OPT_RECONNMINT, 20), "reconnect");
    check(nng_aio_alloc(&p->receiving, on_received, p), "aio");
    if (listen)
        check(nng_listen(p->socket, url, NULL, 0), url);
    else
        check(nng_dial(p->socket, url, NULL, NNG_FLAG_NONBLOCK), url);
    nng_recv_aio(p->socket, p->receiving);
}

void bare_pipe_flush(struct bare_pipe *p)
{
    nng_msg *m;
    if (p->batch_len == 0)
        return;
    check(nng_msg_alloc(&m, p->batch_len), "message");
    memcpy(nng_msg_body(m), p->batch, p->batch_len);
    check(nng_sendmsg(p->socket, m, 0), "send");
    p->batch_len = p->batch_records = 0;
}

void bare_pipe_put(struct bare_pipe *p, enum bare_record kind, uint32_t number, const void *data,
                   size_t len)
{
    if (p->batch_len + RECORD_HEAD + len > sizeof(p->batch) || p->batch_records == BATCH_RECORDS)
        bare_pipe_flush(p);
    uint8_t *at = p->batch + p->batch_len;
    uint16_t len16 = (uint16_t)len;
    at[0] = (uint8_t)kind;
    memcpy(at + 1, &len16, sizeof(len16)); /* both ends are the same machine */
    memcpy(at + 3, &number, sizeof(number));
    if (len > 0)
        memcpy(at + RECORD_HEAD, data, len);
    p->batch_len += RECORD_HEAD + len;
    p->batch_records++;
}

static void read_message(nng_msg *m, bare_on_record *on_record, void *arg)
{
    const uint8_t *at = nng_msg_body(m);
    const uint8_t *end = at + nng_msg_len(m);
    while (at < end) {
        uint16_t len;
        uint32_t number;
        memcpy(&len, at + 1, sizeof(len));
        memcpy(&number, at + 3, sizeof(number));
        on_record(arg, (enum bare_record)at[0], number, (struct bytes){at + RECORD_HEAD, len});
        at += RECORD_HEAD + len;
    }
}

void bare_pipe_read(struct bare_pipe *p, bare_on_record *on_record, void *arg)
{
    void **items;
    size_t count = bare_mailbox_take(&p->mailbox, &items);
    for (size_t i = 0; i < count; i++) {
        read_message(items[i], on_record, arg);
        nng_msg_free(items[i]);
    }
}
