/* uv_poll for one descriptor, with the gathering of writes. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <uv.h>

#include "bridge/redis_io.h"

struct redis_io {
    uv_poll_t poll;
    struct loop *loop;
    struct redis_io_events events;
    struct loop_hook flush;
    int watched; /* UV_READABLE | UV_WRITABLE */
    bool wants_write;
    bool gathers;
    bool writing; /* within writable(): what is left waits for the kernel, not for the hook */
    bool closed;
    unsigned in_use; /* callbacks below us on the stack */
};

static void on_poll(uv_poll_t *poll, int status, int events);

static void io_unuse(struct redis_io *io);

static void on_poll_closed(uv_handle_t *handle)
{
    struct redis_io *io = handle->data;
    io_unuse(io);
}

/* The handle and each callback on the stack hold one. */
static void io_unuse(struct redis_io *io)
{
    if (--io->in_use == 0)
        free(io);
}

static void watch(struct redis_io *io, int events)
{
    if (io->closed || events == io->watched)
        return;
    io->watched = events;
    int failed = events ? uv_poll_start(&io->poll, events, on_poll) : uv_poll_stop(&io->poll);
    INVARIANT(failed == 0);
}

static void io_write(struct redis_io *io)
{
    io->writing = true;
    io->events.writable(io->events.arg);
    io->writing = false;
    watch(io, io->wants_write ? io->watched | UV_WRITABLE : io->watched & ~UV_WRITABLE);
}

static void on_flush(void *arg)
{
    struct redis_io *io = arg;
    io->in_use++;
    if (io->wants_write)
        io_write(io);
    io_unuse(io);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct redis_io *io = poll->data;
    io->in_use++;
    if (status < 0) {
        io->watched = 0; /* libuv has stopped it */
        io->events.broken(io->events.arg);
    }
    if (status >= 0 && (events & UV_READABLE) && !io->closed)
        io->events.readable(io->events.arg);
    if (status >= 0 && (events & UV_WRITABLE) && !io->closed)
        io_write(io);
    io_unuse(io);
}

static void tune_socket(int fd)
{
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

struct redis_io *redis_io_create(struct loop *loop, int fd, const struct redis_io_events *events)
{
    struct redis_io *io = xcalloc(1, sizeof(*io));
    io->loop = loop;
    io->events = *events;
    io->flush = (struct loop_hook){.fn = on_flush, .arg = io};
    io->in_use = 1;
    if (uv_poll_init(loop_uv(loop), &io->poll, fd) != 0) {
        free(io);
        return NULL;
    }
    io->poll.data = io;
    tune_socket(fd);
    return io;
}

void redis_io_close(struct redis_io **io_ptr)
{
    struct redis_io *io = *io_ptr;
    if (!io)
        return;
    *io_ptr = NULL;
    io->closed = true;
    io->wants_write = false;
    loop_cancel_hook(io->loop, &io->flush);
    uv_close((uv_handle_t *)&io->poll, on_poll_closed);
}

void redis_io_want_read(void *arg)
{
    struct redis_io *io = arg;
    watch(io, io->watched | UV_READABLE);
}

void redis_io_want_write(struct redis_io *io, bool want)
{
    io->wants_write = want;
    if (!want)
        watch(io, io->watched & ~UV_WRITABLE);
    else if (!io->gathers)
        watch(io, io->watched | UV_WRITABLE);
    else if (!io->writing && !(io->watched & UV_WRITABLE))
        loop_at_turn_end(io->loop, &io->flush);
}

bool redis_io_has_unread(const struct redis_io *io)
{
    uv_os_fd_t fd;
    if (uv_fileno((const uv_handle_t *)&io->poll, &fd) != 0)
        return false;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

void redis_io_gather_writes(struct redis_io *io)
{
    io->gathers = true;
}
