/* Answers of the server as they are, and each decision about a durable. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "bridge/mt_consumer_rules.h"

#define SUBJECT "smpp.operator.x"

static void test_subjects(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        bool matches;
    } rows[] = {
        {"smpp.operator.*", true},
        {"smpp.operator.x", true},
        {"smpp.>", true},
        {">", true},
        {"*.*.*", true},
        {"smpp.*.x", true},
        {"smpp.operator", false},
        {"smpp.operator.y", false},
        {"smpp.*", false},
        {"smpp.operator.x.y", false},
        {"smpp.operator.x.>", false},
        {"*", false},
        {"", false},
        {"smpp.operator.xx", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (mt_subject_matches(rows[i].pattern, strlen(rows[i].pattern), SUBJECT) !=
            rows[i].matches)
            fail_msg("%s", rows[i].pattern);
    }
}

static const char stream_json[] =
    "{\"type\":\"io.nats.jetstream.api.v1.stream_info_response\",\"config\":{\"name\":\"S\","
    "\"subjects\":[\"other\",\"smpp.operator.*\"],\"retention\":\"workqueue\"},"
    "\"state\":{\"messages\":3,\"bytes\":9,\"first_seq\":10,\"last_seq\":12}}";
static const char consumer_json[] =
    "{\"type\":\"io.nats.jetstream.api.v1.consumer_info_response\",\"stream_name\":\"S\","
    "\"config\":{\"durable_name\":\"c\",\"deliver_policy\":\"all\",\"ack_policy\":\"explicit\","
    "\"ack_wait\":10000000000,\"max_deliver\":-1,\"filter_subject\":\"smpp.operator.x\","
    "\"max_ack_pending\":456},\"ack_floor\":{\"consumer_seq\":4,\"stream_seq\":7},"
    "\"num_waiting\":2,\"num_pending\":5}";

static void test_answers(void **state)
{
    (void)state;
    struct mt_stream_info s;
    struct mt_consumer_info c;
    char error[200] = "";
    assert_int_equal(
        mt_stream_info_parse(stream_json, strlen(stream_json), SUBJECT, &s, error, sizeof(error)),
        0);
    assert_true(s.exists && s.work_queue && s.takes_subject);
    assert_int_equal(s.messages, 3);
    assert_int_equal(s.first_sequence, 10);
    assert_int_equal(mt_consumer_info_parse(consumer_json, strlen(consumer_json), SUBJECT, &c,
                                            error, sizeof(error)),
                     0);
    assert_true(c.exists && c.explicit_ack && !c.is_push && c.filter_matches);
    assert_int_equal(c.max_deliver, -1);
    assert_int_equal(c.ack_wait_ms, 10000);
    assert_int_equal(c.max_ack_pending, 456);
    assert_int_equal(c.ack_floor, 7);
    assert_int_equal(c.pending, 5);
    assert_int_equal(c.waiting, 2);
}

static void test_errors(void **state)
{
    (void)state;
    static const char gone[] = "{\"error\":{\"code\":404,\"err_code\":10014,\"description\":"
                               "\"consumer not found\"}}";
    static const char no_stream[] = "{\"error\":{\"code\":404,\"err_code\":10059,\"description\":"
                                    "\"stream not found\"}}";
    struct mt_stream_info s;
    struct mt_consumer_info c;
    char error[200] = "";
    assert_int_equal(mt_consumer_info_parse(gone, strlen(gone), SUBJECT, &c, error, sizeof(error)),
                     0);
    assert_false(c.exists);
    assert_int_equal(
        mt_stream_info_parse(no_stream, strlen(no_stream), SUBJECT, &s, error, sizeof(error)), 0);
    assert_false(s.exists);
    assert_int_equal(
        mt_consumer_info_parse(no_stream, strlen(no_stream), SUBJECT, &c, error, sizeof(error)),
        -1);
    assert_non_null(strstr(error, "stream not found"));
    assert_int_equal(mt_consumer_info_parse("{", 1, SUBJECT, &c, error, sizeof(error)), -1);
}

static struct mt_consumer_case good(void)
{
    return (struct mt_consumer_case){
        .stream_name = "S",
        .consumer_name = "c",
        .subject = SUBJECT,
        .stream = {.exists = true, .takes_subject = true, .messages = 3},
        .consumer = {.exists = true,
                     .explicit_ack = true,
                     .filter_matches = true,
                     .max_deliver = -1,
                     .ack_wait_ms = 10000,
                     .max_ack_pending = 1000},
    };
}

static enum mt_consumer_verdict decide(const struct mt_consumer_case *c, char text[400])
{
    return mt_consumer_decide(c, 456, text, 400);
}

static void test_existing(void **state)
{
    (void)state;
    char text[400];
    struct mt_consumer_case c = good();
    assert_int_equal(decide(&c, text), MT_CONSUMER_USE);
    assert_string_equal(text, "");
#define WRONG(member, value, says)                                                                 \
    do {                                                                                           \
        struct mt_consumer_case w = good();                                                        \
        w.member = (value);                                                                        \
        assert_int_equal(decide(&w, text), MT_CONSUMER_REFUSE);                                    \
        assert_non_null(strstr(text, says));                                                       \
    } while (0)
    WRONG(consumer.is_push, true, "push");
    WRONG(consumer.explicit_ack, false, "ack_policy");
    WRONG(consumer.filter_matches, false, SUBJECT);
    WRONG(consumer.max_deliver, 5, "max_deliver is 5");
    WRONG(consumer.ack_wait_ms, 1000, "ack_wait is 1000");
    WRONG(stream.exists, false, "stream S is missing");
    WRONG(stream.takes_subject, false, "does not take " SUBJECT);

    c.consumer.max_ack_pending = 100;
    assert_int_equal(decide(&c, text), MT_CONSUMER_USE);
    assert_non_null(strstr(text, "max_ack_pending is 100, 456"));
    c.consumer.max_ack_pending = -1;
    c.consumer.ack_wait_ms = 30000;
    assert_int_equal(decide(&c, text), MT_CONSUMER_USE);
    assert_non_null(strstr(text, "30000"));
}

/* Never silently the whole history again. */
static void test_missing(void **state)
{
    (void)state;
    char text[400];
    struct mt_consumer_case c = good();
    c.consumer = (struct mt_consumer_info){0};
    assert_int_equal(decide(&c, text), MT_CONSUMER_REFUSE);
    assert_non_null(strstr(text, "CONSUMER_START"));
    c.start = CONSUMER_START_ALL;
    assert_int_equal(decide(&c, text), MT_CONSUMER_CREATE_ALL);
    c.start = CONSUMER_START_NEW;
    assert_int_equal(decide(&c, text), MT_CONSUMER_CREATE_NEW);
    c.floor_known = true;
    c.floor = 41;
    c.stream.last_sequence = 41;
    assert_int_equal(decide(&c, text), MT_CONSUMER_CREATE_FROM);
    c.stream.last_sequence = 40; /* made anew since */
    assert_int_equal(decide(&c, text), MT_CONSUMER_CREATE_NEW);
    c.start = CONSUMER_START_REFUSE;
    assert_int_equal(decide(&c, text), MT_CONSUMER_REFUSE);
    assert_non_null(strstr(text, "an older stream of that name"));
    c.stream.messages = 0;
    assert_int_equal(decide(&c, text), MT_CONSUMER_CREATE_ALL);
    c.stream.messages = 3;
    c.stream.work_queue = true;
    assert_int_equal(decide(&c, text), MT_CONSUMER_CREATE_ALL);
}

