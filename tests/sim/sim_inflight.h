/* deliver_sm that were sent and not answered: found by sequence number, listed oldest first. */
#ifndef SIM_INFLIGHT_H
#define SIM_INFLIGHT_H

#include "common/base.h"
#include "common/list.h"

#include "tests/sim/sim_delivery.h"

struct sim_inflight {
    struct list order; /* oldest first */
    struct sim_delivery **buckets;
    size_t size; /* a power of two */
    size_t count;
};

void sim_inflight_init(struct sim_inflight *f);
void sim_inflight_free(struct sim_inflight *f);
/* By its `sequence`. */
void sim_inflight_add(struct sim_inflight *f, struct sim_delivery *d);
/* NULL: no such sequence number. */
struct sim_delivery *sim_inflight_take(struct sim_inflight *f, uint32_t sequence);
/* The one sent first; NULL: none. It stays where it is. */
struct sim_delivery *sim_inflight_oldest(const struct sim_inflight *f);

#endif
