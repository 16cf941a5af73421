/* Plain sockets against a transport under test. */
#include "tcp_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit_test.h"

int peer_listen(uint16_t *port_r, int backlog)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *port_r = ntohs(address.sin_port);
    return fd;
}

static mono_t soon(void)
{
    return mono_add_ms(clock_mono(), 10000);
}

static void turn(struct loop *loop, mono_t deadline)
{
    if (mono_reached(clock_mono(), deadline))
        fail_msg("waited in vain for the transport");
    loop_turn(loop, 5);
}

int peer_accept(struct loop *loop, int listener)
{
    mono_t deadline = soon();
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) < 0)
        turn(loop, deadline);
    return fd;
}

void peer_read(struct loop *loop, int fd, void *out, size_t len)
{
    mono_t deadline = soon();
    uint8_t *to = out;
    while (len) {
        ssize_t got = recv(fd, to, len, 0);
        if (got > 0) {
            to += got;
            len -= (size_t)got;
            continue;
        }
        assert_true(got < 0 && errno == EAGAIN);
        turn(loop, deadline);
    }
}

bool peer_read_end(struct loop *loop, int fd)
{
    mono_t deadline = soon();
    uint8_t skipped[4096];
    for (;;) {
        ssize_t got = recv(fd, skipped, sizeof skipped, 0);
        if (got == 0)
            return true;
        if (got < 0 && errno != EAGAIN)
            return false;
        if (got < 0)
            turn(loop, deadline);
    }
}

void peer_write(int fd, const void *data, size_t len)
{
    assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), len);
}

void peer_reset(int fd)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(fd);
}

/* --- the owner --- */

static void maybe_destroy(struct owner *o, enum moment moment)
{
    if (o->destroy_at == moment)
        transport_destroy(&o->transport);
}

static void on_connected(void *arg)
{
    struct owner *o = arg;
    assert_false(o->connected || o->ready || o->closed);
    o->connected = true;
    maybe_destroy(o, CONNECTED);
}

static void on_ready(void *arg)
{
    struct owner *o = arg;
    assert_true(o->connected && !o->ready && !o->closed);
    o->ready = true;
    maybe_destroy(o, READY);
}

static void on_read(void *arg, const uint8_t *data, size_t len)
{
    struct owner *o = arg;
    assert_true(o->ready && !o->closed);
    size_t keep = min_size(len, sizeof o->got - o->got_len);
    memcpy(o->got + o->got_len, data, keep);
    o->got_len += keep;
    maybe_destroy(o, READ);
}

static void on_writable(void *arg)
{
    struct owner *o = arg;
    o->writables++;
    maybe_destroy(o, WRITABLE);
}

static void on_flushed(void *arg, mono_t now)
{
    struct owner *o = arg;
    assert_true(mono_reached(clock_mono(), now));
    o->flushes++;
    maybe_destroy(o, FLUSHED);
}

static void on_closed(void *arg, const char *reason)
{
    struct owner *o = arg;
    assert_false(o->closed);
    o->closed = true;
    snprintf(o->reason, sizeof o->reason, "%s", reason);
    maybe_destroy(o, CLOSED);
}

void owner_begin(struct owner *o)
{
    *o = (struct owner){.loop = loop_create()};
    o->hub = transport_hub_create(o->loop);
}

void owner_end(struct owner *o)
{
    transport_destroy(&o->transport);
    assert_true(transport_hub_destroy(&o->hub));
    loop_destroy(&o->loop);
}

struct transport_target owner_target(uint16_t port)
{
    return (struct transport_target){
        .host = "127.0.0.1",
        .port = port,
        .resolve_timeout_ms = 5000,
        .connect_timeout_ms = 5000,
        .tls_timeout_ms = 5000,
        .user_timeout_ms = 20000,
        .output_high_water = 65536,
        .output_max = 1 << 20,
    };
}

void owner_connect(struct owner *o, const struct transport_target *target)
{
    const struct transport_events events = {
        .connected = on_connected,
        .ready = on_ready,
        .read = on_read,
        .writable = on_writable,
        .flushed = on_flushed,
        .closed = on_closed,
        .arg = o,
    };
    o->connected = o->ready = o->closed = false;
    o->got_len = 0;
    o->flushes = o->writables = 0;
    o->reason[0] = '\0';
    o->transport = transport_connect(o->hub, target, &events);
}
