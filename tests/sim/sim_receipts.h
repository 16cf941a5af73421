/* Which receipts follow a message that was taken, and when. */
#ifndef SIM_RECEIPTS_H
#define SIM_RECEIPTS_H

#include "tests/sim/sim_session.h"

/* `number` is the message id's. */
void sim_receipts_create(struct sim_session *s, const struct sim_submit *m, uint64_t number);

#endif
