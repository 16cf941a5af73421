/* The credentials answer: every bound, and that no password stays behind. */
#include "tests/unit/proto/proto_test.h"

#include "proto/credentials_answer.h"

#define OPERATOR "550e8400-e29b-41d4-a716-446655440001"
#define BACKUP "550e8400-e29b-41d4-a716-446655440002"
#define GOOD                                                                                       \
    "\"operatorId\":\"" OPERATOR "\",\"host\":\"smsc.example\",\"port\":2775,"                     \
    "\"systemId\":\"esme\",\"password\":\"pa\\\"ss\",\"tpsLimit\":100,\"bindMode\":"               \
    "\"TRANSCEIVER\""

static struct uuid operator_id;
static struct credentials_answer answer;
static char error[160];

static int parse(const char *json)
{
    return credentials_answer_parse(json, strlen(json), &operator_id, &answer, error,
                                    sizeof(error));
}

static int setup(void **state)
{
    (void)state;
    return uuid_parse(OPERATOR, strlen(OPERATOR), &operator_id) ? 0 : -1;
}

static void test_good(void **state)
{
    (void)state;
    assert_int_equal(parse("{" GOOD ",\"backupOperatorId\":\"" BACKUP "\",\"more\":1}"), 0);
    assert_string_equal(answer.host, "smsc.example");
    assert_int_equal(answer.port, 2775);
    assert_string_equal(answer.system_id, "esme");
    assert_int_equal(answer.password.len, 5);
    assert_memory_equal(answer.password.data, "pa\"ss", 5);
    assert_int_equal(answer.tps_limit, 100);
    assert_int_equal(answer.bind_mode, BIND_TRANSCEIVER);
    assert_true(answer.has_backup);
    credentials_answer_wipe(&answer);
    assert_null(answer.json);
    assert_null(answer.password.data);
    assert_int_equal(parse("{" GOOD ",\"backupOperatorId\":null}"), 0);
    assert_false(answer.has_backup);
    credentials_answer_wipe(&answer);
    credentials_answer_wipe(&answer); /* an empty one is fine */
}

static void test_bad(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *why;
    } rows[] = {
        {"", "not JSON"},
        {"<html>", "unexpected byte at byte 0"},
        {"[]", "not an object"},
        {"{}", "operatorId is not a UUID"},
        {"{\"operatorId\":\"" BACKUP "\"}", "operatorId is another operator's"},
        {"{\"operatorId\":\"" OPERATOR "\",\"host\":\"\"}", "host"},
        {"{\"operatorId\":\"" OPERATOR "\",\"host\":\"a b\"}", "host"},
        {"{\"operatorId\":\"" OPERATOR "\",\"host\":\"a\",\"port\":0}", "port"},
        {"{\"operatorId\":\"" OPERATOR "\",\"host\":\"a\",\"port\":65536}", "port"},
        {"{\"operatorId\":\"" OPERATOR "\",\"host\":\"a\",\"port\":1}", "systemId"},
        {"{\"operatorId\":\"" OPERATOR "\",\"host\":\"a\",\"port\":1,\"systemId\":\"s\"}",
         "password"},
        {"{\"operatorId\":\"" OPERATOR
         "\",\"host\":\"a\",\"port\":1,\"systemId\":\"s\",\"password\":\"secret\"}",
         "tpsLimit"},
        {"{\"operatorId\":\"" OPERATOR "\",\"host\":\"a\",\"port\":1,\"systemId\":\"s\","
         "\"password\":\"secret\",\"tpsLimit\":100001}",
         "tpsLimit"},
        {"{\"operatorId\":\"" OPERATOR "\",\"host\":\"a\",\"port\":1,\"systemId\":\"s\","
         "\"password\":\"secret\",\"tpsLimit\":1,\"bindMode\":\"transceiver\"}",
         "bindMode"},
        {"{" GOOD ",\"backupOperatorId\":\"x\"}", "backupOperatorId"},
        {"{" GOOD ",\"backupOperatorId\":\"" OPERATOR "\"}", "backupOperatorId"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(parse(rows[i].json), -1);
        check(strstr(error, rows[i].why), "row %zu: %s", i, error);
        assert_null(strstr(error, "secret"));
        assert_null(answer.json);
    }
}

static void test_too_large(void **state)
{
    (void)state;
    static char json[CREDENTIALS_ANSWER_LIMIT + 2];
    memset(json, ' ', sizeof(json) - 1);
    assert_int_equal(parse(json), -1);
    assert_string_equal(error, "the document is too large");
}

static void test_modes(void **state)
{
    (void)state;
    for (int i = BIND_TRANSCEIVER; i <= BIND_RECEIVER; i++) {
        const char *name = bind_mode_name((enum bind_mode)i);
        enum bind_mode mode;
        assert_true(bind_mode_parse(name, strlen(name), &mode));
        assert_int_equal(mode, i);
    }
}

int main(void)
{
    json_wipe_always();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_modes),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
