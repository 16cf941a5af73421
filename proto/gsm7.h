/*
 * The 7-bit alphabets of GSM 03.38 (3GPP TS 23.038): the default one with its extension table, and
 * national language tables. Text is UTF-8; septets are one to an octet here ("unpacked"), as SMPP
 * usually carries them.
 */
#ifndef PROTO_GSM7_H
#define PROTO_GSM7_H

#include "common/base.h"

#define GSM7_ESCAPE 0x1B

/* National language identifiers, TS 23.038 §6.2.1.2.4; those with tables here. */
enum gsm7_language {
    GSM7_DEFAULT = 0,
    GSM7_TURKISH = 1,
    GSM7_SPANISH = 2, /* has a single shift table only */
    GSM7_PORTUGUESE = 3,
    GSM7_URDU = 13,
};
/* "turkish" and so on, for settings. */
bool gsm7_language_parse(const char *s, size_t len, enum gsm7_language *language_r) MUST_CHECK;
bool gsm7_has_locking(enum gsm7_language language); /* GSM7_DEFAULT included */

/* The tables in force: the locking one replaces the default alphabet, the single one its extension.
 */
struct gsm7_tables {
    enum gsm7_language locking;
    enum gsm7_language single;
};

/* Septets of a code point: 1, or 2 with the escape first; 0 when the tables lack it. */
size_t gsm7_put(struct gsm7_tables tables, uint32_t code_point, uint8_t out[2]);

/* The characters that `text` begins with as far as they are printable ASCII and one septet each in
 * the default alphabet: how many, and their septets unless `septets` is NULL. */
size_t gsm7_put_run(const char *text, size_t len, uint8_t *septets);

/* False when a character is not in the tables, the text is ill-formed or `size` is too small. */
bool gsm7_encode(struct gsm7_tables tables, const char *text, size_t len, uint8_t *septets,
                 size_t size, size_t *count_r) MUST_CHECK;
/* Never fails: an unknown escape shows the base character, as TS 23.038 asks; the top bit is
 * ignored. Writes at most 3 octets of UTF-8 for each septet. Cut at `size`, between characters.
 * Returns the length; no NUL. */
size_t gsm7_decode(struct gsm7_tables tables, const uint8_t *septets, size_t count, char *text,
                   size_t size);

/* Packing (TS 23.038 §6.1.2): septets behind `fill_bits` zero bits (0..6), which bring text that
 * follows a user data header to a septet boundary. Seven spare bits at the end become CR, lest they
 * read as '@'; unpacking drops a CR there, also the rare one that was meant. Without fill bits
 * `out` may be `septets` itself. */
size_t gsm7_packed_size(size_t count, unsigned fill_bits);
bool gsm7_pack(const uint8_t *septets, size_t count, unsigned fill_bits, uint8_t *out, size_t size,
               size_t *len_r) MUST_CHECK;
/* `septets` has room for gsm7_unpacked_max(). A CR that only fills the last octet is dropped. */
size_t gsm7_unpacked_max(size_t len, unsigned fill_bits);
size_t gsm7_unpack(const uint8_t *packed, size_t len, unsigned fill_bits, uint8_t *septets);
/* gsm7_unpack and gsm7_decode in one, without memory for the septets. */
size_t gsm7_decode_packed(struct gsm7_tables tables, const uint8_t *packed, size_t len,
                          unsigned fill_bits, char *text, size_t size);
/* The fill bits after a user data header of that many octets, its length octet included. */
unsigned gsm7_fill_bits(size_t header_len);

#endif
