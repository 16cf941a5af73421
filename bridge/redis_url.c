/* Takes a Redis URL apart; the errors never show the URL, since a password may be in it. */
#include <string.h>

#include "common/str.h"
#include "bridge/redis_url.h"

enum { DEFAULT_PORT = 6379, MAX_DATABASE = 65535 };

static bool percent_decode(struct bytes in, char *out, size_t size)
{
    size_t len = 0;
    for (size_t i = 0; i < in.len; i++) {
        char c = (char)in.data[i];
        if (c == '%') {
            int high = i + 2 < in.len ? str_hex_digit((char)in.data[i + 1]) : -1;
            int low = i + 2 < in.len ? str_hex_digit((char)in.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0' || len + 1 >= size)
            return false;
        out[len++] = c;
    }
    out[len] = '\0';
    return true;
}

static struct bytes view(const char *start, const char *end)
{
    return (struct bytes){(const uint8_t *)start, (size_t)(end - start)};
}

/* "user:password", ":password", or "password" alone as older tools have it. */
static bool parse_login(const char *start, const char *end, struct redis_url *url)
{
    const char *colon = memchr(start, ':', (size_t)(end - start));
    if (!colon)
        return percent_decode(view(start, end), url->password, sizeof(url->password));
    return percent_decode(view(start, colon), url->user, sizeof(url->user)) &&
           percent_decode(view(colon + 1, end), url->password, sizeof(url->password));
}

static bool parse_address(const char *start, const char *end, struct redis_url *url)
{
    const char *host_end;
    if (start < end && *start == '[') {
        start++;
        host_end = memchr(start, ']', (size_t)(end - start));
        if (!host_end || !str_copy(url->host, sizeof(url->host), start, (size_t)(host_end - start)))
            return false;
        start = host_end + 1;
    } else {
        host_end = memchr(start, ':', (size_t)(end - start));
        host_end = host_end ? host_end : end;
        if (!str_copy(url->host, sizeof(url->host), start, (size_t)(host_end - start)))
            return false;
        start = host_end;
    }
    url->port = DEFAULT_PORT;
    if (start == end)
        return url->host[0] != '\0';
    uint64_t port;
    if (*start != ':' || !str_parse_u64(start + 1, (size_t)(end - start - 1), 1, 65535, &port))
        return false;
    url->port = (uint16_t)port;
    return url->host[0] != '\0';
}

static const char *parse(const char *text, struct redis_url *url)
{
    const char *at = strstr(text, "://");
    url->tls = at && str_equal(text, (size_t)(at - text), "rediss", 6);
    if (!at || (!url->tls && !str_equal(text, (size_t)(at - text), "redis", 5)))
        return "the Redis URL must begin with redis:// or rediss://";
    const char *start = at + 3;
    const char *end = start + strcspn(start, "/?#");
    const char *login_end = memrchr(start, '@', (size_t)(end - start));
    if (login_end) {
        if (!parse_login(start, login_end, url))
            return "user or password of the Redis URL can't be read";
        start = login_end + 1;
    }
    if (!parse_address(start, end, url))
        return "the Redis URL has no usable host and port";
    if (*end == '\0' || strcmp(end, "/") == 0)
        return NULL;
    uint64_t database;
    if (*end != '/' || !str_parse_u64(end + 1, strlen(end + 1), 0, MAX_DATABASE, &database))
        return "what follows the host of the Redis URL must be a database number";
    url->database = (unsigned)database;
    return NULL;
}

int redis_url_parse(const char *text, struct redis_url *url_r, char *error_r, size_t error_size)
{
    *url_r = (struct redis_url){0};
    const char *error = parse(text, url_r);
    if (!error)
        return 0;
    str_copy(error_r, error_size, error, strlen(error));
    return -1;
}

const char *redis_url_unusable(const struct redis_url *url)
{
#ifdef BRIDGE_REDIS_TLS
    (void)url;
    return NULL;
#else
    return url->tls ? "rediss:// needs a hiredis of 1.0 or later; this build has none" : NULL;
#endif
}
