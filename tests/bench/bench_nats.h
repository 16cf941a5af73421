/* What the bench's programs share: a connection as the product makes it, clocks, and a way to die.
 */
#ifndef BENCH_NATS_H
#define BENCH_NATS_H

#include <nats/nats.h>

#include "common/base.h"

#define BENCH_NS_PER_S 1000000000ll

/* Prints the line and exits with 1: nothing that goes wrong here can be worked around. */
void bench_die(const char *fmt, ...) PRINTF_LIKE(1, 2) NORETURN;
/* bench_die() unless s is NATS_OK. */
void bench_check(natsStatus s, const char *what);

/* `send_asap`: each publish goes out at once; else nats.c collects for up to 1 ms. */
natsConnection *bench_connect(const char *url, const char *name, bool send_asap);

int64_t bench_wall_ns(void);
int64_t bench_mono_ns(void);
/* Returns at once when the time has passed. */
void bench_sleep_until(int64_t mono_ns);

/* The value of --name among the arguments, else `fallback`; with NULL it is required. */
const char *bench_option(int argc, char **argv, const char *name, const char *fallback);
int64_t bench_number(int argc, char **argv, const char *name, const char *fallback);

#endif
