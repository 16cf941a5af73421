/* The HTTPS client against an endpoint with mutual TLS: good, wrong, slow, huge and broken. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/loop.h"
#include "bridge/https_client.h"
#include "tests/unit/bridge/server.h"

enum { DEADLINE_MS = 20000, MAX_BODY = HTTPS_CLIENT_MAX_BODY };

struct group {
    char dir[64]; /* of the certificates */
};

struct rig {
    const struct group *group;
    struct server server;
    struct loop *loop;
    struct https_client *client;
    char ca[128], cert[128], key[128];
    unsigned answers;
    int status;
    char error[300], body[128];
    size_t len;
};

#define UNTIL(r, cond)                                                                             \
    do {                                                                                           \
        mono_t until_ = mono_add_ms(clock_mono(), DEADLINE_MS);                                    \
        while (!(cond) && !mono_reached(clock_mono(), until_))                                     \
            loop_turn((r)->loop, 20);                                                              \
        assert_true(cond);                                                                         \
    } while (0)

static void on_done(void *arg, struct https_response *response)
{
    struct rig *r = arg;
    r->answers++;
    r->status = response->status;
    r->len = response->len;
    snprintf(r->error, sizeof(r->error), "%s", response->error ? response->error : "");
    snprintf(r->body, sizeof(r->body), "%s", response->body ? response->body : "");
}

static void file(const struct rig *r, char out[128], const char *name)
{
    snprintf(out, 128, "%s/%s", r->group->dir, name);
}

static void use_client(struct rig *r, const char *ca, const char *name)
{
    char text[64];
    file(r, r->ca, ca);
    snprintf(text, sizeof(text), "%s.pem", name);
    file(r, r->cert, text);
    snprintf(text, sizeof(text), "%s.key", name);
    file(r, r->key, text);
}

static void start_server(struct rig *r, const char *name)
{
    char port[16], ca[128], cert[128], key[128], text[64];
    snprintf(port, sizeof(port), "%u", r->server.port);
    file(r, ca, "ca.pem");
    snprintf(text, sizeof(text), "%s.pem", name);
    file(r, cert, text);
    snprintf(text, sizeof(text), "%s.key", name);
    file(r, key, text);
    char *argv[] = {"/usr/bin/python3", HTTPS_SERVER, port, ca, cert, key, NULL};
    server_start(&r->server, argv);
    server_wait_port(&r->server);
}

static struct https_get *start_get(struct rig *r, const char *path, const char *token)
{
    char url[128];
    snprintf(url, sizeof(url), "https://127.0.0.1:%u%s", r->server.port, path);
    const struct https_request request = {.url = url,
                                          .ca_file = r->ca,
                                          .cert_file = r->cert,
                                          .key_file = r->key,
                                          .bearer_token = token,
                                          .connect_timeout_ms = 2000,
                                          .timeout_ms = 3000};
    unsigned before = r->answers;
    struct https_get *get = https_client_get(r->client, &request, on_done, r);
    assert_non_null(get);
    assert_int_equal(r->answers, before); /* never from inside the call */
    return get;
}

static void get(struct rig *r, const char *path)
{
    unsigned before = r->answers;
    start_get(r, path, "token-1");
    UNTIL(r, r->answers == before + 1);
}

static int setup(void **state)
{
    struct rig *r = calloc(1, sizeof(*r));
    r->group = *state;
    server_init(&r->server);
    r->loop = loop_create();
    r->client = https_client_create(r->loop);
    use_client(r, "ca.pem", "client");
    *state = r;
    return 0;
}

static int setup_running(void **state)
{
    setup(state);
    start_server(*state, "server");
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    https_client_destroy(&r->client);
    loop_destroy(&r->loop);
    server_free(&r->server);
    free(r);
    return 0;
}

static void test_answers(void **state)
{
    struct rig *r = *state;
    get(r, "/ok");
    assert_int_equal(r->status, 200);
    assert_string_equal(r->body, "{\"ok\":true}");
    get(r, "/echo-token");
    assert_string_equal(r->body, "Bearer token-1");
    static const int statuses[] = {401, 404, 500};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        char path[32];
        snprintf(path, sizeof(path), "/status/%d", statuses[i]);
        get(r, path);
        assert_int_equal(r->status, statuses[i]);
    }
    get(r, "/redirect"); /* is not followed */
    assert_int_equal(r->status, 302);
    get(r, "/chunks/64");
    assert_int_equal(r->status, 200);
    assert_int_equal(r->len, MAX_BODY);
}

