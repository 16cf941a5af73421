/* GSM 7-bit text: characters to septets and back, and septets to octets and back. */
#include "common/str.h"
#include "proto/gsm7.h"
#include "proto/gsm7_tables.h"

#define CR 0x0D
#define SEPTET_BITS 7u

bool gsm7_language_parse(const char *s, size_t len, enum gsm7_language *language_r)
{
    static const struct {
        const char *name;
        enum gsm7_language language;
    } names[] = {
        {"turkish", GSM7_TURKISH},
        {"spanish", GSM7_SPANISH},
        {"portuguese", GSM7_PORTUGUESE},
        {"urdu", GSM7_URDU},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!str_equal_nocase(s, len, names[i].name, strlen(names[i].name)))
            continue;
        *language_r = names[i].language;
        return true;
    }
    return false;
}

bool gsm7_has_locking(enum gsm7_language language)
{
    return language != GSM7_SPANISH;
}

static size_t put_default(uint32_t cp, uint8_t out[2])
{
    uint8_t septet = gsm7_default_of_latin1[cp];
    if (septet == GSM7_NONE)
        return 0;
    if (septet & GSM7_ESCAPED) {
        out[0] = GSM7_ESCAPE;
        out[1] = septet & 0x7F;
        return 2;
    }
    out[0] = septet;
    return 1;
}

size_t gsm7_put(struct gsm7_tables tables, uint32_t cp, uint8_t out[2])
{
    if (tables.locking == GSM7_DEFAULT && tables.single == GSM7_DEFAULT && cp < 0x100)
        return put_default(cp, out);
    if (cp == GSM7_ESCAPE)
        return 0;
    const uint16_t *locking = gsm7_locking_table(tables.locking);
    for (uint8_t i = 0; i < GSM7_TABLE_SIZE; i++) {
        if (locking[i] != cp)
            continue;
        out[0] = i;
        return 1;
    }
    struct gsm7_shift single = gsm7_single_table(tables.single);
    for (size_t i = 0; i < single.count; i++) {
        if (single.rows[i].code_point != cp)
            continue;
        out[0] = GSM7_ESCAPE;
        out[1] = single.rows[i].septet;
        return 2;
    }
    return 0;
}

#define EACH(octet) (UINT64_C(0x0101010101010101) * (octet))

/* Are all eight from 0x20 to 0x7E and their own septets? Not so: $ @ [ \\ ] ^ _ ` { | } ~ and DEL.
 * It may say no for ones that are. */
static bool are_themselves(uint64_t word)
{
    uint64_t upper = word & ~EACH(0x20);            /* ` is @ here, { is [ */
    uint64_t dollar = (word ^ EACH('$')) - EACH(1); /* its top bit where there was one */
    uint64_t at = (upper ^ EACH('@')) - EACH(1);
    uint64_t wrong = word | (word - EACH(0x20)) | dollar | at | (upper + EACH(0x80 - '['));
    return (wrong & EACH(0x80)) == 0;
}

size_t gsm7_put_run(const char *text, size_t len, uint8_t *septets)
{
    size_t n = 0;
    uint64_t word;
    for (; len - n >= sizeof(word); n += sizeof(word)) {
        memcpy(&word, text + n, sizeof(word));
        if (!are_themselves(word))
            break;
        if (septets)
            memcpy(septets + n, &word, sizeof(word));
    }
    for (; n < len; n++) {
        uint8_t c = (uint8_t)text[n];
        uint8_t septet = gsm7_default_of_latin1[c];
        if (c < 0x20 || c >= 0x80 || septet >= GSM7_ESCAPED)
            break;
        if (septets)
            septets[n] = septet;
    }
    return n;
}

bool gsm7_encode(struct gsm7_tables tables, const char *text, size_t len, uint8_t *septets,
                 size_t size, size_t *count_r)
{
    const char *end = text + len;
    size_t count = 0;
    while (text < end) {
        uint8_t pair[2];
        uint32_t cp = str_utf8_next(&text, end);
        size_t n = cp == STR_UTF8_BAD ? 0 : gsm7_put(tables, cp, pair);
        if (n == 0 || n > size - count)
            return false;
        memcpy(septets + count, pair, n);
        count += n;
    }
    *count_r = count;
    return true;
}

/* What stands behind an escape: TS 23.038 §6.2.1.1 has a receiver without that entry show the
 * locking table's. A second escape is reserved and shown as a space. */
