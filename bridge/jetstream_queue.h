/*
 * Commands on their way from the loop to the sender thread. The loop packs them into a buffer of
 * its own without a lock and hands them over at the turn's end, with one wake-up for all of them.
 * Bounded in bytes: the sender can be stuck in a write for as long as the connection lasts.
 */
#ifndef BRIDGE_JETSTREAM_QUEUE_H
#define BRIDGE_JETSTREAM_QUEUE_H

#include "common/base.h"

#define JETSTREAM_QUEUE_MAX_BYTES (4u * 1024 * 1024)

enum jetstream_command_kind {
    JETSTREAM_COMMAND_ACK,     /* plain; `what` is an enum jetstream_ack */
    JETSTREAM_COMMAND_CONFIRM, /* an ack as a request */
    JETSTREAM_COMMAND_PULL,
    JETSTREAM_COMMAND_PUBLISH,
    JETSTREAM_COMMAND_API,
    JETSTREAM_COMMAND_SET, /* a publish that is sent once */
};

/* Followed by `subject` and each header's name and value, NUL-terminated, then the data. */
struct jetstream_command {
    uint32_t size; /* of the whole record, a multiple of 8 */
    uint32_t data_len;
    uint32_t link;       /* number of the connection it was meant for */
    uint32_t numbers[3]; /* of the reply subject */
    uint16_t text_len;   /* subject and headers with their NULs */
    uint8_t kind, what;
    uint8_t header_count;
    char text[];
};

/* Bytes of a record with these parts. */
size_t jetstream_command_size(size_t text_len, size_t data_len);
static inline const char *jetstream_command_data(const struct jetstream_command *c)
{
    return c->text + c->text_len;
}

struct jetstream_queue;

struct jetstream_queue *jetstream_queue_create(void) MUST_CHECK;
void jetstream_queue_destroy(struct jetstream_queue **queue);

/* Loop thread: room for a record of `size` bytes with the size filled in, or NULL when full. */
struct jetstream_command *jetstream_queue_add(struct jetstream_queue *queue,
                                              size_t size) MUST_CHECK;
void jetstream_queue_hand_over(struct jetstream_queue *queue);
/* Any thread: ends a wait of the sender, so that it looks around; `stopping` for good. */
void jetstream_queue_wake(struct jetstream_queue *queue);
void jetstream_queue_stop(struct jetstream_queue *queue);
bool jetstream_queue_is_stopping(struct jetstream_queue *queue);
/* Sender thread: something is still to be sent. */
bool jetstream_queue_has_more(struct jetstream_queue *queue);
/* Sender thread: rests for `wait_ms`, or until it shall stop: true then. */
bool jetstream_queue_rest(struct jetstream_queue *queue, int64_t wait_ms) MUST_CHECK;
/* Loop thread: records that are not done yet. */
size_t jetstream_queue_count(const struct jetstream_queue *queue);

/* Sender thread: the first record of the batch at hand, taking the next batch when there is none;
 * NULL when nothing came within `wait_ms` or it was woken. done() after each. */
const struct jetstream_command *jetstream_queue_next(struct jetstream_queue *queue,
                                                     int64_t wait_ms) MUST_CHECK;
void jetstream_queue_done(struct jetstream_queue *queue);

#endif
