/*
 * How many submits of an operator are worth having here without an outcome; pure.
 *
 * What is fetched and not sent soon costs memory and, to keep JetStream from delivering it again, a
 * +WPI every few seconds: with a hundred operators behind one bottleneck that is more work than the
 * messages themselves. So it is as much as was answered in a second and, on top, what is under way
 * to the MNO at that pace (Little's law). An operator that was idle begins with MT_AHEAD_LEAST, and
 * as long as no answer comes to what was sent it is twice as much at each tick: the MNO is slow.
 */
#ifndef BRIDGE_MT_AHEAD_H
#define BRIDGE_MT_AHEAD_H

#include "common/clock.h"

#define MT_AHEAD_LEAST 128

struct mt_ahead {
    uint32_t doubled;  /* so often */
    bool answered;     /* since the last tick */
    mono_t since;      /* when the window that is counted began; 0: nothing was counted yet */
    uint32_t outcomes; /* in it */
    double per_second; /* in the one before */
    double latency_s;  /* between submit_sm and its answer, smoothed */
};

/* An answer of the MNO after `latency_us`. */
void mt_ahead_answered(struct mt_ahead *a, mono_t now, uint32_t latency_us);
/* Every half second; `without_outcome`: submits at the agent. */
void mt_ahead_tick(struct mt_ahead *a, mono_t now, uint32_t without_outcome);
uint32_t mt_ahead_submits(const struct mt_ahead *a, mono_t now);

#endif
