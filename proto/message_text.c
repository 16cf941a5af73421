/* User data back to text: by data_coding, the operator's default alphabet and the header's tables.
 */
#include "common/str.h"
#include "proto/message_text.h"
#include "proto/smpp.h"
#include "proto/ucs2.h"

/* The coding groups of TS 23.038 §4: 00xx and 01xx carry the alphabet in bits 3-2, 1111 in bit 2;
 * message waiting groups 1100 and 1101 are GSM 7, 1110 is UCS2. Values below 0x10 are SMPP's own
 * (§5.2.19). */
enum message_text_kind message_text_kind(uint8_t data_coding)
{
    static const enum message_text_kind by_bits[] = {MESSAGE_TEXT_DEFAULT, MESSAGE_TEXT_BINARY,
                                                     MESSAGE_TEXT_UCS2, MESSAGE_TEXT_BINARY};
    switch (data_coding >> 4) {
    case 0x0:
        break;
    case 0xC:
    case 0xD:
        return MESSAGE_TEXT_DEFAULT;
    case 0xE:
        return MESSAGE_TEXT_UCS2;
    case 0xF:
        return data_coding & 0x04 ? MESSAGE_TEXT_BINARY : MESSAGE_TEXT_DEFAULT;
    default:
        return data_coding < 0x80 ? by_bits[data_coding >> 2 & 3] : MESSAGE_TEXT_BINARY;
    }
    switch (data_coding) {
    case SMPP_CODING_DEFAULT:
        return MESSAGE_TEXT_DEFAULT;
    case SMPP_CODING_ASCII:
        return MESSAGE_TEXT_ASCII;
    case SMPP_CODING_LATIN1:
        return MESSAGE_TEXT_LATIN1;
    case SMPP_CODING_UCS2:
        return MESSAGE_TEXT_UCS2;
    default:
        return MESSAGE_TEXT_BINARY;
    }
}

static size_t decode_octets(struct bytes data, char *text, size_t size)
{
    size_t len = 0;
    for (size_t i = 0; i < data.len; i++) {
        char utf8[STR_UTF8_MAX];
        size_t n = str_utf8_put(data.data[i], utf8);
        if (n > size - len)
            break;
        memcpy(text + len, utf8, n);
        len += n;
    }
    return len;
}

static size_t decode_default(struct message_text_alphabet alphabet, struct bytes data,
                             size_t header_len, struct gsm7_tables tables, char *text, size_t size)
{
    if (alphabet.default_alphabet != SPLIT_ALPHABET_GSM7)
        return decode_octets(data, text, size);
    if (alphabet.packed)
        return gsm7_decode_packed(tables, data.data, data.len, gsm7_fill_bits(header_len), text,
                                  size);
    return gsm7_decode(tables, data.data, data.len, text, size);
}

size_t message_text_joinable_max(size_t len)
{
    return gsm7_unpacked_max(len, 0);
}

size_t message_text_joinable(struct message_text_alphabet alphabet, uint8_t data_coding,
                             struct bytes user_data, size_t header_len, uint8_t *out)
{
    if (header_len >= user_data.len)
        return 0;
    const uint8_t *data = user_data.data + header_len;
    size_t len = user_data.len - header_len;
    enum message_text_kind kind = message_text_kind(data_coding);
    if (kind == MESSAGE_TEXT_DEFAULT && alphabet.default_alphabet == SPLIT_ALPHABET_GSM7 &&
        alphabet.packed)
        return gsm7_unpack(data, len, gsm7_fill_bits(header_len), out);
    if (kind == MESSAGE_TEXT_UCS2)
        len &= ~(size_t)1;
    memcpy(out, data, len);
    return len;
}

size_t message_text_decode(struct message_text_alphabet alphabet, uint8_t data_coding,
                           struct bytes user_data, size_t header_len, struct gsm7_tables tables,
                           char *text, size_t size)
{
    if (header_len > user_data.len)
        return 0;
    struct bytes data = {.data = user_data.data + header_len, .len = user_data.len - header_len};
    switch (message_text_kind(data_coding)) {
    case MESSAGE_TEXT_DEFAULT:
        return decode_default(alphabet, data, header_len, tables, text, size);
    case MESSAGE_TEXT_LATIN1:
    case MESSAGE_TEXT_ASCII:
        return decode_octets(data, text, size);
    case MESSAGE_TEXT_UCS2:
        return ucs2_decode(data.data, data.len, text, size);
    case MESSAGE_TEXT_BINARY:
        break;
    }
    return 0;
}
