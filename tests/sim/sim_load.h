/* The load mode: an ESME that binds and floods an SMSC with submit_sm. */
#ifndef SIM_LOAD_H
#define SIM_LOAD_H

#include <uv.h>

#include "tests/sim/sim_option.h"

/* Runs until all is answered, prints one line of JSON; the exit status. */
int sim_load_run(uv_loop_t *loop, const struct sim_config *config);

#endif
