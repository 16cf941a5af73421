/*
 * Whether another instance sends for an operator without any lease: one that was started with
 * ASSIGNMENT=static. Redis knows, since all who share the limit are registered there. A lease that
 * nobody holds is not taken while there is such a one.
 */
#ifndef BRIDGE_LEASE_RIVALS_H
#define BRIDGE_LEASE_RIVALS_H

#include "bridge/operators.h"
#include "bridge/redis.h"

struct lease_rivals;

struct lease_rivals *lease_rivals_create(struct loop *loop, struct redis *redis,
                                         struct operators *operators,
                                         const char *instance_id) MUST_CHECK;
void lease_rivals_destroy(struct lease_rivals **rivals);

/* True: Redis said so a moment ago. Else it is asked, and the answer is there soon. */
bool lease_rivals_none(struct lease_rivals *rivals, struct mno *op);
/* The instance that has kept us from it for some seconds; NULL: none. */
const char *lease_rivals_of(const struct lease_rivals *rivals, const struct mno *op);
/* Before operators_remove(). */
void lease_rivals_operator_gone(struct mno *op);

#endif
