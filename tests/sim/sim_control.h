/* The control port: lines of text in, lines of JSON out, any number of connections. */
#ifndef SIM_CONTROL_H
#define SIM_CONTROL_H

#include "tests/sim/sim.h"

struct sim_control;

/* NULL with the reason in `error`. */
struct sim_control *sim_control_create(struct sim *sim, const char *address, char *error,
                                       size_t error_size) MUST_CHECK;
/* Closes port and connections; run the loop once more. */
void sim_control_destroy(struct sim_control **control);
const char *sim_control_address(const struct sim_control *control);

#endif
