/* transport over TLS, against `openssl s_server` as a child process: what is verified, what is said
 * when it is not, and bytes in both directions. */
#include "unit_test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tcp_peer.h"

static struct owner o;
static char directory[64];

/* --- certificates --- */

static int make_files(void **state)
{
    (void)state;
    char command[512];
    strcpy(directory, "/tmp/transport-tls-XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(command, sizeof command, "sh " MAKE_CERTIFICATES " %s", directory);
    return system(command) == 0 ? 0 : -1;
}

static int remove_files(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", directory);
    return system(command);
}

static const char *file(const char *name)
{
    static char paths[4][128];
    static unsigned turn;
    turn = (turn + 1) % 4;
    snprintf(paths[turn], sizeof paths[turn], "%s/%s", directory, name);
    return paths[turn];
}

/* --- the server --- */

struct server {
    pid_t pid;
    int in, out; /* its standard input and output */
    uint16_t port;
};

/* Reads its output until the line "ACCEPT 127.0.0.1:<port>". */
static uint16_t read_port(int out)
{
    static const char word[] = "ACCEPT 127.0.0.1:";
    char text[8192];
    size_t len = 0;
    for (;;) {
        struct pollfd p = {.fd = out, .events = POLLIN};
        assert_int_equal(poll(&p, 1, 10000), 1);
        ssize_t got = read(out, text + len, sizeof text - 1 - len);
        assert_true(got > 0);
        len += (size_t)got;
        text[len] = '\0';
        const char *at = strstr(text, word);
        if (at && strchr(at, '\n'))
            return (uint16_t)atoi(at + sizeof word - 1);
    }
}

static void run_server(const char *certificate, const char *const *more, int in, int out)
{
    const char *argv[32] = {"openssl", "s_server", "-accept", "127.0.0.1:0", "-rev", "-cert"};
    char cert[64], key[64];
    size_t n = 6;
    snprintf(cert, sizeof cert, "%s.pem", certificate);
    snprintf(key, sizeof key, "%s.key", certificate);
    argv[n++] = cert;
    argv[n++] = "-key";
    argv[n++] = key;
    while (more && *more)
        argv[n++] = *more++;
    argv[n] = NULL;
    if (chdir(directory) != 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(126);
    execvp("openssl", (char *const *)(void *)argv);
    _exit(127);
}

static struct server start_server(const char *certificate, const char *const *more)
{
    struct server s;
    int in[2], out[2];
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    s.pid = fork();
    if (s.pid == 0)
        run_server(certificate, more, in[0], out[1]);
    close(in[0]);
    close(out[1]);
    s.in = in[1];
    s.out = out[0];
    s.port = read_port(s.out);
    return s;
}

static void stop_server(struct server *s)
{
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    close(s->in);
    close(s->out);
}

/* --- tests --- */

static int begin(void **state)
{
    (void)state;
    owner_begin(&o);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    owner_end(&o);
    return 0;
}

static struct transport_target tls_target(uint16_t port)
{
    struct transport_target target = owner_target(port);
    target.tls = true;
    target.tls_settings.ca_file = file("ca.pem");
    return target;
}

static void connect_and_talk(const struct transport_target *target)
{
    owner_connect(&o, target);
    OWNER_WAIT(&o, o.ready || o.closed);
    if (!o.ready)
        fail_msg("%s", o.reason);
    transport_write(o.transport, "hello\n", 6); /* s_server -rev turns lines around */
    OWNER_WAIT(&o, o.got_len >= 6);
    assert_memory_equal(o.got, "olleh\n", 6);
}

static void verified_by_name_or_address(void **state)
{
    (void)state;
    struct server s = start_server("server", NULL);
    static const char *const names[] = {"mno.example", "127.0.0.1", ""}; /* "": the host */
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct transport_target target = tls_target(s.port);
        target.tls_settings.server_name = names[i];
        connect_and_talk(&target);
        int64_t left_ms = transport_tls_expiry_ms(o.transport) - (int64_t)time(NULL) * 1000;
        assert_in_range(left_ms, INT64_C(9) * 86400000, INT64_C(10) * 86400000);
        assert_non_null(strstr(transport_tls(o.transport), "TLSv1.3 TLS_"));
        transport_destroy(&o.transport);
    }
    stop_server(&s);
}

static void much_data_in_pieces(void **state)
{
    (void)state;
    struct server s = start_server("server", NULL);
    struct transport_target target = tls_target(s.port);
    connect_and_talk(&target);
    static char line[12001];
    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < sizeof line - 1; i++)
            line[i] = (char)('a' + (i + (size_t)round) % 26);
        line[sizeof line - 1] = '\n';
        o.got_len = 0;
        for (size_t at = 0; at < sizeof line; at += 1000) {
            transport_write_secret(o.transport, line + at, min_size(1000, sizeof line - at));
            if (round % 2)
                loop_turn(o.loop, 1);
        }
        OWNER_WAIT(&o, o.got_len >= sizeof line);
        for (size_t i = 0; i < sizeof line - 1; i++)
            assert_int_equal(o.got[i], line[sizeof line - 2 - i]);
    }
    transport_destroy(&o.transport);
    stop_server(&s);
}

