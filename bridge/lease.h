/*
 * One lease as a state machine: a key of the bucket, of which one instance at a time is the holder.
 * Pure: the caller says what time it is (on clock_boot()), asks what to do next, and tells what the
 * server answered. Every write is a compare-and-set on the revision that was seen last.
 *
 * The holder counts from the moment a write *left*, and lets go `hold_ms` later. Others count from
 * the moment they *saw* a revision, and take it when it is still the same `ttl_ms` later. So, as no
 * clock but one's own matters, the first ends before the second, by ttl_ms − hold_ms.
 */
#ifndef BRIDGE_LEASE_H
#define BRIDGE_LEASE_H

#include "common/clock.h"

/* All derived from LEASE_TTL_MS and LEASE_DEADLINE_MS. */
struct lease_times {
    int64_t ttl_ms;
    int64_t hold_ms;   /* deadline, and what a renewal may be late by itself */
    int64_t unbind_ms; /* behind hold_ms, for a clean good-bye; as much again is left for pauses */
    int64_t renew_ms;
    int64_t retry_ms; /* after no answer */
    int64_t look_ms;  /* how often another's lease is looked at */
    int64_t turn_ms;  /* others go first for so long after it was given away */
};
struct lease_times lease_times(int64_t ttl_ms, int64_t deadline_ms);

enum lease_state {
    LEASE_UNKNOWN, /* not read yet, or not since something went wrong */
    LEASE_FREE,    /* nobody's, or given away */
    LEASE_OTHERS,  /* another instance's, or not renewed by it for too short a time */
    LEASE_HELD,
};

/* What is to be sent to the server. */
enum lease_ask {
    LEASE_ASK_NOTHING,
    LEASE_ASK_READ,
    LEASE_ASK_TAKE,
    LEASE_ASK_RENEW,
    LEASE_ASK_GIVE, /* write that it is free */
};

enum lease_news {
    LEASE_NO_NEWS,
    LEASE_TAKEN, /* held from now on; lease.taken_from says how */
    LEASE_RENEWED,
    LEASE_GIVEN, /* free, as was wished */
    LEASE_LOST,  /* could not be renewed in time, or is another's */
};

enum lease_from { LEASE_FROM_NOBODY, LEASE_FROM_EXPIRED, LEASE_FROM_OURSELVES };

struct lease {
    enum lease_state state;
    uint64_t revision; /* as read or written last; 0: the key has no value */
    enum lease_ask under_way;
    mono_t sent_at;    /* of what is under way */
    mono_t next;       /* nothing is asked before */
    bool check;        /* HELD: read it before the next write, the last one's fate is unknown */
    bool giving;       /* HELD: to be given away */
    bool is_ours;      /* FREE: written by us before we forgot it */
    bool expired;      /* OTHERS: not renewed for ttl_ms */
    mono_t seen_at;    /* OTHERS: when this revision came first; FREE: when that was seen */
    mono_t until;      /* HELD */
    mono_t not_before; /* we gave it away: others go first */
    int64_t ttl_ms;    /* OTHERS: the longer one of ours and the holder's */
    enum lease_from taken_from;
};

void lease_init(struct lease *l);

/* What to ask now; it counts as sent. `may_take`: this instance could use it. `may_renew`: its
 * agent is there. */
enum lease_ask lease_next(struct lease *l, mono_t now, const struct lease_times *t, bool may_take,
                          bool may_renew) MUST_CHECK;
/* It could not be sent after all. */
void lease_not_sent(struct lease *l, mono_t now, const struct lease_times *t);

/* --- answers --- */

enum lease_owner { LEASE_OWNER_NONE, LEASE_OWNER_US, LEASE_OWNER_OTHER };
/* `ttl_ms`: the holder's own. */
enum lease_news lease_was_read(struct lease *l, mono_t now, const struct lease_times *t,
                               enum lease_owner owner, uint64_t revision, int64_t ttl_ms);
enum lease_news lease_was_written(struct lease *l, mono_t now, const struct lease_times *t,
                                  uint64_t revision);
/* Somebody was first. */
enum lease_news lease_was_refused(struct lease *l, mono_t now);
/* It may or may not have happened. */
void lease_no_answer(struct lease *l, mono_t now, const struct lease_times *t);

/* --- time, and wishes --- */

/* LOST when its time is over. */
enum lease_news lease_tick(struct lease *l, mono_t now);
/* The server is there (again): renewals do not wait. */
void lease_hurry(struct lease *l, mono_t now);
/* Gives it away, and lets others go first. The bind must not be used from now on. */
void lease_give(struct lease *l, mono_t now);

/* May its bind be used? Not once it is being given away: whether that has happened can't be told.
 */
bool lease_is_held(const struct lease *l, mono_t now);

#endif
