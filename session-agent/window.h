/*
 * The requests of one bind that wait for their response: sequence_number → owner. Deadlines are
 * first in, first out (the time-out is a constant; a shorter one applies to what is added later).
 * What timed out stays findable as "late" for WINDOW_LATE_MS, at most `late_max` of them, so that a
 * late answer still settles it. All calls are O(1); pure over mono_t.
 */
#ifndef SESSION_AGENT_WINDOW_H
#define SESSION_AGENT_WINDOW_H

#include "common/base.h"
#include "common/clock.h"

#define WINDOW_SEQUENCE_MAX 0x7FFFFFFFu /* SMPP 3.4 §5.1.4; 1 follows it */
#define WINDOW_LATE_MS (5 * 60 * 1000)  /* README.md, "The way of an SMS" */

struct window;

struct window_entry {
    void *owner;
    uint64_t tag; /* the owner's own, e.g. the attempt this request was */
    mono_t written;
    mono_t deadline;
    uint32_t sequence;
    bool late; /* it timed out before */
};

/* `limit` ≥ 1 live entries, `late_max` late ones beside them. */
struct window *window_create(uint32_t limit, uint32_t late_max) MUST_CHECK;
/* The window must be empty of owners that matter: drain it first. */
void window_destroy(struct window **w);

/* A smaller limit takes nothing away: the window is full until answers made room, and late ones
 * that are too many now come out of window_forget(). */
void window_set_limit(struct window *w, uint32_t limit, uint32_t late_max);
uint32_t window_limit(const struct window *w);
uint32_t window_used(const struct window *w); /* without the late ones */
uint32_t window_late(const struct window *w);
uint32_t window_room(const struct window *w); /* limit − used, or 0 */

/* The next sequence_number for a request that the window does not hold (bind, enquire_link,
 * unbind): 1 … 0x7FFFFFFF, none that a live or late entry has. Numbers go up and wrap, so one given
 * out here comes again after 2^31 − 1 others. */
uint32_t window_sequence(struct window *w);
void window_set_sequence_for_test(struct window *w, uint32_t next);

/* Adds a request about to be written and returns its sequence_number; there must be room. A
 * deadline earlier than the one before it is moved up to that. */
uint32_t window_add(struct window *w, void *owner, uint64_t tag, mono_t written, mono_t deadline);

/* Takes the entry out, live or late; false: no such sequence_number. */
bool window_take(struct window *w, uint32_t sequence, struct window_entry *entry_r) MUST_CHECK;

/* The earliest deadline of the live ones; false: none. */
bool window_next_deadline(const struct window *w, mono_t *deadline_r) MUST_CHECK;
/* Makes the oldest live entry late if its deadline is reached and copies it; call until false. */
bool window_expire(struct window *w, mono_t now, struct window_entry *entry_r) MUST_CHECK;
/* When the oldest late one will be forgotten; false: none. */
bool window_next_forget(const struct window *w, mono_t *at_r) MUST_CHECK;
/* Takes out a late entry that is too old or one too many; call until false. */
bool window_forget(struct window *w, mono_t now, struct window_entry *entry_r) MUST_CHECK;
/* Takes out the oldest entry there is, live ones first; for the end of the session. */
bool window_drain(struct window *w, struct window_entry *entry_r) MUST_CHECK;

#endif
