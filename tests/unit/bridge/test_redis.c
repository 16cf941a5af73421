/* The Redis adapter against a real redis-server that is late, killed, emptied and frozen. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "common/loop.h"
#include "bridge/redis.h"
#include "tests/unit/bridge/proxy.h"
#include "tests/unit/bridge/server.h"

enum { DEADLINE_MS = 20000 };

struct rig {
    struct server server;
    struct loop *loop;
    struct redis *redis;
    unsigned connects, disconnects;
    char run_id[128], reason[256];
    unsigned answers, no_answers;
    enum redis_reply_type type;
    int64_t integer;
    char text[256];
    size_t elements;
    bool connected_in_callback;
};

static void on_connected(void *arg, const char *run_id)
{
    struct rig *r = arg;
    r->connects++;
    snprintf(r->run_id, sizeof(r->run_id), "%s", run_id);
}

static void on_disconnected(void *arg, const char *reason)
{
    struct rig *r = arg;
    r->disconnects++;
    snprintf(r->reason, sizeof(r->reason), "%s", reason);
}

static void on_done(void *arg, const struct redis_reply *reply)
{
    struct rig *r = arg;
    if (!reply) {
        r->no_answers++;
        r->connected_in_callback |= redis_is_connected(r->redis);
        return;
    }
    r->answers++;
    r->type = reply->type;
    r->integer = reply->integer;
    r->elements = reply->count;
    snprintf(r->text, sizeof(r->text), "%s", reply->text ? reply->text : "");
    for (size_t i = 0; i < reply->count; i++) {
        size_t used = strlen(r->text);
        const struct redis_reply *e = &reply->elements[i];
        snprintf(r->text + used, sizeof(r->text) - used, "[%s%d:%zu]", e->text ? e->text : "",
                 (int)e->integer, e->count);
    }
}

#define UNTIL(r, cond)                                                                             \
    do {                                                                                           \
        mono_t until_ = mono_add_ms(clock_mono(), DEADLINE_MS);                                    \
        while (!(cond) && !mono_reached(clock_mono(), until_))                                     \
            loop_turn((r)->loop, 20);                                                              \
        assert_true(cond);                                                                         \
    } while (0)

static void open_redis(struct rig *r, const char *login, unsigned database)
{
    char url[128], error[256];
    snprintf(url, sizeof(url), "redis://%slocalhost:%u/%u", login, r->server.port, database);
    const struct redis_events events = {
        .connected = on_connected, .disconnected = on_disconnected, .arg = r};
    if (redis_create(r->loop, url, &events, &r->redis, error, sizeof(error)) != 0)
        fail_msg("%s", error);
}

static bool command(struct rig *r, const char *const *argv)
{
    size_t lens[16], argc = 0;
    for (; argv[argc]; argc++)
        lens[argc] = strlen(argv[argc]);
    return redis_command(r->redis, on_done, r, argc, argv, lens);
}
#define COMMAND(r, ...) command((r), (const char *const[]){__VA_ARGS__, NULL})
#define ANSWER(r, ...)                                                                             \
    do {                                                                                           \
        unsigned before_ = (r)->answers;                                                           \
        assert_true(COMMAND(r, __VA_ARGS__));                                                      \
        UNTIL(r, (r)->answers > before_);                                                          \
    } while (0)

static int setup(void **state)
{
    struct rig *r = calloc(1, sizeof(*r));
    server_init(&r->server);
    r->loop = loop_create();
    *state = r;
    return 0;
}

static int setup_running(void **state)
{
    setup(state);
    struct rig *r = *state;
    server_start_redis(&r->server, NULL);
    open_redis(r, "", 0);
    UNTIL(r, r->connects == 1);
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    redis_destroy(&r->redis);
    loop_destroy(&r->loop);
    server_free(&r->server);
    free(r);
    return 0;
}

static void test_bad_urls(void **state)
{
    struct rig *r = *state;
    static const char *const urls[] = {
        "",
        "redis",
        "http://h",
        "redis://",
        "redis://:1",
        "redis://h:0",
        "redis://h:70000",
        "redis://h/x",
        "redis://h/1?x=1",
        "redis://a%2:b@h",
        "redis://[::1",
        "redis://[::1]x",
    };
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        char error[256] = "";
        const struct redis_events events = {.arg = r};
        assert_int_equal(redis_create(r->loop, urls[i], &events, &r->redis, error, sizeof(error)),
                         -1);
        assert_true(strlen(error) > 0);
    }
}

static void test_server_comes_late(void **state)
{
    struct rig *r = *state;
    open_redis(r, "", 0);
    UNTIL(r, r->disconnects == 1);
    assert_non_null(strstr(r->reason, "refused"));
    assert_false(COMMAND(r, "PING"));
    server_start_redis(&r->server, NULL);
    UNTIL(r, r->connects == 1);
    ANSWER(r, "PING");
    assert_string_equal(r->text, "PONG");
    assert_int_equal(r->disconnects, 1); /* the same reason was told once */
}

