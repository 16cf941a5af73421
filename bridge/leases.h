/*
 * The leases of this instance's operators: a key `{operatorId}.{bind}` each in a JetStream
 * key-value bucket, of which the live values say who holds what. lease.h has the rules; this asks
 * the server, counts time, and tells what came of it. On the loop.
 */
#ifndef BRIDGE_LEASES_H
#define BRIDGE_LEASES_H

#include "bridge/jetstream.h"
#include "bridge/lease.h"
#include "bridge/operators.h"

#define LEASES_HOLDER_SIZE 129
#define LEASES_HOME_SIZE 16

struct leases;

struct leases_options {
    struct loop *loop;
    struct jetstream *js;
    struct operators *operators;
    const char *bucket, *instance_id; /* copied */
    int64_t ttl_ms, deadline_ms;
    /* Could this instance use another lease just now? Is its agent there to obey those it has? */
    bool (*may_take)(void *arg);
    bool (*may_renew)(void *arg);
    /* No other instance sends for the operator without a lease? */
    bool (*nobody_sends)(void *arg, struct mno *op);
    /* Held from now on, and each time that it was renewed. */
    void (*taken)(void *arg, struct mno *op, uint8_t bind);
    void (*renewed)(void *arg, struct mno *op, uint8_t bind);
    /* No longer: given away as was wished, or lost. */
    void (*ended)(void *arg, struct mno *op, uint8_t bind, bool given);
    void *arg;
};

struct leases *leases_create(const struct leases_options *options) MUST_CHECK;
void leases_destroy(struct leases **leases);

/* Whose leases they are: the agent's home (HOME). Nothing is asked before. */
void leases_set_home(struct leases *leases, const uint8_t home[LEASES_HOME_SIZE]);
/* From the owner's jetstream_events. */
void leases_js_connected(struct leases *leases);

/* After operators_put(): as many as its binds. */
void leases_operator_changed(struct leases *leases, struct mno *op);
/* Before operators_remove(): what is held of it is given away. */
void leases_operator_gone(struct leases *leases, struct mno *op);

/* Gives this one away; `ended` follows. `offered`: because it can't be bound here. */
void leases_give(struct mno *op, uint8_t bind, bool offered);

/* Notes whether the bind is up. For how long one that is held is not, in ms; 0: it is, or is not
 * held. */
int64_t leases_note_bound(struct mno *op, uint8_t bind, bool is_bound);
/* Whoever had it before us could not be bound. */
bool leases_was_offered(const struct mno *op, uint8_t bind);
/* Who had it before us; empty: nobody. */
const char *leases_former_holder(const struct mno *op, uint8_t bind);

struct leases_view {
    enum lease_state state;
    enum lease_from taken_from;
    const char *holder; /* as the server said last; empty: nobody */
    mono_t since;       /* held: since when */
    mono_t until;       /* held: when it ends unless it is renewed. Others': when it may be taken */
    int64_t unbind_ms;
};
size_t leases_count(const struct mno *op);
struct leases_view leases_view(const struct leases *leases, const struct mno *op, uint8_t bind);
size_t leases_held(const struct mno *op); /* how many of the operator's */
size_t leases_held_all(const struct leases *leases);
/* What keeps this instance from taking any; NULL: nothing. */
const char *leases_trouble(const struct leases *leases);

#endif
