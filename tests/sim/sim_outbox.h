/* What one system_id is to be sent: waits for a bind with room, repeats what was not taken. */
#ifndef SIM_OUTBOX_H
#define SIM_OUTBOX_H

#include "tests/sim/sim.h"
#include "tests/sim/sim_delivery.h"
#include "tests/sim/sim_session.h"

struct sim_outbox *sim_outbox_create(struct sim *sim, struct sim_system *system);
void sim_outbox_destroy(struct sim_outbox **outbox);

/* An empty delivery of this outbox; sim_outbox_add() it. */
struct sim_delivery *sim_outbox_new(struct sim_outbox *outbox);
/* Takes the delivery; it goes out at `due_ns`, or with the next turn of the loop if that is past.
 */
void sim_outbox_add(struct sim_delivery *d, uint64_t due_ns);
/* Sends what can be sent; the loop does it once a turn for each outbox in sim.pending. */
void sim_outbox_pump(struct sim_outbox *outbox);
/* The outbox whose place in sim.pending this is. */
struct sim_outbox *sim_outbox_of(struct list *pending);
/* There may be room now: pump in this turn. */
void sim_outbox_wake(struct sim_outbox *outbox);
/* deliver_sm_resp or data_sm_resp. */
void sim_outbox_answered(struct sim_session *s, struct sim_header h, struct bytes body);
/* The connection ended: what was unanswered waits for another. */
void sim_outbox_cut_off(struct sim_session *s);
/* Ready, later and in flight. */
size_t sim_outbox_waiting(const struct sim_outbox *outbox);

#endif