static void test_name_does_not_resolve(void **state)
{
    struct rig *r = *state;
    char error[256];
    const struct redis_events events = {
        .connected = on_connected, .disconnected = on_disconnected, .arg = r};
    assert_int_equal(redis_create(r->loop, "redis://no-such-host.invalid", &events, &r->redis,
                                  error, sizeof(error)),
                     0);
    UNTIL(r, r->disconnects == 1);
    assert_non_null(strstr(r->reason, "no-such-host.invalid"));
}

static void test_replies(void **state)
{
    struct rig *r = *state;
    ANSWER(r, "SET", "k", "v");
    assert_int_equal(r->type, REDIS_STATUS);
    ANSWER(r, "GET", "k");
    assert_int_equal(r->type, REDIS_STRING);
    assert_string_equal(r->text, "v");
    ANSWER(r, "GET", "missing");
    assert_int_equal(r->type, REDIS_NIL);
    ANSWER(r, "INCR", "n");
    assert_int_equal(r->type, REDIS_INTEGER);
    assert_int_equal(r->integer, 1);
    ANSWER(r, "INCR", "k");
    assert_int_equal(r->type, REDIS_ERROR);
    ANSWER(r, "EVAL", "return {1,{2,3},'x',{}}", "0");
    assert_int_equal(r->type, REDIS_ARRAY);
    assert_int_equal(r->elements, 4);
    assert_string_equal(r->text, "[1:0][0:2][x0:0][0:0]");
    assert_true(redis_round_trip_ns(r->redis) > 0);
    assert_int_equal(redis_outstanding(r->redis), 0);
}

/* Nothing, a NUL, what looks like the protocol, and more than any buffer begins with. */
static void test_arguments_of_every_kind(void **state)
{
    struct rig *r = *state;
    static char large[100000];
    memset(large, 'x', sizeof(large));
    const struct {
        const char *data;
        size_t len;
    } rows[] = {{"", 0}, {"a\0b", 3}, {"\r\n$3\r\n*1", 8}, {large, sizeof(large)}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *argv[] = {"SET", "k", rows[i].data};
        const size_t lens[] = {3, 1, rows[i].len};
        unsigned before = r->answers;
        assert_true(redis_command(r->redis, on_done, r, 3, argv, lens));
        UNTIL(r, r->answers > before);
        assert_string_equal(r->text, "OK");
        ANSWER(r, "STRLEN", "k");
        assert_int_equal(r->integer, rows[i].len);
    }
    ANSWER(r, "SET", "k", "a\r\nb");
    ANSWER(r, "GET", "k");
    assert_string_equal(r->text, "a\r\nb");
}

static void test_script(void **state)
{
    struct rig *r = *state;
    static struct redis_script script = {.text = "return {KEYS[1], ARGV[1], ARGV[2]}"};
    const char *const argv[] = {"key", "a", "b"};
    const size_t lens[] = {3, 1, 1};
    for (unsigned i = 1; i <= 3; i++) {
        if (i == 3)
            ANSWER(r, "SCRIPT", "FLUSH");
        unsigned before = r->answers;
        assert_true(redis_eval(r->redis, &script, on_done, r, 1, 3, argv, lens));
        UNTIL(r, r->answers == before + 1);
        assert_string_equal(r->text, "[key0:0][a0:0][b0:0]");
    }
    assert_int_equal(strlen(script.sha1), 40);
}

static void test_many_and_bound(void **state)
{
    struct rig *r = *state;
    enum { MANY = 100000 };
    for (unsigned i = 0; i < MANY; i++)
        assert_true(COMMAND(r, "INCR", "n"));
    assert_false(COMMAND(r, "INCR", "n"));
    assert_int_equal(redis_outstanding(r->redis), MANY);
    assert_true(redis_is_connected(r->redis));
    UNTIL(r, r->answers == MANY);
    assert_int_equal(r->integer, MANY);
}

static void test_killed_and_back(void **state)
{
    struct rig *r = *state;
    char run_id[128];
    memcpy(run_id, r->run_id, sizeof(run_id));
    assert_true(strlen(run_id) > 40);
    server_pause(&r->server, true);
    for (unsigned i = 0; i < 10; i++)
        assert_true(COMMAND(r, "INCR", "n"));
    loop_turn(r->loop, 0);
    server_stop(&r->server, SIGKILL);
    UNTIL(r, r->disconnects == 1);
    assert_int_equal(r->no_answers, 10);
    assert_false(r->connected_in_callback);
    server_start_redis(&r->server, NULL);
    UNTIL(r, r->connects == 2);
    assert_string_not_equal(run_id, r->run_id);
    ANSWER(r, "INCR", "n");
    assert_int_equal(r->integer, 1);
}

