/* The bridge's settings: required ones, bounds, what no single row can say, operators of a file. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "bridge/bridge_settings.h"

#define ID "5a5a0000-0000-4000-8000-000000000001"

static const char *const good[][2] = {
    {"OPERATOR_IDS", ID "=Operator A"}, {"OPERATOR_MGMT_URL", "https://mgmt.test"},
    {"OPERATOR_MGMT_CA_FILE", "/ca"},   {"OPERATOR_MGMT_CERT_FILE", "/cert"},
    {"OPERATOR_MGMT_KEY_FILE", "/key"}, {"INTERNAL_SERVICE_TOKEN_FILE", "/token"},
};

static int setup(void **state)
{
    (void)state;
    clearenv();
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        setenv(good[i][0], good[i][1], 1);
    return 0;
}

static void test_defaults(void **state)
{
    (void)state;
    struct bridge_settings s;
    char error[300] = "";
    if (bridge_settings_load(&s, error, sizeof(error)) != 0)
        fail_msg("%s", error);
    assert_string_equal(s.ipc_url, "ipc:///run/smpp-connector/agent.ipc");
    assert_string_equal(s.nats_url, "nats://127.0.0.1:4222");
    assert_string_equal(s.dispatch_stream, "SMS_DISPATCH");
    assert_string_equal(s.mgmt_listen, "0.0.0.0:3001");
    assert_int_equal(s.consumer_start, CONSUMER_START_REFUSE);
    assert_int_equal(s.deadletter, DEADLETTER_AUTO);
    assert_int_equal(s.max_command_age_s, 86400);
    assert_int_equal(s.window_size, 100);
    assert_int_equal(s.correlation_ttl_s, 259200);
    assert_int_equal(s.lease_ttl_ms, 120000);
    assert_null(s.mo_subject);
    assert_true(strlen(s.instance_id) > 0);
    struct operator_settings_list list;
    assert_int_equal(bridge_settings_operators(&s, &list, error, sizeof(error)), 0);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.items[0].enquire_link_interval_ms, 30000);
    assert_int_equal(list.items[0].deliver_hold_ms, 8000);
    operator_settings_list_free(&list);
    bridge_settings_free(&s);
}

static void test_wrong(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"OPERATOR_IDS", NULL, "OPERATORS_FILE or OPERATOR_IDS"},
        {"OPERATOR_MGMT_URL", NULL, "OPERATOR_MGMT_URL"},
        {"OPERATOR_MGMT_URL", "http://mgmt.test", "https://"},
        {"OPERATOR_MGMT_URL", "https://", "https://host"},
        {"OPERATOR_MGMT_URL", "https://mgmt.test:65536", "https://host"},
        {"OPERATOR_MGMT_URL", "https://mgmt.test:", "https://host"},
        {"OPERATOR_MGMT_URL", "https://[::1]x", "https://host"},
        {"OPERATOR_MGMT_URL", "https://[]:1", "https://host"},
        {"OPERATOR_MGMT_URL", "https://mgmt test", "https://host"},
        {"OPERATOR_MGMT_URL", "https://mgmt.test/?a=b", "https://host"},
        {"OPERATOR_MGMT_KEY_FILE", "", "OPERATOR_MGMT_KEY_FILE"},
        {"INTERNAL_SERVICE_TOKEN_FILE", NULL, "INTERNAL_SERVICE_TOKEN"},
        {"WINDOW_SIZE", "0", "WINDOW_SIZE"},
        {"WINDOW_SIZE", "many", "WINDOW_SIZE"},
        {"LOG_LEVEL", "loud", "LOG_LEVEL"},
        {"CONSUMER_START", "some", "CONSUMER_START"},
        {"RECONNECT_MIN_MS", "60001", "RECONNECT_MAX_MS"},
        {"ENQUIRE_LINK_TIMEOUT_MS", "30001", "ENQUIRE_LINK_INTERVAL_MS"},
        {"LEASE_DEADLINE_MS", "119000", "1500 ms"},
        {"LEASE_DEADLINE_MS", "120000", "LEASE_TTL_MS"},
        {"NATS_CERT_FILE", "/c", "NATS_KEY_FILE"},
        {"IPC_URL", "tcp://x", "IPC_URL"},
        {"SETTINGS_FILE", "/does/not/exist", "exist"},
        {"NATS_URL", "http://nats:4222", "NATS_URL"},
        {"NATS_URL", ",", "NATS_URL"},
        {"REDIS_URL", "http://redis", "REDIS_URL"},
        {"REDIS_URL", "redis://redis:0/0", "REDIS_URL"},
        {"REDIS_URL", "rediss://redis:6379/0", "this build"}, /* the test is built without TLS */
        {"MGMT_LISTEN", "3001", "MGMT_LISTEN"},
        {"MGMT_LISTEN", "0.0.0.0:65536", "MGMT_LISTEN"},
        {"MGMT_LISTEN", "unix:mgmt.sock", "MGMT_LISTEN"},
        {"CTL_SOCKET", "ctl.sock", "CTL_SOCKET"},
        {"NATS_JS_DOMAIN", "a.b", "NATS_JS_DOMAIN"},
        {"NATS_JS_DOMAIN", "a b", "NATS_JS_DOMAIN"},
        {"MO_SUBJECT", "sms mo", "MO_SUBJECT"},
        {"MO_SUBJECT", "sms.mo.\r\nPUB x 0", "MO_SUBJECT"},
        {"MO_SUBJECT", "sms.>", "MO_SUBJECT"},
        {"MO_SUBJECT", "sms..mo", "MO_SUBJECT"},
        {"DISPATCH_STREAM", "SMS.DISPATCH", "DISPATCH_STREAM"},
        {"DISPATCH_STREAM", "SMS DISPATCH", "DISPATCH_STREAM"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bridge_settings s;
        char error[300] = "";
        setup(NULL);
        if (rows[i][1])
            setenv(rows[i][0], rows[i][1], 1);
        else
            unsetenv(rows[i][0]);
        assert_int_equal(bridge_settings_load(&s, error, sizeof(error)), -1);
        if (!strstr(error, rows[i][2]))
            fail_msg("%s=%s: \"%s\"", rows[i][0], rows[i][1] ? rows[i][1] : "", error);
    }
}

