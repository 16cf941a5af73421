/*
 * Everything that happens later: one heap of moments, one libuv timer. Nothing is cancelled; an
 * owner that may go away first holds itself alive until its moment came.
 */
#ifndef SIM_TIMERS_H
#define SIM_TIMERS_H

#include <uv.h>

#include "common/base.h"

#define SIM_NS_PER_MS 1000000ull

struct sim_timers;

/* Called on the loop, never from inside sim_timers_at(). */
typedef void sim_timer_fn(void *owner, void *arg);

struct sim_timers *sim_timers_create(uv_loop_t *loop);
/*
 * For the end of the program, when all connections are closed: what had not come yet is called now,
 * so that its owners are let go; nothing may ask for further moments. Run the loop once more.
 */
void sim_timers_destroy(struct sim_timers **timers);
/* At `due_ns` of uv_hrtime() or as soon as possible; moments of the same due keep their order. */
void sim_timers_at(struct sim_timers *timers, uint64_t due_ns, sim_timer_fn *fn, void *owner,
                   void *arg);

#endif
