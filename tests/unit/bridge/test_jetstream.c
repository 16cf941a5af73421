/* The JetStream adapter against a real nats-server that is killed, frozen and late. */
#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/bridge/jetstream_rig.h"

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
    rig_open(r);
    UNTIL(r, r->disconnects == 1);
    assert_non_null(strstr(r->reason, "127.0.0.1"));
    assert_false(jetstream_is_connected(r->js));
    assert_false(jetstream_pull(r->js, 1, "WORK", "one", 1));
    assert_non_null(rig_publish(r, "work.a", 1)); /* kept until there is a stream */
    server_start_nats(&r->server);
    UNTIL(r, r->connects == 1);
    rig_make_stream(r);
    UNTIL(r, r->stored == 1);
    assert_null(jetstream_publish_trouble(r->js, "work.a"));
    assert_int_equal(jetstream_unstored(r->js), 0);
}

static void test_publish_pull_ack(void **state)
{
    struct rig *r = *state;
    for (unsigned i = 0; i < 100; i++)
        assert_non_null(rig_publish(r, "work.a", i % 90)); /* ten of them twice */
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

    rig_api(r, "CONSUMER.INFO.WORK.one", NULL);
    assert_int_equal(rig_number_in(r->answer, "\"num_ack_pending\":"), 0);
    assert_int_equal(r->redelivered, 0);

    rig_api(r, "CONSUMER.DELETE.WORK.one", NULL);
    UNTIL(r, r->ended == 1);
    assert_int_equal(r->end, JETSTREAM_PULL_GONE);
    assert_int_equal(jetstream_queued(r->js), 0);
}

/* For timers, callbacks and garbage (a sanitizer may add its own); not the loop, the sender and
 * those of the connection. */
static void test_threads_interrupt_nobody(void **state)
{
    (void)state;
    unsigned batch = 0, plain = 0;
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    for (const struct dirent *d; (d = readdir(tasks));) {
        int policy = d->d_name[0] == '.' ? -1 : sched_getscheduler(atoi(d->d_name));
        batch += policy == SCHED_BATCH;
        plain += policy == SCHED_OTHER;
    }
    closedir(tasks);
    assert_true(batch >= 3);
    assert_true(plain >= 4);
    assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
}

static void test_kinds_of_ack(void **state)
{
    struct rig *r = *state;
    for (unsigned i = 0; i < 3; i++)
        assert_non_null(rig_publish(r, "work.a", i));
    UNTIL(r, r->stored == 3);
    assert_true(jetstream_pull(r->js, 1, "WORK", "one", 1));
    UNTIL(r, r->messages == 1);
    assert_true(jetstream_nak_after(r->js, r->last_ack, 300 * (uint64_t)NS_PER_MS));
    mono_t before = clock_mono();
    assert_true(jetstream_pull(r->js, 1, "WORK", "one", 1));
    UNTIL(r, r->messages == 2); /* the next one */
    assert_true(jetstream_ack_confirmed(r->js, r->last_ack, JETSTREAM_TERM, rig_on_confirmed, r));
    UNTIL(r, r->confirmed == 1);
    assert_true(jetstream_pull(r->js, 1, "WORK", "one", 2));
    UNTIL(r, r->messages == 4);
    assert_int_equal(r->redelivered, 1);
    assert_true(mono_diff_ms(clock_mono(), before) >= 290);
}

static void test_cancel_and_trouble(void **state)
{
    struct rig *r = *state;
    struct jetstream_publish *p = rig_publish(r, "nowhere", 1);
    struct jetstream_publish *q = rig_publish(r, "nowhere", 2);
    UNTIL(r, jetstream_publish_trouble(r->js, "nowhere") != NULL);
    assert_non_null(strstr(jetstream_publish_trouble(r->js, "nowhere"), "no stream"));
    assert_null(jetstream_publish_trouble(r->js, "work.a"));
    UNTIL(r, jetstream_publish_troubled_ms(r->js, q) > 100);
    jetstream_publish_cancel(r->js, &p);
    assert_null(p);
    rig_api(r, "STREAM.CREATE.LATE", "{\"name\":\"LATE\",\"subjects\":[\"nowhere\"]}");
    UNTIL(r, r->stored == 1);
    assert_null(jetstream_publish_trouble(r->js, "nowhere"));
    rig_run_for(r, 300);
    assert_int_equal(r->stored, 1);
}

