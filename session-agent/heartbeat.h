/*
 * When to send enquire_link and when to believe that nobody is there. Every interval, traffic or
 * not; at most one unanswered. Pure over mono_t.
 *
 * A time-out counts only if the socket was read empty after it: a process that was paused finds
 * the answer in its socket and believes no timer before it has read (README.md, "The life of a
 * bind").
 */
#ifndef SESSION_AGENT_HEARTBEAT_H
#define SESSION_AGENT_HEARTBEAT_H

#include "common/base.h"
#include "common/clock.h"

struct heartbeat {
    int64_t interval_ms;
    int64_t timeout_ms;
    mono_t next;       /* when the next enquire_link is due */
    mono_t sent;       /* when the unanswered one was written */
    mono_t drained;    /* when the socket was last seen empty */
    uint32_t sequence; /* of the unanswered one */
    bool waiting;      /* one is unanswered */
};

enum heartbeat_verdict {
    HEARTBEAT_FINE, /* nothing to do before heartbeat_next() */
    HEARTBEAT_SEND, /* write an enquire_link and call heartbeat_sent() */
    /* Overdue. If the socket is empty, call heartbeat_socket_drained() and check again; if not,
     * check again after the next read. */
    HEARTBEAT_LOOK,
    HEARTBEAT_SILENT, /* overdue, and the socket was empty after the deadline: nobody is there */
};

/* On bound: the first enquire_link is due after one interval. */
void heartbeat_start(struct heartbeat *hb, int64_t interval_ms, int64_t timeout_ms, mono_t now);
/* New timers at once, for the unanswered one too. */
void heartbeat_tune(struct heartbeat *hb, int64_t interval_ms, int64_t timeout_ms);
enum heartbeat_verdict heartbeat_check(const struct heartbeat *hb, mono_t now);
/* When to check again. */
mono_t heartbeat_next(const struct heartbeat *hb);
void heartbeat_sent(struct heartbeat *hb, uint32_t sequence, mono_t now);
/* enquire_link_resp came, or a generic_nack for it (somebody is there): true if it is for the one
 * unanswered, with its round trip. */
bool heartbeat_answered(struct heartbeat *hb, uint32_t sequence, mono_t now,
                        uint32_t *rtt_us_r) MUST_CHECK;
/* All that the peer had sent until `now` was read and handled. */
void heartbeat_socket_drained(struct heartbeat *hb, mono_t now);

#endif