static void test_addresses_of_the_credentials_service(void **state)
{
    (void)state;
    static const char *const good_urls[] = {"https://mgmt.test:8443/", "https://[::1]:8443/a/b",
                                            "https://[::1]", "https://10.0.0.1/a"};
    for (size_t i = 0; i < ARRAY_LEN(good_urls); i++) {
        struct bridge_settings s;
        char error[300] = "";
        setenv("OPERATOR_MGMT_URL", good_urls[i], 1);
        if (bridge_settings_load(&s, error, sizeof(error)) != 0)
            fail_msg("%s", error);
        bridge_settings_free(&s);
    }
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void test_files(void **state)
{
    (void)state;
    char operators[] = "/tmp/bridge-settings-XXXXXX", settings[] = "/tmp/bridge-settings-XXXXXX";
    close(mkstemp(operators));
    close(mkstemp(settings));
    write_file(settings, "# a comment\nWINDOW_SIZE=7\nBINDS = 3\n");
    write_file(operators, "{\"operators\":[{\"operatorId\":\"" ID "\",\"binds\":2}]}");
    setenv("SETTINGS_FILE", settings, 1);
    setenv("OPERATORS_FILE", operators, 1);
    struct bridge_settings s;
    struct operator_settings_list list;
    char error[300] = "";
    assert_int_equal(bridge_settings_load(&s, error, sizeof(error)), 0);
    assert_int_equal(bridge_settings_operators(&s, &list, error, sizeof(error)), 0);
    assert_int_equal(list.items[0].window_size, 7);
    assert_int_equal(list.items[0].binds, 2); /* the file of operators wins */
    assert_null(list.items[0].name);          /* OPERATOR_IDS is not looked at */
    operator_settings_list_free(&list);

    write_file(settings, "WINDOW_SIZE=9\nREDIS_URL=redis://elsewhere:1/0\n");
    assert_true(bridge_settings_reload(&s));
    assert_int_equal(s.window_size, 9);
    assert_string_equal(s.redis_url, "redis://127.0.0.1:6379/0"); /* needs a restart */
    write_file(settings, "WINDOW_SIZE=0\n");
    assert_false(bridge_settings_reload(&s));
    assert_int_equal(s.window_size, 9);

    write_file(operators, "{\"operators\":[]}");
    assert_int_equal(bridge_settings_operators(&s, &list, error, sizeof(error)), -1);
    assert_non_null(strstr(error, "OPERATORS_FILE"));
    bridge_settings_free(&s);
    unlink(operators);
    unlink(settings);
}

static void test_wrong_operator_ids_are_named(void **state)
{
    (void)state;
    setenv("OPERATOR_IDS", "no-uuid", 1);
    struct bridge_settings s;
    struct operator_settings_list list;
    char error[300] = "";
    assert_int_equal(bridge_settings_load(&s, error, sizeof(error)), 0);
    assert_int_equal(bridge_settings_operators(&s, &list, error, sizeof(error)), -1);
    assert_non_null(strstr(error, "OPERATOR_IDS: \"no-uuid\""));
    bridge_settings_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_defaults, setup),
        cmocka_unit_test_setup(test_wrong, setup),
        cmocka_unit_test_setup(test_wrong_operator_ids_are_named, setup),
        cmocka_unit_test_setup(test_addresses_of_the_credentials_service, setup),
        cmocka_unit_test_setup(test_files, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