static void test_frozen(void **state)
{
    struct rig *r = *state;
    char run_id[128];
    memcpy(run_id, r->run_id, sizeof(run_id));
    server_pause(&r->server, true);
    mono_t before = clock_mono();
    assert_true(COMMAND(r, "PING"));
    UNTIL(r, r->disconnects == 1);
    int64_t took = mono_diff_ms(clock_mono(), before);
    assert_true(took >= 1900 && took < 6000);
    assert_int_equal(r->no_answers, 1);
    assert_non_null(strstr(r->reason, "no answer within 2 s"));
    UNTIL(r, r->disconnects == 2); /* it accepts and says nothing */
    server_pause(&r->server, false);
    UNTIL(r, r->connects == 2);
    assert_string_equal(run_id, r->run_id);
}

static void test_login_and_database(void **state)
{
    struct rig *r = *state;
    server_start_redis(&r->server, "p@ss word");
    open_redis(r, ":wrong@", 3);
    UNTIL(r, r->disconnects == 1);
    assert_non_null(strstr(r->reason, "WRONGPASS"));
    redis_destroy(&r->redis);
    open_redis(r, "", 3);
    UNTIL(r, r->disconnects == 2);
    assert_non_null(strstr(r->reason, "NOAUTH"));
    redis_destroy(&r->redis);
    open_redis(r, "default:p%40ss%20word@", 3);
    UNTIL(r, r->connects == 1);
    ANSWER(r, "CLIENT", "INFO");
    assert_non_null(strstr(r->text, " db=3 "));
}

static void test_replica_is_not_taken(void **state)
{
    struct rig *r = *state;
    char run_id[128];
    memcpy(run_id, r->run_id, sizeof(run_id));
    ANSWER(r, "REPLICAOF", "127.0.0.1", "1");
    ANSWER(r, "SET", "k", "v");
    assert_int_equal(r->type, REDIS_ERROR);
    UNTIL(r, r->disconnects >= 2); /* became one, and then is one */
    assert_non_null(strstr(r->reason, "read-only replica"));
    char port[16];
    snprintf(port, sizeof(port), "%u", r->server.port);
    struct server cli = {.dir = ""};
    char *argv[] = {"redis-cli", "-p", port, "REPLICAOF", "NO", "ONE", NULL};
    server_start(&cli, argv);
    UNTIL(r, r->connects == 2);
    server_stop(&cli, SIGKILL);
    assert_string_not_equal(run_id, r->run_id); /* promoted */
}

/* We were away, not the server: what lies in the socket is read before a time-out is believed. */
static void test_own_pause(void **state)
{
    struct rig *r = *state;
    enum { SIZE = 100000, MANY = 100 };
    char *value = calloc(1, SIZE + 1);
    memset(value, 'v', SIZE);
    ANSWER(r, "SET", "k", value);
    free(value);
    unsigned before = r->answers;
    for (unsigned i = 0; i < MANY; i++)
        assert_true(COMMAND(r, "GET", "k"));
    loop_turn(r->loop, 0);
    nanosleep(&(struct timespec){.tv_sec = 3}, NULL);
    UNTIL(r, r->answers == before + MANY);
    assert_int_equal(r->disconnects, 0);
}

/* Cut in the middle of an answer: what was answered is told, the rest gets NULL, all in order. */
static void test_cut_in_an_answer(void **state)
{
    struct rig *r = *state;
    struct proxy proxy;
    server_start_redis(&r->server, NULL);
    proxy_start(&proxy, r->server.port);
    uint16_t port = r->server.port;
    r->server.port = proxy.port;
    open_redis(r, "", 0);
    UNTIL(r, r->connects == 1);
    ANSWER(r, "SET", "k", "v");
    atomic_store(&proxy.swallow_down, true);
    unsigned before = r->answers;
    for (unsigned i = 0; i < 100; i++)
        assert_true(COMMAND(r, "GET", "k"));
    loop_turn(r->loop, 100);
    atomic_store(&proxy.cut, true);
    UNTIL(r, r->disconnects == 1);
    assert_int_equal(r->no_answers, 100);
    assert_int_equal(r->answers, before);
    atomic_store(&proxy.swallow_down, false);
    UNTIL(r, r->connects == 2);
    ANSWER(r, "GET", "k");
    redis_destroy(&r->redis);
    proxy_stop(&proxy);
    r->server.port = port;
}

