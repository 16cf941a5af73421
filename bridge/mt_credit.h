/* How many messages to ask a consumer for; pure. */
#ifndef BRIDGE_MT_CREDIT_H
#define BRIDGE_MT_CREDIT_H

#include "common/base.h"

#define MT_BATCH_MAX 1000
#define MT_HELD_WHILE_UNABLE 64 /* so that expiry is reported within seconds */

struct mt_credit {
    bool able;                 /* the operator can send just now */
    uint32_t slots;            /* that the agent grants */
    uint32_t without_outcome;  /* submits it has */
    uint32_t waiting_segments; /* of commands that are here and not submitted, estimated */
    uint32_t held;             /* commands that are here and not submitted */
    uint32_t recalled;         /* commands whose text has to come again */
    uint32_t pulled;           /* messages that outstanding pulls may still bring */
    uint32_t pulls;            /* outstanding pulls */
    uint32_t segments_x16;     /* mean segments of a command, times 16 */
    uint32_t ledger_free;
    uint32_t ack_pending_room; /* what the consumer would still deliver */
    uint32_t max_batch;        /* the consumer's; 0: none */
    bool patience_over;        /* room has waited long enough, however little it is */
};

/* 0: nothing now. Asks for little only when there is no other pull, and not at once: a pull for
 * each message would cost more than the message. */
uint32_t mt_credit_batch(const struct mt_credit *c);
/* There is room that no pull fills, but too little to ask at once. */
bool mt_credit_wants_patience(const struct mt_credit *c);
/* The mean after a command of n segments. */
uint32_t mt_credit_mean_x16(uint32_t mean_x16, uint32_t segments);

#endif
