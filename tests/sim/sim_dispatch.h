/* Which function takes which PDU, and in which state it may come. */
#ifndef SIM_DISPATCH_H
#define SIM_DISPATCH_H

#include "tests/sim/sim_session.h"

void sim_dispatch_pdu(struct sim_session *s, struct sim_header h, struct bytes body);

#endif
