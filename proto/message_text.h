/* User data as a phone or SMSC sends it, back to UTF-8. */
#ifndef PROTO_MESSAGE_TEXT_H
#define PROTO_MESSAGE_TEXT_H

#include "common/base.h"
#include "proto/gsm7.h"
#include "proto/split.h"

/* How `data_coding` is to be read. */
enum message_text_kind {
    MESSAGE_TEXT_DEFAULT,
    MESSAGE_TEXT_LATIN1,
    MESSAGE_TEXT_ASCII,
    MESSAGE_TEXT_UCS2,
    MESSAGE_TEXT_BINARY
};
enum message_text_kind message_text_kind(uint8_t data_coding);

struct message_text_alphabet {
    enum split_alphabet default_alphabet;
    bool packed; /* GSM 7 as 7 bits a character */
};

/* Octets of UTF-8 that message_text_decode may write for `len` octets of user data. */
#define MESSAGE_TEXT_SIZE(len) ((size_t)(len)*4)

/* The text behind the header, as UTF-8 without NUL at the end; its length is returned, cut at
 * `size`. `header_len` and `tables` are the UDH's (0 and all default without one). Binary data
 * gives 0. */
size_t message_text_decode(struct message_text_alphabet alphabet, uint8_t data_coding,
                           struct bytes user_data, size_t header_len, struct gsm7_tables tables,
                           char *text, size_t size);

/* The octets behind the header as they can be joined with those of other parts: a packed text comes
 * unpacked, half a character of UCS-2 at the end is left out. What was joined is decoded with
 * `packed` off. Returns how many; at most message_text_joinable_max(). */
size_t message_text_joinable(struct message_text_alphabet alphabet, uint8_t data_coding,
                             struct bytes user_data, size_t header_len, uint8_t *out);
size_t message_text_joinable_max(size_t len);

#endif
