/* The JetStream adapter against a real nats-server that is killed, frozen and late. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/log.h"
#include "common/loop.h"
#include "bridge/jetstream.h"
#include "tests/unit/bridge/server.h"

enum { DEADLINE_MS = 20000, LATENCY_STEP_MS = 5 };

struct rig {
    struct server server;
    struct loop *loop;
    struct jetstream *js;
    unsigned connects, disconnects;
    char reason[256];

    uint64_t messages, redelivered, last_sequence;
    char acks[2000][100]; /* of the first messages */
    char last_ack[256], last_data[64], last_traceparent[64];
    bool ack_all;
    unsigned heartbeats, ended;
    enum jetstream_pull_end end;
    uint32_t tag, missing;
    char end_text[200];

    uint64_t stored, duplicates;
    unsigned confirmed, unconfirmed, answers, no_answers;
    char answer[4096];

    struct timer latency; /* measures how long the loop is away */
    mono_t latency_due;
    int64_t worst_ms, waited;
};

static void on_connected(void *arg)
{
    struct rig *r = arg;
    r->connects++;
}

static void on_disconnected(void *arg, const char *reason)
{
    struct rig *r = arg;
    r->disconnects++;
    snprintf(r->reason, sizeof(r->reason), "%s", reason);
}

static void on_message(void *arg, uint32_t tag, const struct jetstream_message *m)
{
    struct rig *r = arg;
    if (r->messages < ARRAY_LEN(r->acks))
        snprintf(r->acks[r->messages], sizeof(r->acks[0]), "%s", m->ack_subject);
    r->messages++;
    r->redelivered += m->delivered > 1;
    r->tag = tag;
    r->last_sequence = m->stream_sequence;
    assert_string_equal(m->stream, "WORK");
    assert_true(m->time_ns > 0);
    snprintf(r->last_ack, sizeof(r->last_ack), "%s", m->ack_subject);
    snprintf(r->last_data, sizeof(r->last_data), "%.*s", (int)m->len, (const char *)m->data);
    snprintf(r->last_traceparent, sizeof(r->last_traceparent), "%s",
             m->traceparent ? m->traceparent : "");
    if (r->ack_all)
        assert_true(jetstream_ack(r->js, m->ack_subject, JETSTREAM_ACK));
}

static void on_pull_ended(void *arg, uint32_t tag, enum jetstream_pull_end why, uint32_t missing,
                          const char *text)
{
    struct rig *r = arg;
    r->ended++;
    r->tag = tag;
    r->end = why;
    r->missing = missing;
    snprintf(r->end_text, sizeof(r->end_text), "%s", text);
}

static void on_heartbeat(void *arg, uint32_t tag)
{
    struct rig *r = arg;
    r->tag = tag;
    r->heartbeats++;
}

