/*
 * One message, two spellings: the id in submit_sm_resp and the one in the receipt may differ in
 * case, leading zeros, or be hexadecimal here and decimal there. Ids are opaque texts of up to 64
 * characters; numbers of any length.
 */
#ifndef PROTO_MESSAGE_ID_H
#define PROTO_MESSAGE_ID_H

#include "common/base.h"
#include "proto/smpp.h"

/* How an operator's two ids relate, safest first. */
enum message_id_dialect {
    MESSAGE_ID_EXACT,
    MESSAGE_ID_CASE,        /* differ in case */
    MESSAGE_ID_ZEROS,       /* and in leading zeros */
    MESSAGE_ID_RESP_HEX,    /* response hexadecimal, receipt decimal */
    MESSAGE_ID_RECEIPT_HEX, /* response decimal, receipt hexadecimal */
    MESSAGE_ID_DIALECTS
};
const char *message_id_dialect_name(
    enum message_id_dialect dialect); /* "exact", "case", "zeros", "respHex", "receiptHex" */

enum message_id_format {
    MESSAGE_ID_FORMAT_AUTO,
    MESSAGE_ID_FORMAT_EXACT,
    MESSAGE_ID_FORMAT_RESP_HEX,
    MESSAGE_ID_FORMAT_RECEIPT_HEX
};
bool message_id_format_parse(const char *s, size_t len,
                             enum message_id_format *format_r) MUST_CHECK;

enum message_id_side { MESSAGE_ID_IN_RESPONSE, MESSAGE_ID_IN_RECEIPT };

/* The canonical form: a response's and a receipt's id belong together under a dialect exactly when
 * their canonical forms are equal. 64 hex digits make up to 78 decimal ones. False: the id is no
 * number of that notation, or "". */
#define MESSAGE_ID_CANONICAL_SIZE 80
bool message_id_canonical(enum message_id_dialect dialect, enum message_id_side side,
                          const char *id, char out[MESSAGE_ID_CANONICAL_SIZE]) MUST_CHECK;

/* The spellings under which the submit_sm_resp may have had a receipt's id, likeliest first and
 * each once; the id itself is the first. For looking up keys that hold the response's spelling. */
#define MESSAGE_ID_FORMS_MAX 20
struct message_id_form {
    enum message_id_dialect dialect;
    char id[SMPP_MESSAGE_ID_SIZE];
};
size_t message_id_forms(const char *receipt_id, enum message_id_format format,
                        struct message_id_form forms[MESSAGE_ID_FORMS_MAX]);

#endif
