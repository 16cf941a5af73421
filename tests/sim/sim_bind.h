/* bind_transceiver, bind_transmitter and bind_receiver. */
#ifndef SIM_BIND_H
#define SIM_BIND_H

#include "tests/sim/sim_session.h"

void sim_bind_received(struct sim_session *s, struct sim_header h, struct bytes body);

#endif
