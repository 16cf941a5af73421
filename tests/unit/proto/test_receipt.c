/* Receipts as MNOs write them. */
#include "tests/unit/proto/proto_test.h"

#include "common/str.h"
#include "proto/receipt.h"

/* 2026-04-18T12:00:00Z */
#define NOW_MS 1776513600000LL
#define NONE RECEIPT_TIME_NONE

static char text[4096];
static struct receipt r;

static void parse(uint8_t esm_class, struct bytes message, struct bytes tlvs,
                  enum receipt_detection detection)
{
    struct smpp_sm sm = {.esm_class = esm_class, .short_message = message, .tlvs = tlvs};
    receipt_parse(&sm, detection, NOW_MS, text, sizeof(text), &r);
}

/* "2026-04-18T10:00:00Z" or NULL */
static int64_t ms_of(const char *iso)
{
    int64_t ms = NONE;
    if (iso)
        assert_true(str_time_parse(iso, strlen(iso), &ms));
    return ms;
}

static const struct {
    const char *text;
    const char *id, *stat, *err;
    enum dlr_status status;
    bool final;
    const char *submit, *done;
} dialects[] = {
    /* Appendix B */
    {"id:0123456789 sub:001 dlvrd:001 submit date:2604181000 done date:2604181005 stat:DELIVRD "
     "err:000 text:Hello world",
     "0123456789", "DELIVRD", "000", DLR_DELIVERED, true, "2026-04-18T10:00:00Z",
     "2026-04-18T10:05:00Z"},
    /* Kannel's family: other case, seconds */
    {"ID:abc-1 SUB:001 DLVRD:000 SUBMIT DATE:260418100001 DONE DATE:260418100559 STAT:UNDELIV "
     "ERR:21b TEXT:Hi",
     "abc-1", "UNDELIV", "21b", DLR_UNDELIVERABLE, true, "2026-04-18T10:00:01Z",
     "2026-04-18T10:05:59Z"},
    /* order, missing fields, several blanks, tabs, newlines */
    {"stat:EXPIRED   err:\t4A6\r\nid:7", "7", "EXPIRED", "4A6", DLR_EXPIRED, true, NULL, NULL},
    {"id:1 stat:REJECTD", "1", "REJECTD", "", DLR_REJECTED, true, NULL, NULL},
    {"err:E_NETWORK stat:DELETED id:X", "X", "DELETED", "E_NETWORK", DLR_DELETED, true, NULL, NULL},
    /* labels without blank, aliases, a blank before the colon */
    {"msgid:5 submitdate:2604181000 donedate:2604181001 status:DELIVERED err:0", "5", "DELIVERED",
     "0", DLR_DELIVERED, true, "2026-04-18T10:00:00Z", "2026-04-18T10:01:00Z"},
    {"message_id: 5 done_date:2604181001 state: ACCEPTD", "5", "ACCEPTD", "", DLR_ACCEPTED, false,
     NULL, "2026-04-18T10:01:00Z"},
    {"Message-Id : 6 Stat : delivrd", "6", "delivrd", "", DLR_DELIVERED, true, NULL, NULL},
    /* empty values */
    {"id:1 sub: dlvrd: submit date: done date: stat:DELIVRD err: text:", "1", "DELIVRD", "",
     DLR_DELIVERED, true, NULL, NULL},
    {"id: stat:DELIVRD err:000", "", "DELIVRD", "000", DLR_DELIVERED, true, NULL, NULL},
    /* text in the middle; text that plays at being a receipt */
    {"id:9 text:Hello there stat:UNDELIV err:011", "9", "UNDELIV", "011", DLR_UNDELIVERABLE, true,
     NULL, NULL},
    {"id:9 stat:DELIVRD text:id:10 stat:UNDELIV err:011", "9", "DELIVRD", "", DLR_DELIVERED, true,
     NULL, NULL},
    /* the first of each counts */
    {"id:9 id:10 stat:DELIVRD stat:UNDELIV", "9", "DELIVRD", "", DLR_DELIVERED, true, NULL, NULL},
    /* junk around; labels inside words */
    {"From 12345: apiMsgId:77 id:9 IMSI:1 MSC:2 stat:DELIVRD,err:0;x", "9", "DELIVRD", "0",
     DLR_DELIVERED, true, NULL, NULL},
    {"\xEF\xBB\xBFid:9 stat:DELIVRD", "9", "DELIVRD", "", DLR_DELIVERED, true, NULL, NULL},
    /* padded with NULs that somebody read as GSM 7 */
    {"err:000 id:9 stat:DELIVRD@@", "9", "DELIVRD", "000", DLR_DELIVERED, true, NULL, NULL},
    {"stat:DELIVRD id:9@", "9", "DELIVRD", "", DLR_DELIVERED, true, NULL, NULL},
    /* the label is missing altogether */
    {"id:123 sub:001 dlvrd:001 submit date:2604181000 done date:2604181001 DELIVRD err:000 text:x",
     "123", "DELIVRD", "000", DLR_DELIVERED, true, "2026-04-18T10:00:00Z", "2026-04-18T10:01:00Z"},
    {"id:123 err:000 text:EXPIRED", "123", "UNKNOWN", "000", DLR_UNKNOWN, false, NULL, NULL},
    /* numeric states */
    {"id:1 stat:2", "1", "DELIVRD", "", DLR_DELIVERED, true, NULL, NULL},
    {"id:1 stat:0", "1", "SCHEDULED", "", DLR_ACCEPTED, false, NULL, NULL},
    {"id:1 stat:5", "1", "UNDELIV", "", DLR_UNDELIVERABLE, true, NULL, NULL},
    {"abc123 3", "abc123", "EXPIRED", "", DLR_EXPIRED, true, NULL, NULL},
    /* words of their own */
    {"id:1 stat:DELIVERD", "1", "DELIVERD", "", DLR_DELIVERED, true, NULL, NULL},
    {"id:1 stat:FAILED", "1", "FAILED", "", DLR_UNDELIVERABLE, true, NULL, NULL},
    {"id:1 stat:DND_REJECTED", "1", "DND_REJECTED", "", DLR_REJECTED, true, NULL, NULL},
    {"id:1 stat:BUFFRED", "1", "BUFFRED", "", DLR_ACCEPTED, false, NULL, NULL},
    {"id:1 stat:ENROUTE", "1", "ENROUTE", "", DLR_ACCEPTED, false, NULL, NULL},
    {"id:1 stat:ACKED", "1", "ACKED", "", DLR_ACCEPTED, false, NULL, NULL},
    {"id:1 stat:UNKNOWN", "1", "UNKNOWN", "", DLR_UNKNOWN, true, NULL, NULL},
    {"id:1 stat:F", "1", "F", "", DLR_UNKNOWN, false, NULL, NULL},
    {"id:1 stat:BADSTAT", "1", "BADSTAT", "", DLR_UNKNOWN, false, NULL, NULL},
    {"id:1 stat:a-word-that-is-much-longer-than-it-should-be", "1",
     "a-word-that-is-much-longer-than-", "", DLR_UNKNOWN, false, NULL, NULL},
    /* dates of all lengths, good and bad */
    {"id:1 stat:DELIVRD submit date:20260418100001 done date:202604181005", "1", "DELIVRD", "",
     DLR_DELIVERED, true, "2026-04-18T10:00:01Z", "2026-04-18T10:05:00Z"},
    {"id:1 stat:DELIVRD submit date:260418100001000+ done date:2604181000010000", "1", "DELIVRD",
     "", DLR_DELIVERED, true, "2026-04-18T10:00:01Z", NULL},
    {"id:1 stat:DELIVRD submit date:0000000000 done date:2699991000", "1", "DELIVRD", "",
     DLR_DELIVERED, true, NULL, NULL},
    {"id:1 stat:DELIVRD submit date:7001010000 done date:soon", "1", "DELIVRD", "", DLR_DELIVERED,
     true, NULL, NULL},
    /* nothing at all */
    {"", "", "UNKNOWN", "", DLR_UNKNOWN, false, NULL, NULL},
    {"hello there", "", "UNKNOWN", "", DLR_UNKNOWN, false, NULL, NULL},
};

