/* The bounds, and the sums. */
#include "bridge/loop_lag.h"

static const double bounds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1};

void loop_lag_init(struct loop_lag *lag)
{
    *lag = (struct loop_lag){0};
    histogram_init(&lag->seconds, bounds, ARRAY_LEN(bounds));
}

void loop_lag_note(struct loop_lag *lag, int64_t worst_turn_ms)
{
    double seconds = (double)worst_turn_ms / 1000;
    histogram_observe(&lag->seconds, seconds);
    if (seconds > lag->max)
        lag->max = seconds;
}
