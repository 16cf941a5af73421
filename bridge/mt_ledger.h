/*
 * The agent's ledger entries, which all operators share: reserved before a message's first SUBMIT.
 * One half belongs to whoever needs it; of the other each operator has a part that is left to it,
 * however many entries those hold that are stuck.
 */
#ifndef BRIDGE_MT_LEDGER_H
#define BRIDGE_MT_LEDGER_H

#include "bridge/mt.h"

/* Entries for so many submits of the message, or none: then its operator has its turn when there
 * is room again. */
bool mt_ledger_reserve(struct mt *mt, uint32_t entries) MUST_CHECK;
/* One more that the agent listed. */
void mt_ledger_count(struct mt *mt);
void mt_ledger_release(struct mt *mt);
/* What the operator may still reserve, beyond what is here and waits. */
uint32_t mt_ledger_free(const struct mt_operator *mo);

#endif
