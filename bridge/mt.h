/*
 * One command on its way from JetStream to the MNO ("MT"), and what the files of that way share.
 *
 *     mt_consumer → mt_fetch → mt_command → mt_encode → mt_submit ⇒ agent ⇒ mt_settle
 *
 * A command is in exactly one stage, which is the list it is on; mt_move() is the only mover, so
 * the gauges can't disagree with reality. The struct is open to those files; mt_path.h is what the
 * rest of the bridge sees.
 */
#ifndef BRIDGE_MT_H
#define BRIDGE_MT_H

#include "bridge/context.h"
#include "bridge/correlation.h"
#include "bridge/jetstream.h"
#include "bridge/mt_ahead.h"
#include "bridge/mt_consumer_rules.h"
#include "bridge/mt_path.h"

enum mt_stage {
    MT_READY_PRIORITY, /* waits for room at the agent; lane 1 */
    MT_READY,          /* the same; lane 0 */
    MT_SENDING,        /* some segments are at the agent, others wait for room */
    MT_AT_AGENT,       /* all of it is there, outcomes are awaited */
    MT_WAITING,        /* an unknown outcome rests before it is sent again */
    MT_STORING,        /* accepted: correlation on its way into Redis */
    MT_CLOSING,        /* CLOSE is out: it shall not be sent (any more) */
    MT_REPORTING,      /* its event, dead letter or copy waits for the PubAck */
    MT_RECALLED,       /* given back to JetStream, which delivers its text again */
    MT_ACK_DUE,        /* its ack goes out with the next barrier */
    MT_ACK_SENT,       /* the barrier is out */
    MT_STAGES
};
extern const char *const mt_stage_names[MT_STAGES];

enum mt_segment_state {
    SEGMENT_NEW,      /* not at the agent */
    SEGMENT_OUT,      /* at the agent, no outcome */
    SEGMENT_UNKNOWN,  /* outcome unknown; rests */
    SEGMENT_UNSTORED, /* accepted; Redis has to be asked (again) */
    SEGMENT_STORING,  /* accepted; Redis was asked */
    SEGMENT_DONE,     /* accepted and stored, or known to be settled */
    SEGMENT_REFUSED,  /* for good; or void since the message was closed */
};

struct mt;

struct mt_segment {
    struct mt *mt;
    uint8_t number;       /* 1 … n */
    uint8_t state;        /* enum mt_segment_state */
    uint8_t attempt;      /* of its key */
    uint8_t refusals;     /* that count towards maxAttempts */
    bool is_retry;        /* OUT: of an attempt after the first; it may rest at the agent */
    uint8_t resubmits;    /* after an unknown outcome */
    uint8_t bind;         /* UNKNOWN: over which it was sent */
    uint32_t last_status; /* of its last refusal; 0: none */
    int64_t unknown_ms;   /* UNKNOWN: wall time since */
    char operator_message_id[SMPP_MESSAGE_ID_SIZE];
};

/* Why a message ends without (all of) it being accepted. */
enum mt_end {
    MT_END_NONE,
    MT_END_INVALID,  /* can never be sent: REJECTED, source CONNECTOR */
    MT_END_EXPIRED,  /* EXPIRED */
    MT_END_REJECTED, /* by the MNO: REJECTED, source SUBMIT */
    MT_END_UNKNOWN,  /* outcome unknown, and not to be sent again: UNKNOWN */
    MT_END_COPIED,   /* re-published for the backup operator */
};

struct mt {
    struct list link;  /* of its stage */
    struct list alive; /* of its operator, longest without a sign of life to JetStream first */
    struct mt *index_next;
    struct mt_operator *owner;
    struct ipc_key key; /* segment and attempt 0 */
    uint8_t stage;      /* enum mt_stage */
    uint8_t lane;
    bool recalled;  /* stage RECALLED: the NAK was sent */
    bool terminate; /* +TERM instead of +ACK */
    bool is_closed; /* at the agent: nothing of it is sent any more */
    bool is_reported, dead_letter_done;
    bool is_expected; /* counted in `expected` */
    mono_t sign_of_life;
    mono_t fetched_at;
    uint32_t reserved; /* ledger entries */

    char ack_subject[256];
    char traceparent[56];
    uint8_t message_id[UUID_SIZE];
    bool message_id_known;
    bool has_original_operator;
    uint8_t original_operator[UUID_SIZE];
    int64_t not_after_ms;
    uint64_t destination_digest;
    uint8_t strategy, data_coding;
    uint16_t concat_ref;
    uint32_t format; /* of its segments, so that the rest of them are alike; 0: not known */

    uint8_t end; /* enum mt_end */
    uint8_t end_segment;
    uint32_t end_status; /* of the refusal */
    char *reason;        /* owned; for people */
    struct jetstream_publish *publish;

    uint8_t *raw; /* the command as it came, only while it may be needed; owned */
    size_t raw_len;

    uint8_t segment_count; /* 0 until encoded */
    struct mt_segment *segments;
    struct mt_segment only; /* what `segments` points to for one */
};

