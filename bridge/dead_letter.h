/* Commands that can never be sent are kept as they came, on smpp.deadletter.{operatorId}. */
#ifndef BRIDGE_DEAD_LETTER_H
#define BRIDGE_DEAD_LETTER_H

#include "bridge/mt.h"

/* Is the message one to be kept? */
bool dead_letter_wants(const struct mt *mt);
#define DEAD_LETTER_SUBJECT_SIZE 80
void dead_letter_subject(const struct mno *op, char out[DEAD_LETTER_SUBJECT_SIZE]);
/* mt->raw is there. NULL: the table of unanswered publishes is full; try later. */
struct jetstream_publish *dead_letter_publish(const struct mt *mt, jetstream_stored *stored,
                                              void *arg) MUST_CHECK;

#endif
