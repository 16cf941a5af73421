/*
 * One operator: what was declared about it, its binds, its queue of submits, its health and its
 * counters. The struct is open to the files that work on an operator; each member says whose it is.
 */
#ifndef SESSION_AGENT_OPERATOR_H
#define SESSION_AGENT_OPERATOR_H

#include "common/list.h"

#include "session-agent/agent_context.h"
#include "session-agent/bind_slot.h"
#include "session-agent/credentials_request.h"
#include "session-agent/health.h"
#include "session-agent/operator_config.h"

#define OPERATOR_ID_TEXT 37 /* with NUL */
#define OPERATOR_ALL_BINDS (-1)

struct operators;
struct submits;

/* The non-secret part of the last good credentials answer. */
struct operator_credentials {
    char *host; /* NULL: none yet */
    uint16_t port;
    enum ipc_bind_mode bind_mode;
    uint32_t tps_limit;
    uint8_t backup_operator_id[IPC_OPERATOR_ID_SIZE];
    int64_t at_ms; /* wall time */
};

struct agent_operator {
    struct agent_context *ctx;
    struct operators *set;
    struct list link; /* operators.c: of all */
    struct list work; /* operators.c: something changed */
    uint8_t id[IPC_OPERATOR_ID_SIZE];
    char id_text[OPERATOR_ID_TEXT];
    struct operator_config *config;

    const struct operator_leases *leases;
    struct timer lease_look; /* until the next lease of an open bind ends */

    struct bind_slot **slots; /* slot_count of them; those beyond config->binds are ending */
    uint32_t slot_count;
    bool ending; /* DROP or drain: nothing new is taken, binds unbind */
    bool dropped;

    struct submits *submits; /* submits.c */
    struct operator_credentials credentials;
    struct health health;
    char reason[HEALTH_REASON_SIZE]; /* of the last change of a session */
    bool attempt_failed;             /* ever, in this process */
    bool state_changed;              /* OPERATOR_STATE is to be told */

    uint32_t credit_told;
    uint32_t credit_ceiling; /* the most that this attachment was told */
    uint64_t stats[IPC_STATS_COUNT];
    uint64_t stats_told[IPC_STATS_COUNT];
};

/* `leases` outlive it. */
struct agent_operator *operator_create(struct agent_context *ctx, struct operators *set,
                                       struct operator_config *config,
                                       const struct operator_leases *leases) MUST_CHECK;
/* All binds must be gone. What is queued is forgotten in the ledger. */
void operator_destroy(struct agent_operator **op);

/* A new declaration: timers, limits and window at once, the rest at the next bind. */
void operator_retune(struct agent_operator *op, struct operator_config *config);
/* To end: queued submits are given back, binds drain and unbind. */
void operator_end(struct agent_operator *op, const char *reason);
/* While it ends: whether its binds still wait for something. */
void operator_check_drained(struct agent_operator *op);
/* Drains, unbinds and binds again, with fresh credentials: one bind, or OPERATOR_ALL_BINDS. */
void operator_rebind(struct agent_operator *op, int bind, const char *reason);
/* Everything is closed at once, for a process that must go. */
void operator_cut(struct agent_operator *op, const char *reason);
/* It ends, and all of its binds are gone. */
bool operator_is_over(const struct agent_operator *op);

/* Its traffic goes to its backup, or has come back. */
void operator_set_failed_over(struct agent_operator *op, bool begin);

/* The MNO refused a bind for them. */
void operator_credentials_refused(struct agent_operator *op, const char *reason);
/* A bind attempt got credentials: remembers the non-secret part. */
void operator_set_credentials(struct agent_operator *op, const struct credentials *credentials);

/* What the newest answer said, for whoever asked. */
void operator_set_contract(struct agent_operator *op, const struct ipc_contract *record);

/* Something changed (a session, a window, the queue): operator_work() runs before this turn ends.
 */
void operator_touch(struct agent_operator *op);
void operator_touch_because(struct agent_operator *op, const char *reason);
/* Brings everything in line: makes and ends binds, pumps submits, tells the bridge what changed. */
void operator_work(struct agent_operator *op);

/* Listing: everything that the bridge has to know about the operator besides submits. */
void operator_list(struct agent_operator *op);
void operator_tell_transition(struct agent_context *ctx,
                              const uint8_t operator_id[IPC_OPERATOR_ID_SIZE],
                              const struct health_transition *t);
/* Sends STATS when something changed since they were last told, or `always`. */
void operator_tell_stats(struct agent_operator *op, bool always);

/* Is there a bind that may write submit_sm, as far as leases go? */
bool operator_has_lease(const struct agent_operator *op);
bool operator_is_able(const struct agent_operator *op); /* health: its traffic can pass */

#endif
