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

static inline mono_t mono_add_ms(mono_t t, int64_t ms)
{
    return (mono_t){t.ns + ms * NS_PER_MS};
}

static inline mono_t mono_add_ns(mono_t t, int64_t ns)
{
    return (mono_t){t.ns + ns};
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
