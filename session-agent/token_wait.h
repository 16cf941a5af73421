/*
 * How long each submit_sm was held by nothing but the lack of a token: not by a full window, a bind
 * that is down or a path that stands still. Measured on a clock that runs only while that is the
 * case for its operator: what it shows between the moment at which a submit became ready and its
 * write is how much later it went than it would have without a limit. Pure over mono_t.
 */
#ifndef SESSION_AGENT_TOKEN_WAIT_H
#define SESSION_AGENT_TOKEN_WAIT_H

#include "common/clock.h"
#include "proto/ipc.h"

/* Starts as {0}. */
struct token_wait {
    int64_t waited_ns;   /* the clock, at `since` */
    mono_t since, until; /* it runs between them; the next token is due at `until` */
    uint64_t buckets[IPC_TOKEN_WAIT_BUCKETS];
    uint64_t sum_us;
};

/* What was looked into at `now`: the first that is ready waits for a token alone, which is due in
 * `wait_ns` (TOKENS_NEVER: the limit is 0 at present); 0: nothing does. */
void token_wait_looked(struct token_wait *w, mono_t now, int64_t wait_ns);
/* What the clock shows. */
int64_t token_wait_clock(const struct token_wait *w, mono_t now);
/* A submit_sm was written that became ready when the clock showed `ready_at`. */
void token_wait_note(struct token_wait *w, int64_t ready_at, mono_t now);

#endif
