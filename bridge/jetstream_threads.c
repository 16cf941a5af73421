#include <sched.h>

#include "bridge/jetstream_threads.h"

static const struct sched_param no_priority = {.sched_priority = 0};

void jetstream_threads_born_yielding(void (*fn)(void))
{
    int before = sched_getscheduler(0);
    jetstream_threads_yield();
    fn();
    if (before == SCHED_OTHER)
        (void)sched_setscheduler(0, before, &no_priority);
}

void jetstream_threads_yield(void)
{
    if (sched_getscheduler(0) == SCHED_OTHER)
        (void)sched_setscheduler(0, SCHED_BATCH, &no_priority);
}
