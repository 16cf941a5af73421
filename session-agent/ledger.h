/*
 * What the agent must not forget when its process dies: the keys, contexts and outcomes of all
 * submits that are not settled, the newest settled and closed keys, and the ack floors. A bounded,
 * preallocated, memory-mapped file on the pod's shared volume; it survives the process, not the
 * pod. No password, number or text is in it. (README.md, "What it remembers"; proto/README.md.)
 *
 * Every change is a few plain stores and one release store that makes it true, so a process killed
 * at any instruction leaves a file that recovers: what was QUEUED is forgotten (it never reached a
 * socket; JetStream delivers it again), what was HANDED is UNKNOWN, what had an OUTCOME has it.
 * Entries carry checksums: a damaged one costs only itself.
 *
 * The loop's thread only, but for ledger_beat() and ledger_peek().
 */
#ifndef SESSION_AGENT_LEDGER_H
#define SESSION_AGENT_LEDGER_H

#include "common/base.h"
#include "proto/ipc.h"

#define LEDGER_BYTES_DEFAULT (32u << 20)
#define LEDGER_BYTES_MIN (1u << 20)
#define LEDGER_CONTEXT_MAX 512
#define LEDGER_RESPONSE_MAX 256
#define LEDGER_KEYS_WANTED                                                                         \
    200000                     /* remembered settled keys; from 32 MiB on there is room for them */
#define LEDGER_FLOORS_MAX 4096 /* operators whose ack floor is kept */

struct ledger;
struct ledger_entry; /* one submit; valid until it is settled or forgotten */

enum ledger_state {
    LEDGER_NONE,    /* not known */
    LEDGER_QUEUED,  /* taken, not yet handed to a socket */
    LEDGER_HANDED,  /* handed to a socket, no outcome */
    LEDGER_OUTCOME, /* has one */
    LEDGER_CLOSED,  /* the message was closed: nothing of it shall be sent any more (no entry) */
    LEDGER_SETTLED, /* the message was settled (no entry) */
};

struct ledger_outcome {
    enum ipc_outcome_kind kind;
    uint8_t bind; /* over which it went */
    uint32_t status;
    uint32_t latency_us;
    int64_t at_ms;         /* wall time */
    struct bytes response; /* set: cut at LEDGER_RESPONSE_MAX; get: a view, until the next change */
};

/* What opening found; the counts are zero for a new file. */
struct ledger_recovery {
    bool fresh;         /* the file is new */
    uint32_t outcomes;  /* entries with an outcome */
    uint32_t unknown;   /* entries that were HANDED: now OUTCOME, UNKNOWN */
    uint32_t forgotten; /* entries that were QUEUED */
    uint32_t corrupt;   /* entries whose checksum was wrong: lost */
    uint32_t keys;      /* settled or closed keys remembered */
    uint32_t floors;
    uint8_t home[16]; /* random, made with the file; the file is one process' at a time */
    char note[256]; /* for the log: why the former file was put aside, another size …; or empty */
};

/* Opens or creates the file. A file that is not ours, damaged in its head or of another version is
 * renamed to `<path>.bad` and a new one begun (`note` says so). An existing file keeps its size.
 * `wall_ms` stamps the outcomes of what was HANDED. −1: no room for `bytes` on that volume, in use
 * by another process, no permission … */
int ledger_open(const char *path, size_t bytes, int64_t wall_ms, struct ledger **ledger_r,
                struct ledger_recovery *recovery_r, char *error_r, size_t error_size) MUST_CHECK;
/* Unmaps; the file stays. */
void ledger_close_file(struct ledger **l);

uint32_t ledger_capacity(const struct ledger *l); /* entries */
uint32_t ledger_used(const struct ledger *l);
uint32_t ledger_keys_capacity(const struct ledger *l);
/* Entries of one operator, settled ones not counted. */
uint32_t ledger_operator_used(const struct ledger *l, const uint8_t operator_id[16]);

/* --- keys --- */

/* What is known of a submit (stream, sequence, time stamp, segment; whatever attempt). *entry_r is
 * the entry in the states QUEUED, HANDED and OUTCOME, else NULL. A closed or settled message
 * answers CLOSED or SETTLED for every segment that has no entry of its own. */
enum ledger_state ledger_find(const struct ledger *l, const struct ipc_key *key,
                              struct ledger_entry **entry_r);

