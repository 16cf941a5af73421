/* What is published of a phone's message, and the text of a long one. */
#ifndef BRIDGE_MO_EVENT_H
#define BRIDGE_MO_EVENT_H

#include "common/text.h"
#include "proto/json_emit.h"
#include "proto/message_text.h"
#include "proto/uuid.h"

#include "bridge/operators.h"

struct mo_event {
    struct uuid event_id;
    int64_t received_ms;
    const struct mno *op;
    const char *from, *to;
    uint8_t data_coding;
    struct bytes text;
    struct bytes binary;  /* dataHex; data NULL leaves it out */
    unsigned part, parts; /* 0 leaves them out */
};
void mo_event_emit(struct json_emit *e, const struct mo_event *event);

struct message_text_alphabet mo_event_alphabet(const struct mno *op);

struct mo_piece {
    uint8_t data_coding;
    struct gsm7_tables tables;
    struct bytes octets; /* of message_text_joinable() */
};
/* Appends the text of all of them: octets are joined and then decoded, since phones cut escape and
 * surrogate pairs; unless they are coded differently. */
void mo_event_join(const struct mno *op, const struct mo_piece *pieces, unsigned count,
                   struct text *text);
/* Of the whole: made of its parts', so that a repetition of all of them is the same event. */
struct uuid mo_event_whole_id(const struct uuid *ids, unsigned count);

#endif
