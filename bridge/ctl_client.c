/*
 * `smpp-bridge ctl`: one request over the bridge's unix socket, its answer on stdout. A program of
 * its own that may block, for 10 s at most.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/text.h"

#include "proto/json.h"

#include "bridge/ctl.h"

enum { TIMEOUT_S = 10, ANSWER_MAX = 16 * 1024 * 1024, STATUS_OK = 200, EXIT_USAGE = 2 };

const char ctl_usage[] =
    "smpp-bridge ctl VERB: tells the running bridge, over CTL_SOCKET\n"
    "  sessions [--json]  the binds as a table, or as /sessions has them\n"
    "  pause OP           send nothing for the operator until resume, or until the agent ends;\n"
    "                     binds stay\n"
    "  resume OP\n"
    "  rebind OP          drain, unbind, bind again with fresh credentials\n"
    "  release OP         give the operator up; where leases decide, another pod may take it\n"
    "  log-level L        error, warn, info or debug; until the next restart\n"
    "  restart            start the bridge anew; binds stay\n"
    "OP is an operatorId.\n";

static const struct verb {
    const char *name;
    bool has_argument;
} verbs[] = {
    {"sessions", false}, {"pause", true},     {"resume", true},   {"rebind", true},
    {"release", true},   {"log-level", true}, {"restart", false},
};

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    }
    return NULL;
}

/* Ids and levels need no escaping in a path. */
static bool is_plain(const char *s)
{
    return *s && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") ==
                     strlen(s);
}

static int connect_to(const char *socket_path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(socket_path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, socket_path, strlen(socket_path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    const struct timeval timeout = {.tv_sec = TIMEOUT_S};
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) != 0 ||
        connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static bool send_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

static bool read_all(int fd, struct text *answer)
{
    char chunk[4096];
    for (;;) {
        ssize_t n = recv(fd, chunk, sizeof(chunk), 0);
        if (n == 0)
            return true;
        if (n < 0 || answer->len > ANSWER_MAX)
            return false;
        text_append(answer, chunk, (size_t)n);
    }
}

/* HTTP/1.0, so that the answer ends with the connection. Returns the HTTP status, 0 with errno. */
static int request(const char *socket_path, const char *method, const char *path,
                   struct text *answer, const char **body_r)
{
    int fd = connect_to(socket_path);
    if (fd < 0)
        return 0;
    struct text head = {0};
    text_printf(&head, "%s %s HTTP/1.0\r\nHost: ctl\r\nContent-Length: 0\r\n\r\n", method, path);
    errno = 0;
    bool ok = send_all(fd, head.data, head.len) && read_all(fd, answer);
    int error = errno;
    text_free(&head);
    close(fd);
    errno = error ? error : EPROTO;
    int status;
    const char *body = ok && answer->len ? strstr(answer->data, "\r\n\r\n") : NULL;
    if (!body || sscanf(answer->data, "HTTP/1.%*c %d", &status) != 1)
        return 0;
    *body_r = body + 4;
    return status;
}

static const char *member(const struct json *object, const char *name)
{
    const char *text = json_cstring(json_member(object, name));
    return text ? text : "-";
}

static int print_sessions(const char *body)
{
    static const char format[] = "%-36s  %-24s  %-12s  %-11s  %-24s  %s\n";
    char error[128];
    struct json *root = json_parse(body, strlen(body), ANSWER_MAX, error, sizeof(error));
    if (!root) {
        fprintf(stderr, "smpp-bridge ctl: the answer can't be read: %s\n", error);
        return EXIT_FAILURE;
    }
    printf(format, "OPERATOR", "NAME", "STATE", "MODE", "LAST BOUND", "RECONNECTS");
    const struct json *rows = json_member(root, "sessions");
    for (const struct json *r = json_child(rows, NULL); r; r = json_child(rows, r)) {
        int64_t attempts = 0;
        char digits[24] = "-";
        if (json_int(json_member(r, "reconnectAttempts"), 0, INT64_MAX, &attempts))
            snprintf(digits, sizeof(digits), "%lld", (long long)attempts);
        printf(format, member(r, "operatorId"), member(r, "operatorName"), member(r, "state"),
               member(r, "bindMode"), member(r, "lastBoundAt"), digits);
    }
    json_destroy(&root);
    return EXIT_SUCCESS;
}

static int print_answer(bool as_table, int status, const char *body)
{
    if (status == STATUS_OK && as_table)
        return print_sessions(body);
    fputs(body, status == STATUS_OK ? stdout : stderr);
    return status == STATUS_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

int ctl_main(int argc, char **argv, const char *socket_path)
{
    const struct verb *verb = argc > 0 ? find_verb(argv[0]) : NULL;
    bool reads = verb && strcmp(verb->name, "sessions") == 0;
    bool as_json = reads && argc == 2 && strcmp(argv[1], "--json") == 0;
    if (!verb || argc != (verb->has_argument || as_json ? 2 : 1) ||
        (verb->has_argument && !is_plain(argv[1]))) {
        fputs(ctl_usage, stderr);
        return EXIT_USAGE;
    }
    struct text path = {0}, answer = {0};
    const char *body = NULL;
    text_printf(&path, "/%s%s%s", verb->name, verb->has_argument ? "/" : "",
                verb->has_argument ? argv[1] : "");
    int status = request(socket_path, reads ? "GET" : "POST", path.data, &answer, &body);
    int result = EXIT_FAILURE;
    if (!status)
        fprintf(stderr, "smpp-bridge ctl: no answer from %s: %s\n", socket_path, strerror(errno));
    else
        result = print_answer(reads && !as_json, status, body);
    text_free(&path);
    text_free(&answer);
    return result;
}
