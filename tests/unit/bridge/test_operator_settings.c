/* OPERATORS_FILE and OPERATOR_IDS: every member, every way to be wrong, copies and comparison. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bridge/operator_members.h"

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
    "\"bindTimeoutMs\":7000,\"submitTimeoutMs\":21000,\"reconnectMinMs\":1000,"
    "\"reconnectMaxMs\":30000,\"authRetryMinMs\":90000,\"windowSize\":10,\"binds\":2,"
    "\"failoverAfterMs\":5500,\"deliverHoldMs\":4000,\"pairProbeMs\":60000,\"deliverHoldMax\":7,"
    "\"busyStatus\":\"0x64\",\"priorityShare\":30,\"systemType\":\"VMA\",\"addressRange\":\"^99\","
    "\"localAddress\":\"127.0.0.1\",\"hosts\":[\"smpp2.test:2775\",\"[::1]:2776\"],\"addrTon\":1,"
    "\"addrNpi\":9,\"pairOn\":[\"0x0D\",5],\"traceText\":true,\"tpsLimit\":50,"
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

static void check_messages(const struct operator_settings *s)
{
    assert_int_equal(s->tps_limit, 50);
    assert_int_equal(s->on_unknown, ON_UNKNOWN_REPORT);
    assert_int_equal(s->max_attempts, 3);
    assert_int_equal(s->status_class_count, 2);
    assert_int_equal(operator_settings_status(s, 0x45).class, SMPP_STATUS_RETRY);
    assert_int_equal(operator_settings_status(s, 0x400).class, SMPP_STATUS_THROTTLE);
    assert_int_equal(operator_settings_status(s, 0x0B).class, SMPP_STATUS_PERMANENT);
    assert_int_equal(s->default_alphabet, SPLIT_ALPHABET_GSM7);
    assert_true(s->gsm7_packed);
    assert_true(s->transliterate);
    assert_int_equal(s->shift_table_count, 2);
    assert_int_equal(s->shift_tables[0], GSM7_TURKISH);
    assert_int_equal(s->shift_tables[1], GSM7_URDU);
    assert_int_equal(s->concatenation, SPLIT_SAR);
    assert_int_equal(s->max_segments, 4);
    assert_int_equal(s->source_ton, 5);
    assert_int_equal(s->source_npi, 0);
    assert_int_equal(s->dest_ton, 2);
    assert_int_equal(s->dest_npi, 8);
    assert_string_equal(s->service_type, "OTP");
    assert_int_equal(s->priority, 1);
    assert_int_equal(s->protocol_id, 64);
    assert_int_equal(s->registered_delivery, 17);
    assert_true(s->replace_if_present);
    assert_int_equal(s->validity, VALIDITY_RELATIVE);
    assert_int_equal(s->tlvs_len, 6);
    assert_memory_equal(s->tlvs, "\x14\x03\x00\x02\x0a\x0b", 6);
    assert_int_equal(s->receipt_detection, RECEIPT_BY_ANY);
    assert_int_equal(s->message_id_format, MESSAGE_ID_FORMAT_RESP_HEX);
    assert_int_equal(s->receipt_policy, RECEIPT_POLICY_AGGREGATE);
}

static void check_text(struct bytes is, const char *wanted)
{
    if (is.len != strlen(wanted) || memcmp(is.data, wanted, is.len) != 0)
        fail_msg("\"%.*s\" and not \"%s\"", (int)is.len, (const char *)is.data, wanted);
}

/* All that the agent is told. */
static void check_record(const struct operator_settings *s)
{
    uint8_t pair_on[OPERATOR_SETTINGS_MAX_PAIR_ON * 4];
    struct ipc_operator r = operator_settings_record(s, pair_on);
    assert_memory_equal(r.operator_id, s->id.octets, 16);
    check_text(r.name, "Operator A");
    assert_int_equal(r.enquire_link_interval_ms, 20000);
    assert_int_equal(r.enquire_link_timeout_ms, 5000);
    assert_int_equal(r.bind_timeout_ms, 7000);
    assert_int_equal(r.submit_timeout_ms, 21000);
    assert_int_equal(r.reconnect_min_ms, 1000);
    assert_int_equal(r.reconnect_max_ms, 30000);
    assert_int_equal(r.auth_retry_min_ms, 90000);
    assert_int_equal(r.window_size, 10);
    assert_int_equal(r.binds, 2);
    assert_int_equal(r.failover_after_ms, 5500);
    assert_int_equal(r.deliver_hold_ms, 4000);
    assert_int_equal(r.pair_probe_ms, 60000);
    assert_int_equal(r.deliver_hold_max, 7);
    assert_int_equal(r.busy_status, 0x64);
    assert_int_equal(r.priority_share, 30);
    assert_int_equal(r.addr_ton, 1);
    assert_int_equal(r.addr_npi, 9);
    check_text(r.system_type, "VMA");
    check_text(r.address_range, "^99");
    check_text(r.local_address, "127.0.0.1");
    check_text(r.hosts, "smpp2.test:2775,[::1]:2776");
    assert_int_equal(r.pair_on.len, 8);
    assert_memory_equal(r.pair_on.data, "\0\0\0\x0D\0\0\0\x05", 8);
    assert_int_equal(r.tls, 1);
    assert_int_equal(r.tls_min_version, 0x0304);
    check_text(r.tls_ca_file, "/ca");
    check_text(r.tls_cert_file, "/c");
    check_text(r.tls_key_file, "/k");
    check_text(r.tls_server_name, "mno.test");
    assert_int_equal(r.trace_text, 1);
}

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
    assert_int_equal(s->enquire_link_timeout_ms, 5000);
    assert_int_equal(s->bind_timeout_ms, 7000);
    assert_int_equal(s->submit_timeout_ms, 21000);
    assert_int_equal(s->reconnect_min_ms, 1000);
    assert_int_equal(s->reconnect_max_ms, 30000);
    assert_int_equal(s->auth_retry_min_ms, 90000);
    assert_int_equal(s->window_size, 10);
    assert_int_equal(s->binds, 2);
    assert_int_equal(s->failover_after_ms, 5500);
    assert_int_equal(s->deliver_hold_ms, 4000);
    assert_int_equal(s->pair_probe_ms, 60000);
    assert_int_equal(s->deliver_hold_max, 7);
    assert_int_equal(s->busy_status, 0x64);
    assert_int_equal(s->priority_share, 30);
    assert_int_equal(s->addr_ton, 1);
    assert_int_equal(s->addr_npi, 9);
    assert_string_equal(s->system_type, "VMA");
    assert_string_equal(s->address_range, "^99");
    assert_string_equal(s->local_address, "127.0.0.1");
    assert_string_equal(s->hosts, "smpp2.test:2775,[::1]:2776");
    assert_int_equal(s->pair_on_count, 2);
    assert_int_equal(s->pair_on[0], 0x0D);
    assert_int_equal(s->pair_on[1], 5);
    assert_true(s->trace_text);
    assert_true(s->tls);
    assert_int_equal(s->tls_min_version, 0x0304);
    assert_string_equal(s->tls_ca_file, "/ca");
    assert_string_equal(s->tls_cert_file, "/c");
    assert_string_equal(s->tls_key_file, "/k");
    assert_string_equal(s->tls_server_name, "mno.test");
    check_messages(s);
    check_record(s);
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
        {ONE("\"priorityShare\":0"), "within 1 … 99"},
        {ONE("\"priorityShare\":100"), "within 1 … 99"},
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