/* How long this thread wanted to run and was not let, nanoseconds: other work on the machine. */
static int64_t kept_waiting(void)
{
    long long ran = 0, waited = 0;
    FILE *f = fopen("/proc/thread-self/schedstat", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lld %lld", &ran, &waited), 2);
    fclose(f);
    return waited;
}

static void on_latency(void *arg)
{
    struct rig *r = arg;
    mono_t now = clock_mono();
    int64_t waited = kept_waiting();
    int64_t late = (mono_diff_ns(now, r->latency_due) - (waited - r->waited)) / NS_PER_MS;
    r->waited = waited;
    if (late > r->worst_ms)
        r->worst_ms = late;
    r->latency_due = mono_add_ms(now, LATENCY_STEP_MS);
    timer_start_at(&r->latency, r->latency_due);
}

static void start_latency(struct rig *r)
{
    timer_init(&r->latency, r->loop, on_latency, r);
    r->worst_ms = 0;
    r->waited = kept_waiting();
    r->latency_due = mono_add_ms(clock_mono(), LATENCY_STEP_MS);
    timer_start_at(&r->latency, r->latency_due);
}

#define UNTIL(r, cond)                                                                             \
    do {                                                                                           \
        mono_t until_ = mono_add_ms(clock_mono(), DEADLINE_MS);                                    \
        while (!(cond) && !mono_reached(clock_mono(), until_))                                     \
            loop_turn((r)->loop, 20);                                                              \
        assert_true(cond);                                                                         \
    } while (0)

static void run_for(struct rig *r, int64_t ms)
{
    mono_t until = mono_add_ms(clock_mono(), ms);
    while (!mono_reached(clock_mono(), until))
        loop_turn(r->loop, 10);
}

static void open_js(struct rig *r)
{
    char url[64], error[256];
    snprintf(url, sizeof(url), "nats://127.0.0.1:%u", r->server.port);
    const struct jetstream_options options = {.urls = url, .client_name = "test"};
    const struct jetstream_events events = {.connected = on_connected,
                                            .disconnected = on_disconnected,
                                            .message = on_message,
                                            .pull_ended = on_pull_ended,
                                            .heartbeat = on_heartbeat,
                                            .arg = r};
    if (jetstream_create(r->loop, &options, &events, &r->js, error, sizeof(error)) != 0)
        fail_msg("%s", error);
}

static void on_answer(void *arg, const char *json, size_t len, const char *reason)
{
    struct rig *r = arg;
    if (json) {
        r->answers++;
        snprintf(r->answer, sizeof(r->answer), "%.*s", (int)len, json);
    } else {
        r->no_answers++;
        snprintf(r->answer, sizeof(r->answer), "%s", reason);
    }
}

static void api(struct rig *r, const char *what, const char *json)
{
    unsigned before = r->answers;
    assert_true(jetstream_api(r->js, what, json, on_answer, r));
    UNTIL(r, r->answers > before);
}

static void make_stream(struct rig *r)
{
    api(r, "STREAM.CREATE.WORK",
        "{\"name\":\"WORK\",\"subjects\":[\"work.>\"],\"storage\":\"file\"}");
    assert_null(strstr(r->answer, "\"error\""));
    api(r, "CONSUMER.DURABLE.CREATE.WORK.one",
        "{\"stream_name\":\"WORK\",\"config\":{\"durable_name\":\"one\",\"ack_policy\":"
        "\"explicit\",\"ack_wait\":3000000000,\"max_ack_pending\":100000}}");
    assert_null(strstr(r->answer, "\"error\""));
}

static uint64_t number_in(const char *json, const char *name)
{
    const char *at = strstr(json, name);
    assert_non_null(at);
    return strtoull(at + strlen(name), NULL, 10);
}

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
    server_start_nats(&r->server);
    open_js(r);
    UNTIL(r, r->connects == 1);
    make_stream(r);
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    jetstream_destroy(&r->js, 0);
    loop_destroy(&r->loop);
    server_free(&r->server);
    free(r);
    return 0;
}

static void on_stored(void *arg, bool duplicate)
{
    struct rig *r = arg;
    r->stored++;
    r->duplicates += duplicate;
}

static struct jetstream_publish *publish(struct rig *r, const char *subject, unsigned id)
{
    char msg_id[32], data[400];
    snprintf(msg_id, sizeof(msg_id), "id-%u", id);
    memset(data, 'x', sizeof(data));
    snprintf(data, sizeof(data), "message %u", id);
    const struct jetstream_header headers[] = {{"traceparent", "00-aa-bb-01"}};
    return jetstream_publish(r->js, subject, msg_id, headers, 1, data, sizeof(data), on_stored, r);
}

