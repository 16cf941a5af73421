/* UUIDs between text and octets. */
#include "common/str.h"
#include "proto/uuid.h"

/* Octets between the dashes. */
static const size_t groups[] = {4, 2, 2, 2, 6};

bool uuid_parse(const char *s, size_t len, struct uuid *uuid_r)
{
    if (len != UUID_TEXT_SIZE - 1)
        return false;
    struct uuid uuid;
    uint8_t *octet = uuid.octets;
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        if (i > 0 && *s++ != '-')
            return false;
        for (const uint8_t *end = octet + groups[i]; octet < end; s += 2) {
            int high = str_hex_digit(s[0]);
            int low = str_hex_digit(s[1]);
            if (high < 0 || low < 0)
                return false;
            *octet++ = (uint8_t)(high << 4 | low);
        }
    }
    *uuid_r = uuid;
    return true;
}

void uuid_format(const struct uuid *uuid, char out[UUID_TEXT_SIZE])
{
    const uint8_t *octets = uuid->octets;
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        str_hex_encode(octets, groups[i], out);
        octets += groups[i];
        out += 2 * groups[i];
        *out++ = '-'; /* over the NUL; the last one becomes one again */
    }
    out[-1] = '\0';
}

bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->octets, b->octets, UUID_SIZE) == 0;
}

bool uuid_is_nil(const struct uuid *uuid)
{
    static const struct uuid nil;
    return uuid_equal(uuid, &nil);
}

static struct uuid with_version(const uint8_t octets[UUID_SIZE], uint8_t version)
{
    struct uuid uuid;
    memcpy(uuid.octets, octets, UUID_SIZE);
    uuid.octets[6] = (uint8_t)((uuid.octets[6] & 0x0F) | (version << 4));
    uuid.octets[8] = (uint8_t)((uuid.octets[8] & 0x3F) | 0x80);
    return uuid;
}

struct uuid uuid5_from_sha1(const uint8_t digest[UUID_SHA1_SIZE])
{
    return with_version(digest, 5);
}

struct uuid uuid4_from_random(const uint8_t random[UUID_SIZE])
{
    return with_version(random, 4);
}
