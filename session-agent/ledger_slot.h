/* One slot of the ledger's file: in which order it is written, and what vouches for it when a later
 * process reads it. Private to the ledger. */
#ifndef SESSION_AGENT_LEDGER_SLOT_H
#define SESSION_AGENT_LEDGER_SLOT_H

#include "session-agent/ledger_file.h"

static inline enum ledger_state ledger_slot_state(const struct ledger_slot *s)
{
    return (enum ledger_state)atomic_load_explicit(&s->state, memory_order_relaxed);
}

static inline struct ipc_key ledger_slot_key(const struct ledger_slot *s)
{
    return (struct ipc_key){
        .stream = s->identity.stream,
        .sequence = s->identity.sequence,
        .time_ns = s->identity.time_ns,
        .segment = s->identity.segment,
        .attempt = s->identity.attempt,
    };
}

/* Makes true what was stored before. */
void ledger_slot_set_state(struct ledger_slot *s, enum ledger_state state);

/* Beside what s->identity says already; in the state NONE or QUEUED only. */
void ledger_slot_store_context(struct ledger_slot *s, struct bytes context);
/* And the state OUTCOME with it. */
void ledger_slot_store_outcome(struct ledger_slot *s, const struct ledger_outcome *outcome);
/* A view; the state must be OUTCOME. */
struct ledger_outcome ledger_slot_outcome(const struct ledger_slot *s);

/* Do the checksums fit what lies there? */
bool ledger_slot_identity_is_good(const struct ledger_slot *s);
bool ledger_slot_result_is_good(const struct ledger_slot *s);

#endif
