/* The other end of a transport in tests: plain sockets without a loop, and an owner that notes what
 * it is told. */
#ifndef TESTS_UNIT_SESSION_AGENT_TCP_PEER_H
#define TESTS_UNIT_SESSION_AGENT_TCP_PEER_H

#include "session-agent/transport.h"

/* A listening socket on 127.0.0.1, a free port. */
int peer_listen(uint16_t *port_r, int backlog);
/* Turns the loop until somebody is there. Non-blocking. */
int peer_accept(struct loop *loop, int listener);
/* Turns the loop and reads until `len` bytes are there. */
void peer_read(struct loop *loop, int fd, void *out, size_t len);
/* Turns the loop until the peer's end is read; true: FIN, false: reset. Skips data. */
bool peer_read_end(struct loop *loop, int fd);
void peer_write(int fd, const void *data, size_t len);
/* Closes with a reset. */
void peer_reset(int fd);

/* Where a test destroys its transport. */
enum moment { NEVER, CONNECTED, READY, READ, WRITABLE, FLUSHED, CLOSED };

struct owner {
    struct loop *loop;
    struct transport_hub *hub;
    struct transport *transport;
    enum moment destroy_at;
    bool connected, ready, closed;
    unsigned flushes, writables;
    uint8_t got[65536];
    size_t got_len;
    char reason[256];
};

void owner_begin(struct owner *o);
void owner_end(struct owner *o);
struct transport_target owner_target(uint16_t port);
void owner_connect(struct owner *o, const struct transport_target *target);
/* Fails the test after 10 s. */
#define OWNER_WAIT(o, condition)                                                                   \
    do {                                                                                           \
        mono_t deadline_ = mono_add_ms(clock_mono(), 10000);                                       \
        while (!(condition)) {                                                                     \
            if (mono_reached(clock_mono(), deadline_))                                             \
                fail_msg("waited in vain for %s (reason: %s)", #condition, (o)->reason);           \
            loop_turn((o)->loop, 20);                                                              \
        }                                                                                          \
    } while (0)

#endif
