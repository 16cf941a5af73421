/*
 * SCHED_BATCH for nats.c's threads: one that wakes up waits for its turn instead of interrupting
 * the one that woke it, so that it finds more to do at once. A thread inherits it from the one that
 * makes it. Needs no privilege; where a sandbox forbids it, all goes on as without it.
 */
#ifndef BRIDGE_JETSTREAM_THREADS_H
#define BRIDGE_JETSTREAM_THREADS_H

/* The threads that `fn` makes interrupt no other thread when they wake up; the calling one is as
 * before. */
void jetstream_threads_born_yielding(void (*fn)(void));
/* The calling thread, and those that it will make. */
void jetstream_threads_yield(void);

#endif
