/* Up to where each operator's consumer is acknowledged, in the ledger's file: what a missing
 * durable is created from. Private to the ledger. */
#ifndef SESSION_AGENT_LEDGER_FLOORS_H
#define SESSION_AGENT_LEDGER_FLOORS_H

#include "session-agent/ledger_file.h"

struct ledger_floors;

/* Reads what the file has; a floor of which neither copy is good is lost. */
struct ledger_floors *ledger_floors_create(struct ledger_file *file) MUST_CHECK;
void ledger_floors_destroy(struct ledger_floors **f);

/* As ledger_set_floor(), ledger_floor() and ledger_each_floor(). */
bool ledger_floors_set(struct ledger_floors *f, const uint8_t operator_id[16], uint64_t stream,
                       uint64_t sequence);
bool ledger_floors_find(const struct ledger_floors *f, const uint8_t operator_id[16],
                        uint64_t *stream_r, uint64_t *sequence_r) MUST_CHECK;
void ledger_floors_each(const struct ledger_floors *f, ledger_floor_fn *fn, void *arg);
uint32_t ledger_floors_count(const struct ledger_floors *f);

#endif
