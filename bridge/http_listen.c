/* Opens the sockets that the HTTP server listens on. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/str.h"
#include "bridge/http_listen.h"

enum { BACKLOG = 64 };

static int complain(char *error_r, size_t error_size, const char *name, const char *why)
{
    struct str_out out = str_out(error_r, error_size);
    str_puts(&out, "can't listen on ");
    str_puts(&out, name);
    str_puts(&out, ": ");
    str_puts(&out, why);
    return -1;
}

/* --- unix --- */

static bool somebody_answers(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool answers = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
    if (fd >= 0)
        close(fd);
    return answers;
}

static int bind_unix(int fd, const struct sockaddr_un *address)
{
    mode_t before = umask(0177); /* so that it is never anybody else's, not even for a moment */
    int failed = bind(fd, (const struct sockaddr *)address, sizeof(*address));
    umask(before);
    return failed;
}

static const char *open_unix(const char *path, struct http_listen *listen_r)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (*path != '/' || !str_copy(address.sun_path, sizeof(address.sun_path), path, strlen(path)))
        return "the path is not absolute or too long";
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return strerror(errno);
    int failed = bind_unix(fd, &address);
    if (failed && errno == EADDRINUSE && !somebody_answers(&address)) {
        unlink(path);
        failed = bind_unix(fd, &address);
    }
    if (failed || listen(fd, BACKLOG) != 0) {
        int error = errno;
        close(fd);
        return strerror(error);
    }
    *listen_r = (struct http_listen){.fd = fd, .unix_path = xstrdup(path)};
    return NULL;
}

/* --- TCP --- */

/* Splits at the last colon; brackets around an IPv6 address are taken off. */
static bool split_name(const char *name, char *host, size_t size, const char **port_r)
{
    const char *colon = strrchr(name, ':');
    if (!colon)
        return false;
    const char *start = name, *end = colon;
    if (*start == '[') {
        if (end - start < 2 || end[-1] != ']')
            return false;
        start++;
        end--;
    }
    uint64_t port;
    *port_r = colon + 1;
    return str_copy(host, size, start, (size_t)(end - start)) &&
           str_parse_u64(*port_r, strlen(*port_r), 0, 65535, &port);
}

static int listen_at(const struct addrinfo *a)
{
    const int on = 1;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static uint16_t port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {0};
    socklen_t len = sizeof(address);
    if (getsockname(fd, &address.any, &len) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

static const char *open_tcp(const char *name, struct http_listen *listen_r)
{
    char host[256];
    const char *port;
    if (!split_name(name, host, sizeof(host), &port))
        return "it is neither host:port nor unix:/path";
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *list = NULL;
    int failed = getaddrinfo(host[0] ? host : NULL, port, &hints, &list);
    if (failed)
        return gai_strerror(failed);
    int fd = -1, error = 0;
    for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        fd = listen_at(a);
        error = errno;
    }
    freeaddrinfo(list);
    if (fd < 0)
        return strerror(error);
    *listen_r = (struct http_listen){.fd = fd, .port = port_of(fd)};
    return NULL;
}

bool http_listen_is_name(const char *name)
{
    char host[256];
    const char *port;
    return strncmp(name, "unix:", 5) == 0 ? name[5] == '/'
                                          : split_name(name, host, sizeof(host), &port);
}

int http_listen_open(const char *name, struct http_listen *listen_r, char *error_r,
                     size_t error_size)
{
    const char *why =
        strncmp(name, "unix:", 5) == 0 ? open_unix(name + 5, listen_r) : open_tcp(name, listen_r);
    return why ? complain(error_r, error_size, name, why) : 0;
}

void http_listen_forget(struct http_listen *l)
{
    if (l->unix_path)
        unlink(l->unix_path);
    free(l->unix_path);
    *l = (struct http_listen){.fd = -1};
}