static void test_bad_answers(void **state)
{
    struct rig *r = *state;
    static const struct {
        const char *path, *error;
    } cases[] = {
        {"/chunks/65", "larger than 64 KiB"},
        {"/chunks/10000", "larger than 64 KiB"},
        {"/huge", "larger than 64 KiB"},
        {"/garbage", "HTTP/0.9"},
        {"/cut", "transfer closed"},
        {"/slow", "timed out"},
        {"/drip", "timed out"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        get(r, cases[i].path);
        assert_int_equal(r->status, 0);
        if (!strstr(r->error, cases[i].error))
            fail_msg("%s: %s", cases[i].path, r->error);
    }
}

static void test_not_there(void **state)
{
    struct rig *r = *state;
    get(r, "/ok");
    assert_int_equal(r->status, 0);
    assert_non_null(strstr(r->error, "connect"));
}

static void test_certificates(void **state)
{
    struct rig *r = *state;
    static const struct {
        const char *server, *ca, *client, *error;
    } cases[] = {
        {"server", "other-ca.pem", "client", "self-signed certificate in certificate chain"},
        {"expired", "ca.pem", "client", "certificate has expired"},
        {"elsewhere", "ca.pem", "client", "127.0.0.1"},
        {"server", "ca.pem", "other-client", "our client certificate"},
        {"server", "ca.pem", "missing", "could not load PEM client certificate"},
        {"server", "missing.pem", "client", "missing.pem"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        start_server(r, cases[i].server);
        use_client(r, cases[i].ca, cases[i].client);
        get(r, "/ok");
        assert_int_equal(r->status, 0);
        if (!strstr(r->error, cases[i].error))
            fail_msg("%zu: %s", i, r->error);
        server_stop(&r->server, SIGKILL);
    }
}

static void test_no_client_certificate(void **state)
{
    struct rig *r = *state;
    char url[64];
    snprintf(url, sizeof(url), "https://127.0.0.1:%u/ok", r->server.port);
    const struct https_request request = {
        .url = url, .ca_file = r->ca, .connect_timeout_ms = 2000, .timeout_ms = 3000};
    assert_non_null(https_client_get(r->client, &request, on_done, r));
    UNTIL(r, r->answers == 1);
    assert_int_equal(r->status, 0);
    if (!strstr(r->error, "our client certificate"))
        fail_msg("%s", r->error);
}

static void test_refused_requests(void **state)
{
    struct rig *r = *state;
    static const struct {
        const char *url, *token, *error;
    } cases[] = {
        {"http://127.0.0.1/", NULL, "http"},
        {"file:///etc/passwd", NULL, "file"},
        {"https://127.0.0.1/", "a\r\nX: y", "token"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct https_request request = {.url = cases[i].url,
                                              .bearer_token = cases[i].token,
                                              .connect_timeout_ms = 1000,
                                              .timeout_ms = 1000};
        unsigned before = r->answers;
        assert_non_null(https_client_get(r->client, &request, on_done, r));
        UNTIL(r, r->answers == before + 1);
        assert_int_equal(r->status, 0);
        if (!strstr(r->error, cases[i].error))
            fail_msg("%s: %s", cases[i].url, r->error);
    }
}

/* A rotated authority counts at once: nothing is cached between requests. */
static void test_rotated_files(void **state)
{
    struct rig *r = *state;
    char link[128], good[128], bad[128];
    snprintf(link, sizeof(link), "%s/ca-link.pem", r->server.dir);
    file(r, good, "ca.pem");
    file(r, bad, "other-ca.pem");
    memcpy(r->ca, link, sizeof(link));
    assert_int_equal(symlink(good, link), 0);
    get(r, "/ok");
    assert_int_equal(r->status, 200);
    unlink(link);
    assert_int_equal(symlink(bad, link), 0);
    get(r, "/ok");
    assert_int_equal(r->status, 0);
    unlink(link);
    assert_int_equal(symlink(good, link), 0);
    get(r, "/ok");
    assert_int_equal(r->status, 200);
}

static void test_many_and_cancel(void **state)
{
    struct rig *r = *state;
    struct https_get *gets[60];
    for (size_t i = 0; i < ARRAY_LEN(gets); i++)
        gets[i] = start_get(r, i == 0 ? "/slow" : "/ok", NULL);
    loop_turn(r->loop, 10);
    https_get_cancel(&gets[0]);  /* runs */
    https_get_cancel(&gets[59]); /* waits */
    assert_null(gets[0]);
    UNTIL(r, r->answers == 58);
    start_get(r, "/slow", NULL); /* cancelled by the end */
    loop_turn(r->loop, 10);
}

/* --- nothing of an answer stays in memory --- */

/* Occurrences of `text` xor 0x20 in one mapping of our own memory. */
static size_t count_in(int mem, uintptr_t from, uintptr_t to, const uint8_t *masked, size_t len)
{
    static uint8_t chunk[1 << 20];
    size_t found = 0;
    for (uintptr_t at = from; at < to; at += sizeof(chunk) - len) {
        ssize_t got = pread(mem, chunk, min_size(sizeof(chunk), to - at), (off_t)at);
        for (ssize_t i = 0; i + (ssize_t)len <= got; i++) {
            size_t k = 0;
            while (k < len && (chunk[i + (ssize_t)k] ^ 0x20) == masked[k])
                k++;
            found += k == len;
        }
        explicit_bzero(chunk, sizeof(chunk));
    }
    return found;
}

static size_t copies_in_memory(void)
{
    static const char masked[] = "s\023CR\023T\roF\rtHE\rwIRE"; /* S3cr3t-Of-The-Wire ^ 0x20 */
    FILE *maps = fopen("/proc/self/maps", "r");
    int mem = open("/proc/self/mem", O_RDONLY);
    char line[512];
    size_t found = 0;
    assert_true(maps && mem >= 0);
    while (fgets(line, sizeof(line), maps)) {
        uintptr_t from, to;
        char rights[8];
        if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) != 3 || rights[1] != 'w' ||
            to - from > (256u << 20))
            continue;
        found += count_in(mem, from, to, (const uint8_t *)masked, sizeof(masked) - 1);
    }
    close(mem);
    fclose(maps);
    return found;
}

static void on_secret(void *arg, struct https_response *response)
{
    struct rig *r = arg;
    r->answers++;
    r->status = response->status;
    r->len = copies_in_memory(); /* the search finds what is there */
}

static void test_nothing_stays(void **state)
{
    struct rig *r = *state;
    char url[64];
    snprintf(url, sizeof(url), "https://127.0.0.1:%u/secret", r->server.port);
    const struct https_request request = {.url = url,
                                          .ca_file = r->ca,
                                          .cert_file = r->cert,
                                          .key_file = r->key,
                                          .connect_timeout_ms = 2000,
                                          .timeout_ms = 3000};
    assert_non_null(https_client_get(r->client, &request, on_secret, r));
    UNTIL(r, r->answers == 1);
    assert_int_equal(r->status, 200);
    assert_true(r->len >= 1);
    assert_int_equal(copies_in_memory(), 0);
}

static int group_setup(void **state)
{
    static struct group group = {.dir = "/tmp/adapter-certs-XXXXXX"};
    if (!mkdtemp(group.dir))
        return -1;
    struct server maker = {.dir = ""};
    char *argv[] = {MAKE_CERTIFICATES, group.dir, NULL};
    server_start(&maker, argv);
    server_wait_exit(&maker);
    *state = &group;
    return 0;
}

static int group_teardown(void **state)
{
    const struct group *group = *state;
    server_remove_dir(group->dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers, setup_running, teardown),
        cmocka_unit_test_setup_teardown(test_bad_answers, setup_running, teardown),
        cmocka_unit_test_setup_teardown(test_not_there, setup, teardown),
        cmocka_unit_test_setup_teardown(test_certificates, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_client_certificate, setup_running, teardown),
        cmocka_unit_test_setup_teardown(test_refused_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rotated_files, setup_running, teardown),
        cmocka_unit_test_setup_teardown(test_many_and_cancel, setup_running, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_stays, setup_running, teardown),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
