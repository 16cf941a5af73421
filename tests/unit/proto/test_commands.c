/* SmsDispatchCommand: what is taken, what is refused and how that is said. */
#include "tests/unit/proto/proto_test.h"

#include "common/str.h"
#include "proto/commands.h"

#define OPERATOR "550e8400-e29b-41d4-a716-446655440001"
#define MESSAGE "7d444840-9dc0-11d1-b245-5ffdce74fad2"
#define IDS "\"messageId\":\"" MESSAGE "\",\"operatorId\":\"" OPERATOR "\""
#define ROUTE "\"to\":\"+99970000001\",\"from\":\"ACME\""
#define MINIMAL IDS "," ROUTE ",\"text\":\"hi\""

static struct uuid operator_id;
static struct command command;
static char error[160];

static enum command_fault parse(const char *json, size_t len)
{
    return commands_parse(json, len, &operator_id, &command, error, sizeof(error));
}

static int setup(void **state)
{
    (void)state;
    return uuid_parse(OPERATOR, strlen(OPERATOR), &operator_id) ? 0 : -1;
}

/* The same with a member that is not plain: the thorough reader's business. */
static enum command_fault parse_with_a_list(const char *json)
{
    char longer[1024];
    struct str_out o = str_out(longer, sizeof(longer));
    str_puts(&o, "{\"_\":[]");
    str_puts(&o, json[1] == '}' ? "" : ",");
    str_puts(&o, json + 1);
    assert_false(o.cut);
    return parse(longer, o.len);
}

static void test_minimal(void **state)
{
    (void)state;
    static const char json[] = "{" MINIMAL "}";
    assert_int_equal(parse(json, sizeof(json) - 1), COMMAND_OK);
    char id[UUID_TEXT_SIZE];
    uuid_format(&command.message_id, id);
    assert_string_equal(id, MESSAGE);
    assert_string_equal(command.to.text, "99970000001");
    assert_int_equal(command.to.ton, SMPP_TON_INTERNATIONAL);
    assert_string_equal(command.from.text, "ACME");
    assert_int_equal(command.from.ton, SMPP_TON_ALPHANUMERIC);
    assert_int_equal(command.text.len, 2);
    assert_int_equal(command.encoding, SPLIT_AUTO);
    assert_false(command.flash || command.payload_wanted || command.has_expires_at);
    assert_int_equal(command.priority, -1);
    assert_int_equal(command.source_ton, -1);
    assert_int_equal(command.registered_delivery, -1);
    assert_int_equal(command.tlvs.len, 0);
    commands_clear(&command);
}

/* What both readers make of the same members. */
static void test_plain_or_not(void **state)
{
    (void)state;
    static const char plain[] =
        "{" MINIMAL ",\"version\":\"1.0\",\"accountId\":\"acc\",\"messageType\":\"FLASH\","
        "\"enqueuedAt\":\"2026-04-18T10:00:00.000Z\",\"expiresAt\":\"2026-04-18T10:05:00Z\","
        "\"scheduledAt\":null,\"priority\":3,\"registeredDelivery\":\"17\",\"encoding\":\"ucs2\"}";
    for (int thorough = 0; thorough <= 1; thorough++) {
        assert_int_equal(thorough ? parse_with_a_list(plain) : parse(plain, sizeof(plain) - 1),
                         COMMAND_OK);
        assert_int_equal(command.json != NULL, thorough);
        assert_true(str_equal((const char *)command.text.data, command.text.len, "hi", 2));
        assert_true(
            str_equal((const char *)command.account_id.data, command.account_id.len, "acc", 3));
        assert_true(command.flash && command.encoding == SPLIT_UCS2);
        assert_true(command.has_expires_at && command.expires_at_ms == 1776506700000);
        assert_false(command.has_scheduled_at);
        assert_int_equal(command.priority, 3);
        assert_int_equal(command.registered_delivery, 17);
        assert_int_equal(command.source_ton, -1);
        commands_clear(&command);
    }
}

