/*
 * One exchange of tokens through Redis: blocks that are lent go in, blocks that are wanted come
 * out, each to one taker. A script on the server's clock, which takes and gives no block whose
 * send-by is over or far off.
 */
#ifndef BRIDGE_TPS_BLOCKS_H
#define BRIDGE_TPS_BLOCKS_H

#include "bridge/redis.h"

#define TPS_BLOCKS_MAX 24 /* in, and out, in one exchange */

/* Tokens that may be used from `from` on and before `by`, on the server's clock. */
struct tps_block {
    int64_t from_us, by_us;
    uint32_t tokens;
};

struct tps_blocks_order {
    bool reset;    /* forget all blocks that are there: their times make no sense */
    bool wanted;   /* others shall lend, even if nothing is taken just now */
    uint32_t want; /* tokens; blocks are taken until it is reached */
    struct tps_block lent[TPS_BLOCKS_MAX];
    size_t lent_count;
};

struct tps_blocks_answer {
    int64_t now_us; /* of the server */
    bool wanted;    /* somebody wanted tokens lately */
    struct tps_block taken[TPS_BLOCKS_MAX];
    size_t taken_count;
};

/* False: Redis can't be asked now. `script` starts as {0} and is shared by all operators. */
bool tps_blocks_send(struct redis_script *script, struct redis *redis, const char *operator_id,
                     const struct tps_blocks_order *order, redis_done *done, void *arg) MUST_CHECK;
/* False: it is no answer. */
bool tps_blocks_read(const struct redis_reply *reply,
                     struct tps_blocks_answer *answer_r) MUST_CHECK;

#endif
