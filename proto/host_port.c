/* Where an MNO listens, taken apart at the last colon. */
#include <string.h>

#include "common/str.h"

#include "proto/host_port.h"

bool host_port_parse(const char *text, size_t len, struct host_port *r)
{
    const char *colon = len ? memrchr(text, ':', len) : NULL;
    if (!colon || memchr(text, ',', len) || memchr(text, ' ', len))
        return false;
    const char *host = text;
    size_t host_len = (size_t)(colon - text);
    if (host_len >= 2 && host[0] == '[' && host[host_len - 1] == ']') {
        host++;
        host_len -= 2;
    }
    uint64_t port;
    if (!host_len ||
        !str_parse_u64(colon + 1, len - (size_t)(colon - text) - 1, 1, UINT16_MAX, &port))
        return false;
    *r = (struct host_port){.host = {(const uint8_t *)host, host_len}, .port = (uint16_t)port};
    return true;
}
