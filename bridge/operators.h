/*
 * The configured operators: settings, what the agent last said of each, and the counters that
 * /metrics shows. One struct per operator, found by id; the paths (mt_*, dlr_*, tps, failover,
 * credentials) hang their own state onto it.
 */
#ifndef BRIDGE_OPERATORS_H
#define BRIDGE_OPERATORS_H

#include "bridge/operator_settings.h"
#include "common/clock.h"
#include "common/list.h"
#include "common/metrics.h"
#include "proto/ipc.h"

#define OPERATOR_MAX_ROWS 64 /* binds × 2 shown in /sessions */

/* One bind as the agent last described it: a row of /sessions. */
struct operator_session {
    bool present;
    uint8_t bind, bind_mode, state;
    char phase[25];
    int64_t since_ms, last_bound_ms;
    uint32_t reconnect_attempts, window_limit, window_used, refused_status, enquire_rtt_us;
    uint8_t sc_interface_version;
    char peer[65], tls[65], reason[201];
    int64_t tls_expiry_ms, refused_ms;
    uint64_t bytes_sent, bytes_received;
    char tls_peer[161];
};

/* Why an operator sends nothing just now (a labelled gauge and /sessions/{operatorId}). */
enum limiter {
    LIMITER_EMPTY,
    LIMITER_TOKENS,
    LIMITER_WINDOW,
    LIMITER_UNBOUND,
    LIMITER_THROTTLED,
    LIMITER_REDIS,
    LIMITER_PAUSED,
    LIMITER_COUNT
};
extern const char *const limiter_names[LIMITER_COUNT];

struct operator_counters {
    uint64_t submit_success, submit_error, submit_throttled, submit_unknown;
    uint64_t segments_csms, segments_tlv;
    uint64_t commands_fetched, commands_redelivered, commands_invalid, commands_expired,
        commands_rejected, commands_settled, commands_dead_lettered, commands_dead_letters_lost,
        commands_failed_over;
    uint64_t retries;
    uint64_t dlr_received[8]; /* by enum receipt state, proto/receipt.h */
    uint64_t dlr_published, dlr_duplicate, dlr_correlation_not_found, dlr_parked, dlr_given_up;
    uint64_t mo_published, mo_refused;
    uint64_t credentials_fetched, credentials_failed;
    uint64_t health_published;
    uint64_t leases_taken_free, leases_taken_expired, leases_lost, leases_given;
    uint64_t takeover_redelivered; /* fetched after a take-over, delivered to the other before */
};

struct operator_leases; /* leases.h */
struct lease_rival;     /* lease_rivals.h */
struct mt_operator;     /* mt.h: consumer, fetched commands, credits */
struct dlr_operator;    /* dlr.h: receipts under way */
struct tps_operator;    /* tps.h: share of the limit */

/* Who speaks of the operator to the world. */
enum operator_voice {
    VOICE_OURS,
    VOICE_UNSURE, /* its lease was lost, and who holds it now is not known yet */
    VOICE_OTHERS, /* another instance holds it: what happened here is no longer of interest */
};

/* Giving an operator to another instance. */
enum operator_release {
    RELEASE_NONE,
    RELEASE_SETTLING,  /* nothing new is fetched; what is under way gets its outcome */
    RELEASE_UNBINDING, /* DROP was sent */
    RELEASE_GIVING,    /* the leases are being given away */
};

struct mno {
    uint8_t id[IPC_OPERATOR_ID_SIZE];
    char id_text[UUID_TEXT_SIZE]; /* lower case */
    struct operator_settings settings;
    uint32_t tag;  /* of its consumer at the jetstream adapter; index in the table, stable */
    bool paused;   /* ctl pause */
    bool dropping; /* removed from the configuration; DROP was sent */
    /* The agent holds it and no configuration names it: what it has is settled, its binds stay
     * (nothing is unbound by absence), but nothing is fetched for it. */
    bool unconfigured;
    /* Where leases decide: it is another instance's, or nobody's. Its consumer is looked after, and
     * nothing else. */
    bool standby;
    enum operator_voice voice;
    enum operator_release release;
    mono_t release_since;
    int64_t taken_over_ms; /* wall time of the last take-over from one who did not say good-bye */

    /* As the agent last said. */
    struct operator_session rows[OPERATOR_MAX_ROWS];
    uint8_t row_end; /* behind the last place that was ever taken */
    uint8_t health;  /* enum ipc_health_status */
    bool failed_over;
    int64_t credentials_ms; /* wall time of the answer; never goes back */
    char host[256];
    uint16_t port;
    uint8_t bind_mode;
    uint32_t tps_limit;
    bool has_credentials;
    uint8_t backup_id[IPC_OPERATOR_ID_SIZE]; /* the last one: copies under way still go there */
    bool has_backup;
    uint64_t stats[IPC_STATS_COUNT];

    struct operator_counters counters;
    struct histogram submit_duration; /* seconds, submit_sm to its response */
    struct histogram turn_wait;       /* seconds from fetching a command to its submit_sm */

    struct operator_leases *leases; /* NULL: static assignment */
    struct lease_rival *rival;
    struct mt_operator *mt;
    struct dlr_operator *dlr;
    struct tps_operator *tps;
};

struct operators;

struct operators *operators_create(void) MUST_CHECK;
void operators_destroy(struct operators **ops);
struct mno *operators_find(const struct operators *ops, const uint8_t id[IPC_OPERATOR_ID_SIZE]);
struct mno *operators_find_text(const struct operators *ops, const char *id_text);
struct mno *operators_by_tag(const struct operators *ops, uint32_t tag);
/* In order of configuration; `index` 0 … count-1. */
size_t operators_count(const struct operators *ops);
struct mno *operators_at(const struct operators *ops, size_t index);
/* Known already: takes the new settings. Takes over what `settings` owns. */
struct mno *operators_put(struct operators *ops, struct operator_settings *settings);
void operators_remove(struct operators *ops, struct mno **op);

/* What the agent tells, into the struct. */
void operators_note_session(struct mno *op, const struct ipc_session *s);
void operators_note_session_gone(struct mno *op, const struct ipc_session_gone *s);
void operators_note_state(struct mno *op, const struct ipc_operator_state *s);
void operators_note_stats(struct mno *op, const struct ipc_stats *s);
/* A configuration names it, whoever serves it. */
bool operators_is_configured(const struct mno *op);
/* Commands are fetched for it: configured, ours, and not about to be given up. */
bool operators_is_served(const struct mno *op);
/* The operator is BOUND or FAILBACK, and one of its binds can transmit. */
bool operators_can_transmit(const struct mno *op);
const char *operators_name(const struct mno *op); /* operatorName, else the id */

#endif
