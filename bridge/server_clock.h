/*
 * What time it is at a server, seen from here: each answer that carries its time bounds the offset
 * to our monotonic clock between the moment of asking and that of the answer, and all bounds hold
 * together unless the server's clock was stepped. Pure.
 */
#ifndef BRIDGE_SERVER_CLOCK_H
#define BRIDGE_SERVER_CLOCK_H

#include "common/clock.h"

#define SERVER_CLOCK_TRUST_MS 1100                /* after the first answer, and after a step */
#define SERVER_CLOCK_SILENT_MS 1000               /* without an answer: not trusted */
#define SERVER_CLOCK_WIDTH_NS_MAX (5 * NS_PER_MS) /* known less well: not trusted */
#define SERVER_CLOCK_DRIFT_PPM 1000

/* Starts as {0}, and again with a new connection. */
struct server_clock {
    int64_t low, high; /* of the offset, server − ours */
    mono_t at;         /* of the last answer; 0: none yet */
    mono_t since;      /* no step since */
    uint32_t steps;
};

/* An answer: the server read `server_us` after `sent` and before `received`. False: its clock was
 * stepped, or this is the first answer. */
bool server_clock_note(struct server_clock *c, mono_t sent, mono_t received, int64_t server_us);
bool server_clock_is_trusted(const struct server_clock *c, mono_t now);

/* A server's time that is certainly reached at `t`, and one that is certainly not over at `t`. */
int64_t server_clock_reached_us(const struct server_clock *c, mono_t t);
int64_t server_clock_ahead_us(const struct server_clock *c, mono_t t);
/* Back: our time at which the server's is certainly reached, and until which it certainly is not.
 */
mono_t server_clock_from(const struct server_clock *c, int64_t server_us);
mono_t server_clock_before(const struct server_clock *c, int64_t server_us);

#endif
