/*
 * Delivery receipts in every dialect: from TLVs, from the text of Appendix B and its many
 * relatives. Nothing in a receipt is ever an error; what cannot be read is absent.
 */
#ifndef PROTO_RECEIPT_H
#define PROTO_RECEIPT_H

#include "common/base.h"
#include "proto/events.h"
#include "proto/smpp.h"
#include "proto/smpp_sm.h"

#define RECEIPT_TIME_NONE INT64_MIN
#define RECEIPT_STAT_SIZE 33
#define RECEIPT_ERR_SIZE 33

/* What makes a deliver_sm a receipt (per operator). */
enum receipt_detection {
    RECEIPT_BY_FLAGS, /* type bits of esm_class (0x04, 0x20), or receipted_message_id */
    RECEIPT_BY_TEXT,  /* those, or a text that has an id and a state where receipts have them */
    RECEIPT_BY_ANY,   /* those, or 0x08, or message_state, or any receipt-like text */
};
bool receipt_detection_parse(const char *s, size_t len,
                             enum receipt_detection *detection_r) MUST_CHECK;

struct receipt {
    bool is_receipt;
    bool by_text;                       /* only its text says so: a person may have written that */
    char id_tlv[SMPP_MESSAGE_ID_SIZE];  /* receipted_message_id; "" when absent */
    char id_text[SMPP_MESSAGE_ID_SIZE]; /* `id:` of the text; "" when absent. The TLV's is tried
                                           first */
    enum dlr_status status;
    bool final; /* false: ENROUTE, ACCEPTED, buffered, intermediate notifications */
    char stat[RECEIPT_STAT_SIZE]; /* the raw word, or the standard word of a numeric state; never ""
                                   */
    char err[RECEIPT_ERR_SIZE];   /* `err:` as it came, else the network_error_code as "3:42"; ""
                                     when absent */
    int64_t submit_ms;            /* unix; RECEIPT_TIME_NONE when absent or implausible */
    int64_t done_ms;
    struct bytes
        raw; /* the octets of the text, without header and trailing NULs; a view into the PDU */
    size_t text_len; /* of the UTF-8 the caller's buffer holds: the whole text, decoded */
};

/* `now_ms` chooses among the readings of a date: the plausible one nearest to it. `text` takes the
 * decoded text and has RECEIPT_TEXT_SIZE(message length) octets. Dates without a zone count as UTC.
 */
#define RECEIPT_TEXT_SIZE(len) ((size_t)(len)*4)
void receipt_parse(const struct smpp_sm *sm, enum receipt_detection detection, int64_t now_ms,
                   char *text, size_t text_size, struct receipt *receipt_r);

/* "260418100000" and its relatives; RECEIPT_TIME_NONE when no reading is plausible (1990 … now + 2
 * years). */
int64_t receipt_parse_date(const char *s, size_t len, int64_t now_ms);
/* The word of a receipt's `stat:`, any case, or a digit; false leaves *status_r UNKNOWN. */
bool receipt_parse_stat(const char *s, size_t len, enum dlr_status *status_r, bool *final_r);

#endif
