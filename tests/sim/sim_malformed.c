/* A table of octets. Sequence numbers are far from those that sessions count. */
#include <string.h>

#include "common/base.h"

#include "tests/sim/sim_buffer.h"
#include "tests/sim/sim_malformed.h"
#include "tests/sim/sim_text.h"

/* Blanks are for the reader. Fields as in deliver_sm: service_type, source (ton npi addr), dest
 * (the same), esm_class protocol_id priority, schedule validity, registered replace coding default,
 * sm_length short_message. */
#define ADDRESSES "00 0101 39393937303030303100 0500 39393937303100 "

static const struct {
    const char *name;
    const char *hex;
    const char *help;
} rows[] = {
    {"length-0", "00000000 00000015 00000000 7f000001", "command_length 0"},
    {"length-15", "0000000f 00000015 00000000 7f000001", "command_length 15"},
    {"length-huge", "7fffffff 00000015 00000000 7f000001", "command_length 2 GB"},
    {"length-negative", "ffffffff 00000015 00000000 7f000001", "command_length with the top bit"},
    {"length-short", "00000010 00000005 00000000 7f000001 00 00 00 00",
     "command_length smaller than the PDU: the rest is no PDU"},
    {"half-header", "00000010 00000015", "eight octets and nothing more"},
    {"http", "485454502f312e31203430302042616420526571756573740d0a0d0a",
     "\"HTTP/1.1 400 Bad Request\""},
    {"garbage", "9f3a77c1e05b1d6628f0a4b9113c5ed288e7f601bb92347acc05de6f", "noise"},
    {"unknown-command", "00000014 00000abc 00000000 7f000001 01020304", "command_id 0xabc"},
    {"unknown-response", "00000014 80000abc 00000000 7f000001 01020304", "command_id 0x80000abc"},
    {"sequence-0", "00000010 00000015 00000000 00000000", "enquire_link with sequence_number 0"},
    {"sequence-top", "00000010 00000015 00000000 ffffffff",
     "enquire_link with sequence_number 0xffffffff"},
    {"enquire-body", "00000014 00000015 00000000 7f000001 deadbeef", "enquire_link with a body"},
    {"nack-0", "00000010 80000000 00000003 00000000", "generic_nack for sequence_number 0"},
    {"nack-stray", "00000010 80000000 00000003 7f000001", "generic_nack for nobody"},
    {"resp-stray", "00000014 80000004 00000000 7f000001 31323300", "submit_sm_resp for nobody"},
    {"resp-empty", "00000010 80000004 00000000 7f000001", "the same without a body"},
    {"resp-no-nul", "00000014 80000004 00000000 7f000001 31323334", "the same, id without NUL"},
    {"bind-resp", "00000014 80000009 00000000 7f000001 73696d00", "a bind_transceiver_resp"},
    {"enquire-resp-stray", "00000010 80000015 00000000 7f000001", "enquire_link_resp for nobody"},
    {"outbind", "00000016 0000000b 00000000 7f000001 6d6e6f00 7000", "outbind"},
    {"alert", "00000021 00000102 00000000 7f000001 0101 393939373000 0101 39393937303100",
     "alert_notification"},
    {"deliver-empty", "00000010 00000005 00000000 7f000001", "deliver_sm without a body"},
    {"deliver-cut", "0000001c 00000005 00000000 7f000001 00 0101 393939373000 0500 39",
     "deliver_sm that ends inside an address"},
    {"deliver-no-nul",
     "00000030 00000005 00000000 7f000001 41414141 41414141 41414141 41414141 41414141 41414141 "
     "41414141 41414141",
     "deliver_sm with no NUL anywhere"},
    {"deliver-sm-length",
     "00000038 00000005 00000000 7f000001 " ADDRESSES "040000 0000 00000000 10 69643a3120737461",
     "sm_length 16, eight octets there"},
    {"deliver-tlv-long",
     "00000036 00000005 00000000 7f000001 " ADDRESSES "040000 0000 00000000 00 001e 0041 3132",
     "a TLV that claims 65 octets and has two"},
    {"deliver-tlv-cut",
     "00000033 00000005 00000000 7f000001 " ADDRESSES "040000 0000 00000000 00 001e00",
     "a TLV that ends in its header"},
    {"deliver-udh",
     "00000035 00000005 00000000 7f000001 " ADDRESSES "400000 0000 00000000 05 ff00030101",
     "a UDH that claims 255 octets"},
    {"receipt-no-id",
     "0000003c 00000005 00000000 7f000001 " ADDRESSES
     "040000 0000 00000000 0c 737461743a44454c49565244",
     "a receipt without any id"},
};

size_t sim_malformed_count(void)
{
    return ARRAY_LEN(rows);
}

const char *sim_malformed_name(size_t i)
{
    return rows[i].name;
}

const char *sim_malformed_help(size_t i)
{
    return rows[i].help;
}

static const char *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].hex;
    }
    return NULL;
}

bool sim_malformed_exists(const char *name)
{
    return find(name) != NULL;
}

bool sim_malformed_send(struct sim_session *s, const char *name)
{
    const char *hex = find(name);
    if (!hex)
        return false;
    struct sim_buffer octets = {0};
    if (!sim_text_from_hex(hex, &octets))
        panic("malformation %s is no hex", name);
    sim_session_send_raw(s, (struct bytes){octets.data, octets.len});
    sim_buffer_free(&octets);
    return true;
}
