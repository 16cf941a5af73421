/* The liveness probe. */
#include <stdio.h>

#include "common/clock.h"

#include "session-agent/ledger.h"
#include "session-agent/liveness.h"

int liveness_check(const char *ledger_path, char *error_r, size_t error_size)
{
    struct ledger_pulse pulse;
    if (ledger_peek(ledger_path, &pulse, error_r, error_size) != 0)
        return -1;
    int64_t age_ms = (clock_mono().ns - pulse.beat_ns) / NS_PER_MS;
    if (pulse.beat_ns == 0 || age_ms > LIVENESS_MAX_AGE_MS) {
        snprintf(error_r, error_size, "the agent (pid %d) showed no sign of life for %lld ms",
                 pulse.pid, (long long)age_ms);
        return -1;
    }
    return 0;
}
