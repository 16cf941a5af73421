/* What JetStream says in subjects, in statuses and in the answer to a publish; pure. */
#ifndef BRIDGE_JETSTREAM_SUBJECTS_H
#define BRIDGE_JETSTREAM_SUBJECTS_H

#include "bridge/jetstream.h"

/* $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<ns>.<pending>, and with a
 * JetStream domain (or a newer server) $JS.ACK.<domain>.<account hash>.<stream>… with an optional
 * random token at the end. */
struct jetstream_ack_fields {
    const char *consumer_key; /* "<stream>.<consumer>" within the subject; not terminated */
    size_t consumer_key_len;
    uint64_t delivered, stream_sequence, time_ns, pending;
};
bool jetstream_subjects_ack(const char *subject, struct jetstream_ack_fields *fields_r) MUST_CHECK;

/* What stands behind "<inbox>." in the answers to us: "<kind>.<number>.<number>[.<number>]". */
#define JETSTREAM_REPLY_NUMBERS 3
struct jetstream_reply {
    char kind;
    uint32_t numbers[JETSTREAM_REPLY_NUMBERS]; /* missing ones are 0 */
};
void jetstream_subjects_make_reply(const char *inbox, char kind, const uint32_t *numbers,
                                   size_t count, char *subject_r, size_t size);
bool jetstream_subjects_reply(const char *tail, struct jetstream_reply *reply_r) MUST_CHECK;

/* A status message of a pull: its number, "Description" ("" when there is none). */
enum jetstream_status {
    JETSTREAM_STATUS_HEARTBEAT,
    JETSTREAM_STATUS_ENDED, /* the pull is over: *end_r says how */
};
enum jetstream_status jetstream_subjects_status(int code, const char *description,
                                                enum jetstream_pull_end *end_r);

/* The answer to a publish: {"stream":…,"seq":…,"duplicate":true} or {"error":{…}}. */
struct jetstream_puback {
    bool stored;
    bool duplicate;
    uint64_t sequence;
    uint64_t err_code; /* JetStream's; 0: none */
    char error[160];   /* when not stored */
};
/* False: this is no such answer. */
bool jetstream_subjects_puback(const char *json, size_t len,
                               struct jetstream_puback *puback_r) MUST_CHECK;

#endif
