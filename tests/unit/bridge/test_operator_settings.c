/* OPERATORS_FILE and OPERATOR_IDS: every member, every way to be wrong, copies and comparison. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bridge/operator_settings.h"

#define ID "5a5a0000-0000-4000-8000-000000000001"
#define HOSTS4 "\"h:1\",\"h:2\",\"[::1]:3\",\"h:4\""
#define HOSTS16 HOSTS4 "," HOSTS4 "," HOSTS4 "," HOSTS4
#define ID2 "5a5a0000-0000-4000-8000-000000000002"

static struct operator_settings defaults(void)
{
    struct operator_settings s;
    operator_settings_init(&s);
    s.dispatch_stream = (char *)"SMS_DISPATCH"; /* never freed: only copied */
    s.enquire_link_interval_ms = 30000;
    s.enquire_link_timeout_ms = 10000;
    s.reconnect_min_ms = 5000;
    s.reconnect_max_ms = 60000;
    s.window_size = 100;
    s.binds = 1;
    return s;
}

static int parse(const char *json, struct operator_settings_list *list, char *error, size_t size)
{
    struct operator_settings d = defaults();
    return operator_settings_parse_file(json, strlen(json), &d, list, error, size);
}

static const char everything[] =
    "{\"operators\":[{\"operatorId\":\"" ID "\",\"operatorName\":\"Operator A\","
    "\"dispatchStream\":\"OTHER\",\"enquireLinkIntervalMs\":20000,\"enquireLinkTimeoutMs\":5000,"
    "\"bindTimeoutMs\":7000,\"submitTimeoutMs\":20000,\"reconnectMinMs\":1000,"
    "\"reconnectMaxMs\":30000,\"authRetryMinMs\":90000,\"windowSize\":10,\"binds\":2,"
    "\"failoverAfterMs\":5000,\"deliverHoldMs\":4000,\"pairProbeMs\":60000,\"deliverHoldMax\":7,"
    "\"busyStatus\":\"0x64\",\"priorityShare\":30,\"systemType\":\"VMA\",\"addressRange\":\"^99\","
    "\"localAddress\":\"127.0.0.1\",\"hosts\":[\"smpp2.test:2775\",\"[::1]:2776\"],\"addrTon\":1,"
    "\"addrNpi\":1,\"pairOn\":[\"0x0D\",5],\"traceText\":true,\"tpsLimit\":50,"
    "\"onUnknown\":\"report\",\"maxAttempts\":3,"
    "\"statusClasses\":{\"0x45\":\"retry\",\"0x400\":\"throttle\"},\"defaultAlphabet\":\"gsm7\","
    "\"gsm7Packed\":true,\"transliterate\":true,\"shiftTables\":[\"turkish\",\"urdu\"],"
    "\"concatenation\":\"sar\",\"maxSegments\":4,\"sourceTon\":5,\"sourceNpi\":0,\"destTon\":2,"
    "\"destNpi\":8,\"serviceType\":\"OTP\",\"priority\":1,\"protocolId\":64,"
    "\"registeredDelivery\":17,\"replaceIfPresent\":true,\"validity\":\"relative\","
    "\"tlvs\":[{\"tag\":\"0x1403\",\"hex\":\"0a0b\"}],\"receiptDetection\":\"any\","
    "\"messageIdFormat\":\"respHex\",\"receiptPolicy\":\"aggregate\","
    "\"tls\":{\"enabled\":true,\"caFile\":\"/ca\",\"certFile\":\"/c\",\"keyFile\":\"/k\","
    "\"serverName\":\"mno.test\",\"minVersion\":\"1.3\"}}]}";

