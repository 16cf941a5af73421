/*
 * Who may write a submit_sm now: the pacer, or a token that another instance lent. Also what is
 * counted about it. Pure over mono_t.
 */
#ifndef SESSION_AGENT_TOKENS_H
#define SESSION_AGENT_TOKENS_H

#include "session-agent/pacer.h"

#define TOKENS_NEVER INT64_MAX

struct tokens;

struct tokens *tokens_create(mono_t now) MUST_CHECK;
void tokens_destroy(struct tokens **t);

/* This instance's own share. */
void tokens_set_limit(struct tokens *t, uint32_t per_second, mono_t now);
uint32_t tokens_limit(const struct tokens *t);
/* What may be under way within a second: the share and what was borrowed in the last one. */
uint32_t tokens_per_second(const struct tokens *t);

/* How long from now until the next submit_sm may be written: 0: now; TOKENS_NEVER: there is no
 * share, and no loan yet. Ask only when one is ready to go: an answer above 0 is a wait. */
int64_t tokens_next_ns(struct tokens *t, mono_t now);
/* What was written over one connection and is not known to have left. */
struct tokens_unsent {
    uint32_t own, borrowed;
    int64_t by; /* the first send-by among those borrowed */
};
/* One was handed to an output buffer. Only after tokens_next_ns() said 0 for this `now`. */
void tokens_wrote(struct tokens *t, struct tokens_unsent *u, mono_t now);
/* It has left only now; nothing is unsent there any more. */
void tokens_flushed(struct tokens *t, struct tokens_unsent *u, mono_t now);
/* It will take a while: what was borrowed is likely to leave after its send-by. */
void tokens_held(struct tokens *t, struct tokens_unsent *u);

/* Lends tokens that are due within `span_ns`; false: none. */
bool tokens_lend(struct tokens *t, mono_t now, int64_t span_ns,
                 struct pacer_loan *loan_r) MUST_CHECK;
void tokens_borrow(struct tokens *t, mono_t now, const struct pacer_loan *loan);

struct tokens_counts {
    uint64_t waits;                /* seconds in which a submit_sm that was ready had to wait */
    uint32_t last_second, peak;    /* writes: in the last full second, most in any second */
    uint64_t lent, borrowed, lost; /* tokens; lost: borrowed and not used in time */
};
struct tokens_counts tokens_counts(struct tokens *t, mono_t now);

#endif
