/*
 * Messages to be destroyed, many at a time: nats.c hands each to its garbage collector's thread and
 * wakes it, which costs more than the message did. For one thread.
 */
#ifndef BRIDGE_JETSTREAM_TRASH_H
#define BRIDGE_JETSTREAM_TRASH_H

#include "common/base.h"

#define JETSTREAM_TRASH_MESSAGES 256
#define JETSTREAM_TRASH_BYTES (1024 * 1024)

struct jetstream_trash {
    void (*destroy)(void *msg);
    size_t count, bytes;
    void *msgs[JETSTREAM_TRASH_MESSAGES];
};

/* Destroys what has gathered when this makes it much; `len` is the message's size. */
void jetstream_trash_add(struct jetstream_trash *t, void *msg, size_t len);
void jetstream_trash_empty(struct jetstream_trash *t);

#endif
