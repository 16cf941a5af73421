/* UUIDs as 16 octets and as text (RFC 4122), and the naming of version 5. */
#ifndef PROTO_UUID_H
#define PROTO_UUID_H

#include "common/base.h"

#define UUID_SIZE 16
#define UUID_TEXT_SIZE 37 /* 36 characters and NUL */

struct uuid {
    uint8_t octets[UUID_SIZE];
};

/* Exactly 8-4-4-4-12 hex digits, either case, any version and variant: ids of the platform need not
 * be random ones. */
bool uuid_parse(const char *s, size_t len, struct uuid *uuid_r) MUST_CHECK;
/* Lower case. */
void uuid_format(const struct uuid *uuid, char out[UUID_TEXT_SIZE]);
bool uuid_equal(const struct uuid *a, const struct uuid *b);
bool uuid_is_nil(const struct uuid *uuid);

/* Version 5 from the SHA-1 digest of namespace and name (RFC 4122 §4.3). */
#define UUID_SHA1_SIZE 20
struct uuid uuid5_from_sha1(const uint8_t digest[UUID_SHA1_SIZE]);
/* Version 4 from 16 random octets. */
struct uuid uuid4_from_random(const uint8_t random[UUID_SIZE]);

#endif