static uint32_t shifted(struct gsm7_tables tables, uint8_t septet)
{
    struct gsm7_shift single = gsm7_single_table(tables.single);
    for (size_t i = 0; i < single.count; i++) {
        if (single.rows[i].septet == septet)
            return single.rows[i].code_point;
    }
    return septet == GSM7_ESCAPE ? ' ' : gsm7_locking_table(tables.locking)[septet];
}

/* Septets where they lie, one to an octet or packed. */
struct source {
    const uint8_t *data;
    size_t len; /* octets */
    bool packed;
    unsigned fill_bits;
};

static uint8_t septet_at(const struct source *source, size_t i)
{
    if (!source->packed)
        return source->data[i] & 0x7F;
    size_t bit = source->fill_bits + i * SEPTET_BITS;
    unsigned pair = source->data[bit / 8];
    if (bit / 8 + 1 < source->len)
        pair |= (unsigned)source->data[bit / 8 + 1] << 8;
    return (pair >> (bit % 8)) & 0x7F;
}

static size_t decode(struct gsm7_tables tables, const struct source *source, size_t count,
                     char *text, size_t size)
{
    const uint16_t *locking = gsm7_locking_table(tables.locking);
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        uint8_t septet = septet_at(source, i);
        uint32_t cp = locking[septet];
        if (septet == GSM7_ESCAPE) {
            if (++i == count)
                break; /* an escape of nothing */
            cp = shifted(tables, septet_at(source, i));
        }
        char utf8[STR_UTF8_MAX];
        size_t n = str_utf8_put(cp, utf8);
        if (n > size - len)
            break;
        memcpy(text + len, utf8, n);
        len += n;
    }
    return len;
}

size_t gsm7_decode(struct gsm7_tables tables, const uint8_t *septets, size_t count, char *text,
                   size_t size)
{
    struct source source = {.data = septets, .len = count};
    return decode(tables, &source, count, text, size);
}

size_t gsm7_packed_size(size_t count, unsigned fill_bits)
{
    return count == 0 ? 0 : (fill_bits + count * SEPTET_BITS + 7) / 8;
}

bool gsm7_pack(const uint8_t *septets, size_t count, unsigned fill_bits, uint8_t *out, size_t size,
               size_t *len_r)
{
    size_t len = gsm7_packed_size(count, fill_bits);
    if (len > size)
        return false;
    if (fill_bits > 0 && len > 0)
        out[0] = 0;
    size_t bit = fill_bits;
    for (size_t i = 0; i < count; i++, bit += SEPTET_BITS) {
        unsigned spread = (unsigned)(septets[i] & 0x7F) << (bit % 8);
        if (bit % 8 == 0)
            out[bit / 8] = (uint8_t)spread;
        else
            out[bit / 8] |= (uint8_t)spread;
        if (bit % 8 > 1)
            out[bit / 8 + 1] = (uint8_t)(spread >> 8);
    }
    if (len * 8 - bit == SEPTET_BITS && count > 0)
        out[len - 1] |= CR << 1; /* §6.1.2.3.1 */
    *len_r = len;
    return true;
}

size_t gsm7_unpacked_max(size_t len, unsigned fill_bits)
{
    return len * 8 <= fill_bits ? 0 : (len * 8 - fill_bits) / SEPTET_BITS;
}

/* Without the CR that only fills the last octet. */
static size_t packed_count(const struct source *source)
{
    size_t count = gsm7_unpacked_max(source->len, source->fill_bits);
    bool full = source->fill_bits + count * SEPTET_BITS == source->len * 8;
    return count > 1 && full && septet_at(source, count - 1) == CR ? count - 1 : count;
}

size_t gsm7_unpack(const uint8_t *packed, size_t len, unsigned fill_bits, uint8_t *septets)
{
    struct source source = {.data = packed, .len = len, .packed = true, .fill_bits = fill_bits};
    size_t count = packed_count(&source);
    for (size_t i = 0; i < count; i++)
        septets[i] = septet_at(&source, i);
    return count;
}

size_t gsm7_decode_packed(struct gsm7_tables tables, const uint8_t *packed, size_t len,
                          unsigned fill_bits, char *text, size_t size)
{
    struct source source = {.data = packed, .len = len, .packed = true, .fill_bits = fill_bits};
    return decode(tables, &source, packed_count(&source), text, size);
}

unsigned gsm7_fill_bits(size_t header_len)
{
    return (unsigned)((SEPTET_BITS - header_len * 8 % SEPTET_BITS) % SEPTET_BITS);
}
