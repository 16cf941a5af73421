/* The JetStream adapter where packets vanish, servers are silent and permissions are missing. */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/bridge/jetstream_rig.h"
#include "tests/unit/bridge/proxy.h"

static void configure(struct rig *r, const char *text)
{
    snprintf(r->server.config, sizeof(r->server.config), "%s/nats.conf", r->server.dir);
    FILE *f = fopen(r->server.config, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* Opens the adapter through `proxy`, with the stream made. */
static void open_through(struct rig *r, struct proxy *proxy)
{
    static char url[64];
    server_start_nats(&r->server);
    proxy_start(proxy, r->server.port);
    snprintf(url, sizeof(url), "nats://127.0.0.1:%u", proxy->port);
    r->options.urls = url;
    rig_open(r);
    UNTIL(r, r->connects == 1);
    rig_make_stream(r);
}

static void close_through(struct rig *r, struct proxy *proxy)
{
    jetstream_destroy(&r->js, 0, JETSTREAM_JOIN_MS);
    proxy_stop(proxy);
}

/* What was sent into a dead connection reaches the server on the next one. */
static void test_lost_acks_are_sent_again(void **state)
{
    struct rig *r = *state;
    struct proxy proxy;
    enum { COUNT = 500 };
    open_through(r, &proxy);
    for (unsigned i = 0; i < COUNT; i++)
        assert_non_null(rig_publish(r, "work.a", i));
    UNTIL(r, r->stored == COUNT);
    assert_true(jetstream_pull(r->js, 1, "WORK", "one", COUNT));
    UNTIL(r, r->messages == COUNT);

    atomic_store(&proxy.swallow_up, true);
    for (unsigned i = 0; i < COUNT; i++)
        assert_true(jetstream_ack(r->js, r->acks[i], JETSTREAM_ACK));
    UNTIL(r, jetstream_queued(r->js) == 0);
    rig_run_for(r, 300); /* written, and gone */
    atomic_store(&proxy.cut, true);
    UNTIL(r, r->disconnects == 1);
    atomic_store(&proxy.swallow_up, false);
    UNTIL(r, r->connects == 2);
    rig_run_for(r, 300);
    rig_api(r, "CONSUMER.INFO.WORK.one", NULL);
    assert_int_equal(rig_number_in(r->answer, "\"num_ack_pending\":"), 0);
    assert_int_equal(r->redelivered, 0);
    close_through(r, &proxy);
}

/* The server stored it, we never heard: the repeat with the same id is a duplicate. */
static void test_lost_pubacks(void **state)
{
    struct rig *r = *state;
    struct proxy proxy;
    enum { COUNT = 2000 };
    open_through(r, &proxy);
    atomic_store(&proxy.swallow_down, true);
    for (unsigned i = 0; i < COUNT; i++)
        assert_non_null(rig_publish(r, "work.a", i));
    rig_run_for(r, 1000);
    assert_int_equal(r->stored, 0);
    atomic_store(&proxy.swallow_down, false);
    UNTIL(r, r->stored == COUNT); /* after two seconds without an answer */
    assert_true(r->duplicates > COUNT / 2);
    rig_api(r, "STREAM.INFO.WORK", NULL);
    assert_int_equal(rig_number_in(r->answer, "\"messages\":"), COUNT);
    close_through(r, &proxy);
}

/* Nothing comes any more and the connection stays: given up after two unanswered pings. */
static void test_black_hole(void **state)
{
    struct rig *r = *state;
    struct proxy proxy;
    open_through(r, &proxy);
    atomic_store(&proxy.swallow_up, true);
    mono_t before = clock_mono();
    rig_start_latency(r);
    UNTIL(r, r->disconnects == 1);
    int64_t took = mono_diff_ms(clock_mono(), before);
    assert_true(took >= 5000 && took < 18000);
    atomic_store(&proxy.swallow_up, false);
    UNTIL(r, r->connects == 2);
    timer_stop(&r->latency);
    assert_true(r->worst_ms < 50);
    close_through(r, &proxy);
}

/* It accepts and says nothing: each attempt ends by itself, the loop turns, the end is quick. */
static void test_silent_server(void **state)
{
    struct rig *r = *state;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(r->server.port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 8), 0);
    rig_open(r);
    rig_start_latency(r);
    UNTIL(r, r->disconnects == 1);
    rig_run_for(r, 1000);
    timer_stop(&r->latency);
    assert_true(r->worst_ms < 50);
    mono_t before = clock_mono();
    jetstream_destroy(&r->js, 100, JETSTREAM_JOIN_MS);
    assert_true(mono_diff_ms(clock_mono(), before) < 4500);
    close(fd);
}

static void test_domain(void **state)
{
    struct rig *r = *state;
    configure(r, "jetstream { domain: hub }\n");
    r->options.domain = "hub";
    server_start_nats(&r->server);
    rig_open(r);
    UNTIL(r, r->connects == 1);
    rig_make_stream(r);
    assert_non_null(rig_publish(r, "work.a", 1));
    r->ack_all = true;
    assert_true(jetstream_pull(r->js, 5, "WORK", "one", 1));
    UNTIL(r, r->messages == 1);
    assert_int_equal(r->tag, 5);
}

/* Exactly what the README grants, and nothing to an inbox but its own prefix. */
static const char permissions[] =
    "authorization { users = [\n"
    "  { user: admin, password: a },\n"
    "  { user: connector, password: c, permissions: {\n"
    "      publish: [\"$JS.API.CONSUMER.MSG.NEXT.WORK.>\", \"$JS.API.CONSUMER.INFO.WORK.>\",\n"
    "        \"$JS.API.STREAM.INFO.WORK\", \"$JS.ACK.>\", \"work.allowed\"]\n"
    "      subscribe: [\"%s\"] } } ] }\n";

static void open_as(struct rig *r, const char *user)
{
    static char url[80];
    snprintf(url, sizeof(url), "nats://%s:%c@127.0.0.1:%u", user, user[0], r->server.port);
    r->options.urls = url;
    rig_open(r);
}

static void start_with_permissions(struct rig *r, const char *inbox)
{
    char text[2048];
    snprintf(text, sizeof(text), permissions, inbox);
    configure(r, text);
    server_start_nats(&r->server);
}

static void test_permissions(void **state)
{
    struct rig *r = *state;
    start_with_permissions(r, "_INBOX.>");
    open_as(r, "admin");
    UNTIL(r, r->connects == 1);
    rig_make_stream(r);
    jetstream_destroy(&r->js, 0, JETSTREAM_JOIN_MS);

    open_as(r, "connector");
    UNTIL(r, r->connects == 2);
    assert_non_null(rig_publish(r, "work.allowed", 1));
    UNTIL(r, r->stored == 1);
    assert_true(jetstream_pull(r->js, 1, "WORK", "one", 1));
    UNTIL(r, r->messages == 1);
    assert_true(jetstream_ack_confirmed(r->js, r->last_ack, JETSTREAM_ACK, rig_on_confirmed, r));
    UNTIL(r, r->confirmed == 1);

    struct jetstream_publish *p = rig_publish(r, "work.forbidden", 2);
    UNTIL(r, jetstream_publish_trouble(r->js, "work.forbidden") != NULL);
    assert_non_null(strstr(jetstream_publish_trouble(r->js, "work.forbidden"), "ermission"));
    jetstream_publish_cancel(r->js, &p);
    assert_true(jetstream_is_connected(r->js)); /* the others' business goes on */
}

static void test_inbox_not_permitted(void **state)
{
    struct rig *r = *state;
    start_with_permissions(r, "other.>");
    open_as(r, "connector");
    UNTIL(r, strstr(r->reason, "_INBOX") != NULL);
    assert_false(jetstream_is_connected(r->js));
}

static void test_wrong_password(void **state)
{
    struct rig *r = *state;
    start_with_permissions(r, "_INBOX.>");
    static char url[80];
    snprintf(url, sizeof(url), "nats://connector:hidden@127.0.0.1:%u", r->server.port);
    r->options.urls = url;
    rig_open(r);
    UNTIL(r, r->disconnects == 1);
    assert_non_null(strstr(r->reason, "uthorization"));
    assert_null(strstr(r->reason, "hidden"));
}

/* --- TLS --- */

struct tls_files {
    char dir[64], ca[128], cert[128], key[128];
};

static void make_certificates(struct tls_files *files)
{
    strcpy(files->dir, "/tmp/adapter-certs-XXXXXX");
    assert_non_null(mkdtemp(files->dir));
    struct server maker = {.dir = ""};
    char *argv[] = {MAKE_CERTIFICATES, files->dir, NULL};
    server_start(&maker, argv);
    server_wait_exit(&maker);
    snprintf(files->ca, sizeof(files->ca), "%s/ca.pem", files->dir);
    snprintf(files->cert, sizeof(files->cert), "%s/client.pem", files->dir);
    snprintf(files->key, sizeof(files->key), "%s/client.key", files->dir);
}

static void start_tls(struct rig *r, const struct tls_files *files, const char *name)
{
    char text[1024];
    static char url[64];
    snprintf(text, sizeof(text),
             "tls { cert_file: \"%s/%s.pem\", key_file: \"%s/%s.key\", ca_file: \"%s\", verify: "
             "true }\n",
             files->dir, name, files->dir, name, files->ca);
    configure(r, text);
    server_start_nats(&r->server);
    snprintf(url, sizeof(url), "tls://127.0.0.1:%u", r->server.port);
    r->options.urls = url;
    r->options.ca_file = files->ca;
    r->options.cert_file = files->cert;
    r->options.key_file = files->key;
    rig_open(r);
}

static void test_tls(void **state)
{
    struct rig *r = *state;
    struct tls_files files;
    make_certificates(&files);
    start_tls(r, &files, "server");
    UNTIL(r, r->connects == 1);
    rig_make_stream(r);
    for (unsigned i = 0; i < 1000; i++)
        assert_non_null(rig_publish(r, "work.a", i));
    UNTIL(r, r->stored == 1000);
    jetstream_destroy(&r->js, 0, JETSTREAM_JOIN_MS);
    server_stop(&r->server, SIGKILL);

    start_tls(r, &files, "elsewhere"); /* the right authority, another host's name */
    UNTIL(r, r->disconnects == 1);
    assert_int_equal(r->connects, 1);
    jetstream_destroy(&r->js, 0, JETSTREAM_JOIN_MS);
    server_remove_dir(files.dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lost_acks_are_sent_again, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_lost_pubacks, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_black_hole, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_silent_server, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_domain, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_permissions, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_inbox_not_permitted, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_wrong_password, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_tls, rig_setup, rig_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