/* `everything` with another value for one member. */
static void change(const char *name, const char *value, char *out, size_t size)
{
    char key[40];
    snprintf(key, sizeof(key), "\"%s\":", name);
    const char *at = strstr(everything, key);
    assert_non_null(at);
    at += strlen(key);
    const char *end = at;
    int depth = 0;
    for (bool quoted = false; quoted || depth || (*end != ',' && *end != '}'); end++) {
        quoted ^= *end == '"';
        depth += !quoted && (*end == '[' || *end == '{');
        depth -= !quoted && (*end == ']' || *end == '}');
    }
    snprintf(out, size, "%.*s%s%s", (int)(at - everything), everything, value, end);
}

static const struct {
    const char *name, *value;
} changes[] = {
    {"operatorName", "\"Operator B\""},
    {"dispatchStream", "\"THIRD\""},
    {"enquireLinkIntervalMs", "20001"},
    {"enquireLinkTimeoutMs", "5001"},
    {"bindTimeoutMs", "7001"},
    {"submitTimeoutMs", "21001"},
    {"reconnectMinMs", "1001"},
    {"reconnectMaxMs", "30001"},
    {"authRetryMinMs", "90001"},
    {"windowSize", "11"},
    {"binds", "3"},
    {"failoverAfterMs", "5501"},
    {"deliverHoldMs", "4001"},
    {"pairProbeMs", "60001"},
    {"deliverHoldMax", "8"},
    {"busyStatus", "\"0x65\""},
    {"priorityShare", "31"},
    {"systemType", "\"VMB\""},
    {"addressRange", "\"^98\""},
    {"localAddress", "\"127.0.0.2\""},
    {"hosts", "[\"smpp2.test:2775\"]"},
    {"addrTon", "2"},
    {"addrNpi", "10"},
    {"pairOn", "[\"0x0D\",6]"},
    {"traceText", "false"},
    {"tpsLimit", "51"},
    {"onUnknown", "\"resubmit\""},
    {"maxAttempts", "4"},
    {"statusClasses", "{\"0x45\":\"session\",\"0x400\":\"throttle\"}"},
    {"defaultAlphabet", NULL}, /* test_default_alphabets(): most of the others need gsm7 */
    {"gsm7Packed", "false"},
    {"transliterate", "false"},
    {"shiftTables", "[\"spanish\",\"urdu\"]"},
    {"concatenation", "\"udh16\""},
    {"maxSegments", "5"},
    {"sourceTon", "6"},
    {"sourceNpi", "1"},
    {"destTon", "3"},
    {"destNpi", "9"},
    {"serviceType", "\"OTQ\""},
    {"priority", "2"},
    {"protocolId", "65"},
    {"registeredDelivery", "18"},
    {"replaceIfPresent", "false"},
    {"validity", "\"none\""},
    {"tlvs", "[{\"tag\":\"0x1403\",\"hex\":\"0a0c\"}]"},
    {"receiptDetection", "\"text\""},
    {"messageIdFormat", "\"exact\""},
    {"receiptPolicy", "\"each\""},
    {"enabled", "false"},
    {"caFile", "\"/cb\""},
    {"certFile", "\"/d\""},
    {"keyFile", "\"/l\""},
    {"serverName", "\"smc.test\""},
    {"minVersion", "\"1.2\""},
};

