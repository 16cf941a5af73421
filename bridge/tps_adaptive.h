/*
 * What an operator takes at present, at most its contract: multiplicative decrease when it says
 * ESME_RTHROTTLED or its answers slow down, additive increase after. Pure.
 */
#ifndef BRIDGE_TPS_ADAPTIVE_H
#define BRIDGE_TPS_ADAPTIVE_H

#include "common/clock.h"

struct tps_adaptive {
    double rate;       /* submit_sm per second; at the ceiling: not slowed */
    double ceiling;    /* our share of the contract */
    double refused_at; /* the rate at which the operator last said no; 0: it did not lately */
    mono_t slowed_at, risen_at;
    uint64_t slow_downs;
    /* Answer times, microseconds. */
    double latency, base, next_base; /* smoothed; least of this and of the last half minute */
    mono_t base_since;
    uint64_t answers, judged; /* all; those before the last slow-down for latency */
    uint64_t heard;           /* answers at the last tick that found new ones, which was: */
    mono_t heard_at;
};

void tps_adaptive_init(struct tps_adaptive *a, mono_t now);
/* A larger share is free to use at once unless the operator had slowed us down below the old one.
 */
void tps_adaptive_set_ceiling(struct tps_adaptive *a, uint32_t share);
/* True when the rate changed. */
bool tps_adaptive_throttled(struct tps_adaptive *a, mono_t now);
void tps_adaptive_answered(struct tps_adaptive *a, uint32_t latency_us);
/* Some times a second. */
bool tps_adaptive_tick(struct tps_adaptive *a, mono_t now);
/* Whole submit_sm per second: at least 1 unless the ceiling is 0. */
uint32_t tps_adaptive_rate(const struct tps_adaptive *a);
bool tps_adaptive_is_slowed(const struct tps_adaptive *a);
/* The rate as a part of the ceiling: 1 when not slowed. */
double tps_adaptive_part(const struct tps_adaptive *a);

#endif
