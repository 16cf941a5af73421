/*
 * How much is made of PDUs that should not have come: a line in the log for the first ones and then
 * now and then, and from some number in a minute on the end of the connection. Pure arithmetic.
 */
#ifndef SESSION_AGENT_ODD_PDUS_H
#define SESSION_AGENT_ODD_PDUS_H

#include "common/clock.h"

#define ODD_PDUS_LINES 10           /* in a row, */
#define ODD_PDUS_LINE_EVERY_S 10    /* then one in so many seconds */
#define ODD_PDUS_MINUTE_LIMIT 10000 /* the connection ends */

/* All zero at first. */
struct odd_pdus {
    mono_t lines_paid; /* each line costs ODD_PDUS_LINE_EVERY_S; until then they are paid for */
    uint64_t left_out; /* without a line, since the last line */
    mono_t minute;     /* its begin */
    uint32_t in_minute;
};

/* One came. Shall it have a line? *left_out_r: how many had none since the last one. */
bool odd_pdus_note(struct odd_pdus *o, mono_t now, uint64_t *left_out_r);
/* It is enough. */
bool odd_pdus_are_too_many(const struct odd_pdus *o);
/* Another connection: its peer begins anew, the log does not. */
void odd_pdus_new_connection(struct odd_pdus *o);

#endif
