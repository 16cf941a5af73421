/* The arithmetic of fetching: as much as may be sent soon, in few and large pulls. */
#include "bridge/mt_credit.h"

#define PULLS_MAX 2
#define MEAN_WEIGHT 16

static uint32_t minus(uint32_t a, uint32_t b)
{
    return a > b ? a - b : 0;
}

static uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t messages_of(uint32_t segments, uint32_t segments_x16)
{
    return (uint32_t)((uint64_t)segments * 16 / (segments_x16 > 16 ? segments_x16 : 16));
}

/* Messages that are wanted here beyond those that are. */
static uint32_t room(const struct mt_credit *c)
{
    uint32_t messages;
    if (c->able) {
        uint32_t segments = minus(c->slots, c->without_outcome);
        segments = min_u32(minus(segments, c->waiting_segments), c->ledger_free);
        messages = messages_of(segments, c->segments_x16);
    } else {
        messages = minus(MT_HELD_WHILE_UNABLE, c->held);
    }
    /* What is delivered again counts as unacknowledged already. */
    return min_u32(messages, c->ack_pending_room) + c->recalled;
}

/* Below it a pull is not worth its cost while there is patience. */
static uint32_t worth_a_pull(const struct mt_credit *c)
{
    uint32_t all = c->able ? messages_of(c->slots, c->segments_x16) : MT_HELD_WHILE_UNABLE;
    return all / 4 > 1 ? all / 4 : 1;
}

static uint32_t missing(const struct mt_credit *c)
{
    return minus(room(c), c->pulled);
}

uint32_t mt_credit_batch(const struct mt_credit *c)
{
    uint32_t want = missing(c);
    if (want == 0 || c->pulls >= PULLS_MAX)
        return 0;
    bool starving = c->pulled == 0 && c->patience_over;
    if (want < worth_a_pull(c) && !starving)
        return 0;
    uint32_t most = c->max_batch ? min_u32(c->max_batch, MT_BATCH_MAX) : MT_BATCH_MAX;
    return min_u32(want, most);
}

bool mt_credit_wants_patience(const struct mt_credit *c)
{
    return c->pulled == 0 && c->pulls < PULLS_MAX && missing(c) > 0 && mt_credit_batch(c) == 0;
}

uint32_t mt_credit_mean_x16(uint32_t mean_x16, uint32_t segments)
{
    uint64_t sum = (uint64_t)mean_x16 * (MEAN_WEIGHT - 1) + (uint64_t)segments * 16;
    uint32_t mean = (uint32_t)((sum + MEAN_WEIGHT / 2) / MEAN_WEIGHT);
    return mean > 16 ? mean : 16;
}
