/*
 * The IPC between session-agent and bridge: the records of ipc_records.def as structs, and batches
 * of them. README.md in this folder explains the protocol; this is the codec. Pure functions.
 */
#ifndef PROTO_IPC_H
#define PROTO_IPC_H

#include "common/base.h"
#include "common/buf.h"

#define IPC_MAJOR 1
#define IPC_MINOR 5

#define IPC_OPERATOR_ID_SIZE 16
#define IPC_PACE_LIFE_MS 58000 /* what PACE said holds, from the bridge's last word */
#define IPC_HOSTS_MAX 16       /* of OPERATOR.hosts */

/* What identifies a submit_sm through every death and redelivery. */
struct ipc_key {
    uint64_t stream;   /* FNV-1a 64 of the stream's name */
    uint64_t sequence; /* in the stream */
    uint64_t time_ns;  /* the stream's time stamp of the message */
    uint8_t segment;   /* 1 … n; 0: the whole message */
    uint8_t attempt;   /* 0 … */
};

enum ipc_role { IPC_ROLE_AGENT = 1, IPC_ROLE_BRIDGE = 2 };

enum ipc_bind_mode {
    IPC_BIND_TRANSCEIVER = 1,
    IPC_BIND_TRANSMITTER = 2,
    IPC_BIND_RECEIVER = 3,
};

enum ipc_session_state {
    IPC_SESSION_DISCONNECTED = 1, /* never bound since the agent started */
    IPC_SESSION_CONNECTING = 2,
    IPC_SESSION_BOUND = 3,
    IPC_SESSION_UNBOUND = 4,  /* was bound */
    IPC_SESSION_FAILBACK = 5, /* bound again, traffic still at the backup */
};

enum ipc_health_status {
    IPC_HEALTH_NONE = 0,
    IPC_HEALTH_BOUND = 1,
    IPC_HEALTH_UNBOUND = 2,
    IPC_HEALTH_FAILBACK = 3
};

enum ipc_outcome_kind {
    IPC_OUTCOME_ACCEPTED = 1, /* submit_sm_resp with ESME_ROK */
    IPC_OUTCOME_REFUSED = 2,  /* any other command_status, generic_nack included */
    IPC_OUTCOME_UNKNOWN = 3,  /* timed out, or the connection or the agent died under it */
    IPC_OUTCOME_EXPIRED = 4,  /* not_after came first; never handed to a socket */
    IPC_OUTCOME_CLOSED = 5,   /* the message was closed before */
    IPC_OUTCOME_SETTLED = 6,  /* the message was settled before: acknowledge it again */
    IPC_OUTCOME_UNSENT = 7,   /* given back: the operator was dropped, or the agent drains */
};

enum ipc_close_verdict {
    IPC_CLOSE_DONE = 1, /* nothing of it was or will be sent beyond what has an outcome */
    IPC_CLOSE_IN_FLIGHT =
        2, /* a segment is unanswered at the MNO: not closed, ask again after its outcome */
    IPC_CLOSE_SETTLED = 3, /* was settled before */
};

/* Upper bounds of IPC_STAT_TOKEN_WAITS' buckets in seconds; the last one has none. */
#define IPC_TOKEN_WAIT_BOUNDS 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300
#define IPC_TOKEN_WAIT_BUCKETS 12

/* Order is part of the protocol: append only. */
enum ipc_stat {
    IPC_STAT_BYTES_SENT,
    IPC_STAT_BYTES_RECEIVED,
    IPC_STAT_RECONNECT_ATTEMPTS,
    IPC_STAT_ENQUIRE_LINK_TIMEOUTS,
    IPC_STAT_BINDS_OK,
    IPC_STAT_BINDS_REFUSED,
    IPC_STAT_AUTH_FAILURES,
    IPC_STAT_SUBMITS_SENT, /* submit_sm handed to a socket */
    IPC_STAT_SUBMITS_UNKNOWN,
    IPC_STAT_LATE_RESPONSES,  /* matched after their time-out */
    IPC_STAT_STRAY_RESPONSES, /* matched nothing */
    IPC_STAT_SUBMITS_EXPIRED,
    IPC_STAT_SUBMITS_KNOWN, /* answered from the ledger instead of sent */
    IPC_STAT_DELIVERS_RECEIVED,
    IPC_STAT_DELIVERS_BUSY,   /* answered with the busy status: hold expired or full */
    IPC_STAT_PROTOCOL_ERRORS, /* malformed or unexpected PDUs from the MNO */
    IPC_STAT_PACER_WAITS,     /* seconds in which a ready submit waited for its token */
    IPC_STAT_TPS_CURRENT,     /* gauge: submit_sm written in the last full second */
    IPC_STAT_TPS_PEAK,        /* gauge: most submit_sm in any one-second window since start */
    IPC_STAT_QUEUED,          /* gauge: SUBMITs waiting for pacer or window */
    IPC_STAT_WINDOW_USED,     /* gauge, all binds */
    IPC_STAT_DELIVERS_HELD,   /* gauge */
    IPC_STAT_LEDGER_USED,     /* gauge: entries of this operator not settled */
    IPC_STAT_PACER_LIMIT,     /* gauge: submit_sm per second in force */
    IPC_STAT_ALERT_NOTIFICATIONS,
    IPC_STAT_TOKENS_LENT,     /* to other instances */
    IPC_STAT_TOKENS_BORROWED, /* from other instances, and used */
    IPC_STAT_TOKENS_LOST,     /* borrowed, and not used in time */
    IPC_STAT_TOKEN_WAIT_US,   /* since 1.5: so long the lack of a token alone held submit_sm */
    IPC_STAT_TOKEN_WAITS,     /* how many for how long: the first of the buckets */
    IPC_STAT_TOKEN_WAITS_END = IPC_STAT_TOKEN_WAITS + IPC_TOKEN_WAIT_BUCKETS - 1,
    IPC_STATS_COUNT
};

