/*
 * NATS JetStream in our words; the only file that knows nats.c. One connection, one wildcard inbox
 * for messages, statuses and answers, one sender thread with a bounded queue (nats.c can block its
 * caller for ever), nats.c's own threads only copy and post. Every callback runs on the loop.
 */
#ifndef BRIDGE_JETSTREAM_H
#define BRIDGE_JETSTREAM_H

#include "common/loop.h"

struct jetstream;

struct jetstream_options {
    const char *urls;                                        /* comma-separated */
    const char *creds_file, *ca_file, *cert_file, *key_file; /* NULL: not used */
    const char *domain;                                      /* JetStream domain; NULL: none */
    const char *client_name;                                 /* shown by the server */
};

/* One message of a pull consumer. Valid during the callback only. */
struct jetstream_message {
    const char *subject;
    const char *ack_subject; /* opaque for acknowledging; ≤ 255 octets */
    const char *stream;      /* parsed from the ack subject */
    uint64_t stream_sequence;
    uint64_t delivered;        /* 1: the first time, as far as the server remembers */
    uint64_t time_ns;          /* the stream's time stamp */
    uint64_t pending;          /* further ones that match the consumer */
    const char *traceparent;   /* header, NULL: none */
    const char *failover_from; /* header Smpp-Failover-From, NULL: none */
    const uint8_t *data;
    size_t len;
};

enum jetstream_pull_end {
    JETSTREAM_PULL_DONE, /* 404, 408: nothing (more) to be had before it expired */
    JETSTREAM_PULL_GONE, /* consumer deleted or missing, no responders */
    JETSTREAM_PULL_BUSY, /* 409, 400: too many waiting pulls, batch too large; ask less often */
    JETSTREAM_PULL_LOST, /* server or leader going: all outstanding pulls of the tag are void */
};

struct jetstream_events {
    /* Connected, and again after each loss: nothing survived on the server, pull anew. */
    void (*connected)(void *arg);
    /* The connection was lost, or could not be made (told again only for another reason). All
     * pulls are void; the callbacks of unanswered requests came before it. */
    void (*disconnected)(void *arg, const char *reason);
    /* For the puller whose last jetstream_pull() on that consumer gave `tag`. */
    void (*message)(void *arg, uint32_t tag, const struct jetstream_message *m);
    /* A pull of `tag` ended with `missing` messages not delivered. */
    void (*pull_ended)(void *arg, uint32_t tag, enum jetstream_pull_end why, uint32_t missing,
                       const char *text);
    /* An idle heartbeat of `tag`: its consumer is alive. */
    void (*heartbeat)(void *arg, uint32_t tag);
    /* The server or the library objects to something, such as a publish that is not allowed (which
     * is not answered otherwise). NULL: logged alone. */
    void (*objected)(void *arg, const char *text);
    void *arg;
};

/* Connects in the background and for ever; −1 only for options that can never work. */
int jetstream_create(struct loop *loop, const struct jetstream_options *options,
                     const struct jetstream_events *events, struct jetstream **js_r, char *error_r,
                     size_t error_size) MUST_CHECK;
/* Sends what is queued for at most `linger_ms`, then ends. No callback runs after it. A thread that
 * has not come back from nats.c `join_ms` later is left behind, with what it uses: for the end of
 * the process. It always comes back within JETSTREAM_JOIN_MS. */
enum { JETSTREAM_JOIN_MS = 2000 };
void jetstream_destroy(struct jetstream **js, int64_t linger_ms, int64_t join_ms);
bool jetstream_is_connected(const struct jetstream *js);

/* Asks the consumer for `batch` messages; they come with `tag`, so that the caller keeps the sum of
 * what is outstanding. Expires after 30 s, idle heartbeat 5 s. False: not connected or queue full.
 */
bool jetstream_pull(struct jetstream *js, uint32_t tag, const char *stream, const char *consumer,
                    uint32_t batch) MUST_CHECK;

enum jetstream_ack { JETSTREAM_ACK, JETSTREAM_NAK, JETSTREAM_PROGRESS, JETSTREAM_TERM };
/* Fire and forget (ACK and TERM are idempotent and sent again by themselves if the connection dies
 * within two seconds). False: not connected or queue full. */
bool jetstream_ack(struct jetstream *js, const char *ack_subject,
                   enum jetstream_ack what) MUST_CHECK;
bool jetstream_nak_after(struct jetstream *js, const char *ack_subject,
                         uint64_t delay_ns) MUST_CHECK;

/* `ok` false: no answer in time, no responders, or the connection went; try again. */
typedef void jetstream_ack_done(void *arg, bool ok);
/* +ACK (or +TERM) as a request: when `done(ok)` comes, this ack and every plain one that was sent
 * before it on the same consumer are with the server. */
bool jetstream_ack_confirmed(struct jetstream *js, const char *ack_subject, enum jetstream_ack what,
                             jetstream_ack_done *done, void *arg) MUST_CHECK;

/* Publishing with a Nats-Msg-Id: tried again by itself, with the same id, until the server stored
 * it or the caller cancels. `done` runs once, on the loop, never from inside the call. */
struct jetstream_publish;
typedef void jetstream_stored(void *arg, bool duplicate);
struct jetstream_header {
    const char *name, *value;
};
/* Copies everything; subject and headers together at most 8 KiB. Waits for the connection where
 * there is none. NULL: the table of unanswered publishes (65,536) is full; try later. */
struct jetstream_publish *jetstream_publish(struct jetstream *js, const char *subject,
                                            const char *msg_id,
                                            const struct jetstream_header *headers,
                                            size_t header_count, const void *data, size_t len,
                                            jetstream_stored *stored, void *arg) MUST_CHECK;
/* The event may or may not be stored later; `stored` is not called. */
void jetstream_publish_cancel(struct jetstream *js, struct jetstream_publish **p);
/* Why the publishes to a subject are not getting through although there is a connection; NULL: all
 * is well. */
const char *jetstream_publish_trouble(const struct jetstream *js, const char *subject);
/* For how long this one was refused, or not answered, on the present connection, or others to its
 * subject as well as it; 0: it is under way. */
int64_t jetstream_publish_troubled_ms(const struct jetstream *js,
                                      const struct jetstream_publish *p);

/* One request to the JetStream API ($JS.API. is put in front, the domain's prefix where there is
 * one). `done` gets the JSON answer, or NULL after 5 s, on no responders or a lost connection
 * (`reason` says which). */
typedef void jetstream_answer(void *arg, const char *json, size_t len, const char *reason);
bool jetstream_api(struct jetstream *js, const char *what, const char *json, jetstream_answer *done,
                   void *arg) MUST_CHECK;

/* Sets a key of a key-value bucket to `data` if its revision still is `expected` (0: it has none).
 */
enum jetstream_set_end {
    JETSTREAM_SET_DONE,     /* `revision` is the new one */
    JETSTREAM_SET_CONFLICT, /* somebody was first */
    JETSTREAM_SET_REFUSED,  /* no such bucket, or it takes nothing: `reason` */
    JETSTREAM_SET_UNKNOWN,  /* no answer: it may be set, or be set later */
};
typedef void jetstream_set_done(void *arg, enum jetstream_set_end end, uint64_t revision,
                                const char *reason);
/* Sent once. False: not connected or queue full. */
bool jetstream_set(struct jetstream *js, const char *subject, uint64_t expected, const void *data,
                   size_t len, jetstream_set_done *done, void *arg) MUST_CHECK;

/* Commands queued for the sender thread, publishes waiting for their PubAck. */
size_t jetstream_queued(const struct jetstream *js);
size_t jetstream_unstored(const struct jetstream *js);

#endif
