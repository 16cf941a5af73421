/* All operators the agent knows: found by id, worked on once a turn when something changed. */
#ifndef SESSION_AGENT_OPERATORS_H
#define SESSION_AGENT_OPERATORS_H

#include "session-agent/operator.h"

struct operators;

struct operators *operators_create(struct agent_context *ctx) MUST_CHECK;
/* Cuts what is left; all sessions must be gone. */
void operators_destroy(struct operators **set);

struct agent_operator *operators_find(const struct operators *set,
                                      const uint8_t id[IPC_OPERATOR_ID_SIZE]);
/* Declared anew, or retuned. Takes the configuration over. */
void operators_declare(struct operators *set, struct operator_config *config);
/* Ends it; forgotten when its binds are gone. */
void operators_drop(struct operators *set, const uint8_t id[IPC_OPERATOR_ID_SIZE],
                    const char *reason);
void operators_each(struct operators *set, void (*fn)(struct agent_operator *op, void *arg),
                    void *arg);
/* Listing: every operator, and what is still to be told of those that were dropped. */
void operators_list(struct operators *set);
/* The event of this health transition is stored. */
void operators_health_done(struct operators *set, const uint8_t id[IPC_OPERATOR_ID_SIZE],
                           uint64_t number);
/* No operator has a bind left. */
bool operators_are_over(const struct operators *set);
/* Used by operator_touch(): work on it before the turn ends. */
void operators_schedule(struct operators *set, struct agent_operator *op);

#endif
