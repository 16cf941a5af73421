/* What leaves the connector, and what its ids are made of. */
#include "tests/unit/proto/proto_test.h"

#include "proto/event_id.h"
#include "proto/events.h"
#include "proto/json.h"

#define OPERATOR "550e8400-e29b-41d4-a716-446655440001"
#define MESSAGE "7d444840-9dc0-11d1-b245-5ffdce74fad2"
#define EVENT "0f8fad5b-d9cb-569f-a165-70867728950e"

static struct uuid uuid_of(const char *text)
{
    struct uuid uuid;
    assert_true(uuid_parse(text, strlen(text), &uuid));
    return uuid;
}

static void check_output(struct json_emit *e, const char *expected)
{
    check(e->len == strlen(expected) && memcmp(e->data, expected, e->len) == 0, "%.*s", (int)e->len,
          e->data);
    char error[100];
    struct json *back = json_parse(e->data, e->len, JSON_SIZE_LIMIT, error, sizeof(error));
    assert_non_null(back);
    json_destroy(&back);
    json_emit_free(e);
}

static void test_a_receipt(void **state)
{
    (void)state;
    struct uuid message = uuid_of(MESSAGE);
    struct uuid original = uuid_of(EVENT);
    struct dlr_event event = {
        .event_id = uuid_of(EVENT),
        .occurred_at_ms = 1776506400000,
        .message_id = &message,
        .operator_message_id = "abc",
        .operator_id = uuid_of(OPERATOR),
        .status = DLR_DELIVERED,
        .source = DLR_SOURCE_MNO,
        .delivered_at_ms = 1776506399000,
        .error_code = "000",
        .stat = "DELIVRD",
        .source_addr = "99970000001",
        .dest_addr = "ACME",
        .raw_text = BYTES("id:abc \x1B\xFF"),
        .raw_tlvs = BYTES("\x04\x27\x00\x01\x02\x14\x00\x00\x00\xFF"),
        .raw_octets = BYTES("\x1B\xFF"),
        .segment = 1,
        .segments = 2,
        .original_operator_id = &original,
        .has_final = true,
        .final = true,
        .out_of_order = true,
        .reason = "because",
    };
    struct json_emit e = json_emit_growable();
    events_emit_dlr(&e, &event);
    check_output(
        &e,
        "{\"version\":\"1.0\",\"schemaVersion\":\"1.0\",\"eventId\":\"" EVENT
        "\",\"occurredAt\":\"2026-04-18T10:00:00.000Z\",\"messageId\":\"" MESSAGE
        "\",\"operatorMessageId\":\"abc\",\"operatorId\":\"" OPERATOR
        "\",\"status\":\"DELIVERED\",\"stat\":\"DELIVRD\",\"source\":\"MNO\","
        "\"deliveredAt\":\"2026-04-18T09:59:59.000Z\",\"smppErrorCode\":\"000\","
        "\"errorCode\":\"000\",\"sourceAddr\":\"99970000001\",\"destAddr\":\"ACME\",\"segment\":1,"
        "\"segments\":2,\"originalOperatorId\":\"" EVENT
        "\",\"final\":true,\"outOfOrder\":true,\"reason\":\"because\",\"rawPayload\":{\"text\":"
        "\"id:abc \\u001b\xEF\xBF\xBD\",\"tlvs\":[{\"tag\":\"0x0427\",\"hex\":\"02\"},{\"tag\":"
        "\"0x1400\",\"hex\":\"\"}],\"hex\":\"1bff\"}}");
}

static void test_the_least(void **state)
{
    (void)state;
    struct dlr_event event = {.event_id = uuid_of(EVENT),
                              .operator_id = uuid_of(OPERATOR),
                              .status = DLR_REJECTED,
                              .source = DLR_SOURCE_CONNECTOR,
                              .delivered_at_ms = EVENT_TIME_NONE};
    struct json_emit e = json_emit_growable();
    events_emit_dlr(&e, &event);
    check_output(&e, "{\"version\":\"1.0\",\"schemaVersion\":\"1.0\",\"eventId\":\"" EVENT
                     "\",\"occurredAt\":\"1970-01-01T00:00:00.000Z\",\"messageId\":null,"
                     "\"operatorMessageId\":\"\",\"operatorId\":\"" OPERATOR
                     "\",\"status\":\"REJECTED\",\"stat\":\"REJECTED\",\"source\":\"CONNECTOR\","
                     "\"deliveredAt\":null,\"smppErrorCode\":null,\"errorCode\":null}");
}

