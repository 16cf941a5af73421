/* The durable consumer of an operator: checked, obeyed or refused, created where that is safe. */
#ifndef BRIDGE_MT_CONSUMER_H
#define BRIDGE_MT_CONSUMER_H

#include "bridge/mt.h"

struct mt_streams; /* what STREAM.INFO said, shared by the operators of a stream */
struct mt_streams *mt_streams_create(struct mt_path *path) MUST_CHECK;
void mt_streams_destroy(struct mt_streams **s);

struct mt_consumer *mt_consumer_create(struct mt_operator *mo) MUST_CHECK;
void mt_consumer_destroy(struct mt_consumer **c);

/* Asks the server (again) as soon as its turn comes; a bounded number at a time. */
void mt_consumer_check(struct mt_operator *mo);
/* Twice a second: checks that are due. */
void mt_consumer_tick(struct mt_path *path);
/* Connected anew: what was true before need not be. */
void mt_consumer_connected(struct mt_path *path);
void mt_consumer_note_floor(struct mt_operator *mo, uint64_t stream, uint64_t sequence);
/* Another dispatchStream, or bounds that bear on the durable. */
void mt_consumer_settings_changed(struct mt_operator *mo);

/* A question is open: the operator can't be released yet. */
bool mt_consumer_is_asking(const struct mt_operator *mo);
/* Whether anybody pulls from the backup's consumer; the answer goes into mo->backup_has_pulls. */
void mt_consumer_ask_backup(struct mt_operator *mo);
bool mt_consumer_is_ready(const struct mt_operator *mo);
const char *mt_consumer_name(const struct mt_operator *mo);
const char *mt_consumer_trouble(const struct mt_operator *mo); /* NULL: none */
bool mt_consumer_has_dead_letters(const struct mt_operator *mo);
/* −1: unlimited. */
int64_t mt_consumer_max_ack_pending(const struct mt_operator *mo);
uint32_t mt_consumer_max_batch(const struct mt_operator *mo); /* 0: none */

#endif