static void test_dialects(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
        parse(SMPP_ESM_RECEIPT, bytes_of(dialects[i].text), (struct bytes){0}, RECEIPT_BY_FLAGS);
        assert_true(r.is_receipt);
        check(strcmp(r.id_text, dialects[i].id) == 0, "row %zu: id %s", i, r.id_text);
        check(strcmp(r.stat, dialects[i].stat) == 0, "row %zu: stat %s", i, r.stat);
        check(strcmp(r.err, dialects[i].err) == 0, "row %zu: err %s", i, r.err);
        check(r.status == dialects[i].status, "row %zu: %s", i, dlr_status_name(r.status));
        check(r.final == dialects[i].final, "row %zu: final", i);
        check(r.submit_ms == ms_of(dialects[i].submit), "row %zu: submit %lld", i,
              (long long)r.submit_ms);
        check(r.done_ms == ms_of(dialects[i].done), "row %zu: done %lld", i, (long long)r.done_ms);
        check(r.text_len == strlen(dialects[i].text), "row %zu: text", i);
    }
}

static void test_dates(void **state)
{
    (void)state;
    static const struct {
        const char *digits;
        const char *now;
        const char *expected; /* NULL: none */
    } rows[] = {
        {"2604181000", "2026-04-18T12:00:00Z", "2026-04-18T10:00:00Z"},
        {"260418100059", "2026-04-18T12:00:00Z", "2026-04-18T10:00:59Z"},
        {"202604181000", "2026-04-18T12:00:00Z", "2026-04-18T10:00:00Z"},
        /* both readings are dates: the nearer one */
        {"201012131415", "2020-10-13T00:00:00Z", "2020-10-12T13:14:15Z"},
        {"201012131415", "2010-12-14T00:00:00Z", "2010-12-13T14:15:00Z"},
        {"20260418100059", "2026-04-18T12:00:00Z", "2026-04-18T10:00:59Z"},
        {"2026041810005999", "2026-04-18T12:00:00Z", "2026-04-18T10:00:59Z"},
        {"20260418100059999", "2026-04-18T12:00:00Z", "2026-04-18T10:00:59Z"},
        {"260418100059000", "2026-04-18T12:00:00Z", "2026-04-18T10:00:59Z"},
        {"260418143059018+", "2026-04-18T12:00:00Z", "2026-04-18T10:00:59Z"},
        {"260418060059016-", "2026-04-18T12:00:00Z", "2026-04-18T10:00:59Z"},
        {"9912312359", "2000-01-01T00:00:00Z", "1999-12-31T23:59:00Z"},
        {"2402291200", "2026-04-18T12:00:00Z", "2024-02-29T12:00:00Z"},
        {"2502291200", "2026-04-18T12:00:00Z", NULL},
        {"2604182400", "2026-04-18T12:00:00Z", NULL},
        {"3604181000", "2026-04-18T12:00:00Z", NULL}, /* ten years ahead */
        {"8904181000", "2026-04-18T12:00:00Z", NULL}, /* before there was SMS */
        {"260418100", "2026-04-18T12:00:00Z", NULL},
        {"26041810x0", "2026-04-18T12:00:00Z", NULL},
        {"", "2026-04-18T12:00:00Z", NULL},
        {"null", "2026-04-18T12:00:00Z", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t got =
            receipt_parse_date(rows[i].digits, strlen(rows[i].digits), ms_of(rows[i].now));
        check(got == ms_of(rows[i].expected), "row %zu: %lld", i, (long long)got);
    }
}

static void test_parameters(void **state)
{
    (void)state;
    /* id without NUL, state, network error */
    parse(SMPP_ESM_RECEIPT, BYTES(""),
          BYTES("\x00\x1E\x00\x03"
                "abc"
                "\x04\x27\x00\x01\x05\x04\x23\x00\x03\x03\x00\x2A"),
          RECEIPT_BY_FLAGS);
    assert_string_equal(r.id_tlv, "abc");
    assert_string_equal(r.id_text, "");
    assert_string_equal(r.stat, "UNDELIV");
    assert_string_equal(r.err, "3:42");
    assert_int_equal(r.status, DLR_UNDELIVERABLE);
    assert_true(r.final);
    /* a known word of the text wins over the parameter, an unknown one does not */
    parse(SMPP_ESM_RECEIPT, BYTES("id:x stat:UNDELIV err:5"),
          BYTES("\x04\x27\x00\x01\x00\x04\x23\x00\x03"
                "042"),
          RECEIPT_BY_FLAGS);
    assert_int_equal(r.status, DLR_UNDELIVERABLE);
    assert_string_equal(r.err, "5");
    parse(SMPP_ESM_RECEIPT, BYTES("id:x stat:NOSUCH"),
          BYTES("\x04\x27\x00\x01\x02\x04\x23\x00\x03"
                "042"),
          RECEIPT_BY_FLAGS);
    assert_int_equal(r.status, DLR_DELIVERED);
    assert_string_equal(r.stat, "NOSUCH");
    assert_string_equal(r.err, "042");
    /* states of nobody */
    parse(SMPP_ESM_RECEIPT, BYTES("id:x"), BYTES("\x04\x27\x00\x01\x84"), RECEIPT_BY_FLAGS);
    assert_int_equal(r.status, DLR_UNKNOWN);
    assert_false(r.final);
    /* an intermediate notification is never final */
    parse(SMPP_ESM_INTERMEDIATE, BYTES("id:x stat:DELIVRD"), (struct bytes){0}, RECEIPT_BY_FLAGS);
    assert_true(r.is_receipt);
    assert_false(r.final);
}

static void test_detection(void **state)
{
    (void)state;
    static const struct {
        uint8_t esm_class;
        const char *text;
        struct bytes tlvs;
        bool flags, text_too, any;
    } rows[] = {
        {0x04, "", {0}, true, true, true},
        {0x44, "", {0}, true, true, true},
        {0x24, "", {0}, true, true, true},
        {0x20, "", {0}, true, true, true},
        {0x07, "", {0}, true, true, true},
        {0x00, "hello", {0}, false, false, false},
        {0x00, "hello", BYTES("\x00\x1E\x00\x02x\0"), true, true, true},
        {0x00, "hello", BYTES("\x04\x27\x00\x01\x02"), false, false, true},
        {0x00, "id:1 stat:DELIVRD", {0}, false, true, true},
        {0x00, "stat:DELIVRD", {0}, false, false, true},
        {0x00, "id:1 done date:2604181000", {0}, false, false, true},
        {0x08, "whatever", {0}, false, false, true},
        {0x00, "abc 3", {0}, false, false, false},
        {0x00, "DELIVRD", {0}, false, false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const bool expected[] = {rows[i].flags, rows[i].text_too, rows[i].any};
        for (size_t d = 0; d < ARRAY_LEN(expected); d++) {
            parse(rows[i].esm_class, bytes_of(rows[i].text), rows[i].tlvs,
                  (enum receipt_detection)d);
            check(r.is_receipt == expected[d], "row %zu, detection %zu", i, d);
        }
    }
}

static void test_where_the_text_is(void **state)
{
    (void)state;
    struct smpp_sm sm = {.esm_class = SMPP_ESM_RECEIPT, .payload = BYTES("id:1 stat:DELIVRD")};
    receipt_parse(&sm, RECEIPT_BY_FLAGS, NOW_MS, text, sizeof(text), &r);
    assert_string_equal(r.id_text, "1");
    /* NULs at the end, a NUL inside */
    parse(SMPP_ESM_RECEIPT, BYTES("id:1 stat:DELIVRD text:a\0b\0\0"), (struct bytes){0},
          RECEIPT_BY_FLAGS);
    assert_int_equal(r.raw.len, 26);
    assert_memory_equal(text, "id:1 stat:DELIVRD text:a@b", r.text_len);
    /* behind a user data header */
    parse(SMPP_ESM_RECEIPT | SMPP_ESM_UDHI, BYTES("\x05\0\x03\x01\x01\x01id:2 stat:EXPIRED"),
          (struct bytes){0}, RECEIPT_BY_FLAGS);
    assert_string_equal(r.id_text, "2");
    /* a header that is none */
    parse(SMPP_ESM_RECEIPT | SMPP_ESM_UDHI, BYTES("id:2 stat:EXPIRED"), (struct bytes){0},
          RECEIPT_BY_FLAGS);
    assert_string_equal(r.id_text, "2");
    parse(SMPP_ESM_RECEIPT | SMPP_ESM_UDHI,
          BYTES("id:0123456789 sub:001 dlvrd:001 submit date:2604181000 done date:2604181005 "
                "stat:DELIVRD err:000 text:longer than 'i'"),
          (struct bytes){0}, RECEIPT_BY_FLAGS);
    assert_string_equal(r.id_text, "0123456789");
    assert_int_equal(r.status, DLR_DELIVERED);
    parse(SMPP_ESM_RECEIPT | SMPP_ESM_UDHI, BYTES("\0i\0d\0:\0003\0 \0s\0t\0a\0t\0:\0002"),
          (struct bytes){0}, RECEIPT_BY_FLAGS);
    assert_string_equal(r.id_text, "3");
    /* UTF-16BE, its last octet not NUL; and plain octets that data_coding calls UCS2 */
    parse(SMPP_ESM_RECEIPT, BYTES("\0i\0d\0:\0003\0 \0s\0t\0a\0t\0:\0D\0E\0L\0I\0V\0R\0D"),
          (struct bytes){0}, RECEIPT_BY_FLAGS);
    assert_string_equal(r.id_text, "3");
    assert_int_equal(r.status, DLR_DELIVERED);
    struct smpp_sm wrong = {.esm_class = SMPP_ESM_RECEIPT,
                            .data_coding = 8,
                            .short_message = BYTES("id:4 stat:DELIVRD")};
    receipt_parse(&wrong, RECEIPT_BY_FLAGS, NOW_MS, text, sizeof(text), &r);
    assert_string_equal(r.id_text, "4");
    /* a UTF-16 text inside an ASCII receipt */
    parse(SMPP_ESM_RECEIPT, BYTES("id:5 stat:DELIVRD text:\x06\x33\x06\x44\0a"), (struct bytes){0},
          RECEIPT_BY_FLAGS);
    assert_string_equal(r.id_text, "5");
    assert_true(str_utf8_valid(text, r.text_len));
    /* octets of neither */
    parse(SMPP_ESM_RECEIPT, BYTES("id:6 stat:DELIVRD text:\xE9\x1B\x65\xFF"), (struct bytes){0},
          RECEIPT_BY_FLAGS);
    assert_true(str_utf8_valid(text, r.text_len));
    assert_string_equal(r.id_text, "6");
}

static void test_long_ids_are_cut(void **state)
{
    (void)state;
    char message[200] = "id:";
    memset(message + 3, 'x', 100);
    parse(SMPP_ESM_RECEIPT, bytes_of(message), (struct bytes){0}, RECEIPT_BY_FLAGS);
    assert_int_equal(strlen(r.id_text), 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dialects),          cmocka_unit_test(test_dates),
        cmocka_unit_test(test_parameters),        cmocka_unit_test(test_detection),
        cmocka_unit_test(test_where_the_text_is), cmocka_unit_test(test_long_ids_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
