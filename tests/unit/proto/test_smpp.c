/* The PDU codecs: golden octets, and what SMSCs send instead. */
#include "tests/unit/proto/proto_test.h"

#include "proto/smpp_bind.h"
#include "proto/smpp_deliver.h"
#include "proto/smpp_pdu.h"
#include "proto/smpp_sm.h"
#include "proto/smpp_submit.h"
#include "proto/smpp_time.h"
#include "proto/smpp_tlv.h"

static char error[128];

static void test_frames(void **state)
{
    (void)state;
    static const struct {
        struct bytes data;
        enum smpp_frame frame;
    } rows[] = {
        {BYTES(""), SMPP_FRAME_PARTIAL},
        {BYTES("\0\0\0"), SMPP_FRAME_PARTIAL},
        {BYTES("\0\0\0\x10"), SMPP_FRAME_PARTIAL},
        {BYTES("\0\0\0\x0F"), SMPP_FRAME_TOO_SHORT},
        {BYTES("\0\0\0\0"), SMPP_FRAME_TOO_SHORT},
        {BYTES("HTTP/1.1"), SMPP_FRAME_TOO_LONG},
        {BYTES("\x80\0\0\x10"), SMPP_FRAME_TOO_LONG},
        {BYTES("\0\0\0\x10\0\0\0\x15\0\0\0\0\0\0\0\x01"), SMPP_FRAME_WHOLE},
        {BYTES("\0\0\0\x10\0\0\0\x15\0\0\0\0\0\0\0\x01more"), SMPP_FRAME_WHOLE},
        {BYTES("\0\0\0\x11\0\0\0\x15\0\0\0\0\0\0\0\x01"), SMPP_FRAME_PARTIAL},
        {BYTES("\0\x02\0\x01"), SMPP_FRAME_TOO_LONG},
        {BYTES("\0\x02\0\0"), SMPP_FRAME_PARTIAL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t len = 0;
        enum smpp_frame frame =
            smpp_pdu_frame(rows[i].data.data, rows[i].data.len, SMPP_PDU_LIMIT, &len);
        check(frame == rows[i].frame, "row %zu: %d", i, (int)frame);
        assert_int_equal(len, frame == SMPP_FRAME_WHOLE ? 16 : 0);
    }
}

static void test_headers(void **state)
{
    (void)state;
    uint8_t pdu[SMPP_HEADER_SIZE];
    smpp_pdu_generic_nack(SMPP_RINVCMDLEN, 0, pdu);
    assert_memory_equal(pdu, "\0\0\0\x10\x80\0\0\0\0\0\0\x02\0\0\0\0", 16);
    smpp_pdu_enquire_link(0x7FFFFFFF, pdu);
    assert_memory_equal(pdu, "\0\0\0\x10\0\0\0\x15\0\0\0\0\x7F\xFF\xFF\xFF", 16);
    smpp_pdu_enquire_link_resp(0xFFFFFFFF, pdu);
    assert_memory_equal(pdu, "\0\0\0\x10\x80\0\0\x15\0\0\0\0\xFF\xFF\xFF\xFF", 16);
    smpp_pdu_unbind(2, pdu);
    assert_memory_equal(pdu, "\0\0\0\x10\0\0\0\x06\0\0\0\0\0\0\0\x02", 16);
    smpp_pdu_unbind_resp(SMPP_ROK, 2, pdu);
    struct smpp_header h = smpp_pdu_get_header(pdu);
    assert_int_equal(h.length, 16);
    assert_int_equal(h.id, SMPP_UNBIND_RESP);
    assert_int_equal(h.sequence, 2);
    uint8_t resp[SMPP_DELIVER_RESP_SIZE];
    smpp_deliver_resp(SMPP_DELIVER_SM, SMPP_RX_T_APPN, 5, resp);
    assert_memory_equal(resp, "\0\0\0\x11\x80\0\0\x05\0\0\0\x64\0\0\0\x05\0", 17);
    assert_string_equal(smpp_pdu_name(SMPP_SUBMIT_SM_RESP), "submit_sm_resp");
    assert_string_equal(smpp_pdu_name(SMPP_GENERIC_NACK), "generic_nack");
    assert_string_equal(smpp_pdu_name(SMPP_ALERT_NOTIFICATION), "alert_notification");
    assert_string_equal(smpp_pdu_name(0x12345), "unknown");
    assert_true(smpp_pdu_is_response(SMPP_SUBMIT_SM_RESP));
}

static void test_bind(void **state)
{
    (void)state;
    struct smpp_bind bind = {.command = SMPP_BIND_TRANSCEIVER,
                             .system_id = "esme",
                             .password = BYTES("pass"),
                             .system_type = "VMA",
                             .interface_version = SMPP_VERSION,
                             .addr_ton = 1,
                             .addr_npi = 1,
                             .address_range = NULL};
    static const char golden[] = "\0\0\0\x22\0\0\0\x09\0\0\0\0\0\0\0\x01"
                                 "esme\0pass\0VMA\0\x34\x01\x01";
    uint8_t pdu[SMPP_BIND_PDU_SIZE];
    size_t len;
    assert_int_equal(smpp_bind_encode(&bind, 1, pdu, sizeof(pdu), &len, error, sizeof(error)), 0);
    assert_int_equal(len, sizeof(golden));
    assert_memory_equal(pdu, golden, len);
    assert_false(smpp_bind_exceeds_spec(&bind));
    bind.password = BYTES("longer than eight");
    assert_int_equal(smpp_bind_encode(&bind, 1, pdu, sizeof(pdu), &len, error, sizeof(error)), 0);
    assert_true(smpp_bind_exceeds_spec(&bind));
    bind.password = BYTES("a\0b");
    assert_int_equal(smpp_bind_encode(&bind, 1, pdu, sizeof(pdu), &len, error, sizeof(error)), -1);
    assert_string_equal(error, "password is too long for SMPP or has a NUL inside");
    bind.password = BYTES("x");
    assert_int_equal(smpp_bind_encode(&bind, 1, pdu, 30, &len, error, sizeof(error)), -1);
    bind.system_type = "thirteen_char";
    assert_int_equal(smpp_bind_encode(&bind, 1, pdu, sizeof(pdu), &len, error, sizeof(error)), -1);
}

static void test_the_largest_bind_fits(void **state)
{
    (void)state;
    char id[SMPP_BIND_CREDENTIAL_MAX + 2] = "";
    memset(id, 'i', SMPP_BIND_CREDENTIAL_MAX);
    struct smpp_bind bind = {.command = SMPP_BIND_RECEIVER,
                             .system_id = id,
                             .password = bytes_of(id),
                             .system_type = "twelve_chars",
                             .address_range = "0123456789012345678901234567890123456789"};
    uint8_t pdu[SMPP_BIND_PDU_SIZE];
    size_t len;
    assert_int_equal(smpp_bind_encode(&bind, 1, pdu, sizeof(pdu), &len, error, sizeof(error)), 0);
    assert_int_equal(len, sizeof(pdu));
    id[SMPP_BIND_CREDENTIAL_MAX] = 'i';
    assert_int_equal(smpp_bind_encode(&bind, 1, pdu, sizeof(pdu), &len, error, sizeof(error)), -1);
}

static void test_bind_resp(void **state)
{
    (void)state;
    static const struct {
        struct bytes body;
        const char *system_id;
        int version; /* -1: none */
    } rows[] = {
        {BYTES(""), "", -1},
        {BYTES("\0"), "", -1},
        {BYTES("smsc\0"), "smsc", -1},
        {BYTES("smsc"), "smsc", -1},
        {BYTES("smsc\0\x02\x10\0\x01\x34"), "smsc", 0x34},
        {BYTES("smsc\0\x02\x10\0\x41\x34"), "smsc", -1},
        {BYTES("smsc\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\x10\0\x01\x50"), "smsc", 0x50},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct smpp_bind_resp resp;
        smpp_bind_resp_decode(rows[i].body, &resp);
        assert_string_equal(resp.system_id, rows[i].system_id);
        check(resp.has_version == (rows[i].version >= 0), "row %zu", i);
        assert_true(!resp.has_version || resp.version == rows[i].version);
    }
}

static const struct smpp_sm full = {
    .service_type = "CMT",
    .source_ton = 5,
    .source = "ACME",
    .dest_ton = 1,
    .dest_npi = 1,
    .dest = "99970000001",
    .esm_class = 0x40,
    .protocol_id = 1,
    .priority = 2,
    .schedule = "260418100000000+",
    .validity = "000003000000000R",
    .registered_delivery = 1,
    .replace_if_present = 1,
    .data_coding = 8,
    .default_message_id = 3,
    .short_message = BYTES("\x04\x36"),
    .tlvs = BYTES("\x14\0\0\x02hi"),
};

static void test_sm(void **state)
{
    (void)state;
    static const char golden[] = "CMT\0\x05\0ACME\0\x01\x01"
                                 "99970000001\0\x40\x01\x02"
                                 "260418100000000+\0"
                                 "000003000000000R\0\x01\x01\x08\x03\x02\x04\x36\x14\0\0\x02hi";
    uint8_t body[SMPP_SM_BODY_SIZE];
    size_t len;
    assert_int_equal(smpp_sm_encode(&full, body, sizeof(body), &len, error, sizeof(error)), 0);
    assert_int_equal(len, sizeof(golden) - 1);
    assert_memory_equal(body, golden, len);
    struct smpp_sm back;
    assert_true(smpp_sm_decode((struct bytes){.data = body, .len = len}, &back));
    assert_string_equal(back.service_type, full.service_type);
    assert_string_equal(back.source, full.source);
    assert_string_equal(back.dest, full.dest);
    assert_string_equal(back.schedule, full.schedule);
    assert_string_equal(back.validity, full.validity);
    assert_int_equal(back.source_ton, 5);
    assert_int_equal(back.dest_npi, 1);
    assert_int_equal(back.esm_class, 0x40);
    assert_int_equal(back.priority, 2);
    assert_int_equal(back.default_message_id, 3);
    assert_int_equal(back.short_message.len, 2);
    assert_int_equal(back.tlvs.len, 6);
    assert_int_equal(back.payload.len, 0);
    /* Every shorter body lacks something of the mandatory part, or some of its parameters. */
    for (size_t cut = 0; cut < len; cut++) {
        struct bytes part = {.data = body, .len = cut};
        bool taken = smpp_sm_decode(part, &back);
        check(taken == (cut >= len - 6), "cut at %zu", cut);
        assert_true(!taken || back.tlvs.len == 0);
    }
}

static void test_sm_refuses(void **state)
{
    (void)state;
    static char long_message[300];
    memset(long_message, 'x', sizeof(long_message) - 1);
    uint8_t body[SMPP_SM_BODY_SIZE];
    size_t len;
    struct smpp_sm rows[8];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        rows[i] = full;
    rows[0].service_type = "sixsix";
    rows[1].source = "123456789012345678901";
    rows[2].dest = "123456789012345678901";
    rows[3].schedule = "260418100000";
    rows[4].validity = "1";
    rows[5].short_message = (struct bytes){.data = (uint8_t *)long_message, .len = 255};
    rows[6].payload = BYTES("x");
    rows[7].tlvs = (struct bytes){.data = (uint8_t *)long_message, .len = 299};
    static const char *const why[] = {"service_type",       "source_addr",     "destination_addr",
                                      "schedule",           "validity_period", "short_message",
                                      "exclude each other", "too small"};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(smpp_sm_encode(&rows[i], body, sizeof(body), &len, error, sizeof(error)),
                         -1);
        check(strstr(error, why[i]), "row %zu: %s", i, error);
    }
}

