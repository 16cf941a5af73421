/* From a command to SUBMITs, as far as the agent's credits and its ledger have room. */
#ifndef BRIDGE_MT_SUBMIT_H
#define BRIDGE_MT_SUBMIT_H

#include "proto/commands.h"

#include "bridge/mt.h"

/* A message that just arrived, with its text: sends it at once when it may, else keeps its text and
 * its turn. */
void mt_submit_take(struct mt *mt, const struct command *command, const void *data, size_t len);
/* A message whose text came again. */
void mt_submit_resume(struct mt *mt, const void *data, size_t len);
/* Sends what waits and may go, in order; at a turn's end. */
void mt_submit_work(struct mt_operator *mo);
/* What waits and is not to be sent any more: expired, or the operator goes. */
void mt_submit_expire(struct mt_operator *mo);
void mt_submit_give_back(struct mt_operator *mo);

/* A submit_sm to its destination has no stored correlation yet (mt_path_expects). */
void mt_submit_expect(struct mt *mt);
void mt_submit_unexpect(struct mt *mt);
uint16_t *mt_submit_expected(const struct mt_path *path, const struct mno *op,
                             uint64_t destination_digest);

#define MT_EXPECTED_SIZE 16384 /* counters; a collision makes a receipt wait a little longer */

#endif
