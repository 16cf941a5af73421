/* --check: is the agent's loop alive? Reads its sign of life in the ledger's file; touches no
 * socket. */
#ifndef SESSION_AGENT_LIVENESS_H
#define SESSION_AGENT_LIVENESS_H

#include "common/base.h"

#define LIVENESS_MAX_AGE_MS 10000

/* −1 with a reason. */
int liveness_check(const char *ledger_path, char *error_r, size_t error_size) MUST_CHECK;

#endif
