/* Mobile-originated messages, sent on request. */
#ifndef SIM_MO_H
#define SIM_MO_H

#include "tests/sim/sim.h"

/* Queues the text as one deliver_sm, or as parts with a UDH if it is long. How many parts. */
size_t sim_mo_send(struct sim *sim, struct sim_system *system, const char *from, const char *to,
                   const char *text);

#endif