static void test_creation(void **state)
{
    (void)state;
    struct mt_consumer_case c = good();
    char json[1024];
    c.floor = 41;
    size_t len = mt_consumer_create_json(&c, MT_CONSUMER_CREATE_FROM, 456, json, sizeof(json));
    assert_int_equal(len, strlen(json));
    assert_non_null(strstr(json, "\"opt_start_seq\":42"));
    assert_non_null(strstr(json, "\"max_ack_pending\":456"));
    assert_non_null(strstr(json, "\"ack_wait\":10000000000"));
    assert_non_null(strstr(json, "\"max_deliver\":-1"));
    assert_true(mt_consumer_create_json(&c, MT_CONSUMER_CREATE_ALL, 456, json, sizeof(json)) > 0);
    assert_non_null(strstr(json, "\"deliver_policy\":\"all\""));
    assert_int_equal(mt_consumer_create_json(&c, MT_CONSUMER_CREATE_ALL, 456, json, 100), 0);

    struct operator_settings s = {.binds = 2, .window_size = 100};
    assert_int_equal(mt_consumer_wanted_ack_pending(&s), 656);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_subjects), cmocka_unit_test(test_answers),
        cmocka_unit_test(test_errors),   cmocka_unit_test(test_existing),
        cmocka_unit_test(test_missing),  cmocka_unit_test(test_creation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
