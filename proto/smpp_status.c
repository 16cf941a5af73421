/* What every command_status means, looked up by number. */
#include "common/str.h"
#include "proto/smpp_status.h"

#define VENDOR_FIRST 0x400u
#define VENDOR_LAST 0x4FFu

static const struct smpp_status table[] = {
#define SMPP_STATUS(code, name, class, bind)                                                       \
    {code, "ESME_" #name, SMPP_STATUS_##class, SMPP_BIND_##bind, SMPP_STATUS_ATTEMPTS_ANY},
#include "proto/smpp_status.def"
#undef SMPP_STATUS
};

static const char *const class_names[] = {
    [SMPP_STATUS_OK] = "ok",
    [SMPP_STATUS_RETRY] = "retry",
    [SMPP_STATUS_THROTTLE] = "throttle",
    [SMPP_STATUS_PERMANENT] = "permanent",
    [SMPP_STATUS_SESSION] = "session",
};
ASSERT_ARRAY_LEN(class_names, SMPP_STATUS_SESSION + 1);

struct smpp_status smpp_status_get(uint32_t code)
{
    size_t low = 0;
    size_t high = ARRAY_LEN(table);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table[middle].code == code)
            return table[middle];
        if (table[middle].code < code)
            low = middle + 1;
        else
            high = middle;
    }
    bool vendor = code >= VENDOR_FIRST && code <= VENDOR_LAST;
    return (struct smpp_status){
        .code = code,
        .name = vendor ? "vendor" : "unknown",
        .class = vendor ? SMPP_STATUS_PERMANENT : SMPP_STATUS_RETRY,
        .bind = SMPP_BIND_TRANSIENT,
        .max_attempts = vendor ? SMPP_STATUS_ATTEMPTS_ANY : SMPP_STATUS_ATTEMPTS_UNKNOWN,
    };
}

bool smpp_status_parse(const char *s, size_t len, uint32_t *code_r)
{
    uint64_t code;
    if (!str_parse_0x(s, len, UINT32_MAX, &code) && !str_parse_u64(s, len, 0, UINT32_MAX, &code))
        return false;
    *code_r = (uint32_t)code;
    return true;
}

void smpp_status_format(uint32_t code, char out[SMPP_STATUS_TEXT_SIZE])
{
    uint8_t octets[4] = {(uint8_t)(code >> 24), (uint8_t)(code >> 16), (uint8_t)(code >> 8),
                         (uint8_t)code};
    out[0] = '0';
    out[1] = 'x';
    str_hex_encode(octets, sizeof(octets), out + 2);
}

const char *smpp_status_class_name(enum smpp_status_class class)
{
    return class_names[class];
}

bool smpp_status_class_parse(const char *s, size_t len, enum smpp_status_class *class_r)
{
    for (size_t i = SMPP_STATUS_RETRY; i < ARRAY_LEN(class_names); i++) {
        if (!str_equal(s, len, class_names[i], strlen(class_names[i])))
            continue;
        *class_r = (enum smpp_status_class)i;
        return true;
    }
    return false;
}
