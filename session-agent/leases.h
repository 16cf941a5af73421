/*
 * Which binds may be open and write submit_sm, and until when, as the bridge declared (LEASE). An
 * operator without an entry has no leases: its binds stay as long as the agent lives. Pure: the
 * caller says what time it is, on clock_boot().
 */
#ifndef SESSION_AGENT_LEASES_H
#define SESSION_AGENT_LEASES_H

#include "common/clock.h"
#include "proto/ipc.h"

#define LEASES_MAX_BINDS 64

/* How late we may look at a lease that ended and still take our time to unbind: beyond it we stood
 * still, and nobody knows for how long. */
#define LEASES_LATE_MS 1000

struct leases;
struct operator_leases;

struct leases *leases_create(void) MUST_CHECK;
void leases_destroy(struct leases **leases);

/* --- records of the bridge --- */

/* DECLARE: what follows is said anew. */
void leases_declare(struct leases *leases);
/* LEASE. False: no such bind. */
bool leases_set(struct leases *leases, const struct ipc_lease *record) MUST_CHECK;
/* OPERATOR: without a LEASE in the same declaration, or since, it is no longer leased. Its leases,
 * valid until leases_forget(); never NULL. */
struct operator_leases *leases_of(struct leases *leases, const uint8_t id[IPC_OPERATOR_ID_SIZE]);
/* The operator is gone. */
void leases_forget(struct leases *leases, const uint8_t id[IPC_OPERATOR_ID_SIZE]);

/* --- questions --- */

bool leases_is_leased(const struct operator_leases *o);
/* May this bind be opened, and write? */
bool leases_allows(const struct operator_leases *o, uint8_t bind, mono_t now);
/* Is there any that may? */
bool leases_allows_any(const struct operator_leases *o, mono_t now);

enum leases_verdict {
    LEASES_KEEP,   /* not leased, or not over yet */
    LEASES_UNBIND, /* just over: nothing is written, answers and a clean unbind are fine */
    LEASES_CUT,    /* lost, or over for too long */
};
/* What shall become of an open bind. `is_ending`: it was told to unbind before. *look_r: when to
 * ask again (untouched when there is no need). */
enum leases_verdict leases_judge(const struct operator_leases *o, uint8_t bind, bool is_ending,
                                 mono_t now, mono_t *look_r);

#endif