/* Every member that there is has its row. */
static void check_rows(const struct operator_member *members, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool has_row = false;
        for (size_t j = 0; j < ARRAY_LEN(changes); j++)
            has_row = has_row || strcmp(changes[j].name, members[i].name) == 0;
        if (!has_row)
            fail_msg("%s is not changed here", members[i].name);
    }
}

static void test_default_alphabets(void **state)
{
    (void)state;
    static const char *const json[] = {ONE("\"defaultAlphabet\":\"latin1\""),
                                       ONE("\"defaultAlphabet\":\"ascii\",\"shiftTables\":[]")};
    static const enum split_alphabet expected[] = {SPLIT_ALPHABET_LATIN1, SPLIT_ALPHABET_ASCII};
    struct operator_settings_list list, other;
    char error[300];
    assert_int_equal(parse(ONE("\"defaultAlphabet\":\"gsm7\""), &other, error, sizeof(error)), 0);
    for (size_t i = 0; i < ARRAY_LEN(json); i++) {
        assert_int_equal(parse(json[i], &list, error, sizeof(error)), 0);
        assert_int_equal(list.items[0].default_alphabet, expected[i]);
        assert_false(operator_settings_equal(&list.items[0], &other.items[0]));
        operator_settings_list_free(&list);
    }
    operator_settings_list_free(&other);
}

/* A change of any single member is seen by the comparison, and a copy is equal. */
static void test_equal(void **state)
{
    (void)state;
    struct operator_settings_list a, b;
    struct operator_settings copy;
    char error[300];
    check_rows(operator_members, operator_members_count);
    check_rows(operator_tls_members, operator_tls_members_count);
    assert_int_equal(parse(everything, &a, error, sizeof(error)), 0);
    operator_settings_copy(&copy, &a.items[0]);
    assert_true(operator_settings_equal(&copy, &a.items[0]));
    operator_settings_free(&copy);
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        char json[sizeof(everything) + 64];
        if (!changes[i].value)
            continue;
        change(changes[i].name, changes[i].value, json, sizeof(json));
        if (parse(json, &b, error, sizeof(error)) != 0)
            fail_msg("%s", error);
        if (operator_settings_equal(&a.items[0], &b.items[0]))
            fail_msg("%s is not compared", changes[i].name);
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
