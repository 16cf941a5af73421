/* One receipt or MO message on its way to the ESME. */
#ifndef SIM_DELIVERY_H
#define SIM_DELIVERY_H

#include "common/list.h"

#include "tests/sim/sim_dialect.h"

struct sim_outbox;
struct sim_session;

struct sim_delivery {
    struct list order;          /* in flight: by the time it was sent */
    struct sim_delivery *chain; /* in flight: the same bucket */
    struct sim_outbox *outbox;
    uint32_t sequence;
    uint32_t tries;
    uint64_t sent_ns;
    uint8_t *body; /* of an MO message, as it is; NULL: a receipt */
    size_t body_len;
    size_t dialect;
    struct sim_receipt receipt;
};

#endif
