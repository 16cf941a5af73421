/* submit_sm: judged, answered now or later, and followed by its receipt. */
#ifndef SIM_SUBMIT_H
#define SIM_SUBMIT_H

#include "tests/sim/sim_session.h"

void sim_submit_received(struct sim_session *s, struct sim_header h, struct bytes body);
/* Of answers under way; when every session is gone. */
void sim_submit_cleanup(void);

#endif
