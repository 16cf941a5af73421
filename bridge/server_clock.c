/* Intervals that must all contain the offset; they widen with time, since two clocks drift apart.
 */
#include "bridge/server_clock.h"

#define PPM 1000000
#define NS_PER_US 1000

static int64_t drift_ns(const struct server_clock *c, mono_t t)
{
    int64_t ns = mono_diff_ns(t, c->at);
    return (ns < 0 ? -ns : ns) / PPM * SERVER_CLOCK_DRIFT_PPM;
}

bool server_clock_note(struct server_clock *c, mono_t sent, mono_t received, int64_t server_us)
{
    int64_t low = server_us * NS_PER_US - received.ns;
    int64_t high = (server_us + 1) * NS_PER_US - sent.ns;
    bool is_first = !c->at.ns;
    bool holds = !is_first && low <= c->high + drift_ns(c, received) &&
                 high >= c->low - drift_ns(c, received);
    if (holds) {
        int64_t old_low = c->low - drift_ns(c, received);
        int64_t old_high = c->high + drift_ns(c, received);
        low = old_low > low ? old_low : low;
        high = old_high < high ? old_high : high;
    } else {
        c->since = received;
        c->steps++;
    }
    c->low = low;
    c->high = high;
    c->at = received;
    return holds;
}

bool server_clock_is_trusted(const struct server_clock *c, mono_t now)
{
    return c->at.ns && mono_diff_ms(now, c->since) >= SERVER_CLOCK_TRUST_MS &&
           mono_diff_ms(now, c->at) <= SERVER_CLOCK_SILENT_MS &&
           c->high - c->low <= SERVER_CLOCK_WIDTH_NS_MAX;
}

static int64_t floor_us(int64_t ns)
{
    return ns / NS_PER_US - (ns % NS_PER_US < 0 ? 1 : 0);
}

int64_t server_clock_reached_us(const struct server_clock *c, mono_t t)
{
    return floor_us(t.ns + c->low - drift_ns(c, t));
}

int64_t server_clock_ahead_us(const struct server_clock *c, mono_t t)
{
    return floor_us(t.ns + c->high + drift_ns(c, t)) + 1;
}

/* How far the time lies from the last answer is known well enough for its drift. */
static mono_t about(const struct server_clock *c, int64_t server_us)
{
    return (mono_t){server_us * NS_PER_US - c->low};
}

mono_t server_clock_from(const struct server_clock *c, int64_t server_us)
{
    int64_t drift = drift_ns(c, about(c, server_us));
    return (mono_t){server_us * NS_PER_US - c->low + drift};
}

mono_t server_clock_before(const struct server_clock *c, int64_t server_us)
{
    int64_t drift = drift_ns(c, about(c, server_us));
    return (mono_t){server_us * NS_PER_US - c->high - drift};
}
