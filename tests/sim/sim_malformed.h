/* What a broken MNO sends: named octets, for the command `malformed NAME`. */
#ifndef SIM_MALFORMED_H
#define SIM_MALFORMED_H

#include "tests/sim/sim_session.h"

/* False: no malformation has that name. */
bool sim_malformed_send(struct sim_session *s, const char *name);
bool sim_malformed_exists(const char *name);
size_t sim_malformed_count(void);
const char *sim_malformed_name(size_t i);
const char *sim_malformed_help(size_t i);

#endif
