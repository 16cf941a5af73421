#include <sched.h>
#include <stdbool.h>

#include "bridge/jetstream_threads.h"

void jetstream_threads_born_yielding(void (*fn)(void))
{
    const struct sched_param no_priority = {.sched_priority = 0};
    bool plain = sched_getscheduler(0) == SCHED_OTHER;
    if (plain)
        (void)sched_setscheduler(0, SCHED_BATCH, &no_priority);
    fn();
    if (plain)
        (void)sched_setscheduler(0, SCHED_OTHER, &no_priority);
}
