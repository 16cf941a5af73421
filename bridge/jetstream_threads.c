/*
 * SCHED_BATCH: a thread that wakes up waits for its turn instead of interrupting the one that woke
 * it, so that it finds more to do at once. Needs no privilege; where a sandbox forbids it, all goes
 * on as without it.
 */
#include <nats/nats.h>
#include <sched.h>

#include "bridge/jetstream_threads.h"

/* nats.c tries a lock so often before it sleeps (its default is 2,000); here the holder may well be
 * waiting for the same core. */
enum { LOCK_SPINS = 50 };

static const struct sched_param no_priority = {.sched_priority = 0};

void jetstream_threads_open(void)
{
    int before = sched_getscheduler(0);
    jetstream_threads_yield();
    (void)nats_Open(LOCK_SPINS); /* if it fails, so does what is asked of nats.c next */
    if (before == SCHED_OTHER)
        (void)sched_setscheduler(0, before, &no_priority);
}

void jetstream_threads_yield(void)
{
    if (sched_getscheduler(0) == SCHED_OTHER)
        (void)sched_setscheduler(0, SCHED_BATCH, &no_priority);
}
