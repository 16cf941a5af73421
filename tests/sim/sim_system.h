/* The system_ids the simulator has met. */
#ifndef SIM_SYSTEM_H
#define SIM_SYSTEM_H

#include "tests/sim/sim.h"

/* The one of that name, made with the default behaviour if need be. */
struct sim_system *sim_system_get(struct sim *sim, const char *name);
/* NULL: not met yet. */
struct sim_system *sim_system_find(struct sim *sim, const char *name);
void sim_system_free_all(struct sim *sim);

/* The whole as members of a JSON object, without braces; with `only`, that system_id alone. */
void sim_system_print_stats(struct sim *sim, struct sim_buffer *out, struct sim_system *only);
/* Counters and the maxima of the rates begin anew; what is bound or waiting stays. */
void sim_system_reset_stats(struct sim *sim);

#endif