static void test_the_largest_sm_fits(void **state)
{
    (void)state;
    static uint8_t message[SMPP_SHORT_MESSAGE_MAX];
    struct smpp_sm sm = full;
    sm.service_type = "12345";
    sm.source = sm.dest = "12345678901234567890";
    sm.short_message = (struct bytes){.data = message, .len = sizeof(message)};
    sm.tlvs = (struct bytes){0};
    uint8_t body[SMPP_SM_BODY_SIZE];
    size_t len;
    assert_int_equal(smpp_sm_encode(&sm, body, sizeof(body), &len, error, sizeof(error)), 0);
    assert_true(len <= sizeof(body));
}

static void test_payload(void **state)
{
    (void)state;
    static uint8_t payload[60000];
    static uint8_t body[61000];
    memset(payload, 'p', sizeof(payload));
    struct smpp_sm sm = {.dest = "99970000001",
                         .payload = {.data = payload, .len = sizeof(payload)}};
    size_t len;
    assert_int_equal(smpp_sm_encode(&sm, body, sizeof(body), &len, error, sizeof(error)), 0);
    struct smpp_sm back;
    assert_true(smpp_sm_decode((struct bytes){.data = body, .len = len}, &back));
    assert_int_equal(smpp_sm_message(&back).len, sizeof(payload));
    assert_memory_equal(smpp_sm_message(&back).data, payload, sizeof(payload));
}