struct mt_pull {
    uint32_t left; /* messages it may still bring */
};
#define MT_PULLS_MAX 2
#define MT_BINDS_MAX 32 /* BINDS' bound */

struct mt_operator {
    struct mt_path *path;
    struct mno *op;
    struct list work;   /* on the path's list when something changed */
    struct list ledger; /* on the path's list when the ledger had no room */
    struct list stages[MT_STAGES];
    uint32_t counts[MT_STAGES];
    struct list alive;

    uint32_t slots;           /* CREDIT */
    uint32_t without_outcome; /* submits at the agent */
    uint32_t retries;         /* of these: attempts after the first */
    uint32_t ledger_reserved; /* mt_ledger.c, as in the path */
    uint32_t segments_x16;    /* moving average of segments per message, times 16 */
    struct mt_ahead ahead;

    struct mt_pull pulls[MT_PULLS_MAX];
    size_t pull_count;
    mono_t pull_heard; /* last sign of life of a pull */
    mono_t pull_after; /* none before: the server was busy */
    struct timer pull_timer;
    uint64_t pending; /* in the stream, as the last message said */

    mono_t rebound_at[MT_BINDS_MAX]; /* by bind: last REBIND that a refusal asked for */
    int64_t ack_wait_ms;             /* of the consumer; 0: not known yet */
    mono_t unable_since;             /* failover: no bind could be relied on since; 0: one can */
    mono_t able_since;               /* one stands since; 0: none does */
    bool backup_has_pulls;           /* somebody pulls from the backup's consumer */
    bool is_ending;                  /* copies that have begun are finished first */
    uint8_t copies_to[IPC_OPERATOR_ID_SIZE]; /* the backup that the failover began with */
    bool barrier_out;
    bool barrier_rests; /* until the timer fires: soon after one, or after a failure */
    struct timer barrier_timer;
    struct mt_consumer *consumer;
};

/* --- mt.c --- */

/* Found by key; NULL: not known here. */
struct mt *mt_find(const struct mt_path *path, const struct ipc_key *key);
struct mt *mt_create(struct mt_operator *owner, const struct ipc_key *key,
                     enum mt_stage stage) MUST_CHECK;
/* Leaves all lists; its place in the ledger is given back. */
void mt_destroy(struct mt **mt);
void mt_move(struct mt *mt, enum mt_stage stage);
/* Makes place for the state of n segments, all NEW. */
void mt_set_segments(struct mt *mt, uint8_t count);
/* None was sent: it is cut anew when its turn comes. */
void mt_forget_segments(struct mt *mt);
void mt_set_segment_state(struct mt_segment *s, enum mt_segment_state state);
size_t mt_count_segments(const struct mt *mt, enum mt_segment_state state);
/* Copies the command's bytes, or lets go of them. */
void mt_keep_raw(struct mt *mt, const void *data, size_t len);
void mt_drop_raw(struct mt *mt);
void mt_set_reason(struct mt *mt, const char *reason);
/* It ends as EXPIRED, with the status of its last refusal if it had one. */
void mt_set_expired(struct mt *mt);
/* The stream's name out of the ack subject. */
bool mt_stream_name(const char *ack_subject, char *out, size_t size) MUST_CHECK;
/* The context for one segment of it, or for the whole (0). */
struct context mt_context(const struct mt *mt, const struct mt_segment *segment);
/* Everything the context says, into the message and its segment. */
void mt_adopt_context(struct mt *mt, const struct context *c);

/* --- mt_path.c --- */

struct mt_path {
    struct mt_path_options with;
    struct mt **index; /* by key */
    size_t index_size, count;
    uint32_t
        ready; /* of all operators: in stages READY and READY_PRIORITY, without a ledger entry */
    struct mt *pool; /* free ones, by index_next */
    size_t raw_octets;
    struct list work;
    struct loop_hook hook;
    struct timer tick;

    bool listed;   /* LIST_END came: messages may be fetched */
    bool stopping; /* SIGTERM or DRAINING: nothing is fetched or submitted any more */
    bool agent_gone;
    uint32_t ledger_entries, ledger_reserved;
    uint32_t ledger_tried;    /* what was reserved when one found no room, or all had their try */
    struct list ledger_queue; /* operators that found it full, the longest waiting first */
    struct mt_references *references;
    uint16_t *expected; /* submits without stored correlation, by destination */
    struct mt_encoder *encoder;
    struct mt_streams *streams;
};

/* While the bridge stops, what it gives back rests until it is gone, and its pulls with it: they
 * would bring it here again. */
#define MT_REST_WHILE_STOPPING_NS (3 * (uint64_t)NS_PER_S)

/* Something changed for the operator: what follows from it is done at the end of this turn. */
void mt_touch(struct mt_operator *mo);
bool mt_can_submit(const struct mt_operator *mo);
int64_t mt_ack_wait_ms(const struct mt_operator *mo);

#endif