static void test_every_member(void **state)
{
    (void)state;
    struct operator_settings_list list;
    char error[300] = "";
    if (parse(everything, &list, error, sizeof(error)) != 0)
        fail_msg("%s", error);
    assert_int_equal(list.count, 1);
    const struct operator_settings *s = &list.items[0];
    assert_string_equal(s->name, "Operator A");
    assert_string_equal(s->dispatch_stream, "OTHER");
    assert_int_equal(s->enquire_link_interval_ms, 20000);
    assert_int_equal(s->window_size, 10);
    assert_int_equal(s->busy_status, 0x64);
    assert_string_equal(s->hosts, "smpp2.test:2775,[::1]:2776");
    assert_int_equal(s->pair_on_count, 2);
    assert_int_equal(s->pair_on[0], 0x0D);
    assert_int_equal(s->pair_on[1], 5);
    assert_int_equal(s->tps_limit, 50);
    assert_int_equal(s->on_unknown, ON_UNKNOWN_REPORT);
    assert_int_equal(s->default_alphabet, SPLIT_ALPHABET_GSM7);
    assert_int_equal(s->shift_table_count, 2);
    assert_int_equal(s->shift_tables[1], GSM7_URDU);
    assert_int_equal(s->concatenation, SPLIT_SAR);
    assert_int_equal(s->validity, VALIDITY_RELATIVE);
    assert_int_equal(s->tlvs_len, 6);
    assert_memory_equal(s->tlvs, "\x14\x03\x00\x02\x0a\x0b", 6);
    assert_int_equal(s->receipt_detection, RECEIPT_BY_ANY);
    assert_int_equal(s->message_id_format, MESSAGE_ID_FORMAT_RESP_HEX);
    assert_int_equal(s->receipt_policy, RECEIPT_POLICY_AGGREGATE);
    assert_true(s->tls);
    assert_int_equal(s->tls_min_version, 0x0304);
    assert_string_equal(s->tls_server_name, "mno.test");
    assert_int_equal(operator_settings_status(s, 0x45).class, SMPP_STATUS_RETRY);
    assert_int_equal(operator_settings_status(s, 0x400).class, SMPP_STATUS_THROTTLE);
    assert_int_equal(operator_settings_status(s, 0x0B).class, SMPP_STATUS_PERMANENT);

    uint8_t pair_on[OPERATOR_SETTINGS_MAX_PAIR_ON * 4];
    struct ipc_operator r = operator_settings_record(s, pair_on);
    assert_memory_equal(r.operator_id, s->id.octets, 16);
    assert_int_equal(r.pair_on.len, 8);
    assert_memory_equal(r.pair_on.data, "\0\0\0\x0D\0\0\0\x05", 8);
    assert_int_equal(r.busy_status, 0x64);
    assert_int_equal(r.tls, 1);
    assert_int_equal(r.system_type.len, 3);
    operator_settings_list_free(&list);
}

static void test_defaults(void **state)
{
    (void)state;
    struct operator_settings_list list;
    char error[300];
    assert_int_equal(parse("{\"operators\":[{\"operatorId\":\"" ID "\",\"systemType\":null}]}",
                           &list, error, sizeof(error)),
                     0);
    const struct operator_settings *s = &list.items[0];
    assert_null(s->name);
    assert_string_equal(s->dispatch_stream, "SMS_DISPATCH");
    assert_int_equal(s->window_size, 100);
    assert_int_equal(s->busy_status, SMPP_RMSGQFUL);
    assert_int_equal(s->priority_share, 50);
    assert_int_equal(s->deliver_hold_max, 100);
    assert_int_equal(s->tps_limit, OPERATOR_SETTINGS_UNSET);
    assert_int_equal(s->source_ton, OPERATOR_SETTINGS_UNSET);
    assert_int_equal(s->registered_delivery, SMPP_REGISTERED_FINAL);
    assert_int_equal(s->on_unknown, ON_UNKNOWN_RESUBMIT);
    assert_false(s->tls);
    operator_settings_list_free(&list);
}

