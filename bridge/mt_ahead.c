#include "bridge/mt_ahead.h"

#define WINDOW_NS (500 * NS_PER_MS)
#define LEAST_NS (100 * NS_PER_MS) /* less than that is no pace yet */
#define SECONDS_AHEAD 1.0
#define LATENCY_WEIGHT 16
#define DOUBLED_MAX 10 /* beyond any window */

static double per_second(uint32_t outcomes, int64_t ns)
{
    return (double)outcomes * (double)NS_PER_S / (double)(ns > LEAST_NS ? ns : LEAST_NS);
}

static void next_window(struct mt_ahead *a, mono_t now)
{
    int64_t ns = mono_diff_ns(now, a->since);
    if (a->since.ns && ns < WINDOW_NS)
        return;
    a->per_second = a->since.ns ? per_second(a->outcomes, ns) : 0;
    a->outcomes = 0;
    a->since = now;
}

void mt_ahead_answered(struct mt_ahead *a, mono_t now, uint32_t latency_us)
{
    double s = (double)latency_us / 1e6;
    next_window(a, now);
    a->outcomes++;
    a->answered = true;
    a->latency_s += a->latency_s > 0 ? (s - a->latency_s) / LATENCY_WEIGHT : s;
}

void mt_ahead_tick(struct mt_ahead *a, mono_t now, uint32_t without_outcome)
{
    if (a->answered)
        a->doubled = 0;
    else if (without_outcome >= mt_ahead_submits(a, now) && a->doubled < DOUBLED_MAX)
        a->doubled++;
    a->answered = false;
}

uint32_t mt_ahead_submits(const struct mt_ahead *a, mono_t now)
{
    int64_t ns = mono_diff_ns(now, a->since);
    double pace = per_second(a->outcomes, ns);
    if (a->per_second > pace && ns < 2 * WINDOW_NS)
        pace = a->per_second;
    double submits = pace * (SECONDS_AHEAD + a->latency_s);
    uint32_t least = (uint32_t)MT_AHEAD_LEAST << a->doubled;
    if (submits <= least)
        return least;
    return submits < (double)UINT32_MAX ? (uint32_t)submits : UINT32_MAX;
}
