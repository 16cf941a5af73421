/*
 * Additive increase, multiplicative decrease. It climbs fast up to nine tenths of the rate that was
 * refused, and carefully beyond, so that an operator that takes less than it promised is asked at
 * its limit rather than over it; what it refused is forgotten after a while. While its answers are
 * slow it does not climb at all.
 */
#include "bridge/tps_adaptive.h"

static const double decrease = 0.75;
static const double decrease_by_latency = 0.9;
static const double fast_per_s = 0.25;    /* of the ceiling */
static const double careful_per_s = 0.02; /* of the ceiling */
static const double careful_from = 0.9;   /* of the refused rate */
/* Answers are slow at several times the usual and half a second on top. */
static const double slow_factor = 4.0;
static const double slow_surplus_us = 500e3;

enum {
    DECREASE_EVERY_MS = 500, /* refusals of one burst are one */
    LATENCY_EVERY_MS = 2000,
    RISE_AFTER_MS = 500,
    FORGET_REFUSAL_MS = 10000,
    FORGET_LATENCY_MS = 10000, /* nothing was answered for so long */
    BASE_MS = 30000,
    MIN_ANSWERS = 20,
};

void tps_adaptive_init(struct tps_adaptive *a, mono_t now)
{
    *a = (struct tps_adaptive){.risen_at = now, .base_since = now};
}

void tps_adaptive_set_ceiling(struct tps_adaptive *a, uint32_t share)
{
    bool was_slowed = tps_adaptive_is_slowed(a);
    a->ceiling = share;
    if (!was_slowed || a->rate > a->ceiling)
        a->rate = a->ceiling;
}

bool tps_adaptive_is_slowed(const struct tps_adaptive *a)
{
    return a->rate < a->ceiling;
}

double tps_adaptive_part(const struct tps_adaptive *a)
{
    return tps_adaptive_is_slowed(a) ? a->rate / a->ceiling : 1;
}

uint32_t tps_adaptive_rate(const struct tps_adaptive *a)
{
    if (a->ceiling < 1)
        return 0;
    return a->rate < 1 ? 1 : (uint32_t)a->rate;
}

static bool slow_down(struct tps_adaptive *a, double factor, mono_t now)
{
    a->slowed_at = now;
    a->slow_downs++;
    double rate = a->rate * factor;
    a->rate = rate < 1 ? 1 : rate;
    if (a->rate > a->ceiling)
        a->rate = a->ceiling;
    return true;
}

bool tps_adaptive_throttled(struct tps_adaptive *a, mono_t now)
{
    if (a->slowed_at.ns && mono_diff_ms(now, a->slowed_at) < DECREASE_EVERY_MS)
        return false;
    a->refused_at = a->rate;
    return slow_down(a, decrease, now);
}

void tps_adaptive_answered(struct tps_adaptive *a, uint32_t latency_us)
{
    double us = latency_us;
    a->answers++;
    a->latency = a->latency > 0 ? a->latency + (us - a->latency) / 16 : us;
    if (a->base <= 0 || us < a->base)
        a->base = us;
    if (a->next_base <= 0 || us < a->next_base)
        a->next_base = us;
}

/* The least of the last 30 to 60 s, so that an operator that is always slow is not called so. */
static void turn_base(struct tps_adaptive *a, mono_t now)
{
    if (mono_diff_ms(now, a->base_since) < BASE_MS)
        return;
    a->base_since = now;
    if (a->next_base > 0)
        a->base = a->next_base;
    a->next_base = 0;
}

static void note_answers(struct tps_adaptive *a, mono_t now)
{
    if (a->heard != a->answers) {
        a->heard = a->answers;
        a->heard_at = now;
    } else if (mono_diff_ms(now, a->heard_at) > FORGET_LATENCY_MS) {
        a->latency = 0;
    }
    turn_base(a, now);
}

static bool is_slow(const struct tps_adaptive *a)
{
    return a->latency >= slow_factor * a->base + slow_surplus_us;
}

static bool check_latency(struct tps_adaptive *a, mono_t now)
{
    if (a->answers - a->judged < MIN_ANSWERS || !is_slow(a))
        return false;
    if (a->slowed_at.ns && mono_diff_ms(now, a->slowed_at) < LATENCY_EVERY_MS)
        return false;
    a->judged = a->answers;
    return slow_down(a, decrease_by_latency, now);
}

bool tps_adaptive_tick(struct tps_adaptive *a, mono_t now)
{
    double seconds = (double)mono_diff_ns(now, a->risen_at) / (double)NS_PER_S;
    a->risen_at = now;
    note_answers(a, now);
    if (check_latency(a, now))
        return true;
    if (!tps_adaptive_is_slowed(a) || is_slow(a) || mono_diff_ms(now, a->slowed_at) < RISE_AFTER_MS)
        return false;
    if (mono_diff_ms(now, a->slowed_at) > FORGET_REFUSAL_MS)
        a->refused_at = 0;
    bool careful = a->refused_at > 0 && a->rate >= careful_from * a->refused_at;
    uint32_t before = tps_adaptive_rate(a);
    a->rate += a->ceiling * (careful ? careful_per_s : fast_per_s) * (seconds < 1 ? seconds : 1);
    if (a->rate > a->ceiling)
        a->rate = a->ceiling;
    return tps_adaptive_rate(a) != before;
}