/* --- records: enum, structs, codecs, all from ipc_records.def --- */

enum ipc_sender { IPC_FROM_AGENT = 1, IPC_FROM_BRIDGE = 2, IPC_FROM_EITHER = 3 };

enum ipc_type {
    IPC_TYPE_NONE, /* so that numbers start at 1 */
#define IPC_RECORD(NAME, name, sender) IPC_##NAME,
#include "proto/ipc_records.def"
    IPC_TYPE_COUNT
};

#define IPC_RECORD(NAME, name, sender) struct ipc_##name {
#define IPC_U8(f) uint8_t f;
#define IPC_U16(f) uint16_t f;
#define IPC_U32(f) uint32_t f;
#define IPC_U64(f) uint64_t f;
#define IPC_I64(f) int64_t f;
#define IPC_FIXED(f, n) uint8_t f[n];
#define IPC_KEY(f) struct ipc_key f;
#define IPC_BYTES(f, max) struct bytes f; /* decoded: a view into the batch */
#define IPC_BODY(f, max) struct bytes f;
#define IPC_END(NAME, name)                                                                        \
    }                                                                                              \
    ;                                                                                              \
    /* Appends the record to a batch; fails the writer when it does not fit or a field is too      \
     * long. */                                                                                    \
    void ipc_put_##name(struct buf_writer *w, const struct ipc_##name *record);                    \
    /* False: too short, or a field longer than its maximum. Surplus at the end is skipped; fields \
     * that a record of an older minor version lacks are zero. */                                  \
    bool ipc_get_##name(struct bytes body, struct ipc_##name *record_r) MUST_CHECK;
#include "proto/ipc_records.def"

/* "SUBMIT"; "?" for a number this version does not know. */
const char *ipc_type_name(unsigned type);
/* Who may send it: a record from the wrong side ends the pipe. 0: unknown. */
unsigned ipc_type_sender(unsigned type);

/* --- batches --- */

/* One NNG message: this header, then records until its end. */
#define IPC_BATCH_MAGIC 0x534d5031u /* "SMP1" */
#define IPC_BATCH_HEADER_SIZE 16    /* magic, attachment, running number */
#define IPC_RECORD_HEADER_SIZE 8    /* type, reserved, length of the body */

struct ipc_batch {
    uint32_t attachment; /* 0 until ATTACHED */
    uint64_t number;     /* 1, 2, 3 … on each pipe and direction */
    struct buf_reader records;
};

void ipc_batch_begin(struct buf_writer *w, uint32_t attachment, uint64_t number);
/* False: not a batch of this protocol. */
bool ipc_batch_open(const uint8_t *data, size_t len, struct ipc_batch *batch_r) MUST_CHECK;
/* The next record; false at the end, or with batch->records.failed set when it is cut short. */
bool ipc_batch_next(struct ipc_batch *batch, unsigned *type_r, struct bytes *body_r) MUST_CHECK;

/* --- keys --- */

uint64_t ipc_stream_id(const char *stream_name);
/* The same message (stream, sequence, time stamp), whatever segment and attempt. */
bool ipc_key_same_message(const struct ipc_key *a, const struct ipc_key *b);
const char *ipc_session_state_name(unsigned state);
const char *ipc_health_name(unsigned health);
const char *ipc_bind_mode_name(unsigned mode);

#endif
