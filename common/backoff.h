/* Doubling delays with jitter upward of at most 20 %; pure. */
#ifndef COMMON_BACKOFF_H
#define COMMON_BACKOFF_H

#include "common/base.h"

struct backoff {
    int64_t min_ms;
    int64_t max_ms;
    uint32_t failures;
};

/* The next delay: min_ms × 2^failures, at most max_ms, plus up to 20 % of `random` (any 32 bits);
 * counts one failure more. */
int64_t backoff_next_ms(struct backoff *b, uint32_t random);
void backoff_reset(struct backoff *b);

#endif