/* It accepts and says nothing: the attempt ends after two seconds. */
static void test_silent_server(void **state)
{
    struct rig *r = *state;
    struct proxy proxy;
    server_start_redis(&r->server, NULL);
    proxy_start(&proxy, r->server.port);
    atomic_store(&proxy.swallow_down, true);
    uint16_t port = r->server.port;
    r->server.port = proxy.port;
    mono_t before = clock_mono();
    open_redis(r, "", 0);
    UNTIL(r, r->disconnects == 1);
    int64_t took = mono_diff_ms(clock_mono(), before);
    assert_true(took >= 1900 && took < 6000);
    atomic_store(&proxy.swallow_down, false);
    UNTIL(r, r->connects == 1);
    redis_destroy(&r->redis);
    proxy_stop(&proxy);
    r->server.port = port;
}

/* --- TLS, where the build has it --- */

static void start_tls_server(struct rig *r, const char *dir, const char *name)
{
    char port[16], cert[128], key[128], ca[128];
    snprintf(port, sizeof(port), "%u", r->server.port);
    snprintf(cert, sizeof(cert), "%s/%s.pem", dir, name);
    snprintf(key, sizeof(key), "%s/%s.key", dir, name);
    snprintf(ca, sizeof(ca), "%s/ca.pem", dir);
    char *argv[] = {"redis-server",
                    "--port",
                    "0",
                    "--tls-port",
                    port,
                    "--tls-cert-file",
                    cert,
                    "--tls-key-file",
                    key,
                    "--tls-ca-cert-file",
                    ca,
                    "--tls-auth-clients",
                    "no",
                    "--save",
                    "",
                    "--dir",
                    r->server.dir,
                    NULL};
    server_start(&r->server, argv);
    server_wait_port(&r->server);
}

static bool open_tls(struct rig *r, char *error, size_t size)
{
    char url[64];
    snprintf(url, sizeof(url), "rediss://127.0.0.1:%u", r->server.port);
    const struct redis_events events = {
        .connected = on_connected, .disconnected = on_disconnected, .arg = r};
    return redis_create(r->loop, url, &events, &r->redis, error, size) == 0;
}

static void test_tls(void **state)
{
    struct rig *r = *state;
    char dir[] = "/tmp/adapter-certs-XXXXXX", ca[64], error[256] = "";
    if (!open_tls(r, error, sizeof(error))) {
        assert_non_null(strstr(error, "needs a hiredis of 1.0"));
        return;
    }
    redis_destroy(&r->redis);
    assert_non_null(mkdtemp(dir));
    struct server maker = {.dir = ""};
    char *argv[] = {MAKE_CERTIFICATES, dir, NULL};
    server_start(&maker, argv);
    server_wait_exit(&maker);
    snprintf(ca, sizeof(ca), "%s/ca.pem", dir);

    start_tls_server(r, dir, "server");
    open_tls(r, error, sizeof(error));
    UNTIL(r, r->disconnects == 1); /* an authority that the system does not know */
    redis_destroy(&r->redis);
    setenv("SSL_CERT_FILE", ca, 1);
    open_tls(r, error, sizeof(error));
    UNTIL(r, r->connects == 1);
    for (unsigned i = 0; i < 10000; i++)
        assert_true(COMMAND(r, "INCR", "n"));
    UNTIL(r, r->answers == 10000);
    redis_destroy(&r->redis);
    server_stop(&r->server, SIGKILL);
    start_tls_server(r, dir, "elsewhere");
    open_tls(r, error, sizeof(error));
    UNTIL(r, r->disconnects >= 2); /* another host's name */
    assert_int_equal(r->connects, 1);
    server_remove_dir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bad_urls, setup, teardown),
        cmocka_unit_test_setup_teardown(test_server_comes_late, setup, teardown),
        cmocka_unit_test_setup_teardown(test_name_does_not_resolve, setup, teardown),
        cmocka_unit_test_setup_teardown(test_replies, setup_running, teardown),
        cmocka_unit_test_setup_teardown(test_arguments_of_every_kind, setup_running, teardown),
        cmocka_unit_test_setup_teardown(test_script, setup_running, teardown),
        cmocka_unit_test_setup_teardown(test_many_and_bound, setup_running, teardown),
        cmocka_unit_test_setup_teardown(test_killed_and_back, setup_running, teardown),
        cmocka_unit_test_setup_teardown(test_frozen, setup_running, teardown),
        cmocka_unit_test_setup_teardown(test_login_and_database, setup, teardown),
        cmocka_unit_test_setup_teardown(test_replica_is_not_taken, setup_running, teardown),
        cmocka_unit_test_setup_teardown(test_own_pause, setup_running, teardown),
        cmocka_unit_test_setup_teardown(test_tls, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut_in_an_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_silent_server, setup, teardown),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
