/* How many in any one-second window: exact, from a log of time stamps. */
#ifndef SIM_RATE_H
#define SIM_RATE_H

#include "common/base.h"

struct sim_rate {
    uint64_t *stamps; /* ring of those younger than a second */
    size_t head;
    size_t count;
    size_t size; /* a power of two */
    size_t max;  /* the most that ever stood in one window */
};

void sim_rate_free(struct sim_rate *rate);
/* How many lie in the second that ends with `now_ns`; forgets the older ones. */
size_t sim_rate_count(struct sim_rate *rate, uint64_t now_ns);
/* Adds one; a window is half open, so two that lie exactly a second apart never share one. */
void sim_rate_add(struct sim_rate *rate, uint64_t now_ns);

#endif
