/* A ring of monotonic time stamps: the maximum over windows that end with an arrival is the
 * maximum over all windows. */
#include <stdlib.h>
#include <string.h>

#include "common/base.h"

#include "tests/sim/sim_rate.h"

#define WINDOW_NS 1000000000ull

void sim_rate_free(struct sim_rate *rate)
{
    free(rate->stamps);
    *rate = (struct sim_rate){0};
}

static void grow(struct sim_rate *rate)
{
    size_t size = rate->size ? 2 * rate->size : 64;
    uint64_t *stamps = xmalloc(size * sizeof(*stamps));
    for (size_t i = 0; i < rate->count; i++)
        stamps[i] = rate->stamps[(rate->head + i) & (rate->size - 1)];
    free(rate->stamps);
    rate->stamps = stamps;
    rate->head = 0;
    rate->size = size;
}

size_t sim_rate_count(struct sim_rate *rate, uint64_t now_ns)
{
    while (rate->count > 0 && now_ns - rate->stamps[rate->head] >= WINDOW_NS) {
        rate->head = (rate->head + 1) & (rate->size - 1);
        rate->count--;
    }
    return rate->count;
}

void sim_rate_add(struct sim_rate *rate, uint64_t now_ns)
{
    size_t count = sim_rate_count(rate, now_ns) + 1;
    if (count > rate->size)
        grow(rate);
    rate->stamps[(rate->head + count - 1) & (rate->size - 1)] = now_ns;
    rate->count = count;
    if (count > rate->max)
        rate->max = count;
}
