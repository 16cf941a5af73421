/* User data with a header, in any data_coding: the text is always well-formed. */
#include "common/str.h"
#include "proto/message_text.h"
#include "proto/udh.h"
#include "tests/fuzz/fuzz.h"

static void check_header(const struct udh *udh, size_t size)
{
    MUST(udh->length >= 1 && udh->length <= size);
    MUST(!udh->has_concat || (udh->part >= 1 && udh->part <= udh->total));
    uint8_t octets[UDH_MAX];
    struct udh again;
    size_t len = udh_build(udh, octets);
    if (len == 0)
        return;
    MUST(udh_parse((struct bytes){.data = octets, .len = len}, &again));
    MUST(again.has_concat == udh->has_concat && again.reference == udh->reference);
    MUST(again.tables.locking == udh->tables.locking && again.tables.single == udh->tables.single);
}

/* The first octet chooses how to read, the second is data_coding. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[MESSAGE_TEXT_SIZE(70000)];
    if (size < 2 || size > 70000)
        return 0;
    struct message_text_alphabet alphabet = {.default_alphabet = (enum split_alphabet)(data[0] % 3),
                                             .packed = data[0] & 0x80};
    struct bytes message = {.data = data + 2, .len = size - 2};
    struct udh udh = {0};
    if ((data[0] & 0x40) && udh_parse(message, &udh))
        check_header(&udh, message.len);
    size_t len =
        message_text_decode(alphabet, data[1], message, udh.length, udh.tables, text, sizeof(text));
    MUST(len < sizeof(text) && str_utf8_valid(text, len));
    /* Room for less: cut between characters. */
    size_t half =
        message_text_decode(alphabet, data[1], message, udh.length, udh.tables, text, len / 2);
    MUST(half <= len / 2 && str_utf8_valid(text, half));
    return 0;
}
