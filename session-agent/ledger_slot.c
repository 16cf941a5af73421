/* What a slot of the ledger's file holds: written so that a process killed at any instruction
 * leaves either the old truth or the new one. */
#include "session-agent/ledger_slot.h"

#include <string.h>

/* The full fence besides the release: what is stored after it must not become visible earlier, or a
 * slot would be rewritten while its old state still vouches for it. */
void ledger_slot_set_state(struct ledger_slot *s, enum ledger_state state)
{
    atomic_store_explicit(&s->state, (uint32_t)state, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
}

static uint64_t identity_sum(const struct ledger_slot *s)
{
    uint64_t sum = ledger_sum(0, &s->identity, sizeof s->identity);
    return ledger_sum(sum, s->context, min_size(s->identity.context_len, sizeof s->context));
}

static uint64_t result_sum(const struct ledger_slot *s)
{
    uint64_t sum = ledger_sum(0, &s->result, sizeof s->result);
    return ledger_sum(sum, s->response, min_size(s->result.response_len, sizeof s->response));
}

void ledger_slot_store_context(struct ledger_slot *s, struct bytes context)
{
    INVARIANT(context.len <= LEDGER_CONTEXT_MAX);
    s->identity.context_len = (uint16_t)context.len;
    if (context.len)
        memcpy(s->context, context.data, context.len);
    s->identity_sum = identity_sum(s);
}

void ledger_slot_store_outcome(struct ledger_slot *s, const struct ledger_outcome *outcome)
{
    size_t len = min_size(outcome->response.len, LEDGER_RESPONSE_MAX);
    s->result = (struct ledger_result){
        .at_ms = outcome->at_ms,
        .status = outcome->status,
        .latency_us = outcome->latency_us,
        .response_len = (uint16_t)len,
        .kind = (uint8_t)outcome->kind,
        .bind = outcome->bind,
    };
    if (len)
        memcpy(s->response, outcome->response.data, len);
    s->result_sum = result_sum(s);
    ledger_slot_set_state(s, LEDGER_OUTCOME);
}

struct ledger_outcome ledger_slot_outcome(const struct ledger_slot *s)
{
    INVARIANT(ledger_slot_state(s) == LEDGER_OUTCOME);
    return (struct ledger_outcome){
        .kind = (enum ipc_outcome_kind)s->result.kind,
        .bind = s->result.bind,
        .status = s->result.status,
        .latency_us = s->result.latency_us,
        .at_ms = s->result.at_ms,
        .response = {.data = s->response, .len = s->result.response_len},
    };
}

bool ledger_slot_identity_is_good(const struct ledger_slot *s)
{
    return s->identity.context_len <= LEDGER_CONTEXT_MAX && s->identity_sum == identity_sum(s);
}

bool ledger_slot_result_is_good(const struct ledger_slot *s)
{
    return s->result.response_len <= LEDGER_RESPONSE_MAX && s->result_sum == result_sum(s);
}
