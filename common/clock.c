/* Reads the clocks, or what a test has put in their place. */
#include <stdatomic.h>
#include <time.h>

#include "common/clock.h"

static _Atomic int64_t test_mono_ns = -1;
static _Atomic int64_t test_wall_ms = -1;

static struct timespec clock_read(clockid_t id)
{
    struct timespec ts;
    if (clock_gettime(id, &ts) != 0)
        panic("clock_gettime(%d) failed", (int)id);
    return ts;
}

static mono_t steady(clockid_t id)
{
    int64_t fake = atomic_load_explicit(&test_mono_ns, memory_order_relaxed);
    if (fake >= 0)
        return (mono_t){fake};
    struct timespec ts = clock_read(id);
    return (mono_t){(int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec};
}

mono_t clock_mono(void)
{
    return steady(CLOCK_MONOTONIC);
}

mono_t clock_boot(void)
{
    return steady(CLOCK_BOOTTIME);
}

int64_t clock_wall_ms(void)
{
    int64_t fake = atomic_load_explicit(&test_wall_ms, memory_order_relaxed);
    if (fake >= 0)
        return fake;
    struct timespec ts = clock_read(CLOCK_REALTIME);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / NS_PER_MS;
}

void clock_set_mono_for_test(int64_t ns)
{
    atomic_store_explicit(&test_mono_ns, ns, memory_order_relaxed);
}

void clock_set_wall_for_test(int64_t ms)
{
    atomic_store_explicit(&test_wall_ms, ms, memory_order_relaxed);
}
