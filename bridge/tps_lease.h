/*
 * Tokens between instances that share an operator's limit. An instance lends, for some
 * milliseconds, what its agent does not need; who has more to send leases it through Redis. The
 * lender's agent counts a lent token as a write at its send-by, so nothing that Redis forgets,
 * repeats or delays can make the sum larger; a missing key means that there is nothing to lease.
 * When Redis can't be trusted, nothing is lent or leased, and each instance goes on with its own
 * share.
 */
#ifndef BRIDGE_TPS_LEASE_H
#define BRIDGE_TPS_LEASE_H

#include "bridge/agent_link.h"
#include "bridge/operators.h"
#include "bridge/redis.h"

struct tps_leases; /* all operators */
struct tps_lease;  /* one */

struct tps_leases *tps_leases_create(struct loop *loop, struct redis *redis,
                                     struct agent_link *link) MUST_CHECK;
/* All leases were destroyed. */
void tps_leases_destroy(struct tps_leases **all);
/* The connection to Redis is new, or lost: nothing that was known of its clock holds. */
void tps_leases_redis_changed(struct tps_leases *all);

struct tps_lease *tps_lease_create(struct tps_leases *all, struct mno *op) MUST_CHECK;
void tps_lease_destroy(struct tps_lease **lease);
/* Whether there are others to lend to and Redis can be trusted; and at most how many tokens a
 * second are taken from them. */
void tps_lease_tune(struct tps_lease *lease, bool active, double per_second);
/* Records of the agent. */
void tps_lease_loan(struct tps_lease *lease, const struct ipc_loan *record);
void tps_lease_wanted(struct tps_lease *lease);

struct tps_lease_view {
    uint32_t size;       /* tokens of the last lease */
    uint32_t per_second; /* leased in the last full second */
    uint64_t leased, lent;
    bool trusted; /* Redis's clock is known */
};
struct tps_lease_view tps_lease_view(const struct tps_lease *lease);

#endif
