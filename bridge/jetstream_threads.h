/* How nats.c's threads are scheduled; a thread inherits that from the one that makes it. */
#ifndef BRIDGE_JETSTREAM_THREADS_H
#define BRIDGE_JETSTREAM_THREADS_H

/* Before any other use of nats.c; once is enough, more often changes nothing. */
void jetstream_threads_open(void);
/* The calling thread, and those that it will make, interrupt no other thread when they wake up. */
void jetstream_threads_yield(void);

#endif
