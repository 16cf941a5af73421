/* The HTTP server against clients that are good, slow, many and rude. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/loop.h"
#include "bridge/http_server.h"

enum { DEADLINE_MS = 20000, LARGE = 1000000 };

struct rig {
    struct loop *loop;
    struct http_server *server;
    unsigned requests;
    char method[16], path[64];
};

#define UNTIL(r, cond)                                                                             \
    do {                                                                                           \
        mono_t until_ = mono_add_ms(clock_mono(), DEADLINE_MS);                                    \
        while (!(cond) && !mono_reached(clock_mono(), until_))                                     \
            loop_turn((r)->loop, 5);                                                               \
        assert_true(cond);                                                                         \
    } while (0)

static void handle(void *arg, const struct http_request *request, struct http_answer *answer_r)
{
    struct rig *r = arg;
    r->requests++;
    snprintf(r->method, sizeof(r->method), "%s", request->method);
    snprintf(r->path, sizeof(r->path), "%s", request->path);
    answer_r->status = strcmp(request->path, "/missing") == 0 ? 404 : 200;
    answer_r->content_type = "text/plain";
    if (strcmp(request->path, "/large") == 0) {
        for (int i = 0; i < LARGE / 10; i++)
            text_puts(&answer_r->body, "0123456789");
    } else if (strcmp(request->path, "/empty") != 0) {
        text_puts(&answer_r->body, "hello");
    }
}

static int setup(void **state)
{
    struct rig *r = calloc(1, sizeof(*r));
    char error[256];
    r->loop = loop_create();
    if (http_server_create(r->loop, "127.0.0.1:0", handle, r, &r->server, error, sizeof(error)))
        fail_msg("%s", error);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    http_server_destroy(&r->server);
    loop_destroy(&r->loop);
    free(r);
    return 0;
}

static int dial(uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* What the server says on `fd` until it has said `want` octets or has closed; NUL-terminated. */
static size_t hear(struct rig *r, int fd, char *buf, size_t size, const char *until, bool *closed)
{
    size_t len = 0;
    mono_t deadline = mono_add_ms(clock_mono(), DEADLINE_MS);
    *closed = false;
    buf[0] = '\0';
    while (!*closed && !(until && strstr(buf, until)) && !mono_reached(clock_mono(), deadline)) {
        loop_turn(r->loop, 5);
        ssize_t got = recv(fd, buf + len, size - 1 - len, 0);
        if (got > 0)
            len += (size_t)got;
        *closed = got == 0 || (got < 0 && errno != EAGAIN);
        buf[len] = '\0';
    }
    return len;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static void test_requests(void **state)
{
    struct rig *r = *state;
    static const struct {
        const char *request, *answer, *path;
    } cases[] = {
        {"GET /sessions/a%20b?x=1 HTTP/1.1\r\nHost: h\r\n\r\n", "hello", "/sessions/a b"},
        {"GET /missing HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 404", "/missing"},
        {"GET /empty HTTP/1.1\r\nHost: h\r\n\r\n", "Content-Length: 0\r\n", "/empty"},
        {"POST /release/x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "hello", "/release/x"},
    };
    int fd = dial(http_server_port(r->server));
    char buf[2048];
    bool closed;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) { /* on one connection */
        say(fd, cases[i].request);
        hear(r, fd, buf, sizeof(buf), cases[i].answer, &closed);
        assert_non_null(strstr(buf, cases[i].answer));
        assert_string_equal(r->path, cases[i].path);
        assert_false(closed);
        while (recv(fd, buf, sizeof(buf), 0) > 0) {
        }
    }
    assert_string_equal(r->method, "POST");
    close(fd);
}

static void test_large_answer(void **state)
{
    struct rig *r = *state;
    char *buf = malloc(LARGE + 1000);
    bool closed;
    int fd = dial(http_server_port(r->server));
    say(fd, "GET /large HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    size_t len = hear(r, fd, buf, LARGE + 1000, NULL, &closed);
    assert_true(closed && len > LARGE);
    free(buf);
    close(fd);
}

static void test_rude(void **state)
{
    struct rig *r = *state;
    static const struct {
        const char *request, *answer;
    } cases[] = {
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 413"},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n", "HTTP/1.1 413"},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
         "HTTP/1.1 413"},
        {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400"},
        {"\x16\x03\x01\x02\x05\x01\r\n\r\n", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char buf[2048];
        bool closed;
        int fd = dial(http_server_port(r->server));
        say(fd, cases[i].request);
        hear(r, fd, buf, sizeof(buf), NULL, &closed);
        assert_true(closed);
        if (!strstr(buf, cases[i].answer))
            fail_msg("%zu: %s", i, buf);
        close(fd);
    }
    assert_int_equal(r->requests, 0);
}

static void test_long_header(void **state)
{
    struct rig *r = *state;
    char buf[2048];
    bool closed;
    int fd = dial(http_server_port(r->server));
    say(fd, "GET / HTTP/1.1\r\nHost: h\r\nX: ");
    memset(buf, 'x', sizeof(buf) - 1);
    buf[sizeof(buf) - 1] = '\0';
    for (int i = 0; i < 20; i++) {
        send(fd, buf, strlen(buf), MSG_NOSIGNAL);
        loop_turn(r->loop, 5);
    }
    hear(r, fd, buf, sizeof(buf), NULL, &closed);
    assert_true(closed);
    assert_int_equal(r->requests, 0);
    close(fd);
}

/* An octet every 50 ms is never idle, and is cut all the same. */
static void test_slow_drip(void **state)
{
    struct rig *r = *state;
    int fd = dial(http_server_port(r->server));
    mono_t before = clock_mono();
    say(fd, "GET / HTTP/1.1\r\nHost: h\r\nX: ");
    bool closed = false;
    while (!closed && mono_diff_ms(clock_mono(), before) < 15000) {
        mono_t next = mono_add_ms(clock_mono(), 50);
        while (!mono_reached(clock_mono(), next))
            loop_turn(r->loop, 5);
        char c;
        closed = send(fd, "x", 1, MSG_NOSIGNAL) < 0 || recv(fd, &c, 1, 0) == 0;
    }
    int64_t took = mono_diff_ms(clock_mono(), before);
    assert_true(closed);
    assert_true(took >= 9500 && took < 12000);
    close(fd);
}

/* One address takes its share and no more; others are served when it has gone. */
static void test_many_connections(void **state)
{
    struct rig *r = *state;
    static const char request[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    int fds[100];
    char buf[2048];
    bool closed;
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = dial(http_server_port(r->server));
        loop_turn(r->loop, 0);
    }
    hear(r, fds[50], buf, sizeof(buf), NULL, &closed);
    assert_true(closed); /* beyond 16 of an address */
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
    for (int attempt = 0; attempt < 10 && r->requests == 0; attempt++) { /* it has to notice */
        int fd = dial(http_server_port(r->server));
        send(fd, request, strlen(request), MSG_NOSIGNAL);
        hear(r, fd, buf, sizeof(buf), "hello", &closed);
        close(fd);
    }
    assert_non_null(strstr(buf, "hello"));
}

static void test_port_taken(void **state)
{
    struct rig *r = *state;
    struct http_server *second = NULL;
    char name[64], error[256];
    snprintf(name, sizeof(name), "127.0.0.1:%u", http_server_port(r->server));
    assert_int_equal(http_server_create(r->loop, name, handle, r, &second, error, sizeof(error)),
                     -1);
    assert_non_null(strstr(error, name));
    assert_non_null(strstr(error, "in use"));
}

static void test_bad_names(void **state)
{
    struct rig *r = *state;
    static const char *const names[] = {"",
                                        "localhost",
                                        "127.0.0.1:",
                                        "127.0.0.1:x",
                                        "[::1:1",
                                        "1.2.3.4:70000",
                                        "unix:no/abs",
                                        "unix:/no/such/dir/x",
                                        "no-such-host.invalid:1"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct http_server *second = NULL;
        char error[256] = "";
        assert_int_equal(
            http_server_create(r->loop, names[i], handle, r, &second, error, sizeof(error)), -1);
        assert_true(strlen(error) > 0);
    }
}

static int dial_unix(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void test_unix_socket(void **state)
{
    struct rig *r = *state;
    char dir[] = "/tmp/adapter-http-XXXXXX", name[64], error[256], buf[2048];
    struct http_server *server = NULL, *second = NULL;
    struct stat st;
    bool closed;
    assert_non_null(mkdtemp(dir));
    snprintf(name, sizeof(name), "unix:%s/ctl.sock", dir);
    const char *path = name + 5;

    /* one that a dead process left behind */
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    int stale = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(stale, (struct sockaddr *)&a, sizeof(a)), 0);
    close(stale);

    assert_int_equal(http_server_create(r->loop, name, handle, r, &server, error, sizeof(error)),
                     0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(http_server_create(r->loop, name, handle, r, &second, error, sizeof(error)),
                     -1);
    assert_non_null(strstr(error, "in use"));
    int fd = dial_unix(path);
    say(fd, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    hear(r, fd, buf, sizeof(buf), "hello", &closed);
    assert_non_null(strstr(buf, "hello"));
    close(fd);
    http_server_destroy(&server);
    assert_int_equal(stat(path, &st), -1);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rude, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_header, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slow_drip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_connections, setup, teardown),
        cmocka_unit_test_setup_teardown(test_port_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unix_socket, setup, teardown),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
