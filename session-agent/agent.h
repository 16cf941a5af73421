/* The agent as a whole: what exists, in which order, and how it ends. */
#ifndef SESSION_AGENT_AGENT_H
#define SESSION_AGENT_AGENT_H

#include "common/loop.h"
#include "session-agent/agent_settings.h"

struct agent;

/* Listens, opens the ledger and waits for a bridge. `settings` outlive it and may be reloaded by
 * it. −1 with one line: what can't be had. SIGTERM drains and stops the loop. */
int agent_create(struct loop *loop, struct agent_settings *settings, struct agent **agent_r,
                 char *error_r, size_t error_size) MUST_CHECK;
void agent_destroy(struct agent **agent);

#endif
