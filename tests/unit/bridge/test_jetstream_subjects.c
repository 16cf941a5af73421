/* Ack subjects, replies, statuses, publish answers and server lists: tables of good and bad. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "bridge/jetstream_servers.h"
#include "bridge/jetstream_subjects.h"

static void test_ack_subjects(void **state)
{
    (void)state;
    static const struct {
        const char *subject, *key;
        uint64_t delivered, sequence, time_ns, pending;
    } good[] = {
        {"$JS.ACK.S.c.1.2.3.1700000000000000000.4", "S.c", 1, 2, UINT64_C(1700000000000000000), 4},
        {"$JS.ACK.hub.hash.S.c-1.5.6.7.8.9", "S.c-1", 5, 6, 8, 9},
        {"$JS.ACK._.hash.S.c.5.6.7.8.9.random", "S.c", 5, 6, 8, 9},
    };
    struct jetstream_ack_fields f;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(jetstream_subjects_ack(good[i].subject, &f));
        assert_int_equal(f.consumer_key_len, strlen(good[i].key));
        assert_memory_equal(f.consumer_key, good[i].key, f.consumer_key_len);
        assert_int_equal(f.delivered, good[i].delivered);
        assert_int_equal(f.stream_sequence, good[i].sequence);
        assert_int_equal(f.time_ns, good[i].time_ns);
        assert_int_equal(f.pending, good[i].pending);
    }
    static const char *const bad[] = {
        "",
        "$JS.ACK",
        "$JS.ACK.S.c.1.2.3.4",
        "$JS.ACK.S.c.1.2.3.4.5.6",
        "$JS.ACK.S.c.1.2.3.4.x",
        "$JS.ACK.S.c.1.2.3..5",
        "$JS.ACK.S.c.1.2.-3.4.5",
        "$JS.ACK.S.c.1.2.3.4.5.6.7.8.9",
        "$JS.ACK.S.c.99999999999999999999.2.3.4.5",
        "$XX.ACK.S.c.1.2.3.4.5",
        "................",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(jetstream_subjects_ack(bad[i], &f));
}

static void test_replies(void **state)
{
    (void)state;
    char subject[64];
    struct jetstream_reply r;
    const uint32_t numbers[] = {7, 0, UINT32_MAX};
    jetstream_subjects_make_reply("_INBOX.x", 'm', numbers, 3, subject, sizeof(subject));
    assert_string_equal(subject, "_INBOX.x.m.7.0.4294967295");
    assert_true(jetstream_subjects_reply(subject + 9, &r));
    assert_int_equal(r.kind, 'm');
    assert_memory_equal(r.numbers, numbers, sizeof(numbers));
    assert_true(jetstream_subjects_reply("p.1.2", &r));
    assert_int_equal(r.numbers[2], 0);
    static const char *const bad[] = {"",     "p",         "p.",           "p.x",    "p.1.",
                                      "pp.1", "p.1.2.3.4", "p.4294967296", "p.-1.2", "p..1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(jetstream_subjects_reply(bad[i], &r));
}

static void test_statuses(void **state)
{
    (void)state;
    static const struct {
        int code;
        const char *description;
        enum jetstream_pull_end end;
    } cases[] = {
        {404, "No Messages", JETSTREAM_PULL_DONE},
        {408, "Request Timeout", JETSTREAM_PULL_DONE},
        {409, "Batch Completed", JETSTREAM_PULL_DONE},
        {409, "Message Size Exceeds MaxBytes", JETSTREAM_PULL_DONE},
        {409, "Exceeded MaxWaiting", JETSTREAM_PULL_BUSY},
        {409, "Exceeded MaxRequestBatch of 100", JETSTREAM_PULL_BUSY},
        {409, "Consumer Deleted", JETSTREAM_PULL_GONE},
        {409, "consumer is push based", JETSTREAM_PULL_GONE},
        {409, "Server Shutdown", JETSTREAM_PULL_LOST},
        {409, "Leadership Change", JETSTREAM_PULL_LOST},
        {409, "", JETSTREAM_PULL_BUSY},
        {503, "", JETSTREAM_PULL_GONE},
        {400, "Bad Request", JETSTREAM_PULL_BUSY},
        {999, "what is this", JETSTREAM_PULL_BUSY},
        {0, "", JETSTREAM_PULL_BUSY},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum jetstream_pull_end end;
        assert_int_equal(jetstream_subjects_status(cases[i].code, cases[i].description, &end),
                         JETSTREAM_STATUS_ENDED);
        assert_int_equal(end, cases[i].end);
    }
    enum jetstream_pull_end end;
    assert_int_equal(jetstream_subjects_status(100, "Idle Heartbeat", &end),
                     JETSTREAM_STATUS_HEARTBEAT);
}

static bool puback(const char *json, struct jetstream_puback *r)
{
    return jetstream_subjects_puback(json, strlen(json), r);
}

static void test_pubacks(void **state)
{
    (void)state;
    struct jetstream_puback r;
    assert_true(puback("{\"stream\":\"DLR\", \"seq\":42}", &r));
    assert_true(r.stored && !r.duplicate);
    assert_true(
        puback("{\"stream\":\"DLR\",\"domain\":\"hub\",\"seq\":1,\"duplicate\": true}\n", &r));
    assert_true(r.stored && r.duplicate);
    assert_true(puback(" { \"more\":[1,{\"a\":\"\\\"}\"},null,-1.5e3], \"seq\":9 } ", &r));
    assert_true(r.stored);
    assert_true(puback("{\"error\":{\"code\":503,\"err_code\":10077,\"description\":\"maximum "
                       "messages exceeded\"},\"stream\":\"DLR\",\"seq\":0}",
                       &r));
    assert_false(r.stored);
    assert_string_equal(r.error, "maximum messages exceeded (error 10077)");
    assert_true(puback("{\"error\":{}}", &r));
    assert_false(r.stored);
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "{\"seq\":0}",
        "{\"seq\":\"1\"}",
        "{\"seq\":1",
        "{\"seq\":1}x",
        "{\"seq\":-1}",
        "{\"seq\":1.5}",
        "{\"stream\":\"S\"}",
        "{seq:1}",
        "{\"seq\" 1}",
        "+OK",
        "{\"a\":\"\x01\",\"seq\":1}",
        "{\"error\":\"x\"}",
        "{\"seq\":1,}",
        "{\"a\":[[[[[[[[[[[[1]]]]]]]]]]]],\"seq\":1}",
        "{\"a\":\"\\",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (puback(bad[i], &r))
            fail_msg("taken: %s", bad[i]);
    }
    /* every beginning of a good one is none */
    static const char whole[] = "{\"stream\":\"DLR\",\"seq\":42,\"duplicate\":true}";
    for (size_t len = 0; len < sizeof(whole) - 1; len++)
        assert_false(jetstream_subjects_puback(whole, len, &r));
}

