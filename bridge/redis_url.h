/* redis://[user:password@]host[:port][/db] and rediss://; user and password percent-encoded. Pure.
 */
#ifndef BRIDGE_REDIS_URL_H
#define BRIDGE_REDIS_URL_H

#include "common/base.h"

struct redis_url {
    bool tls;
    char host[256]; /* without the brackets of an IPv6 address */
    uint16_t port;  /* 6379 when none is given */
    unsigned database;
    char user[256], password[256]; /* "": none */
};

int redis_url_parse(const char *url, struct redis_url *url_r, char *error_r,
                    size_t error_size) MUST_CHECK;
/* NULL, or why this build can't go there. */
const char *redis_url_unusable(const struct redis_url *url);

#endif
