/*
 * A descriptor on the loop for hiredis: when to read, when to write. Writes are gathered to one at
 * the turn's end and the loop is asked for writability only when the kernel took less. Knows no
 * hiredis.
 */
#ifndef BRIDGE_REDIS_IO_H
#define BRIDGE_REDIS_IO_H

#include "common/loop.h"

struct redis_io;

/* Each may close this very redis_io. `broken`: the descriptor reports an error and is not watched
 * any more. */
struct redis_io_events {
    void (*readable)(void *arg);
    void (*writable)(void *arg);
    void (*broken)(void *arg);
    void *arg;
};

/* NULL: the descriptor can't be watched. */
struct redis_io *redis_io_create(struct loop *loop, int fd,
                                 const struct redis_io_events *events) MUST_CHECK;
/* The descriptor may be closed afterwards. */
void redis_io_close(struct redis_io **io);
/* Shaped as hiredis wants its hooks. */
void redis_io_want_read(void *io); /* a struct redis_io; shaped as hiredis's hook */
void redis_io_want_write(struct redis_io *io, bool want);
/* Something has come that was not read yet. */
bool redis_io_has_unread(const struct redis_io *io);
/* The connection stands: from now on writes are gathered. */
void redis_io_gather_writes(struct redis_io *io);

#endif
