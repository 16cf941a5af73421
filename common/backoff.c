/* How long to wait after the n-th failure. */
#include "common/backoff.h"

enum { MAX_DOUBLINGS = 62, JITTER_PERCENT = 20 };

int64_t backoff_next_ms(struct backoff *b, uint32_t random)
{
    int64_t delay = b->min_ms;
    for (uint32_t i = 0; i < b->failures && delay < b->max_ms; i++)
        delay = delay > b->max_ms / 2 ? b->max_ms : delay * 2;
    if (delay > b->max_ms)
        delay = b->max_ms;
    if (b->failures < MAX_DOUBLINGS)
        b->failures++;
    int64_t most = delay * JITTER_PERCENT / 100;
    return delay + (int64_t)(((uint64_t)most * random) >> 32);
}

void backoff_reset(struct backoff *b)
{
    b->failures = 0;
}