#define SM_START                                                                                   \
    "\0\0\0\0\x01\x01"                                                                             \
    "1\0\x04\0\0\0\0\0\0\0\0"
static void test_what_smscs_send(void **state)
{
    (void)state;
    static const struct {
        struct bytes body;
        bool taken;
        size_t message, tlvs;
    } rows[] = {
        {BYTES(SM_START "\x02hi"), true, 2, 0},
        {BYTES(SM_START "\x10hi"), false, 0, 0}, /* says 16, sends 2 */
        {BYTES(SM_START "\x02hi\x04\x27\0\x01\x02"), true, 2, 5},
        {BYTES(SM_START "\x02hi\x04\x27\0\x41\x02"), true, 2, 0},       /* says 0x41, sends 1 */
        {BYTES(SM_START "\x02hi\x04\x27\0\x01\x02\0"), true, 2, 5},     /* one octet too many */
        {BYTES(SM_START "\x02hi\x04\x27\0\0\x14\x01\0\0"), true, 2, 8}, /* empty values */
        {BYTES(SM_START "\0\x04\x24\0\x02hi"), true, 2, 6},
        {BYTES(SM_START), false, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct smpp_sm sm;
        bool taken = smpp_sm_decode(rows[i].body, &sm);
        check(taken == rows[i].taken, "row %zu", i);
        if (!taken)
            continue;
        check(smpp_sm_message(&sm).len == rows[i].message, "row %zu", i);
        check(sm.tlvs.len == rows[i].tlvs, "row %zu: %zu", i, sm.tlvs.len);
    }
}

static void test_data_sm_and_alert(void **state)
{
    (void)state;
    struct smpp_sm sm;
    assert_true(smpp_deliver_decode_data_sm(BYTES("\0\x01\x01"
                                                  "1\0\x01\x01"
                                                  "2\0\x04\0\0\x04\x24\0\x02hi"),
                                            &sm));
    assert_string_equal(sm.source, "1");
    assert_string_equal(sm.dest, "2");
    assert_string_equal(sm.validity, "");
    assert_int_equal(sm.esm_class, 4);
    assert_int_equal(smpp_sm_message(&sm).len, 2);
    assert_false(smpp_deliver_decode_data_sm(BYTES("\0\x01\x01"
                                                   "1\0\x01\x01"
                                                   "2\0\x04\0"),
                                             &sm));
    struct smpp_alert alert;
    assert_true(smpp_deliver_decode_alert(BYTES("\x01\x01"
                                                "1\0\0\0me\0"),
                                          &alert));
    assert_string_equal(alert.source, "1");
    assert_string_equal(alert.esme, "me");
    assert_false(smpp_deliver_decode_alert(BYTES("\x01\x01"
                                                 "1"),
                                           &alert));
}

static void test_submit_resp(void **state)
{
    (void)state;
    static const struct {
        struct bytes body;
        const char *id;
        size_t tlvs;
    } rows[] = {
        {BYTES(""), "", 0},
        {BYTES("\0"), "", 0},
        {BYTES("abc\0"), "abc", 0},
        {BYTES("abc"), "abc", 0},
        {BYTES("abc\0\0\x1D\0\x01x"), "abc", 5},
        {BYTES("\0\x1D\0\x04text"), "", 8},
        {BYTES("\x14\x01\0\x01x"), "", 5},
        {BYTES("\x01\x02\x03\0"), "", 0},
        {BYTES("abc\0\x04\x27\0\x09x"), "abc", 0},
        {BYTES("0123456789012345678901234567890123456789012345678901234567890123456789\0"),
         "0123456789012345678901234567890123456789012345678901234567890123", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct smpp_submit_resp resp;
        smpp_submit_resp_decode(rows[i].body, &resp);
        check(strcmp(resp.message_id, rows[i].id) == 0, "row %zu: %s", i, resp.message_id);
        check(resp.tlvs.len == rows[i].tlvs, "row %zu: %zu", i, resp.tlvs.len);
    }
    uint8_t body[SMPP_MESSAGE_ID_SIZE];
    size_t len;
    assert_true(smpp_submit_resp_encode("id", body, sizeof(body), &len));
    assert_memory_equal(body, "id", 3);
    assert_int_equal(len, 3);
}

static void test_tlvs(void **state)
{
    (void)state;
    uint8_t data[16];
    struct buf_writer w = buf_writer(data, sizeof(data));
    smpp_tlv_put_u8(&w, 0x0427, 2);
    smpp_tlv_put_u16(&w, 0x0204, 0x1234);
    assert_memory_equal(data, "\x04\x27\0\x01\x02\x02\x04\0\x02\x12\x34", 11);
    struct bytes all = {.data = data, .len = buf_written(&w)};
    uint32_t v;
    assert_true(smpp_tlv_find_uint(all, 0x0204, &v));
    assert_int_equal(v, 0x1234);
    assert_false(smpp_tlv_find_uint(all, 0x0205, &v));
    smpp_tlv_put(&w, 1, BYTES("xy")); /* would need 6 of 5 */
    assert_true(w.failed);
    assert_int_equal(buf_written(&w), 11);
}

static void test_times(void **state)
{
    (void)state;
    char text[SMPP_TIME_SIZE];
    smpp_time_absolute(1776490200123, text);
    assert_string_equal(text, "260418053000100+");
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        {0, "000000000001000R"}, /* all zeros would be no duration */
        {-5, "000000000001000R"},
        {999, "000000000001000R"},
        {59999, "000000000059000R"},
        {3 * 86400000LL, "000003000000000R"},
        {86400000LL * 33 + 3661000, "000033010101000R"},
        {86400000LL * 500, "000099000000000R"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        smpp_time_relative(rows[i].ms, text);
        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_bind),
        cmocka_unit_test(test_the_largest_bind_fits),
        cmocka_unit_test(test_bind_resp),
        cmocka_unit_test(test_sm),
        cmocka_unit_test(test_sm_refuses),
        cmocka_unit_test(test_the_largest_sm_fits),
        cmocka_unit_test(test_payload),
        cmocka_unit_test(test_what_smscs_send),
        cmocka_unit_test(test_data_sm_and_alert),
        cmocka_unit_test(test_submit_resp),
        cmocka_unit_test(test_tlvs),
        cmocka_unit_test(test_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
