/* SIGTERM, SIGINT and SIGHUP as callbacks on the loop; SIGPIPE is ignored. */
#ifndef COMMON_SIGNALS_H
#define COMMON_SIGNALS_H

#include "common/loop.h"

struct signals;

/* First in a program, on the thread that will run the loop: these signals wait to be read, none
 * kills. Nothing else is blocked. */
void signals_block(void);

/* `terminate(count)` at each SIGTERM or SIGINT, count from 1; `reload()` at SIGHUP. On the loop. */
struct signals *signals_create(struct loop *loop, void (*terminate)(void *arg, unsigned count),
                               void (*reload)(void *arg), void *arg) MUST_CHECK;
void signals_destroy(struct signals **s);

#endif