static void test_wrong(void **state)
{
    (void)state;
#define ONE(members) "{\"operators\":[{\"operatorId\":\"" ID "\"," members "}]}"
    static const struct {
        const char *json, *says;
    } rows[] = {
        {"", ""},
        {"[]", "operators"},
        {"{}", "operators"},
        {"{\"operators\":[]}", "0 operators"},
        {"{\"operators\":{}}", "operators"},
        {"{\"operators\":[{}]}", "operators[0]: operatorId is missing"},
        {"{\"operators\":[{\"operatorId\":\"x\"}]}", "\"x\" is no operatorId"},
        {"{\"operators\":[{\"operatorId\":\"00000000-0000-0000-0000-000000000000\"}]}",
         "is no operatorId"},
        {"{\"operators\":[{\"operatorId\":\"" ID "\"},{\"operatorId\":\"" ID "\"}]}",
         "listed twice"},
        {"{\"operators\":[{\"operatorId\":\"" ID "\"}],\"more\":1}", "nothing else"},
        {ONE("\"windowsize\":1"), "there is no member \"windowsize\""},
        {ONE("\"windowSize\":0"), "windowSize: wanted is a whole number within 1"},
        {ONE("\"windowSize\":1.5"), "windowSize"},
        {ONE("\"windowSize\":\"many\""), "windowSize"},
        {ONE("\"gsm7Packed\":1"), "gsm7Packed: wanted is true or false"},
        {ONE("\"onUnknown\":\"maybe\""), "one of \"resubmit\", \"report\""},
        {ONE("\"systemType\":\"longer than twelve\""), "at most 12"},
        {ONE("\"dispatchStream\":\"a.b\""), "dispatchStream"},
        {ONE("\"dispatchStream\":\"\""), "dispatchStream"},
        {ONE("\"busyStatus\":0"), "busyStatus"},
        {ONE("\"pairOn\":\"0x0D\""), "pairOn"},
        {ONE("\"hosts\":[\"nowhere\"]"), "hosts"},
        {ONE("\"hosts\":[\"a:0\"]"), "hosts"},
        {ONE("\"hosts\":[\"[]:1\"]"), "hosts"},
        {ONE("\"hosts\":[\"a b:1\"]"), "hosts"},
        {ONE("\"hosts\":[" HOSTS16 ",\"h:1\"]"), "hosts: wanted is an array of at most 16"},
        {ONE("\"statusClasses\":{\"0x45\":\"often\"}"), "statusClasses"},
        {ONE("\"statusClasses\":{\"0x00\":\"retry\"}"), "statusClasses"},
        {ONE("\"shiftTables\":[\"klingon\"]"), "shiftTables"},
        {ONE("\"tlvs\":[{\"tag\":\"0x1403\"}]"), "tlvs"},
        {ONE("\"tlvs\":[{\"tag\":0,\"hex\":\"00\"}]"), "tlvs"},
        {ONE("\"tls\":true"), "tls: wanted is an object"},
        {ONE("\"tls\":{\"minVersion\":\"1.1\"}"), "tls.minVersion"},
        {ONE("\"tls\":{\"password\":\"x\"}"), "there is no member \"password\""},
        {ONE("\"tls\":{\"certFile\":\"/c\"}"), "one without the other"},
        {ONE("\"reconnectMinMs\":61000"), "above reconnectMaxMs"},
        {ONE("\"gsm7Packed\":true,\"defaultAlphabet\":\"latin1\""), "gsm7Packed goes with"},
        {ONE("\"defaultAlphabet\":\"ascii\",\"transliterate\":true"), "transliterate goes with"},
        {ONE("\"defaultAlphabet\":\"ascii\",\"shiftTables\":[\"urdu\"]"), "shiftTables goes with"},
        {ONE("\"enquireLinkTimeoutMs\":31000"), "above enquireLinkIntervalMs"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct operator_settings_list list;
        char error[300] = "";
        assert_int_equal(parse(rows[i].json, &list, error, sizeof(error)), -1);
        assert_true(strlen(error) > 0);
        if (!strstr(error, rows[i].says))
            fail_msg("%s: \"%s\" lacks \"%s\"", rows[i].json, error, rows[i].says);
        assert_null(list.items);
    }
}

static void test_ids(void **state)
{
    (void)state;
    struct operator_settings d = defaults();
    struct operator_settings_list list;
    char error[300];
    assert_int_equal(
        operator_settings_parse_ids(ID "=Operator A, " ID2, &d, &list, error, sizeof(error)), 0);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[0].name, "Operator A");
    assert_null(list.items[1].name);
    operator_settings_list_free(&list);
    static const char *const wrong[] = {"", ",", ID ",", "x", ID "=", ID "," ID, ID " x"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_int_equal(operator_settings_parse_ids(wrong[i], &d, &list, error, sizeof(error)),
                         -1);
        assert_null(list.items);
    }
}

/* A change of any single member is seen by the comparison, and a copy is equal. */
static void test_default_alphabets(void **state)
{
    (void)state;
    static const char *const json[] = {ONE("\"defaultAlphabet\":\"latin1\""),
                                       ONE("\"defaultAlphabet\":\"ascii\",\"shiftTables\":[]")};
    static const enum split_alphabet expected[] = {SPLIT_ALPHABET_LATIN1, SPLIT_ALPHABET_ASCII};
    for (size_t i = 0; i < ARRAY_LEN(json); i++) {
        struct operator_settings_list list;
        char error[300];
        assert_int_equal(parse(json[i], &list, error, sizeof(error)), 0);
        assert_int_equal(list.items[0].default_alphabet, expected[i]);
        operator_settings_list_free(&list);
    }
}

static void test_equal(void **state)
{
    (void)state;
    struct operator_settings_list a, b;
    struct operator_settings copy;
    char error[300];
    assert_int_equal(parse(everything, &a, error, sizeof(error)), 0);
    operator_settings_copy(&copy, &a.items[0]);
    assert_true(operator_settings_equal(&copy, &a.items[0]));
    operator_settings_free(&copy);
    static const char *const changes[][2] = {
        {"Operator A", "Operator B"},
        {"OTHER", "THIRD"},
        {":20000,", ":21000,"},
        {"0x64", "0x65"},
        {"smpp2", "smpp3"},
        {"\"0x0D\",5", "\"0x0D\",6"},
        {"\"report\"", "\"resubmit\""},
        {"\"0x45\":\"retry\"", "\"0x45\":\"session\""},
        {"turkish", "spanish"},
        {"0a0b", "0a0c"},
        {"\"1.3\"", "\"1.2\""},
        {"mno.test", "smc.test"},
        {"Packed\":true", "Packed\":false"},
    };
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        char json[sizeof(everything) + 16];
        const char *at = strstr(everything, changes[i][0]);
        assert_non_null(at);
        snprintf(json, sizeof(json), "%.*s%s%s", (int)(at - everything), everything, changes[i][1],
                 at + strlen(changes[i][0]));
        if (parse(json, &b, error, sizeof(error)) != 0)
            fail_msg("%s", error);
        if (operator_settings_equal(&a.items[0], &b.items[0]))
            fail_msg("%s is not compared", changes[i][0]);
        operator_settings_list_free(&b);
    }
    operator_settings_list_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_member),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_default_alphabets),
        cmocka_unit_test(test_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
