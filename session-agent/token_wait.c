/* A clock that stands still whenever something else than the lack of a token holds submits back. */
#include "session-agent/token_wait.h"

static const double bounds[] = {IPC_TOKEN_WAIT_BOUNDS};
_Static_assert(ARRAY_LEN(bounds) + 1 == IPC_TOKEN_WAIT_BUCKETS, "the last one has no bound");

int64_t token_wait_clock(const struct token_wait *w, mono_t now)
{
    int64_t end = now.ns < w->until.ns ? now.ns : w->until.ns;
    return w->waited_ns + (end > w->since.ns ? end - w->since.ns : 0);
}

void token_wait_looked(struct token_wait *w, mono_t now, int64_t wait_ns)
{
    w->waited_ns = token_wait_clock(w, now);
    w->since = now;
    w->until.ns = wait_ns < INT64_MAX - now.ns ? now.ns + wait_ns : INT64_MAX;
}

void token_wait_note(struct token_wait *w, int64_t ready_at, mono_t now)
{
    int64_t ns = token_wait_clock(w, now) - ready_at;
    size_t i = 0;
    while (i < ARRAY_LEN(bounds) && (double)ns > bounds[i] * (double)NS_PER_S)
        i++;
    w->buckets[i]++;
    w->sum_us += (uint64_t)ns / 1000;
}
