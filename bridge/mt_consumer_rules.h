/* What JetStream says of a stream and of a consumer, and what to do about it; pure. */
#ifndef BRIDGE_MT_CONSUMER_RULES_H
#define BRIDGE_MT_CONSUMER_RULES_H

#include "bridge/bridge_settings.h"

#define MT_ACK_WAIT_MS 10000

struct mt_stream_info {
    bool exists;
    bool work_queue;
    bool takes_subject; /* of the operator asked for */
    uint64_t messages, first_sequence, last_sequence;
};

struct mt_consumer_info {
    bool exists;
    bool explicit_ack, is_push, filter_matches;
    int64_t max_deliver;
    int64_t ack_wait_ms;
    int64_t max_ack_pending; /* −1: unlimited */
    int64_t max_batch;       /* 0: none set */
    uint64_t ack_floor;      /* stream sequence */
    uint64_t pending;
    uint64_t waiting; /* pulls that wait at the server: somebody serves it */
};

/* STREAM.INFO's and CONSUMER.INFO's answers. −1 with a reason when they are errors other than "not
 * found" or can't be read. */
int mt_stream_info_parse(const char *json, size_t len, const char *subject,
                         struct mt_stream_info *info_r, char *error_r,
                         size_t error_size) MUST_CHECK;
int mt_consumer_info_parse(const char *json, size_t len, const char *subject,
                           struct mt_consumer_info *info_r, char *error_r,
                           size_t error_size) MUST_CHECK;
/* "smpp.operator.*" and its like take "smpp.operator.x". */
bool mt_subject_matches(const char *pattern, size_t len, const char *subject);

enum mt_consumer_verdict {
    MT_CONSUMER_USE,
    MT_CONSUMER_CREATE_ALL,
    MT_CONSUMER_CREATE_NEW,
    MT_CONSUMER_CREATE_FROM, /* floor + 1 */
    MT_CONSUMER_REFUSE,
};

struct mt_consumer_case {
    const char *stream_name, *consumer_name, *subject;
    struct mt_stream_info stream;
    struct mt_consumer_info consumer;
    bool floor_known; /* for this very stream */
    uint64_t floor;
    int64_t start; /* enum consumer_start */
};

/* `text` says why for REFUSE, and what is odd (or stays empty) for USE. */
enum mt_consumer_verdict mt_consumer_decide(const struct mt_consumer_case *c,
                                            int64_t wanted_ack_pending, char *text, size_t size);
/* 2 × BINDS × WINDOW_SIZE + 256. */
int64_t mt_consumer_wanted_ack_pending(const struct operator_settings *s);
/* The body of CONSUMER.DURABLE.CREATE; the length, or 0 when it does not fit. */
size_t mt_consumer_create_json(const struct mt_consumer_case *c, enum mt_consumer_verdict verdict,
                               int64_t max_ack_pending, char *out, size_t size);

#endif
