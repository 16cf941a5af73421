/*
 * Text at the edges: strict numbers, hex, ASCII case, bounded appending, UTF-8, and ISO 8601 times.
 * Nothing here allocates, depends on the locale or keeps state; texts have explicit lengths unless
 * the parameter is called `cstr`.
 */
#ifndef COMMON_STR_H
#define COMMON_STR_H

#include <string.h>

#include "common/base.h"

/* Whole decimal numbers: digits only (i64: one leading '-'), no blanks, no '+', within the bounds.
 * Leading zeros are fine. On false *out is untouched. */
bool str_parse_u64(const char *s, size_t len, uint64_t min, uint64_t max, uint64_t *out) MUST_CHECK;
bool str_parse_i64(const char *s, size_t len, int64_t min, int64_t max, int64_t *out) MUST_CHECK;
/* "0x1f" (either case) up to 64 bits; the prefix is required. */
bool str_parse_0x(const char *s, size_t len, uint64_t max, uint64_t *out) MUST_CHECK;

/* Writes 2 * len lower-case digits and a NUL: `out` has 2 * len + 1 bytes. */
void str_hex_encode(const void *data, size_t len, char *out);
/* Even number of digits of either case that fit into `size`; false leaves *out_len untouched. */
bool str_hex_decode(const char *hex, size_t len, uint8_t *out, size_t size,
                    size_t *out_len) MUST_CHECK;
/* Of single characters, ASCII only; in the header because parsers ask for each one. */
static inline bool str_is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static inline char str_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}
static inline char str_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
}
extern const uint8_t str_hex_values[256]; /* of a hex digit 1 more than it counts, else 0 */
/* 0..15, or -1 for what is no hex digit. */
static inline int str_hex_digit(char c)
{
    return str_hex_values[(uint8_t)c] - 1;
}

bool str_equal_nocase(const char *a, size_t a_len, const char *b, size_t b_len);
bool str_equal(const char *a, size_t a_len, const char *b, size_t b_len);

/* Copies at most size - 1 bytes and ends with NUL; false when something was cut. size > 0. */
bool str_copy(char *out, size_t size, const char *s, size_t len);

/* Appending to a fixed array: always NUL-terminated, `cut` once something did not fit. */
struct str_out {
    char *data;
    size_t size; /* of the array, > 0 */
    size_t len;  /* written, without the NUL */
    bool cut;
};
struct str_out str_out(char *data, size_t size);
void str_put(struct str_out *o, const char *s, size_t len);
void str_puts(struct str_out *o, const char *cstr);
void str_putc(struct str_out *o, char c);
void str_put_u64(struct str_out *o, uint64_t v);
void str_put_i64(struct str_out *o, int64_t v);
void str_putf(struct str_out *o, const char *fmt, ...) PRINTF_LIKE(2, 3); /* not for hot paths */

/* Decimal digits of v without a NUL; returns how many (1..20). */
size_t str_format_u64(uint64_t v, char out[20]);

/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#define STR_UTF8_BAD UINT32_MAX
#define STR_UTF8_MAX 4 /* bytes of one code point */
bool str_utf8_valid(const char *s, size_t len);
/* The code point at *pos, which moves behind it; *pos < end. Ill-formed bytes give STR_UTF8_BAD,
 * once for each maximal part (the Unicode recommendation for U+FFFD), and are stepped over. */
uint32_t str_utf8_next(const char **pos, const char *end);
/* Bytes written (1..4). A surrogate or a value above U+10FFFF is written as U+FFFD. */
size_t str_utf8_put(uint32_t code_point, char out[STR_UTF8_MAX]);

/* Civil time of the proleptic Gregorian calendar, in UTC. */
struct str_civil {
    int year;  /* 1..9999 */
    int month; /* 1..12 */
    int day;   /* 1..31, checked against the month */
    int hour, minute, second;
};
/* Seconds since 1970-01-01T00:00:00Z; false when there is no such day or time (no leap seconds). */
bool str_time_from_civil(const struct str_civil *c, int64_t *seconds) MUST_CHECK;
void str_time_to_civil(int64_t seconds, struct str_civil *out);

/* RFC 3339, and of ISO 8601 besides: seconds left out, a comma before the fraction, "+0430" and
 * "+04". The zone is required. Digits below a millisecond are dropped; second 60 counts as the next
 * one. */
bool str_time_parse(const char *s, size_t len, int64_t *unix_ms) MUST_CHECK;
/* "2026-04-18T10:00:00.000Z" with its NUL. Times outside of the years 1..9999 are clamped. */
#define STR_TIME_SIZE 25
void str_time_format(int64_t unix_ms, char out[STR_TIME_SIZE]);

#endif
