/*
 * SCHED_BATCH for nats.c's garbage collector, which the loop wakes for each few messages that it
 * destroys: it waits for its turn instead of interrupting the loop. Needs no privilege; where a
 * sandbox forbids it, all goes on as without it. The threads of a connection stay as they are: on a
 * busy machine a message would wait several times as long.
 */
#ifndef BRIDGE_JETSTREAM_THREADS_H
#define BRIDGE_JETSTREAM_THREADS_H

/* The threads that `fn` makes inherit it; the calling one is as before. */
void jetstream_threads_born_yielding(void (*fn)(void));

#endif
