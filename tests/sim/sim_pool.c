/* A free list over chunks; the first word of a free object points to the next one. */
#include <stdlib.h>
#include <string.h>

#include "common/base.h"

#include "tests/sim/sim_pool.h"

#define CHUNK_OBJECTS 256u
#define CHUNK_HEAD 16u /* the link to the next chunk, and alignment */

static void add_chunk(struct sim_pool *pool)
{
    char *chunk = xmalloc(CHUNK_HEAD + CHUNK_OBJECTS * pool->object_size);
    memcpy(chunk, &pool->chunks, sizeof(void *));
    pool->chunks = chunk;
    for (size_t i = 0; i < CHUNK_OBJECTS; i++)
        sim_pool_give(pool, chunk + CHUNK_HEAD + i * pool->object_size);
}

void *sim_pool_take(struct sim_pool *pool)
{
    if (!pool->free)
        add_chunk(pool);
    void *object = pool->free;
    memcpy(&pool->free, object, sizeof(void *));
    memset(object, 0, pool->object_size);
    return object;
}

void sim_pool_give(struct sim_pool *pool, void *object)
{
    memcpy(object, &pool->free, sizeof(void *));
    pool->free = object;
}

void sim_pool_free(struct sim_pool *pool)
{
    while (pool->chunks) {
        void *chunk = pool->chunks;
        memcpy(&pool->chunks, chunk, sizeof(void *));
        free(chunk);
    }
    pool->free = NULL;
}
