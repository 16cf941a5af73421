/* Loans of other instances: a short list that is looked through whenever a token is wanted. */
#include "session-agent/borrowed.h"

/* The tokens of a loan are spread over the time within which they were due to its lender; the rest
 * of its life is for who wakes up late. */
#define SPREAD_NS (5 * NS_PER_MS)

static void drop(struct borrowed *b, uint32_t i)
{
    b->lost += b->loans[i].left;
    b->loans[i] = b->loans[--b->count];
}

void borrowed_add(struct borrowed *b, mono_t now, int64_t from_ns, int64_t by_ns, uint32_t tokens)
{
    if (tokens == 0 || by_ns <= now.ns || by_ns <= from_ns || b->count == BORROWED_LOANS_MAX) {
        b->lost += tokens;
        return;
    }
    int64_t spread = by_ns - from_ns < SPREAD_NS ? by_ns - from_ns : SPREAD_NS;
    b->loans[b->count++] = (struct borrowed_loan){
        .next = from_ns, .step = spread / tokens, .by = by_ns, .left = tokens};
}

int64_t borrowed_next_ns(struct borrowed *b, mono_t now)
{
    int64_t next = BORROWED_NEVER;
    for (uint32_t i = 0; i < b->count;) {
        if (b->loans[i].by <= now.ns) {
            drop(b, i);
            continue;
        }
        int64_t wait = b->loans[i].next > now.ns ? b->loans[i].next - now.ns : 0;
        next = wait < next ? wait : next;
        i++;
    }
    return next;
}

int64_t borrowed_use(struct borrowed *b, mono_t now)
{
    struct borrowed_loan *first = NULL;
    for (uint32_t i = 0; i < b->count; i++) {
        struct borrowed_loan *loan = &b->loans[i];
        if (loan->next <= now.ns && loan->by > now.ns && (!first || loan->by < first->by))
            first = loan;
    }
    INVARIANT(first);
    int64_t by = first->by;
    first->next += first->step;
    b->used++;
    if (--first->left == 0)
        *first = b->loans[--b->count];
    return by;
}