static void on_never(void *arg, bool duplicate)
{
    (void)arg;
    (void)duplicate;
    fail();
}

/* What the library itself does not take is in trouble as well, and costs the others nothing. */
static void test_too_large(void **state)
{
    enum { TOO_LARGE = 1024 * 1024 }; /* with its headers, for a server with the usual limit */
    struct rig *r = *state;
    char *data = xcalloc(1, TOO_LARGE);
    struct jetstream_publish *p =
        jetstream_publish(r->js, "work.b", "large", NULL, 0, data, TOO_LARGE, on_never, NULL);
    UNTIL(r, jetstream_publish_troubled_ms(r->js, p) > 300);
    assert_non_null(strstr(jetstream_publish_trouble(r->js, "work.b"), "ayload"));
    assert_non_null(rig_publish(r, "work.a", 1));
    UNTIL(r, r->stored == 1);
    assert_int_equal(r->connects, 1);
    jetstream_publish_cancel(r->js, &p);
    free(data);
}

/* SIGKILL with thousands in flight: each is stored, and none twice. */
static void test_killed_in_flight(void **state)
{
    struct rig *r = *state;
    enum { COUNT = 30000 };
    unsigned sent = 0;
    for (int kills = 0; sent < COUNT;) {
        for (int i = 0; i < 500 && sent < COUNT; i++)
            assert_non_null(rig_publish(r, "work.a", sent++));
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
    rig_api(r, "STREAM.INFO.WORK", NULL);
    assert_int_equal(rig_number_in(r->answer, "\"messages\":"), COUNT);
}

/* Acks that were in the buffers of a killed server are sent again. */
static void test_acks_survive_kill(void **state)
{
    struct rig *r = *state;
    enum { COUNT = 2000 };
    for (unsigned i = 0; i < COUNT; i++)
        assert_non_null(rig_publish(r, "work.a", i));
    UNTIL(r, r->stored == COUNT);
    assert_true(jetstream_pull(r->js, 1, "WORK", "one", COUNT));
    UNTIL(r, r->messages == COUNT);
    rig_run_for(r, 500); /* the server writes down late what it delivered */
    for (unsigned i = 0; i < COUNT; i++)
        assert_true(jetstream_ack(r->js, r->acks[i], JETSTREAM_ACK));
    loop_turn(r->loop, 0);
    server_stop(&r->server, SIGKILL);
    UNTIL(r, r->disconnects == 1);
    server_start_nats(&r->server);
    UNTIL(r, r->connects == 2);
    rig_run_for(r, 1000);
    rig_api(r, "CONSUMER.INFO.WORK.one", NULL);
    assert_int_equal(rig_number_in(r->answer, "\"num_ack_pending\":"), 0);
    assert_int_equal(r->messages, COUNT);
}

static void test_frozen_server(void **state)
{
    struct rig *r = *state;
    unsigned sent = 0;
    rig_start_latency(r);
    server_pause(&r->server, true);
    mono_t until = mono_add_ms(clock_mono(), 5000);
    while (!mono_reached(clock_mono(), until)) {
        for (int i = 0; i < 50 && sent < 60000; i++)
            assert_non_null(rig_publish(r, "work.a", sent++));
        loop_turn(r->loop, 1);
    }
    server_pause(&r->server, false);
    UNTIL(r, r->stored == sent);
    timer_stop(&r->latency);
    print_message("worst latency of the loop: %d ms\n", (int)r->worst_ms);
    assert_true(r->worst_ms < 50);
    rig_api(r, "STREAM.INFO.WORK", NULL);
    assert_int_equal(rig_number_in(r->answer, "\"messages\":"), sent);
}

static void test_requests_end_with_the_connection(void **state)
{
    struct rig *r = *state;
    server_pause(&r->server, true);
    assert_true(jetstream_ack_confirmed(r->js, "$JS.ACK.WORK.one.1.1.1.1.0", JETSTREAM_ACK,
                                        rig_on_confirmed, r));
    assert_true(jetstream_api(r->js, "STREAM.NAMES", NULL, rig_on_answer, r));
    UNTIL(r, r->unconfirmed == 1); /* 2 s */
    server_stop(&r->server, SIGKILL);
    unsigned before = r->no_answers;
    UNTIL(r, r->no_answers > before || r->disconnects > 0);
    assert_int_equal(r->no_answers, before + 1);
}

struct set {
    enum jetstream_set_end end;
    uint64_t revision;
    unsigned count;
};

static void on_set(void *arg, enum jetstream_set_end end, uint64_t revision, const char *reason)
{
    struct set *set = arg;
    assert_int_equal(reason != NULL, end != JETSTREAM_SET_DONE);
    *set = (struct set){.end = end, .revision = revision, .count = set->count + 1};
}

static void test_compare_and_set(void **state)
{
    struct rig *r = *state;
    struct set set = {.count = 0};
    rig_api(r, "STREAM.CREATE.KV_b", "{\"name\":\"KV_b\",\"subjects\":[\"$KV.b.>\"]}");
    assert_true(jetstream_set(r->js, "$KV.b.k", 0, "one", 3, on_set, &set));
    UNTIL(r, set.count == 1);
    assert_int_equal(set.end, JETSTREAM_SET_DONE);
    uint64_t first = set.revision;
    assert_true(jetstream_set(r->js, "$KV.b.k", 0, "two", 3, on_set, &set));
    UNTIL(r, set.count == 2);
    assert_int_equal(set.end, JETSTREAM_SET_CONFLICT);
    assert_true(jetstream_set(r->js, "$KV.b.k", first, "two", 3, on_set, &set));
    UNTIL(r, set.count == 3);
    assert_int_equal(set.end, JETSTREAM_SET_DONE);
    assert_true(set.revision > first);
    assert_true(jetstream_set(r->js, "$KV.nobody.k", 0, "x", 1, on_set, &set));
    UNTIL(r, set.count == 4);
    assert_int_equal(set.end, JETSTREAM_SET_REFUSED);
}

static void test_destroy_lingers(void **state)
{
    struct rig *r = *state;
    for (unsigned i = 0; i < 1000; i++)
        assert_non_null(rig_publish(r, "work.a", i));
    jetstream_destroy(&r->js, 2000, JETSTREAM_JOIN_MS);
    rig_open(r);
    r->connects = 0;
    UNTIL(r, r->connects == 1);
    uint64_t stored = 0; /* later servers answer while they still store what came before */
    for (int i = 0; i < 100 && stored < 1000; i++) {
        rig_run_for(r, 50);
        rig_api(r, "STREAM.INFO.WORK", NULL);
        stored = rig_number_in(r->answer, "\"messages\":");
    }
    assert_int_equal(stored, 1000);

    server_pause(&r->server, true);
    mono_t before = clock_mono();
    jetstream_destroy(&r->js, 100, JETSTREAM_JOIN_MS);
    assert_true(mono_diff_ms(clock_mono(), before) < 4500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bad_options, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_server_comes_late, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_publish_pull_ack, rig_setup_running, rig_teardown),
        cmocka_unit_test_setup_teardown(test_threads_interrupt_nobody, rig_setup_running,
                                        rig_teardown),
        cmocka_unit_test_setup_teardown(test_kinds_of_ack, rig_setup_running, rig_teardown),
        cmocka_unit_test_setup_teardown(test_cancel_and_trouble, rig_setup_running, rig_teardown),
        cmocka_unit_test_setup_teardown(test_too_large, rig_setup_running, rig_teardown),
        cmocka_unit_test_setup_teardown(test_killed_in_flight, rig_setup_running, rig_teardown),
        cmocka_unit_test_setup_teardown(test_acks_survive_kill, rig_setup_running, rig_teardown),
        cmocka_unit_test_setup_teardown(test_frozen_server, rig_setup_running, rig_teardown),
        cmocka_unit_test_setup_teardown(test_requests_end_with_the_connection, rig_setup_running,
                                        rig_teardown),
        cmocka_unit_test_setup_teardown(test_compare_and_set, rig_setup_running, rig_teardown),
        cmocka_unit_test_setup_teardown(test_destroy_lingers, rig_setup_running, rig_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
