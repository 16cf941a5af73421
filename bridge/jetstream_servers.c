/* Takes the list of NATS addresses apart. */
#include <stdlib.h>
#include <string.h>

#include "common/str.h"
#include "bridge/jetstream_servers.h"

/* Behind scheme, user and password. */
static const char *address(const char *url)
{
    const char *scheme = strstr(url, "://");
    const char *start = scheme ? scheme + 3 : url;
    const char *at = strrchr(start, '@');
    return at ? at + 1 : start;
}

void jetstream_servers_host(const char *url, char *host_r, size_t size)
{
    const char *start = address(url);
    bool v6 = start[0] == '[';
    start += v6;
    str_copy(host_r, size, start, strcspn(start, v6 ? "]" : ":/"));
}

void jetstream_servers_explain(const char *url, const char *why, char *reason_r, size_t size)
{
    const char *server = address(url);
    const char *place = *why == '(' ? strstr(why, "): ") : NULL; /* "(conn.c:2088): " */
    struct str_out out = str_out(reason_r, size);
    str_puts(&out, "NATS at ");
    str_put(&out, server, strcspn(server, "/"));
    str_puts(&out, ": ");
    str_puts(&out, place ? place + 3 : why);
}

static bool is_usable(const char *url)
{
    char host[JETSTREAM_SERVERS_HOST_SIZE];
    jetstream_servers_host(url, host, sizeof(host));
    if (*host == '\0')
        return false;
    return !strstr(url, "://") || strncmp(url, "nats://", 7) == 0 || strncmp(url, "tls://", 6) == 0;
}

static const char *split(struct jetstream_servers *servers)
{
    char *rest = NULL;
    for (char *url = strtok_r(servers->text, ", ", &rest); url; url = strtok_r(NULL, ", ", &rest)) {
        if (!is_usable(url))
            return "a NATS address is neither nats://host:port nor tls://host:port";
        if (servers->count == JETSTREAM_SERVERS_MAX)
            return "more than 16 NATS addresses";
        servers->urls[servers->count++] = url;
    }
    return servers->count > 0 ? NULL : "no NATS address";
}

int jetstream_servers_parse(struct jetstream_servers *servers, const char *urls, char *error_r,
                            size_t error_size)
{
    *servers = (struct jetstream_servers){.text = xstrdup(urls)};
    const char *error = split(servers);
    if (!error)
        return 0;
    str_copy(error_r, error_size, error, strlen(error));
    jetstream_servers_free(servers);
    return -1;
}

void jetstream_servers_free(struct jetstream_servers *servers)
{
    free(servers->text);
    *servers = (struct jetstream_servers){0};
}
