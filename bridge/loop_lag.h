/* How long the turns of an event loop take: the longest one of each second. */
#ifndef BRIDGE_LOOP_LAG_H
#define BRIDGE_LOOP_LAG_H

#include "common/metrics.h"

struct loop_lag {
    struct histogram seconds;
    double max; /* since the start */
};

void loop_lag_init(struct loop_lag *lag);
void loop_lag_note(struct loop_lag *lag, int64_t worst_turn_ms);

#endif
