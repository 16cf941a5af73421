/* Publishes a command's bytes with the headers that say where it came from and why it ended. */
#include <inttypes.h>
#include <stdio.h>

#include "bridge/dead_letter.h"
#include "bridge/mt_consumer.h"

bool dead_letter_wants(const struct mt *mt)
{
    if (mt->end != MT_END_INVALID && mt->end != MT_END_EXPIRED)
        return false;
    switch ((enum deadletter_mode)mt->owner->path->with.settings->deadletter) {
    case DEADLETTER_ON:
        return true;
    case DEADLETTER_AUTO:
        return mt_consumer_has_dead_letters(mt->owner);
    default:
        return false;
    }
}

void dead_letter_subject(const struct mno *op, char out[DEAD_LETTER_SUBJECT_SIZE])
{
    snprintf(out, DEAD_LETTER_SUBJECT_SIZE, "smpp.deadletter.%s", op->id_text);
}

struct jetstream_publish *dead_letter_publish(const struct mt *mt, jetstream_stored *stored,
                                              void *arg)
{
    const char *operator_id = mt->owner->op->id_text;
    char subject[DEAD_LETTER_SUBJECT_SIZE], stream[256], sequence[24], msg_id[360];
    if (!mt_stream_name(mt->ack_subject, stream, sizeof(stream)))
        stream[0] = 0;
    dead_letter_subject(mt->owner->op, subject);
    snprintf(sequence, sizeof(sequence), "%" PRIu64, mt->key.sequence);
    snprintf(msg_id, sizeof(msg_id), "deadletter:%s:%s:%" PRIu64, stream, sequence,
             mt->key.time_ns);
    const struct jetstream_header headers[] = {
        {"Smpp-Operator", operator_id},     {"Smpp-Stream", stream},
        {"Smpp-Stream-Sequence", sequence}, {"Smpp-Reason", mt->reason ? mt->reason : ""},
        {"traceparent", mt->traceparent},
    };
    size_t count = ARRAY_LEN(headers) - (*mt->traceparent ? 0 : 1);
    return jetstream_publish(mt->owner->path->with.js, subject, msg_id, headers, count, mt->raw,
                             mt->raw_len, stored, arg);
}
