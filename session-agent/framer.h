/*
 * A byte stream becomes whole PDUs, however it was cut and packed (SMPP 3.4 §2.4, §3.2). A PDU that
 * lies whole in the bytes fed is handed out where it lies; only one that is cut is collected in a
 * buffer, which grows with what has arrived (never with what the wire announces) and is freed when
 * the PDU is complete. An idle framer is just its struct.
 */
#ifndef SESSION_AGENT_FRAMER_H
#define SESSION_AGENT_FRAMER_H

#include "common/base.h"

#define FRAMER_LIMIT_DEFAULT 131072u /* octets of one PDU, header included */

struct framer {
    uint8_t *partial; /* the beginning of a PDU that is cut; NULL: none */
    uint32_t have;    /* octets of it */
    uint32_t size;    /* of the buffer */
    uint32_t limit;
    uint32_t bad_length; /* the command_length that ended the stream, when `broken` */
    bool broken;
};

enum framer_result {
    FRAMER_MORE,       /* all was taken; the rest of a PDU may be to come */
    FRAMER_STOPPED,    /* the callback said false */
    FRAMER_BAD_LENGTH, /* command_length < 16 or > limit: the stream can't be read any further; the
                        * session answers generic_nack(ESME_RINVCMDLEN, sequence 0) and closes */
};

void framer_init(struct framer *f, uint32_t limit);
/* Releases the buffer; the framer may be fed anew, from the beginning of a PDU. */
void framer_reset(struct framer *f);

/* Calls `pdu` for each whole PDU in order; `pdu.data` is valid during the call only. When it
 * returns false the framer is not touched any more (it may have been freed) and the rest of `data`
 * is dropped. After BAD_LENGTH every further feed says BAD_LENGTH. */
enum framer_result framer_feed(struct framer *f, const uint8_t *data, size_t len,
                               bool (*pdu)(void *arg, struct bytes pdu), void *arg) MUST_CHECK;

#endif
