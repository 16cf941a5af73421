/* Binary heap of started timers, earliest due first; private to the loop. */
#ifndef COMMON_TIMER_HEAP_H
#define COMMON_TIMER_HEAP_H

#include "common/loop.h"

struct timer_heap {
    struct timer **slots; /* slots[0] is unused, so that heap_index 0 means "not started" */
    size_t count, size;
};

void timer_heap_free(struct timer_heap *h);
void timer_heap_add(struct timer_heap *h, struct timer *t);
void timer_heap_remove(struct timer_heap *h, struct timer *t);
/* The one due first, or NULL. */
struct timer *timer_heap_first(const struct timer_heap *h);

#endif
