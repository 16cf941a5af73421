/* The commands of the control port, one line each. */
#ifndef SIM_COMMAND_H
#define SIM_COMMAND_H

#include "tests/sim/sim.h"
#include "tests/sim/sim_buffer.h"

/* Carries out `line` and appends one line of JSON, with its newline: {"ok":true,...} or
 * {"ok":false,"error":"..."}. Returns whether it was ok. */
bool sim_command_run(struct sim *sim, const char *line, struct sim_buffer *reply);

size_t sim_command_count(void);
const char *sim_command_usage(size_t i);
const char *sim_command_help(size_t i);

#endif