static void test_full(void **state)
{
    (void)state;
    static const char json[] =
        "{\"version\":\"1.0\",\"eventId\":\"" MESSAGE "\"," MINIMAL ",\"accountId\":\"acc\","
        "\"messageType\":\"flash\",\"encoding\":\"UCS2\",\"longMessageStrategy\":\"TLV\","
        "\"enqueuedAt\":\"2026-04-18T10:00:00.000Z\",\"expiresAt\":\"2026-04-18T10:05:00Z\","
        "\"scheduledAt\":\"2026-04-18T10:01:00+00:00\",\"priority\":3,\"registeredDelivery\":"
        "\"17\","
        "\"sourceTon\":5,\"sourceNpi\":0,\"destTon\":1,\"destNpi\":18,\"unknown\":{\"a\":[1]},"
        "\"tlvs\":[{\"tag\":\"0x1400\",\"hex\":\"6869\"},{\"tag\":5121,\"hex\":\"\"}]}";
    assert_int_equal(parse(json, sizeof(json) - 1), COMMAND_OK);
    assert_true(command.flash && command.payload_wanted);
    assert_int_equal(command.encoding, SPLIT_UCS2);
    assert_true(command.expires_at_ms == 1776506700000);
    assert_true(command.has_scheduled_at && command.scheduled_at_ms == 1776506460000);
    assert_int_equal(command.priority, 3);
    assert_int_equal(command.registered_delivery, 17);
    assert_int_equal(command.source_ton, 5);
    assert_int_equal(command.source_npi, 0);
    assert_int_equal(command.dest_npi, 18);
    assert_int_equal(command.account_id.len, 3);
    assert_int_equal(command.tlvs.len, 10);
    assert_memory_equal(command.tlvs.data, "\x14\x00\x00\x02hi\x14\x01\x00\x00", 10);
    commands_clear(&command);
    assert_null(command.json);
}

static void test_binary(void **state)
{
    (void)state;
    static const char json[] = "{" IDS "," ROUTE ",\"dataHex\":\"00fF10\",\"dataCoding\":245,"
                               "\"text\":null,\"encoding\":\"GSM7\","
                               "\"tlvs\":[{\"tag\":\"0x0005\",\"hex\":\"01\"}]}";
    assert_int_equal(parse(json, sizeof(json) - 1), COMMAND_OK);
    assert_true(command.has_binary);
    assert_int_equal(command.binary.len, 3);
    assert_memory_equal(command.binary.data, "\x00\xFF\x10", 3);
    assert_int_equal(command.data_coding, 245);
    assert_memory_equal(command.tlvs.data, "\x00\x05\x00\x01\x01", 5);
    commands_clear(&command);
}

