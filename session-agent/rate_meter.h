/* How many writes a second there were: the last full second, and the most in any window. Pure. */
#ifndef SESSION_AGENT_RATE_METER_H
#define SESSION_AGENT_RATE_METER_H

#include "common/base.h"
#include "common/clock.h"

struct rate_meter;

struct rate_meter *rate_meter_create(void) MUST_CHECK;
void rate_meter_destroy(struct rate_meter **m);
/* `now` never goes back. */
void rate_meter_note(struct rate_meter *m, mono_t now);
/* The most in any window of 1 s so far. */
uint32_t rate_meter_peak(const struct rate_meter *m);
/* In the last full second, counted on a fixed grid of seconds. */
uint32_t rate_meter_last_second(struct rate_meter *m, mono_t now);

#endif
