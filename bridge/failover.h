/*
 * While an operator is not BOUND for FAILOVER_AFTER_MS and its backup is served, its commands are
 * re-published to the backup: one hop only, each after the agent recorded it as closed here. Begin
 * and end are told to the agent (FAILOVER), which makes the health transitions of them.
 */
#ifndef BRIDGE_FAILOVER_H
#define BRIDGE_FAILOVER_H

#include "bridge/mt.h"

#define FAILOVER_HEADER "Smpp-Failover-From"

/* Whether the operator's binds can transmit may have changed. */
void failover_look(struct mt_operator *mo);
/* The operator is ours from now on; what was before was another's. `was_offered`: that one could
 * not be bound, so it is given less time here. */
void failover_taken(struct mt_operator *mo, bool was_offered);
/* Twice a second: begins and ends. */
void failover_tick(struct mt_operator *mo);
/* The command is one to be re-published: the failover has begun, and nothing of it was sent here,
 * and it has not been copied before. */
bool failover_wants(const struct mt *mt);
/* Nothing of it was accepted here, and there is a backup. */
bool failover_may_copy(const struct mt *mt);
/* The copy was refused or not answered, or its text did not come again, for so long that nothing
 * waits for it any more: traffic comes back, and it ends when it expires. */
bool failover_is_stuck(const struct mt *mt);
/* How many messages are being copied just now: the bound of fetching in failover. */
#define FAILOVER_COPIES_MAX 256

/* mt->raw is there. NULL: the table of unanswered publishes is full; try later. */
struct jetstream_publish *failover_publish(const struct mt *mt, jetstream_stored *stored,
                                           void *arg) MUST_CHECK;
/* The same JSON with another value of the outermost operatorId; NULL when it has none. Owned by the
 * caller. */
char *failover_rewrite(const char *json, size_t len, const char *operator_id, size_t *len_r);

#endif