static void test_limits_of_the_schema(void **state)
{
    (void)state;
    char id[200] = "";
    memset(id, 'x', sizeof(id) - 1);
    struct dlr_event event = {.delivered_at_ms = EVENT_TIME_NONE,
                              .operator_message_id = id,
                              .stat = "ééééééééééééééééééééééééééééééééé"};
    struct json_emit e = json_emit_growable();
    events_emit_dlr(&e, &event);
    char error[100];
    struct json *back = json_parse(e.data, e.len, JSON_SIZE_LIMIT, error, sizeof(error));
    assert_non_null(back);
    struct bytes s;
    assert_true(json_string(json_member(back, "operatorMessageId"), &s));
    assert_int_equal(s.len, 64);
    assert_true(json_string(json_member(back, "stat"), &s));
    assert_int_equal(s.len, 64); /* 32 characters of two octets */
    json_destroy(&back);
    json_emit_free(&e);
}

static void test_health(void **state)
{
    (void)state;
    struct health_event event = {.event_id = uuid_of(EVENT),
                                 .occurred_at_ms = 1776506400123,
                                 .operator_id = uuid_of(OPERATOR),
                                 .status = HEALTH_BOUND};
    struct json_emit e = json_emit_growable();
    events_emit_health(&e, &event);
    check_output(&e, "{\"version\":\"1.0\",\"eventId\":\"" EVENT
                     "\",\"occurredAt\":\"2026-04-18T10:00:00.123Z\",\"operatorId\":\"" OPERATOR
                     "\",\"operatorName\":\"" OPERATOR
                     "\",\"status\":\"BOUND\",\"previousStatus\":null}");
    event.operator_name = "Operator A";
    event.previous = HEALTH_BOUND;
    event.status = HEALTH_UNBOUND;
    event.reason = "closed by the peer";
    e = json_emit_growable();
    events_emit_health(&e, &event);
    check_output(&e, "{\"version\":\"1.0\",\"eventId\":\"" EVENT
                     "\",\"occurredAt\":\"2026-04-18T10:00:00.123Z\",\"operatorId\":\"" OPERATOR
                     "\",\"operatorName\":\"Operator A\",\"status\":\"UNBOUND\","
                     "\"previousStatus\":\"BOUND\",\"reason\":\"closed by the peer\"}");
}

/* --- ids --- */

static struct bytes receipt_input(const struct smpp_sm *sm, uint8_t out[EVENT_ID_INPUT_SIZE])
{
    struct uuid operator_id = uuid_of(OPERATOR);
    struct buf_writer w = buf_writer(out, EVENT_ID_INPUT_SIZE);
    event_id_of_receipt(&w, &operator_id, sm);
    assert_false(w.failed);
    return (struct bytes){.data = out, .len = buf_written(&w)};
}

/* Golden octets: whoever changes them makes every repeated receipt a new event. */
static void test_ids_of_receipts_stay_what_they_are(void **state)
{
    (void)state;
    static const char golden[] =
        "\xc2\xa9\xf4\xc1\x6d\x0b\x5b\x7e\x9e\x53\x0d\x6a\x3f\x1b\x8e\x27R"
        "\0\0\0\x10\x55\x0e\x84\x00\xe2\x9b\x41\xd4\xa7\x16\x44\x66\x55\x44\x00\x01"
        "\0\0\0\x03"
        "123\0\0\0\x04"
        "ACME\0\0\0\x01\x04\0\0\0\x02hi\0\0\0\x05\x04\x27\0\x01\x02";
    struct smpp_sm sm = {.source = "123",
                         .dest = "ACME",
                         .esm_class = 0x47,
                         .short_message = BYTES("hi"),
                         .tlvs = BYTES("\x04\x27\0\x01\x02")};
    uint8_t out[EVENT_ID_INPUT_SIZE];
    struct bytes input = receipt_input(&sm, out);
    assert_int_equal(input.len, sizeof(golden) - 1);
    assert_memory_equal(input.data, golden, input.len);
}