static void expect_failure(const struct transport_target *target, const char *what)
{
    owner_connect(&o, target);
    OWNER_WAIT(&o, o.closed);
    if (!strstr(o.reason, what))
        fail_msg("\"%s\" does not say \"%s\"", o.reason, what);
    transport_destroy(&o.transport);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    struct server s = start_server("server", NULL);
    struct transport_target target = tls_target(s.port);
    target.tls_settings.server_name = "another.example";
    expect_failure(&target, "hostname mismatch");
    target.tls_settings.server_name = "127.0.0.9";
    expect_failure(&target, "IP address mismatch");
    assert_false(o.ready);
    target = tls_target(s.port);
    target.tls_settings.ca_file = file("other-ca.pem");
    expect_failure(&target, "unable to get local issuer certificate");
    target.tls_settings.ca_file = NULL; /* the system's */
    expect_failure(&target, "unable to get local issuer certificate");
    target.tls_settings.ca_file = file("missing.pem");
    expect_failure(&target, "missing.pem");
    assert_false(o.ready);
    stop_server(&s);

    s = start_server("expired", NULL);
    target = tls_target(s.port);
    expect_failure(&target, "certificate has expired");
    stop_server(&s);
}

static void replace_file(const char *name, const char *with)
{
    char command[512];
    snprintf(command, sizeof command, "cp %s %s.new && mv %s.new %s", file(with), file(name),
             file(name), file(name));
    assert_int_equal(system(command), 0);
}

static void changed_files_are_read_again(void **state)
{
    (void)state;
    struct server s = start_server("server", NULL);
    struct transport_target target = tls_target(s.port);
    for (int round = 0; round < 20; round++) { /* more than contexts are kept */
        target.tls_settings.ca_file = file("swapped.pem");
        replace_file("swapped.pem", "other-ca.pem");
        expect_failure(&target, "unable to get local issuer certificate");
        target.tls_settings.ca_file = file("swapped.pem");
        replace_file("swapped.pem", "ca.pem");
        connect_and_talk(&target);
        transport_destroy(&o.transport);
    }
    stop_server(&s);
}

static void old_versions_are_refused(void **state)
{
    (void)state;
    static const char *const tls12[] = {"-tls1_2", NULL};
    struct server s = start_server("server", tls12);
    struct transport_target target = tls_target(s.port);
    connect_and_talk(&target);
    assert_non_null(strstr(transport_tls(o.transport), "TLSv1.2 "));
    transport_destroy(&o.transport);
    target.tls_settings.min_version = 0x0304;
    expect_failure(&target, "TLS: ");
    assert_false(o.ready);
    stop_server(&s);
}

static void client_certificates(void **state)
{
    (void)state;
    static const char *const demanding[] = {"-Verify", "1",      "-verify_return_error",
                                            "-CAfile", "ca.pem", NULL};
    struct server s = start_server("server", demanding);
    struct transport_target target = tls_target(s.port);
    expect_failure(&target, "TLS: "); /* TLS 1.3: after the handshake, as an alert */
    target.tls_settings.cert_file = file("client.pem");
    target.tls_settings.key_file = file("client.key");
    connect_and_talk(&target);
    transport_destroy(&o.transport);
    target.tls_settings.key_file = file("server.key");
    expect_failure(&target, "server.key");
    stop_server(&s);
}

static void a_server_that_goes(void **state)
{
    (void)state;
    struct server s = start_server("server", NULL);
    struct transport_target target = tls_target(s.port);
    connect_and_talk(&target);
    transport_write(o.transport, "CLOSE\n", 6); /* -rev: says close_notify */
    OWNER_WAIT(&o, o.closed);
    assert_non_null(strstr(o.reason, "connection closed by 127.0.0.1:"));
    transport_destroy(&o.transport);
    connect_and_talk(&target);
    kill(s.pid, SIGKILL);
    OWNER_WAIT(&o, o.closed);
    transport_destroy(&o.transport);
    stop_server(&s);
}

static void a_peer_without_tls(void **state)
{
    (void)state;
    uint16_t port;
    int listener = peer_listen(&port, 4);
    struct transport_target target = tls_target(port);
    target.tls_timeout_ms = 200;
    owner_connect(&o, &target);
    int fd = peer_accept(o.loop, listener);
    OWNER_WAIT(&o, o.closed);
    assert_non_null(strstr(o.reason, "did not finish the handshake in time"));
    assert_true(o.connected);
    assert_false(o.ready);
    transport_destroy(&o.transport);
    close(fd);
    target.tls_timeout_ms = 5000;
    owner_connect(&o, &target);
    fd = peer_accept(o.loop, listener);
    peer_write(fd, "220 mail.example ESMTP\r\n", 24);
    OWNER_WAIT(&o, o.closed);
    assert_non_null(strstr(o.reason, "TLS: "));
    close(fd);
    close(listener);
}

static void destroyed_in_every_callback(void **state)
{
    (void)state;
    static const enum moment moments[] = {CONNECTED, READY, READ, FLUSHED};
    struct server s = start_server("server", NULL);
    struct transport_target target = tls_target(s.port);
    for (size_t i = 0; i < ARRAY_LEN(moments); i++) {
        o.destroy_at = moments[i];
        owner_connect(&o, &target);
        OWNER_WAIT(&o, !o.transport || o.ready);
        if (o.transport)
            transport_write(o.transport, "hello\n", 6);
        OWNER_WAIT(&o, !o.transport);
        assert_false(o.closed);
    }
    stop_server(&s);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, finish)
    const struct CMUnitTest tests[] = {
        TEST(verified_by_name_or_address),  TEST(much_data_in_pieces),
        TEST(what_is_wrong_is_said),        TEST(old_versions_are_refused),
        TEST(changed_files_are_read_again), TEST(client_certificates),
        TEST(a_server_that_goes),           TEST(a_peer_without_tls),
        TEST(destroyed_in_every_callback),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
