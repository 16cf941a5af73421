/* One way to write a text: which octets a character becomes, and what it takes of a segment. */
#ifndef PROTO_ALPHABET_H
#define PROTO_ALPHABET_H

#include "common/base.h"
#include "proto/split.h"

struct alphabet {
    enum split_coding coding; /* not SPLIT_CODED_BINARY */
    struct gsm7_tables tables;
    bool transliterate; /* with SPLIT_CODED_GSM7 and the default tables */
    bool invariant;     /* only what GSM 7 and ASCII write alike: for data codings that peers read
                           differently */
};

#define ALPHABET_PUT_MAX 16
struct alphabet_unit {
    uint8_t octets[ALPHABET_PUT_MAX];
    size_t len;
    /* What it takes on air: septets for the 7- and 8-bit alphabets (an SMSC turns ASCII and Latin-1
     * into GSM 7), octets for UCS2. */
    size_t cost;
    bool beyond_gsm7; /* the 8-bit alphabets: the SMSC has no septet for it */
};
/* False: not in this alphabet. Characters that transliterate to nothing have len 0. */
bool alphabet_put(const struct alphabet *alphabet, uint32_t code_point,
                  struct alphabet_unit *unit_r) MUST_CHECK;

/* The default tables of GSM 7, which gsm7_put_run() knows. */
bool alphabet_is_default_gsm7(const struct alphabet *alphabet);

/* A whole text. False when it is ill-formed or a character is not in the alphabet. */
struct alphabet_measure {
    size_t cost;
    bool beyond_gsm7;
};
bool alphabet_measure(const struct alphabet *alphabet, const char *text, size_t len,
                      struct alphabet_measure *measure_r) MUST_CHECK;

#endif
