/*
 * How a message ends. mt_outcome.c: what each OUTCOME means. mt_end.c: CLOSE, event, dead letter.
 * mt_acks.c: acks under a barrier, then SETTLED.
 */
#ifndef BRIDGE_MT_SETTLE_H
#define BRIDGE_MT_SETTLE_H

#include "bridge/mt.h"

/* --- mt_outcome.c --- */

void mt_settle_outcome(struct mt_segment *segment, const struct ipc_outcome *r);
/* An unknown outcome has rested long enough to be sent again: its session is gone, or patience is
 * over. */
bool mt_settle_has_rested(const struct mt_segment *segment, int64_t now_ms);
/* The next stage, from the states of its segments. */
void mt_settle_advance(struct mt *mt);
/* Unknown outcomes that rested long enough, correlations that Redis did not take, texts that do not
 * come again; twice a second. */
void mt_settle_tick(struct mt_operator *mo);
/* Its bytes are needed once more, and JetStream has them. */
void mt_settle_recall(struct mt *mt);
/* They were asked for long ago, and did not come. */
bool mt_settle_is_text_missing(const struct mt *mt);
/* Redis is back: what waits for it is asked for again. */
void mt_settle_store_again(struct mt_operator *mo);

/* --- mt_end.c --- */

/* mt->end was set: nothing of it shall be sent (any more), the world is told, it leaves the stream.
 */
void mt_settle_end(struct mt *mt);
void mt_settle_closed(struct mt *mt, enum ipc_close_verdict verdict);
/* Something of it was sent here after all: it is settled here. */
void mt_settle_call_off_copy(struct mt *mt);
/* Its bytes came again. */
void mt_settle_end_resume(struct mt *mt, const void *data, size_t len);
/* Its event, dead letter or copy is stored. */
void mt_settle_end_stored(struct mt *mt);
/* What could not be published because the table was full; letters that are refused for long. */
void mt_settle_publish_again(struct mt_operator *mo);
/* What expired while its text did not come again. */
void mt_settle_end_textless(struct mt_operator *mo);

/* --- mt_acks.c --- */

/* Sends what is due as one batch whose last ack is confirmed; at a turn's end. */
void mt_settle_acks(struct mt_operator *mo);
/* +WPI for what is held here or at the agent. */
void mt_settle_signs_of_life(struct mt_operator *mo);
void mt_settle_barrier_timer_init(struct mt_operator *mo);

#endif