static void test_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        enum command_fault fault;
        const char *error;
    } rows[] = {
        {"", COMMAND_NOT_JSON, "not JSON"},
        {"hello", COMMAND_NOT_JSON, "not JSON"},
        {"[]", COMMAND_NOT_JSON, "the command is not an object"},
        {"{\"text\":\"\xC3\"}", COMMAND_NOT_JSON, "ill-formed UTF-8 at byte 9"},
        {"{\"text\":\"a\\u0000b\"}", COMMAND_NOT_JSON, "a NUL character at byte 12"},
        {"{}", COMMAND_MISSING_FIELD, "messageId is missing"},
        {"{\"messageId\":\"" MESSAGE "\"}", COMMAND_MISSING_FIELD, "operatorId is missing"},
        {"{\"messageId\":\"12\"}", COMMAND_INVALID_FIELD, "messageId is not a UUID"},
        {"{\"messageId\":12}", COMMAND_INVALID_FIELD, "messageId is not a text"},
        {"{\"messageId\":\"" MESSAGE "\",\"operatorId\":\"" MESSAGE "\"}", COMMAND_WRONG_OPERATOR,
         "operatorId is not the subject's"},
        {"{" IDS "}", COMMAND_MISSING_FIELD, "to is missing"},
        {"{" IDS ",\"to\":\"\",\"from\":\"a\"}", COMMAND_INVALID_FIELD,
         "to is not a number of 3 to 15 digits"},
        {"{" IDS ",\"to\":\"ACME\",\"from\":\"a\"}", COMMAND_INVALID_FIELD,
         "to is not a number of 3 to 15 digits"},
        {"{" IDS ",\"to\":\"1234567890123456\",\"from\":\"a\"}", COMMAND_INVALID_FIELD,
         "to is not a number of 3 to 15 digits"},
        {"{" IDS ",\"to\":\"123\"}", COMMAND_MISSING_FIELD, "from is missing"},
        {"{" IDS ",\"to\":\"123\",\"from\":\"\"}", COMMAND_INVALID_FIELD,
         "from is neither a number nor 1 to 20 printable ASCII characters"},
        {"{" IDS ",\"to\":\"123\",\"from\":\"Caf\xC3\xA9\"}", COMMAND_INVALID_FIELD,
         "from is neither a number nor 1 to 20 printable ASCII characters"},
        {"{" IDS "," ROUTE "}", COMMAND_MISSING_FIELD, "text is missing"},
        {"{" IDS "," ROUTE ",\"text\":null}", COMMAND_MISSING_FIELD, "text is missing"},
        {"{" IDS "," ROUTE ",\"text\":\"\"}", COMMAND_INVALID_FIELD, "text is empty"},
        {"{" IDS "," ROUTE ",\"text\":7}", COMMAND_INVALID_FIELD, "text is not a text"},
        {"{" MINIMAL ",\"version\":\"2.0\"}", COMMAND_INVALID_FIELD,
         "version is another major version than 1"},
        {"{" MINIMAL ",\"dataHex\":\"00\",\"dataCoding\":4}", COMMAND_INVALID_FIELD,
         "dataHex and text exclude each other"},
        {"{" MINIMAL ",\"dataCoding\":4}", COMMAND_INVALID_FIELD,
         "dataCoding goes with dataHex only"},
        {"{" IDS "," ROUTE ",\"dataHex\":\"00\"}", COMMAND_INVALID_FIELD,
         "dataCoding is not a number from 0 to 255, which dataHex needs"},
        {"{" IDS "," ROUTE ",\"dataHex\":\"0\",\"dataCoding\":4}", COMMAND_INVALID_FIELD,
         "dataHex is not an even number of hex digits"},
        {"{" IDS "," ROUTE ",\"dataHex\":\"00\",\"dataCoding\":4,\"messageType\":\"FLASH\"}",
         COMMAND_INVALID_FIELD, "messageType FLASH is dataCoding's affair where there is dataHex"},
        {"{" MINIMAL ",\"messageType\":\"WAP\"}", COMMAND_INVALID_FIELD,
         "messageType is neither SMS nor FLASH"},
        {"{" MINIMAL ",\"encoding\":\"\"}", COMMAND_INVALID_FIELD,
         "encoding is neither GSM7 nor UCS2"},
        {"{" MINIMAL ",\"longMessageStrategy\":1}", COMMAND_INVALID_FIELD,
         "longMessageStrategy is neither CSMS nor TLV"},
        {"{" MINIMAL ",\"expiresAt\":\"tomorrow\"}", COMMAND_INVALID_FIELD,
         "expiresAt is not an ISO 8601 time"},
        {"{" MINIMAL ",\"scheduledAt\":\"2026-04-18T10:00:00Z\",\"expiresAt\":"
         "\"2026-04-18T10:00:00Z\"}",
         COMMAND_INVALID_FIELD, "scheduledAt is not before expiresAt"},
        {"{" MINIMAL ",\"priority\":4}", COMMAND_INVALID_FIELD,
         "priority is not a number from 0 to 3"},
        {"{" MINIMAL ",\"registeredDelivery\":1.5}", COMMAND_INVALID_FIELD,
         "registeredDelivery is not a number from 0 to 31"},
        {"{" MINIMAL ",\"destTon\":8}", COMMAND_INVALID_FIELD,
         "destTon is not a number from 0 to 7"},
        {"{" MINIMAL ",\"tlvs\":{}}", COMMAND_INVALID_FIELD,
         "tlvs is not a list of at most 16 parameters"},
        {"{" MINIMAL ",\"tlvs\":[{\"tag\":0,\"hex\":\"\"}]}", COMMAND_INVALID_FIELD,
         "tlvs has a tag that is not a number from 1 to 65535 or 0x0001 to 0xffff"},
        {"{" MINIMAL ",\"tlvs\":[{\"tag\":\"0x0424\",\"hex\":\"\"}]}", COMMAND_INVALID_FIELD,
         "tlvs has a tag that the connector sets itself"},
        {"{" MINIMAL ",\"tlvs\":[{\"tag\":1,\"hex\":\"0\"}]}", COMMAND_INVALID_FIELD,
         "tlvs has a hex value that is not an even number of at most 508 hex digits"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum command_fault fault = parse(rows[i].json, strlen(rows[i].json));
        check(fault == rows[i].fault, "row %zu: %s", i, command_fault_name(fault));
        check(strcmp(error, rows[i].error) == 0, "row %zu: %s", i, error);
        assert_null(command.json);
        assert_null(command.owned);
        if (fault == COMMAND_NOT_JSON)
            continue;
        fault = parse_with_a_list(rows[i].json);
        check(fault == rows[i].fault, "row %zu with a list: %s", i, command_fault_name(fault));
        check(strcmp(error, rows[i].error) == 0, "row %zu with a list: %s", i, error);
    }
}

