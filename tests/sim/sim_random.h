/* Chance with a seed: the same seed and the same traffic give the same faults. */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H

#include "common/base.h"

struct sim_random {
    uint64_t state;
};

/* xorshift64*: quick and plain; nothing here is a secret. */
static inline uint64_t sim_random_next(struct sim_random *r)
{
    uint64_t x = r->state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    r->state = x;
    return x * 0x2545f4914f6cdd1dull;
}

static inline struct sim_random sim_random_seeded(uint64_t seed)
{
    struct sim_random r = {seed * 2 + 0x9e3779b97f4a7c15ull};
    r.state = r.state ? r.state : 1;
    for (int i = 0; i < 8; i++)
        sim_random_next(&r);
    return r;
}

/* min..max, both included. */
static inline uint64_t sim_random_between(struct sim_random *r, uint64_t min, uint64_t max)
{
    return max > min ? min + sim_random_next(r) % (max - min + 1) : min;
}

/* A probability in millionths: 0 never, 1,000,000 always. */
static inline bool sim_random_chance(struct sim_random *r, uint32_t millionths)
{
    return millionths > 0 && sim_random_next(r) % 1000000 < millionths;
}

#endif
