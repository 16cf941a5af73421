/*
 * The last guard of tpsLimit: an exact sliding log of one operator's submit_sm writes, over all its
 * binds. Pure over mono_t; the caller says what time it is.
 *
 * The hard rule: with limit r the r-th last write lies at least PACER_WINDOW_NS (1.010 s) back. So
 * any window of 1.010 s holds at most the limit that was in force at the last write in it, whatever
 * came before: this also bounds windows that span a change of the limit.
 *
 * A token may be lent to another instance instead of being written. It can be used there from its
 * `from` until its `by`, and counts here as a write at `by`: the hard rule is kept for any moment
 * of its use, so the windows hold over all instances together, whatever becomes of the loan.
 *
 * The soft rule: writes are spaced PACER_PERIOD_NS / r (1.0125 s / r), that is 98.77 % of r. The
 * 2.5 ms a second between the two are what late wake-ups may cost before the hard rule bites, and
 * what dissolves the bursts that catching up makes (otherwise the log would repeat their pattern
 * for ever). Who wakes up late catches up for at most PACER_CATCH_UP_NS; what lies further back is
 * lost. 97 % of r are reached as long as stalls beyond the catch-up cost less than 17 ms a second.
 * Lent tokens are spaced by the time that they can be used besides: 96.9 % of r.
 */
#ifndef SESSION_AGENT_PACER_H
#define SESSION_AGENT_PACER_H

#include "common/base.h"
#include "common/clock.h"

#define PACER_WINDOW_NS (NS_PER_S + 10 * NS_PER_MS)
#define PACER_PERIOD_NS (NS_PER_S + 25 * NS_PER_MS / 2)
#define PACER_CATCH_UP_NS (20 * NS_PER_MS)
#define PACER_LIMIT_MAX 100000u /* per second; 8 bytes of log each */
#define PACER_NEVER INT64_MAX

/* A loan begins so far ahead that it reaches whoever wants it, and ends soon after. */
#define PACER_LOAN_LEAD_NS (60 * NS_PER_MS)
#define PACER_LOAN_LIFE_NS (20 * NS_PER_MS)
#define PACER_LOAN_AHEAD_NS (100 * NS_PER_MS) /* no loan that is made now ends later than this */
/* A new process does not know what the former one wrote and lent. */
#define PACER_SILENT_NS (PACER_WINDOW_NS + PACER_LOAN_AHEAD_NS)

struct pacer;

/* A pacer without memory: nothing may be written for PACER_SILENT_NS from `now`, and nothing before
 * the first limit. */
struct pacer *pacer_create(mono_t now) MUST_CHECK;
void pacer_destroy(struct pacer **p);

/* Writes per second, at once; 0 pauses; above PACER_LIMIT_MAX counts as that. The log is kept. */
void pacer_set_limit(struct pacer *p, uint32_t per_second, mono_t now);
uint32_t pacer_limit(const struct pacer *p);

/* How long from now until the next submit_sm may be written: 0: now; PACER_NEVER: paused. */
int64_t pacer_next_ns(const struct pacer *p, mono_t now);
/* One was handed to an output buffer. Only after pacer_next_ns() said 0 for this `now`. Until it is
 * flushed it counts in every window. */
void pacer_wrote(struct pacer *p, mono_t now);
/* `n` more are to be flushed that were written with tokens of others, and will count here. */
void pacer_take_over(struct pacer *p, uint32_t n);
/* `n` of those that were handed over have left, with `now` as their stamp. Call after each flush,
 * with the clock read after it. */
void pacer_flushed(struct pacer *p, uint32_t n, mono_t now);
/* `n` were written at `now` that nobody had a token for: they count all the same. */
void pacer_charge(struct pacer *p, uint32_t n, mono_t now);

/* Tokens that another instance may use at any time in [from, by). */
struct pacer_loan {
    int64_t from_ns, by_ns; /* monotonic */
    uint32_t tokens;
};
/* Lends the next tokens of the schedule, those of some milliseconds together, PACER_LOAN_LEAD_NS
 * ahead. False: none is due within `span_ns` after that, or something is not flushed yet: when it
 * counts is not known. */
bool pacer_lend(struct pacer *p, mono_t now, int64_t span_ns, struct pacer_loan *loan_r) MUST_CHECK;

#endif
