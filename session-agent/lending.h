/*
 * Tokens to and from other instances, through the bridge: lends what this one does not need while
 * others want it (LEND → LOAN), says when it could use more (WANTED), takes what it gets (GRANT).
 */
#ifndef SESSION_AGENT_LENDING_H
#define SESSION_AGENT_LENDING_H

#include "session-agent/operator.h"
#include "session-agent/tokens.h"

#define LENDING_WANTS_EVERY_MS 250 /* WANTED is repeated while it holds */

struct lending;

/* `tokens` lives longer. */
struct lending *lending_create(struct agent_operator *op, struct tokens *tokens) MUST_CHECK;
void lending_destroy(struct lending **l);

void lending_ask(struct lending *l, const struct ipc_lend *record);
void lending_grant(struct lending *l, const struct ipc_grant *record);
/* `ready` submits wait, the next one for `wait_ns`. True: it is long enough to want tokens. */
bool lending_waits(struct lending *l, mono_t now, size_t ready, int64_t wait_ns);

#endif
