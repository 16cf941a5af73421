/*
 * How much of an operator's tpsLimit this instance may use: its share, agreed through Redis, and
 * below it what the operator takes at present (slower on ESME_RTHROTTLED, back by and by). The
 * result goes to the agent's pacer as PACE.
 */
#ifndef BRIDGE_TPS_H
#define BRIDGE_TPS_H

#include "bridge/agent_link.h"
#include "bridge/operators.h"
#include "bridge/redis.h"

struct tps;

struct tps *tps_create(struct loop *loop, struct redis *redis, struct agent_link *link,
                       struct operators *operators, const char *instance_id) MUST_CHECK;
void tps_destroy(struct tps **tps);

/* From the owner's redis_events. */
void tps_redis_connected(struct tps *tps, const char *run_id);
void tps_redis_disconnected(struct tps *tps);
/* The agent has listed everything: it is told every pace that is known, and from now on the parts
 * of the limits are agreed with other instances. Comes once. */
void tps_attached(struct tps *tps);

/* After operators_put(): the operator is served by this instance from now on. */
void tps_operator_added(struct tps *tps, struct mno *op);
/* Before operators_remove(), when this instance's agent sends nothing for it any more: the others
 * may have the share. */
void tps_operator_gone(struct tps *tps, struct mno *op);
/* The instance is known to send nothing for the operator any more, and did not say so itself. */
void tps_evict(struct tps *tps, const struct mno *op, const char *instance_id);
/* Something that bears on the limit changed: op->tps_limit, settings.tps_limit, op->paused. */
void tps_limit_changed(struct tps *tps, struct mno *op);

/* Records of the agent: it lends tokens, it wants some. */
void tps_loan(struct tps *tps, struct mno *op, const struct ipc_loan *record);
void tps_wanted(struct tps *tps, struct mno *op);

/* Called for each outcome of a submit_sm: refused with a status of class THROTTLE, or accepted
 * after `latency_us`. */
void tps_throttled(struct tps *tps, struct mno *op);
void tps_ok(struct tps *tps, struct mno *op, uint32_t latency_us);

struct tps_view {
    bool share_known;         /* false: no agent or Redis not asked yet, nothing may be sent */
    bool redis_trusted;       /* false: the fixed share is in force because Redis is away or new */
    bool limit_known;         /* credentials came once */
    bool throttled;           /* below the share because the operator refuses */
    uint32_t limit;           /* contract: min(credentials, setting, what others were told) */
    uint32_t instances;       /* that share it */
    uint32_t share;           /* of this instance, submit_sm per second */
    uint32_t effective;       /* what the pacer was told, and what was leased in a second */
    uint64_t throttled_total; /* slow-downs since start */
    uint32_t accepted;        /* by the operator, in the last full second */
    uint32_t lease_size;      /* tokens of the last lease */
    uint64_t leased, lent;    /* tokens since start */
};
struct tps_view tps_view(const struct tps *tps, const struct mno *op);

#endif
