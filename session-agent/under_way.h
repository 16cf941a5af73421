/*
 * How many submit_sm of a connection the peer's TCP has not acknowledged, whatever their sizes and
 * whatever TLS makes of them: each is told where in the octets that the socket was given it ends.
 */
#ifndef SESSION_AGENT_UNDER_WAY_H
#define SESSION_AGENT_UNDER_WAY_H

#include "common/base.h"

struct under_way {
    uint64_t *ends; /* a ring: entry n stands at n % size; NULL until the first */
    size_t size;
    uint64_t first, flushed, next;
};

void under_way_free(struct under_way *u);

/* One was put into the output. */
void under_way_wrote(struct under_way *u);
/* All that was put there is in the socket, which has taken so many octets by now. */
void under_way_flushed(struct under_way *u, uint64_t octets);
/* So many octets are acknowledged. */
void under_way_acked(struct under_way *u, uint64_t octets);
size_t under_way_count(const struct under_way *u);

#endif
