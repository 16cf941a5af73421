/*
 * From a text or octets to the segments that go over the air: which alphabet, which data_coding,
 * where to cut. Nothing that belongs together is cut (escape pairs, surrogate pairs, a character
 * and its combining marks), unless one cluster alone is longer than a segment.
 */
#ifndef PROTO_SPLIT_H
#define PROTO_SPLIT_H

#include "common/base.h"
#include "common/buf.h"
#include "proto/gsm7.h"

#define SPLIT_SEGMENTS_MAX 255 /* what the part number of a concatenated message holds */
#define SPLIT_LANGUAGES_MAX 4
/* Enough memory for the octets of any message that split_text or split_binary accept. */
#define SPLIT_BUFFER_SIZE(max_segments) ((size_t)(max_segments)*176)

/* What the command asked for. */
enum split_request { SPLIT_AUTO, SPLIT_GSM7, SPLIT_UCS2 };
/* What data_coding 0 means to the operator. */
enum split_alphabet { SPLIT_ALPHABET_GSM7, SPLIT_ALPHABET_LATIN1, SPLIT_ALPHABET_ASCII };
bool split_alphabet_parse(const char *s, size_t len, enum split_alphabet *alphabet_r) MUST_CHECK;

enum split_concat {
    SPLIT_UDH8,
    SPLIT_UDH16,
    SPLIT_SAR,     /* sar_* parameters; the SMSC makes the headers */
    SPLIT_PAYLOAD, /* one message_payload; the SMSC cuts it */
};
bool split_concat_parse(const char *s, size_t len,
                        enum split_concat *concat_r) MUST_CHECK; /* first 3 */

struct split_plan {
    enum split_request request;
    bool flash; /* class 0 */
    enum split_alphabet default_alphabet;
    bool packed; /* GSM 7 as 7 bits a character */
    enum gsm7_language
        languages[SPLIT_LANGUAGES_MAX]; /* shift tables that may be used, preferred first */
    size_t language_count;
    bool transliterate;
    enum split_concat concat;
    unsigned max_segments; /* 1..SPLIT_SEGMENTS_MAX */
    uint16_t reference;    /* of the concatenation; its low 8 bits with SPLIT_UDH8 */
};

/* How the octets came to be; for metrics and the context. */
enum split_coding {
    SPLIT_CODED_GSM7,
    SPLIT_CODED_LATIN1,
    SPLIT_CODED_ASCII,
    SPLIT_CODED_UCS2,
    SPLIT_CODED_BINARY
};

struct split_result {
    uint8_t data_coding;
    uint8_t esm_class; /* SMPP_ESM_UDHI or 0: the caller adds the mode */
    enum split_coding coding;
    struct gsm7_tables tables;
    bool transliterated;
    bool payload; /* the one "segment" belongs into message_payload */
    bool sar;     /* each segment wants split_put_sar() */
    uint16_t reference;
    unsigned count;  /* of segments below: submit_sm to send */
    unsigned on_air; /* of segments the phone will get; equals count unless payload */
    struct bytes
        segments[SPLIT_SEGMENTS_MAX]; /* user data with its header, in the caller's buffer */
};

/* `text` is UTF-8. -1 with a reason that quotes nothing when it is ill-formed, needs more than
 * max_segments, or the buffer is too small (see SPLIT_BUFFER_SIZE). An empty text is one empty
 * segment. A request for GSM7, or none, gives the operator's default alphabet if the text fits it,
 * else a shift table, else (if allowed) a transliteration, else UCS2. */
int split_text(const struct split_plan *plan, const char *text, size_t len, uint8_t *buffer,
               size_t size, struct split_result *result_r, char *error,
               size_t error_size) MUST_CHECK;
/* Octets with a data_coding of the caller's; flash, languages and alphabets of the plan do not
 * apply. */
int split_binary(const struct split_plan *plan, struct bytes data, uint8_t data_coding,
                 uint8_t *buffer, size_t size, struct split_result *result_r, char *error,
                 size_t error_size) MUST_CHECK;

/* The three sar_* parameters of segment k (1..count) when result->sar, else nothing. */
void split_put_sar(const struct split_result *result, unsigned k, struct buf_writer *w);

#endif
