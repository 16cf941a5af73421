/* The table of statuses. */
#include "tests/unit/proto/proto_test.h"

#include "proto/smpp.h"
#include "proto/smpp_status.h"

static void test_lookup(void **state)
{
    (void)state;
    static const struct {
        uint32_t code;
        const char *name;
        enum smpp_status_class class;
        enum smpp_bind_verdict bind;
    } rows[] = {
        {0x00, "ESME_ROK", SMPP_STATUS_OK, SMPP_BIND_OK},
        {0x03, "ESME_RINVCMDID", SMPP_STATUS_PERMANENT, SMPP_BIND_UNSUPPORTED},
        {0x04, "ESME_RINVBNDSTS", SMPP_STATUS_SESSION, SMPP_BIND_TRANSIENT},
        {0x05, "ESME_RALYBND", SMPP_STATUS_SESSION, SMPP_BIND_ALREADY_BOUND},
        {0x08, "ESME_RSYSERR", SMPP_STATUS_RETRY, SMPP_BIND_TRANSIENT},
        {0x0B, "ESME_RINVDSTADR", SMPP_STATUS_PERMANENT, SMPP_BIND_TRANSIENT},
        {0x0D, "ESME_RBINDFAIL", SMPP_STATUS_SESSION, SMPP_BIND_CREDENTIALS},
        {0x0E, "ESME_RINVPASWD", SMPP_STATUS_SESSION, SMPP_BIND_CREDENTIALS},
        {0x0F, "ESME_RINVSYSID", SMPP_STATUS_SESSION, SMPP_BIND_CREDENTIALS},
        {0x53, "ESME_RINVSYSTYP", SMPP_STATUS_PERMANENT, SMPP_BIND_TRANSIENT},
        {0x14, "ESME_RMSGQFUL", SMPP_STATUS_THROTTLE, SMPP_BIND_TRANSIENT},
        {0x58, "ESME_RTHROTTLED", SMPP_STATUS_THROTTLE, SMPP_BIND_TRANSIENT},
        {0x64, "ESME_RX_T_APPN", SMPP_STATUS_RETRY, SMPP_BIND_TRANSIENT},
        {0xFF, "ESME_RUNKNOWNERR", SMPP_STATUS_RETRY, SMPP_BIND_TRANSIENT},
        {0x112, "ESME_RINVBCASTCHANIND", SMPP_STATUS_PERMANENT, SMPP_BIND_TRANSIENT},
        {0x401, "vendor", SMPP_STATUS_PERMANENT, SMPP_BIND_TRANSIENT},
        {0x09, "unknown", SMPP_STATUS_RETRY, SMPP_BIND_TRANSIENT},
        {0xFFFFFFFF, "unknown", SMPP_STATUS_RETRY, SMPP_BIND_TRANSIENT},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct smpp_status s = smpp_status_get(rows[i].code);
        assert_int_equal(s.code, rows[i].code);
        assert_string_equal(s.name, rows[i].name);
        assert_int_equal(s.class, rows[i].class);
        assert_int_equal(s.bind, rows[i].bind);
        bool capped = strcmp(s.name, "unknown") == 0;
        assert_int_equal(s.max_attempts,
                         capped ? SMPP_STATUS_ATTEMPTS_UNKNOWN : SMPP_STATUS_ATTEMPTS_ANY);
    }
}

/* A binary search needs a sorted table: every row is found under its own number. */
static void test_every_row_is_found(void **state)
{
    (void)state;
    static const uint32_t codes[] = {
#define SMPP_STATUS(code, name, class, bind) code,
#include "proto/smpp_status.def"
#undef SMPP_STATUS
    };
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        assert_true(i == 0 || codes[i] > codes[i - 1]);
        assert_memory_equal(smpp_status_get(codes[i]).name, "ESME_", 5);
    }
    assert_true(ARRAY_LEN(codes) > 60);
}

static void test_texts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        uint32_t code;
    } rows[] = {
        {"0x58", true, 0x58},      {"0x00000058", true, 0x58},
        {"88", true, 88},          {"0xFFFFFFFF", true, UINT32_MAX},
        {"0x100000000", false, 0}, {"", false, 0},
        {"0x", false, 0},          {"58h", false, 0},
        {"-1", false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint32_t code = 0;
        check(smpp_status_parse(rows[i].text, strlen(rows[i].text), &code) == rows[i].ok, "%s",
              rows[i].text);
        assert_int_equal(code, rows[i].code);
    }
    char text[SMPP_STATUS_TEXT_SIZE];
    smpp_status_format(0x58, text);
    assert_string_equal(text, "0x00000058");
    for (int i = SMPP_STATUS_RETRY; i <= SMPP_STATUS_SESSION; i++) {
        const char *name = smpp_status_class_name((enum smpp_status_class)i);
        enum smpp_status_class class;
        assert_true(smpp_status_class_parse(name, strlen(name), &class));
        assert_int_equal(class, i);
    }
    enum smpp_status_class class;
    assert_false(smpp_status_class_parse("ok", 2, &class)); /* no refusal is a success */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_every_row_is_found),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
