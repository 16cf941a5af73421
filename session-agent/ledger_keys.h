/* The messages that were settled or closed, newest last, in a ring of the ledger's file with an
 * index in memory. Private to the ledger. */
#ifndef SESSION_AGENT_LEDGER_KEYS_H
#define SESSION_AGENT_LEDGER_KEYS_H

#include "session-agent/ledger_file.h"

struct ledger_keys;

/* Reads the ring (damaged records are skipped) and indexes it. */
struct ledger_keys *ledger_keys_create(struct ledger_file *file) MUST_CHECK;
void ledger_keys_destroy(struct ledger_keys **k);

/* Remembers the message as CLOSED or SETTLED; forgets the oldest when the ring is full. */
void ledger_keys_add(struct ledger_keys *k, const struct ipc_key *message, enum ledger_state state,
                     uint32_t now_s);
/* CLOSED, SETTLED or NONE: what was said last. */
enum ledger_state ledger_keys_find(const struct ledger_keys *k, const struct ipc_key *message);
uint32_t ledger_keys_count(const struct ledger_keys *k);

/* Of stream and sequence. Sequences are dense and come in order, so what follows one message lies
 * beside it in an index over this, and is in the cache already. */
uint32_t ledger_message_hash(const struct ipc_key *message);

#endif