/* The message was closed, whatever outcomes of it are still here. */
bool ledger_is_closed(const struct ledger *l, const struct ipc_key *message);

/* A new submit, QUEUED. NULL: all entries are taken. Its key must not be known and the context no
 * longer than LEDGER_CONTEXT_MAX. */
struct ledger_entry *ledger_add(struct ledger *l, const uint8_t operator_id[16],
                                const struct ipc_key *key, uint8_t segments,
                                struct bytes context) MUST_CHECK;
/* QUEUED → HANDED; before the write. */
void ledger_mark_handed(struct ledger *l, struct ledger_entry *e);
/* Any state → OUTCOME. An UNKNOWN may be replaced by what came late; nothing else is replaced:
 * false then, and nothing changed. */
bool ledger_set_outcome(struct ledger *l, struct ledger_entry *e,
                        const struct ledger_outcome *outcome);
/* OUTCOME → QUEUED as the next attempt (attempt + 1, up to 255) with a new context. */
void ledger_retry(struct ledger *l, struct ledger_entry *e, struct bytes context);
/* Gives a QUEUED entry, or one whose submit can't go on (its body died with a former process),
 * back as if it had never been. */
void ledger_forget(struct ledger *l, struct ledger_entry **e);

/* Nothing of this message shall be sent any more. IN_FLIGHT: an entry is HANDED, nothing changed.
 * DONE: remembered as closed, and its QUEUED entries are gone: call `gone` for each before (their
 * owners must leave the queue). Entries with an outcome stay until the message is settled. */
enum ipc_close_verdict ledger_close(struct ledger *l, const struct ipc_key *message, uint32_t now_s,
                                    void (*gone)(void *owner, void *arg), void *arg);
/* Frees all entries of the message (after `gone` with each owner that is not NULL) and remembers
 * its key. `now_s`: monotonic seconds. Settling what is unknown only remembers it. */
void ledger_settle(struct ledger *l, const struct ipc_key *message, uint32_t now_s,
                   void (*gone)(void *owner, void *arg), void *arg);

/* --- entries --- */

struct ipc_key ledger_key(const struct ledger_entry *e); /* with the attempt it is at */
const uint8_t *ledger_operator_id(const struct ledger_entry *e);
uint8_t ledger_segments(const struct ledger_entry *e);
enum ledger_state ledger_entry_state(const struct ledger_entry *e);
struct bytes ledger_context(const struct ledger_entry *e); /* a view, until the next change */
/* Only in state OUTCOME. */
struct ledger_outcome ledger_outcome(const struct ledger_entry *e);
/* The caller's own, not in the file; NULL after recovery. */
void ledger_set_owner(struct ledger_entry *e, void *owner);
void *ledger_owner(const struct ledger_entry *e);

/* Calls `fn` for each entry of the operator (NULL: of all), oldest first. `fn` may forget that very
 * entry and nothing else. */
void ledger_each(struct ledger *l, const uint8_t *operator_id,
                 void (*fn)(struct ledger_entry *e, void *arg), void *arg);
/* Is a segment of this message HANDED? */
bool ledger_in_flight(const struct ledger *l, const struct ipc_key *message);

/* --- ack floors --- */

/* False: there is no room for one more operator. */
bool ledger_set_floor(struct ledger *l, const uint8_t operator_id[16], uint64_t stream,
                      uint64_t sequence);
bool ledger_floor(const struct ledger *l, const uint8_t operator_id[16], uint64_t *stream_r,
                  uint64_t *sequence_r) MUST_CHECK;

typedef void ledger_floor_fn(const uint8_t operator_id[16], uint64_t stream, uint64_t sequence,
                             void *arg);
void ledger_each_floor(const struct ledger *l, ledger_floor_fn *fn, void *arg);

/* --- sign of life --- */

/* The loop turned at this monotonic time; any thread. */
void ledger_beat(struct ledger *l, int64_t mono_ns);

struct ledger_pulse {
    int64_t beat_ns; /* CLOCK_MONOTONIC of the last beat */
    int32_t pid;
};
/* Reads the sign of life of a file that another process has open (--check). */
int ledger_peek(const char *path, struct ledger_pulse *pulse_r, char *error_r,
                size_t error_size) MUST_CHECK;

#endif
