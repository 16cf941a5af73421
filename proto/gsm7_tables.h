/* The tables behind gsm7.c. */
#ifndef PROTO_GSM7_TABLES_H
#define PROTO_GSM7_TABLES_H

#include "common/base.h"
#include "proto/gsm7.h"

#define GSM7_TABLE_SIZE 128

/* Code point of each septet; the escape stands for itself. The default alphabet for a language
 * without a locking table. */
const uint16_t *gsm7_locking_table(enum gsm7_language language);

/* What follows the escape: only the septets that mean something. */
struct gsm7_shifted {
    uint8_t septet;
    uint16_t code_point;
};
struct gsm7_shift {
    const struct gsm7_shifted *rows;
    size_t count;
};
struct gsm7_shift gsm7_single_table(enum gsm7_language language);

/* The default alphabet backwards for U+0000 to U+00FF: the septet, with the top bit when the escape
 * goes before it, or GSM7_NONE. */
#define GSM7_NONE 0xFF
#define GSM7_ESCAPED 0x80
extern const uint8_t gsm7_default_of_latin1[256];

#endif