static void test_bad_options(void **state)
{
    struct rig *r = *state;
    const struct {
        struct jetstream_options options;
        const char *error;
    } cases[] = {
        {{.urls = "", .client_name = "x"}, "no NATS address"},
        {{.urls = "http://127.0.0.1", .client_name = "x"}, "neither nats://"},
        {{.urls = "nats://127.0.0.1", .domain = "a.b", .client_name = "x"}, "domain"},
        {{.urls = "tls://127.0.0.1", .ca_file = "/nonexistent", .client_name = "x"}, "127.0.0.1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char error[256] = "";
        struct jetstream *js = NULL;
        const struct jetstream_events events = {.arg = r};
        assert_int_equal(
            jetstream_create(r->loop, &cases[i].options, &events, &js, error, sizeof(error)), -1);
        assert_non_null(strstr(error, cases[i].error));
    }
}

static void test_server_comes_late(void **state)
{
    struct rig *r = *state;
    open_js(r);
    UNTIL(r, r->disconnects == 1);
    assert_non_null(strstr(r->reason, "127.0.0.1"));
    assert_false(jetstream_is_connected(r->js));
    assert_false(jetstream_pull(r->js, 1, "WORK", "one", 1));
    assert_non_null(publish(r, "work.a", 1)); /* kept until there is a stream */
    assert_non_null(jetstream_publish_trouble(r->js));
    server_start_nats(&r->server);
    UNTIL(r, r->connects == 1);
    make_stream(r);
    UNTIL(r, r->stored == 1);
    assert_null(jetstream_publish_trouble(r->js));
    assert_int_equal(jetstream_unstored(r->js), 0);
}

static void test_publish_pull_ack(void **state)
{
    struct rig *r = *state;
    for (unsigned i = 0; i < 100; i++)
        assert_non_null(publish(r, "work.a", i % 90)); /* ten of them twice */
    UNTIL(r, r->stored == 100);
    assert_int_equal(r->duplicates, 10);

    r->ack_all = true;
    assert_true(jetstream_pull(r->js, 7, "WORK", "one", 64));
    UNTIL(r, r->messages == 64);
    assert_int_equal(r->tag, 7);
    assert_string_equal(r->last_traceparent, "00-aa-bb-01");
    assert_true(jetstream_pull(r->js, 8, "WORK", "one", 64));
    UNTIL(r, r->messages == 90);
    assert_int_equal(r->tag, 8);
    assert_string_equal(r->last_data, "message 89");
    UNTIL(r, r->heartbeats >= 1);
    assert_int_equal(r->tag, 8);

    api(r, "CONSUMER.INFO.WORK.one", NULL);
    assert_int_equal(number_in(r->answer, "\"num_ack_pending\":"), 0);
    assert_int_equal(r->redelivered, 0);

    api(r, "CONSUMER.DELETE.WORK.one", NULL);
    UNTIL(r, r->ended == 1);
    assert_int_equal(r->end, JETSTREAM_PULL_GONE);
    assert_int_equal(jetstream_queued(r->js), 0);
}

static void on_confirmed(void *arg, bool ok)
{
    struct rig *r = arg;
    r->confirmed += ok;
    r->unconfirmed += !ok;
}

static void test_kinds_of_ack(void **state)
{
    struct rig *r = *state;
    for (unsigned i = 0; i < 3; i++)
        assert_non_null(publish(r, "work.a", i));
    UNTIL(r, r->stored == 3);
    assert_true(jetstream_pull(r->js, 1, "WORK", "one", 1));
    UNTIL(r, r->messages == 1);
    assert_true(jetstream_nak_after(r->js, r->last_ack, 300 * (uint64_t)NS_PER_MS));
    mono_t before = clock_mono();
    assert_true(jetstream_pull(r->js, 1, "WORK", "one", 1));
    UNTIL(r, r->messages == 2); /* the next one */
    assert_true(jetstream_ack_confirmed(r->js, r->last_ack, JETSTREAM_TERM, on_confirmed, r));
    UNTIL(r, r->confirmed == 1);
    assert_true(jetstream_pull(r->js, 1, "WORK", "one", 2));
    UNTIL(r, r->messages == 4);
    assert_int_equal(r->redelivered, 1);
    assert_true(mono_diff_ms(clock_mono(), before) >= 290);
}

static void test_cancel_and_trouble(void **state)
{
    struct rig *r = *state;
    struct jetstream_publish *p = publish(r, "nowhere", 1);
    struct jetstream_publish *q = publish(r, "nowhere", 2);
    UNTIL(r, jetstream_publish_trouble(r->js) != NULL);
    assert_non_null(strstr(jetstream_publish_trouble(r->js), "nowhere: no stream"));
    jetstream_publish_cancel(r->js, &p);
    assert_null(p);
    api(r, "STREAM.CREATE.LATE", "{\"name\":\"LATE\",\"subjects\":[\"nowhere\"]}");
    UNTIL(r, r->stored == 1);
    (void)q;
    assert_null(jetstream_publish_trouble(r->js));
    run_for(r, 300);
    assert_int_equal(r->stored, 1);
}

/* SIGKILL with thousands in flight: each is stored, and none twice. */
static void test_killed_in_flight(void **state)
{
    struct rig *r = *state;
    enum { COUNT = 30000 };
    unsigned sent = 0;
    for (int kills = 0; sent < COUNT;) {
        for (int i = 0; i < 500 && sent < COUNT; i++)
            assert_non_null(publish(r, "work.a", sent++));
        loop_turn(r->loop, 0);
        if (r->stored > 5000 * (uint64_t)(kills + 1) && kills < 2) {
            kills++;
            server_stop(&r->server, SIGKILL);
            UNTIL(r, !jetstream_is_connected(r->js));
            server_start_nats(&r->server);
        }
    }
    UNTIL(r, r->stored == COUNT);
    assert_true(r->connects >= 1);
    api(r, "STREAM.INFO.WORK", NULL);
    assert_int_equal(number_in(r->answer, "\"messages\":"), COUNT);
}

/* Acks that were in the buffers of a killed server are sent again. */
static void test_acks_survive_kill(void **state)
{
    struct rig *r = *state;
    enum { COUNT = 2000 };
    for (unsigned i = 0; i < COUNT; i++)
        assert_non_null(publish(r, "work.a", i));
    UNTIL(r, r->stored == COUNT);
    assert_true(jetstream_pull(r->js, 1, "WORK", "one", COUNT));
    UNTIL(r, r->messages == COUNT);
    run_for(r, 500); /* the server writes down late what it delivered */
    for (unsigned i = 0; i < COUNT; i++)
        assert_true(jetstream_ack(r->js, r->acks[i], JETSTREAM_ACK));
    loop_turn(r->loop, 0);
    server_stop(&r->server, SIGKILL);
    UNTIL(r, r->disconnects == 1);
    server_start_nats(&r->server);
    UNTIL(r, r->connects == 2);
    run_for(r, 1000);
    api(r, "CONSUMER.INFO.WORK.one", NULL);
    assert_int_equal(number_in(r->answer, "\"num_ack_pending\":"), 0);
    assert_int_equal(r->messages, COUNT);
}

static void test_frozen_server(void **state)
{
    struct rig *r = *state;
    unsigned sent = 0;
    start_latency(r);
    server_pause(&r->server, true);
    mono_t until = mono_add_ms(clock_mono(), 5000);
    while (!mono_reached(clock_mono(), until)) {
        for (int i = 0; i < 50 && sent < 60000; i++)
            assert_non_null(publish(r, "work.a", sent++));
        loop_turn(r->loop, 1);
    }
    server_pause(&r->server, false);
    UNTIL(r, r->stored == sent);
    timer_stop(&r->latency);
    print_message("worst latency of the loop: %d ms\n", (int)r->worst_ms);
    assert_true(r->worst_ms < 50);
    api(r, "STREAM.INFO.WORK", NULL);
    assert_int_equal(number_in(r->answer, "\"messages\":"), sent);
}

static void test_requests_end_with_the_connection(void **state)
{
    struct rig *r = *state;
    server_pause(&r->server, true);
    assert_true(jetstream_ack_confirmed(r->js, "$JS.ACK.WORK.one.1.1.1.1.0", JETSTREAM_ACK,
                                        on_confirmed, r));
    assert_true(jetstream_api(r->js, "STREAM.NAMES", NULL, on_answer, r));
    UNTIL(r, r->unconfirmed == 1); /* 2 s */
    server_stop(&r->server, SIGKILL);
    unsigned before = r->no_answers;
    UNTIL(r, r->no_answers > before || r->disconnects > 0);
    assert_int_equal(r->no_answers, before + 1);
}

static void test_destroy_lingers(void **state)
{
    struct rig *r = *state;
    for (unsigned i = 0; i < 1000; i++)
        assert_non_null(publish(r, "work.a", i));
    jetstream_destroy(&r->js, 2000);
    open_js(r);
    r->connects = 0;
    UNTIL(r, r->connects == 1);
    api(r, "STREAM.INFO.WORK", NULL);
    assert_int_equal(number_in(r->answer, "\"messages\":"), 1000);

    server_pause(&r->server, true);
    mono_t before = clock_mono();
    jetstream_destroy(&r->js, 100);
    assert_true(mono_diff_ms(clock_mono(), before) < 2500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bad_options, setup, teardown),
        cmocka_unit_test_setup_teardown(test_server_comes_late, setup, teardown),
        cmocka_unit_test_setup_teardown(test_publish_pull_ack, setup_running, teardown),
        cmocka_unit_test_setup_teardown(test_kinds_of_ack, setup_running, teardown),
        cmocka_unit_test_setup_teardown(test_cancel_and_trouble, setup_running, teardown),
        cmocka_unit_test_setup_teardown(test_killed_in_flight, setup_running, teardown),
        cmocka_unit_test_setup_teardown(test_acks_survive_kill, setup_running, teardown),
        cmocka_unit_test_setup_teardown(test_frozen_server, setup_running, teardown),
        cmocka_unit_test_setup_teardown(test_requests_end_with_the_connection, setup_running,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_destroy_lingers, setup_running, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