static void test_too_large(void **state)
{
    (void)state;
    size_t size = 100000;
    char *json = malloc(size);
    assert_non_null(json);
    struct str_out o = str_out(json, size);
    str_puts(&o, "{" IDS "," ROUTE ",\"text\":\"");
    while (o.len < size - 10)
        str_putc(&o, 'x');
    str_puts(&o, "\"}");
    assert_int_equal(parse(json, o.len), COMMAND_NOT_JSON);
    assert_string_equal(error, "the document is too large");
    struct command_traces traces;
    commands_find_traces(json, o.len, &traces);
    assert_true(traces.has_message_id && traces.has_operator_id);
    free(json);
}

static void test_traces(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        bool message, operator;
    } rows[] = {
        {"{" IDS "}", true, true},
        {"{" IDS ",\"text\":\"\xFF\xFE", true, true},
        {"{ \"messageId\" :\n\"" MESSAGE "\"", true, false},
        {"{\"messageId\":\"" MESSAGE, false, false},
        {"{\"messageId\":12,\"operatorId\":\"" OPERATOR "\"}", false, true},
        {"{\"a\":{\"messageId\":\"" MESSAGE "\"}}", false, false},
        {"{\"a\":[\"messageId\",\"" MESSAGE "\"]}", false, false},
        {"{\"text\":\"\\\"messageId\\\":\\\"" MESSAGE "\\\"\"}", false, false},
        {"{\"text\":\"messageId\",\"x\":\"" MESSAGE "\"}", false, false},
        {"\"messageId\":\"" MESSAGE "\"", false, false},
        {"{\"messageId\":\"not a uuid\",\"messageId\":\"" MESSAGE "\"}", true, false},
        {"", false, false},
        {"\\", false, false},
        {"\"\\", false, false},
        {"}}}{" IDS "}", true, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct command_traces t;
        commands_find_traces(rows[i].json, strlen(rows[i].json), &t);
        check(t.has_message_id == rows[i].message, "row %zu", i);
        check(t.has_operator_id == rows[i].operator, "row %zu", i);
        assert_true(!t.has_operator_id || uuid_equal(&t.operator_id, &operator_id));
    }
}

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool destination, sender;
        uint8_t ton, npi; /* as a sender */
    } rows[] = {
        {"+99970000001", true, true, SMPP_TON_INTERNATIONAL, SMPP_NPI_E164},
        {"99970000001", true, true, SMPP_TON_INTERNATIONAL, SMPP_NPI_E164},
        {"12345678", true, true, SMPP_TON_INTERNATIONAL, SMPP_NPI_E164},
        {"1234567", true, true, SMPP_TON_UNKNOWN, SMPP_NPI_UNKNOWN},
        {"+123", true, true, SMPP_TON_INTERNATIONAL, SMPP_NPI_E164},
        {"123", true, true, SMPP_TON_UNKNOWN, SMPP_NPI_UNKNOWN},
        {"12", false, true, SMPP_TON_ALPHANUMERIC, SMPP_NPI_UNKNOWN},
        {"ACME", false, true, SMPP_TON_ALPHANUMERIC, SMPP_NPI_UNKNOWN},
        {"My Shop & Co", false, true, SMPP_TON_ALPHANUMERIC, SMPP_NPI_UNKNOWN},
        {"12345678901234567890", false, true, SMPP_TON_ALPHANUMERIC, SMPP_NPI_UNKNOWN},
        {"123456789012345678901", false, false, 0, 0},
        {"tab\there", false, false, 0, 0},
        {"", false, false, 0, 0},
        {"+", false, true, SMPP_TON_ALPHANUMERIC, SMPP_NPI_UNKNOWN},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct address a;
        size_t len = strlen(rows[i].text);
        check(address_of_destination(rows[i].text, len, &a) == rows[i].destination, "row %zu", i);
        check(address_of_sender(rows[i].text, len, &a) == rows[i].sender, "row %zu", i);
        if (!rows[i].sender)
            continue;
        assert_int_equal(a.ton, rows[i].ton);
        assert_int_equal(a.npi, rows[i].npi);
        bool stripped = rows[i].text[0] == '+' && a.ton == SMPP_TON_INTERNATIONAL;
        assert_string_equal(a.text, rows[i].text + (stripped ? 1 : 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_minimal), cmocka_unit_test(test_plain_or_not),
        cmocka_unit_test(test_full),    cmocka_unit_test(test_binary),
        cmocka_unit_test(test_refuses), cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_traces),  cmocka_unit_test(test_addresses),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
