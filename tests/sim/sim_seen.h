/* Which messages were taken before: finds those that an ESME sent twice. */
#ifndef SIM_SEEN_H
#define SIM_SEEN_H

#include "tests/sim/sim_behaviour.h"
#include "tests/sim/sim_pdu.h"

struct sim_seen;

struct sim_seen *sim_seen_create(void);
void sim_seen_destroy(struct sim_seen **seen);
/*
 * Remembers the message; true if it was there already. In token mode a message is its token (the
 * first word of the text that begins with the prefix); one without is taken as in text mode:
 * source, destination, text and part. The reference of a long message does not count, since one
 * that is wrongly sent again may get another. By 64-bit hashes, 16 bytes a message.
 */
bool sim_seen_add(struct sim_seen *seen, const struct sim_behaviour *b, const struct sim_submit *m);
void sim_seen_clear(struct sim_seen *seen);

#endif
