/* What the bridge consists of; shared by the bridge*.c files alone. */
#ifndef BRIDGE_BRIDGE_PARTS_H
#define BRIDGE_BRIDGE_PARTS_H

#include "common/file_watch.h"
#include "common/signals.h"

#include "bridge/bridge.h"
#include "bridge/ctl.h"
#include "bridge/lease_rivals.h"
#include "bridge/leases.h"
#include "bridge/loop_lag.h"
#include "bridge/mt_path.h"

struct bridge {
    struct loop *loop;
    struct bridge_settings settings;
    void (*start_anew)(void);

    struct signals *signals;
    struct file_watch *settings_watch, *operators_watch; /* NULL: no such file */
    struct timer tick;
    struct timer lag_tick;
    struct loop_lag lag, agent_lag;

    struct https_client *https;
    struct jetstream *js;
    struct redis *redis;
    struct agent_link *link;

    struct operators *operators;
    struct correlations *correlations;
    struct leases *leases; /* NULL: ASSIGNMENT=static */
    struct lease_rivals *rivals;
    struct tps *tps;
    struct credentials *credentials;
    struct mt_path *mt;
    struct dlr *dlr;
    struct health_events *health_events;
    struct management *management;
    struct ctl *ctl;

    bool attached;     /* now; listed */
    char refused[256]; /* why the agent does not take us; empty: it does */
    bool agent_draining, agent_gone;
    mono_t agent_gone_at;

    mono_t leases_given_at; /* when all were given away, at the end; 0: not yet */

    bool stopping;
    mono_t stopping_since;
    bool hurry;
    enum bridge_end end;
};

/* bridge_records.c: what each record of the agent is for. */
void bridge_records_take(struct bridge *b, unsigned type, struct bytes body);

/* bridge_operators.c: from the configuration to the agent. */
int bridge_operators_load(struct bridge *b, char *error_r, size_t error_size) MUST_CHECK;
/* Reads the operators again; what is invalid is logged and changes nothing. */
void bridge_operators_reload(struct bridge *b);
void bridge_operators_declare(struct bridge *b);
/* The same for one of them. */
void bridge_operators_declare_one(struct bridge *b, const struct mno *op);
void bridge_operators_send_drop(struct bridge *b, const struct mno *op, const char *reason);
bool bridge_operators_has_rows(const struct mno *op);
/* DROP: as if it had been taken out of the configuration. */
void bridge_operators_drop(struct bridge *b, struct mno *op, const char *reason);
/* Those that were dropped and have nothing left. */
void bridge_operators_sweep(struct bridge *b);
/* Also for an operator that only the agent knows: it is made then. */
struct mno *bridge_operators_known(struct bridge *b, const uint8_t id[IPC_OPERATOR_ID_SIZE]);

/* bridge_leases.c: whose operators are ours. All but create() are harmless without leases. */
void bridge_leases_create(struct bridge *b);
/* A LEASE for each bind that is held: before the operator's OPERATOR. */
void bridge_leases_send(struct bridge *b, const struct mno *op);
/* Gives the operator to whoever wants it. NULL, or why not. */
const char *bridge_leases_release(struct bridge *b, struct mno *op);
/* What is due by now: releases under way, binds that are offered to others. */
void bridge_leases_look(struct bridge *b);
/* At the end, when the agent has unbound: true when none is held any more, or nobody answers. */
bool bridge_leases_let_go(struct bridge *b);

/* bridge_events_stream.c: asks for the stream of receipts, and says what is odd about it. */
void bridge_events_stream_look(struct bridge *b);

/* bridge_drain.c: the ways to end. */
void bridge_drain_begin(struct bridge *b, enum bridge_end end);
void bridge_drain_hurry(struct bridge *b);
/* Its GONE. */
void bridge_drain_agent_gone(struct bridge *b);
/* At the end: how long what is queued for NATS may take to leave. */
int64_t bridge_drain_linger_ms(const struct bridge *b);
/* Ends the loop when nothing is waited for any more; called often. */
void bridge_drain_look(struct bridge *b);

#endif
