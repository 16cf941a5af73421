/*
 * The log an outside observer keeps: one line of JSON per PDU and connection event, appended to a
 * file. Buffered, written every 100 ms and at the end, so that it never limits the speed.
 *   t monotonic ns · n connection · s system_id · d in, out or event · c command · q
 * sequence_number r command_status · id message id · to, from addresses · ref, part, parts of a
 * long message text octets of the message as hex (history-text) The first line of each run maps t
 * to the clock on the wall ("wall", µs since 1970).
 */
#ifndef SIM_HISTORY_H
#define SIM_HISTORY_H

#include "common/base.h"

#include "tests/sim/sim_pdu.h"
#include "tests/sim/sim_session.h"
#include "tests/sim/sim_timers.h"

struct sim_history;

/* `only_to`: only PDUs about handsets whose address ends so (a sample costs next to nothing); NULL:
 * everything. Not copied. NULL with the reason in `error` when the file can't be opened. */
struct sim_history *sim_history_open(const char *path, bool with_text, const char *only_to,
                                     struct sim_timers *timers, char *error,
                                     size_t error_size) MUST_CHECK;
void sim_history_close(struct sim_history **history);
void sim_history_switch(struct sim_history *history, bool on);
void sim_history_flush(struct sim_history *history);

/* A NULL history takes everything and does nothing. `note` may be NULL. */
void sim_history_pdu(struct sim_history *history, uint64_t now_ns, const struct sim_session *s,
                     bool out, const struct sim_header *header, const struct sim_note *note);
void sim_history_event(struct sim_history *history, uint64_t now_ns, const struct sim_session *s,
                       const char *event);

#endif