static void test_servers(void **state)
{
    (void)state;
    struct jetstream_servers s;
    char error[100], host[JETSTREAM_SERVERS_HOST_SIZE];
    assert_int_equal(
        jetstream_servers_parse(&s, "nats://a:1, tls://u:p@[::1]:2,c", error, sizeof(error)), 0);
    assert_int_equal(s.count, 3);
    static const char *const hosts[] = {"a", "::1", "c"};
    for (size_t i = 0; i < s.count; i++) {
        jetstream_servers_host(s.urls[i], host, sizeof(host));
        assert_string_equal(host, hosts[i]);
    }
    jetstream_servers_free(&s);
    static const char *const bad[] = {"",
                                      " ,",
                                      "ws://a",
                                      "nats://",
                                      "nats://:4222",
                                      "tls://u@",
                                      "a,http://b",
                                      "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(jetstream_servers_parse(&s, bad[i], error, sizeof(error)), -1);
}

static void test_what_people_are_told_of_a_server(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"nats://a:1", "(conn.c:2088): No server available", "NATS at a:1: No server available"},
        {"tls://u:p@[::1]:2/x", "Timeout", "NATS at [::1]:2: Timeout"},
        {"c", "(with the user's words)", "NATS at c: (with the user's words)"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char reason[100];
        jetstream_servers_explain(rows[i][0], rows[i][1], reason, sizeof(reason));
        assert_string_equal(reason, rows[i][2]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ack_subjects),
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_pubacks),
        cmocka_unit_test(test_servers),
        cmocka_unit_test(test_what_people_are_told_of_a_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
