/* The ledger's entries in memory: one for each slot in use, found by message and by operator, in
 * the order in which they came. Private to the ledger. */
#ifndef SESSION_AGENT_LEDGER_INDEX_H
#define SESSION_AGENT_LEDGER_INDEX_H

#include "common/list.h"
#include "session-agent/ledger_file.h"

struct ledger_operator;

struct ledger_entry {
    struct ledger_slot *slot;
    void *owner; /* the ledger's user's */
    struct ledger_operator *op;
    struct list of_all, of_operator;
    struct ledger_entry *chain; /* next of the same bucket, or of the free list */
};

struct ledger_index;

struct ledger_index *ledger_index_create(struct ledger_file *file) MUST_CHECK;
void ledger_index_destroy(struct ledger_index **x);

/* An entry whose slot is free, and whose owner is NULL; NULL: all are in use. To be linked. */
struct ledger_entry *ledger_index_take(struct ledger_index *x) MUST_CHECK;
/* The slot of `e` holds a submit: it can be found from now on. */
void ledger_index_link(struct ledger_index *x, struct ledger_entry *e);
/* Not found any more, and its slot is free. */
void ledger_index_release(struct ledger_index *x, struct ledger_entry *e);
/* While a file is recovered, for slots in rising order: links the entry of slot `i`, which holds a
 * submit, or frees the slot. Slots that were never used need no call. */
void ledger_index_recover(struct ledger_index *x, uint32_t i, bool taken);

/* The first entry of a message, and the one after `e`; NULL: none. */
struct ledger_entry *ledger_index_first(const struct ledger_index *x,
                                        const struct ipc_key *message);
struct ledger_entry *ledger_index_next(const struct ledger_entry *e, const struct ipc_key *message);

/* Oldest first; fn may release the entry it is called with. `operator_id` NULL: of all. */
void ledger_index_each(struct ledger_index *x, const uint8_t *operator_id,
                       void (*fn)(struct ledger_entry *e, void *arg), void *arg);

uint32_t ledger_index_capacity(const struct ledger_index *x);
uint32_t ledger_index_used(const struct ledger_index *x);
uint32_t ledger_index_operator_used(const struct ledger_index *x, const uint8_t operator_id[16]);

#endif