static void test_parts_cannot_run_into_each_other(void **state)
{
    (void)state;
    struct smpp_sm a = {.source = "12", .dest = "3", .short_message = BYTES("x")};
    struct smpp_sm b = {.source = "1", .dest = "23", .short_message = BYTES("x")};
    uint8_t a_out[EVENT_ID_INPUT_SIZE], b_out[EVENT_ID_INPUT_SIZE];
    struct bytes x = receipt_input(&a, a_out);
    struct bytes y = receipt_input(&b, b_out);
    assert_int_equal(x.len, y.len);
    assert_memory_not_equal(x.data, y.data, x.len);
}

static void test_ids_of_our_own(void **state)
{
    (void)state;
    struct uuid operator_id = uuid_of(OPERATOR);
    uint8_t out[EVENT_ID_INPUT_SIZE];
    struct buf_writer w = buf_writer(out, sizeof(out));
    event_id_of_command(&w, &operator_id, "SMS_DISPATCH", 7, 8, "REJECTED", 0);
    assert_false(w.failed);
    assert_int_equal(buf_written(&w), 17 + 20 + 16 + 12 + 12 + 12 + 12);
    assert_int_equal(out[16], 'C');
    w = buf_writer(out, sizeof(out));
    event_id_of_health(&w, operator_id.octets, &operator_id, 3);
    assert_int_equal(buf_written(&w), 17 + 20 + 20 + 12);
    assert_int_equal(out[16], 'H');
}

static void test_uuids(void **state)
{
    (void)state;
    /* SHA-1 of the DNS namespace and "www.example.org", from Python's uuid module */
    static const uint8_t digest[UUID_SHA1_SIZE] = {0x74, 0x73, 0x8f, 0xf5, 0x53, 0x67, 0xe9,
                                                   0x58, 0x1a, 0xee, 0x98, 0xff, 0xfd, 0xcd,
                                                   0x18, 0x76, 0,    0,    0,    0};
    struct uuid uuid = uuid5_from_sha1(digest);
    char text[UUID_TEXT_SIZE];
    uuid_format(&uuid, text);
    assert_string_equal(text, "74738ff5-5367-5958-9aee-98fffdcd1876");
    uuid = uuid4_from_random(digest);
    uuid_format(&uuid, text);
    assert_string_equal(text, "74738ff5-5367-4958-9aee-98fffdcd1876");
    static const char *const bad[] = {"",
                                      "74738ff5-5367-5958-9aee-98fffdcd187",
                                      "74738ff5-5367-5958-9aee-98fffdcd18766",
                                      "74738ff5-5367-5958-9aee98-fffdcd1876",
                                      "74738ff55367-5958-9aee-98fffdcd1876-",
                                      "74738ff5-5367-5958-9aee-98fffdcd187g",
                                      "{4738ff5-5367-5958-9aee-98fffdcd187}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(uuid_parse(bad[i], strlen(bad[i]), &uuid));
    assert_true(uuid_parse("74738FF5-5367-5958-9AEE-98FFFDCD1876", 36, &uuid));
    assert_false(uuid_is_nil(&uuid));
    assert_true(uuid_parse("00000000-0000-0000-0000-000000000000", 36, &uuid));
    assert_true(uuid_is_nil(&uuid));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_receipt),
        cmocka_unit_test(test_the_least),
        cmocka_unit_test(test_limits_of_the_schema),
        cmocka_unit_test(test_health),
        cmocka_unit_test(test_ids_of_receipts_stay_what_they_are),
        cmocka_unit_test(test_parts_cannot_run_into_each_other),
        cmocka_unit_test(test_ids_of_our_own),
        cmocka_unit_test(test_uuids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
