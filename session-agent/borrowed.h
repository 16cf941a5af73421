/*
 * Tokens that other instances lent to this one. Each may be used between its loan's begin and its
 * end and is lost after it; its lender counts it either way. Pure over mono_t.
 */
#ifndef SESSION_AGENT_BORROWED_H
#define SESSION_AGENT_BORROWED_H

#include "common/base.h"
#include "common/clock.h"

#define BORROWED_LOANS_MAX 64u /* what comes on top is not taken */
#define BORROWED_NEVER INT64_MAX

struct borrowed_loan {
    int64_t next; /* the first token that is left is due; the others follow evenly */
    int64_t step, by;
    uint32_t left;
};

/* Starts as {0}. */
struct borrowed {
    struct borrowed_loan loans[BORROWED_LOANS_MAX];
    uint32_t count;
    uint64_t used, lost; /* tokens */
};

void borrowed_add(struct borrowed *b, mono_t now, int64_t from_ns, int64_t by_ns, uint32_t tokens);
/* How long until a token may be used: 0: now; BORROWED_NEVER: there is none. */
int64_t borrowed_next_ns(struct borrowed *b, mono_t now);
/* Uses one. Only after borrowed_next_ns() said 0 for this `now`. Returns its send-by. */
int64_t borrowed_use(struct borrowed *b, mono_t now);

#endif
