/* Objects of one size without a malloc each: chunks that are never given back, and a free list. */
#ifndef SIM_POOL_H
#define SIM_POOL_H

#include "common/base.h"

struct sim_pool {
    size_t object_size; /* at least a pointer's */
    void *free;
    void *chunks;
};

/* Zeroed. */
void *sim_pool_take(struct sim_pool *pool) MUST_CHECK;
void sim_pool_give(struct sim_pool *pool, void *object);
/* Every object of it is gone. */
void sim_pool_free(struct sim_pool *pool);

#endif
