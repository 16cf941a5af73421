/* Pulling from the durables, only what may be sent soon, and what comes of it. */
#ifndef BRIDGE_MT_FETCH_H
#define BRIDGE_MT_FETCH_H

#include "bridge/mt.h"

/* Pulls when there is room enough; at a turn's end. */
void mt_fetch_work(struct mt_operator *mo);
void mt_fetch_message(struct mt_operator *mo, const struct jetstream_message *m);
void mt_fetch_pull_ended(struct mt_operator *mo, enum jetstream_pull_end why, uint32_t missing,
                         const char *text);
void mt_fetch_heartbeat(struct mt_operator *mo);
/* The connection is gone, and all pulls with it. */
void mt_fetch_forget(struct mt_operator *mo);
/* Twice a second: a pull without any sign of life is void. */
void mt_fetch_tick(struct mt_operator *mo);
/* How many messages the consumer would still deliver before some are acknowledged. */
uint32_t mt_fetch_ack_pending_room(const struct mt_operator *mo);
void mt_fetch_timer_init(struct mt_operator *mo);

#endif
