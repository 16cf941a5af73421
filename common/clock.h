/*
 * Time as types. Monotonic time (CLOCK_MONOTONIC) decides everything; wall time (Unix
 * milliseconds) is only for what leaves the process or came in from outside.
 */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include "common/base.h"

typedef struct {
    int64_t ns;
} mono_t;

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

mono_t clock_mono(void);
/* CLOCK_BOOTTIME: as the monotonic clock, and it goes on while the machine sleeps. The same for all
 * processes under one kernel. For leases only: whoever slept must notice. */
mono_t clock_boot(void);
int64_t clock_wall_ms(void);

/* Tests move both clocks by assignment; negative: back to the real clocks. */
void clock_set_mono_for_test(int64_t ns);
void clock_set_wall_for_test(int64_t ms);

/* What lies beyond the clock's range (an expiry in the year 9999) is its end, not the past. */
static inline mono_t mono_add_ns(mono_t t, int64_t ns)
{
    mono_t sum;
    if (__builtin_add_overflow(t.ns, ns, &sum.ns))
        sum.ns = ns < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

static inline mono_t mono_add_ms(mono_t t, int64_t ms)
{
    int64_t ns;
    if (__builtin_mul_overflow(ms, NS_PER_MS, &ns))
        ns = ms < 0 ? INT64_MIN : INT64_MAX;
    return mono_add_ns(t, ns);
}

/* later − earlier, in nanoseconds. */
static inline int64_t mono_diff_ns(mono_t later, mono_t earlier)
{
    return later.ns - earlier.ns;
}

static inline int64_t mono_diff_ms(mono_t later, mono_t earlier)
{
    return (later.ns - earlier.ns) / NS_PER_MS;
}

static inline bool mono_reached(mono_t now, mono_t deadline)
{
    return now.ns >= deadline.ns;
}

#endif
