/*
 * What both halves of the bare pipeline share: records in whole NNG messages, many to one message,
 * and a mailbox through which library threads hand things to the loop.
 */
#ifndef BARE_PIPE_H
#define BARE_PIPE_H

#include <pthread.h>

#include <nng/nng.h>
/* after nng.h, which it needs */
#include <nng/protocol/pair1/pair.h>
#include <uv.h>

#include "common/base.h"

enum bare_record {
    BARE_SUBMIT = 1, /* number: slot; body of a submit_sm */
    BARE_OUTCOME,    /* number: slot; message id */
    BARE_DELIVER,    /* number: sequence of the deliver_sm; its body */
    BARE_DONE,       /* number: sequence of the deliver_sm */
};

enum { BARE_BATCH_BYTES = 32 * 1024 };

/* From library threads to the loop: `wake` runs once a burst. */
struct bare_mailbox {
    pthread_mutex_t lock;
    uv_async_t async;
    void **items;
    size_t count, size;
    void **taken; /* what the loop works on */
    size_t taken_size;
};

void bare_mailbox_init(struct bare_mailbox *m, uv_loop_t *loop, uv_async_cb wake, void *arg);
void bare_mailbox_post(struct bare_mailbox *m, void *item);
/* What was posted since; valid until the next call. */
size_t bare_mailbox_take(struct bare_mailbox *m, void ***items_r);

struct bare_pipe {
    nng_socket socket;
    nng_aio *receiving;
    struct bare_mailbox mailbox; /* of nng_msg */
    uint8_t batch[BARE_BATCH_BYTES];
    size_t batch_len;
    size_t batch_records;
};

/* Listens or dials. `wake` runs on the loop when messages are in the mailbox. */
void bare_pipe_open(struct bare_pipe *p, uv_loop_t *loop, const char *url, bool listen,
                    uv_async_cb wake, void *arg);
/* Into the batch; a full one goes out. */
void bare_pipe_put(struct bare_pipe *p, enum bare_record kind, uint32_t number, const void *data,
                   size_t len);
/* At the end of a burst. */
void bare_pipe_flush(struct bare_pipe *p);
typedef void bare_on_record(void *arg, enum bare_record kind, uint32_t number, struct bytes body);
/* Every record of what came, in order. */
void bare_pipe_read(struct bare_pipe *p, bare_on_record *on_record, void *arg);

#endif
