/*
 * The one event loop of a process (libuv). All state is touched on its thread only; other threads
 * may call loop_post() and nothing else.
 *
 * A turn is: I/O callbacks, then posts, then the timers that are due, then the turn-end hooks.
 * Timers run after the I/O of the same turn on purpose: after a pause of the process libuv would
 * run its own timers first and a time-out would be believed although the answer lies in the socket.
 */
#ifndef COMMON_LOOP_H
#define COMMON_LOOP_H

#include "common/base.h"
#include "common/clock.h"

struct uv_loop_s;
struct loop;

struct loop *loop_create(void) MUST_CHECK;
/* The loop must have no open libuv handles but its own. */
void loop_destroy(struct loop **loop);
struct uv_loop_s *loop_uv(struct loop *loop);

/* Until loop_stop(). */
void loop_run(struct loop *loop);
/* One turn, waiting at most `max_wait_ms` for something to do; for tests. */
void loop_turn(struct loop *loop, int max_wait_ms);
void loop_stop(struct loop *loop);

/* The monotonic time at which the current turn's work began; for stamps that need not be exact. */
mono_t loop_now(struct loop *loop);
/* When the loop last came round; may be read from any thread (the health check). */
mono_t loop_last_turn(const struct loop *loop);

/* The longest turn since this was last asked: what an event may have had to wait for the loop. */
int64_t loop_take_worst_turn_ms(struct loop *loop);

/* Any thread: `fn(arg)` runs on the loop's thread in order of posting. Wakes the loop once a burst,
 * and not at all while it is awake. */
void loop_post(struct loop *loop, void (*fn)(void *arg), void *arg);

/* A hook runs once at the end of the turn in which it was scheduled (or of the next when a hook
 * schedules one that has run). Embedded by its owner; scheduling twice in a turn is once; cancel
 * before freeing. */
struct loop_hook {
    void (*fn)(void *arg);
    void *arg;
    struct loop_hook *next;
    uint64_t turn; /* it ran last */
    bool scheduled;
};
void loop_at_turn_end(struct loop *loop, struct loop_hook *hook);
void loop_cancel_hook(struct loop *loop, struct loop_hook *hook);

/* A timer is embedded by its owner, one-shot, and may be started, restarted or stopped from its own
 * callback. timer_stop() before freeing the owner; there is nothing else to release. */
struct timer {
    struct loop *loop;
    void (*fn)(void *arg);
    void *arg;
    mono_t due;
    size_t heap_index; /* 0: not started */
};
void timer_init(struct timer *t, struct loop *loop, void (*fn)(void *arg), void *arg);
void timer_start_ms(struct timer *t, int64_t delay_ms);
void timer_start_at(struct timer *t,
                    mono_t due); /* nanosecond `due`; fires within about 1 ms after */
void timer_stop(struct timer *t);
bool timer_is_active(const struct timer *t);

#endif
