/* Ids that are the same and do not look it. */
#include "tests/unit/proto/proto_test.h"

#include "proto/message_id.h"

/* Does a response's id find its receipt's under the dialect, by canonical forms? */
static bool belongs(enum message_id_dialect dialect, const char *response, const char *receipt)
{
    char a[MESSAGE_ID_CANONICAL_SIZE], b[MESSAGE_ID_CANONICAL_SIZE];
    return message_id_canonical(dialect, MESSAGE_ID_IN_RESPONSE, response, a) &&
           message_id_canonical(dialect, MESSAGE_ID_IN_RECEIPT, receipt, b) && strcmp(a, b) == 0;
}

static bool listed(const char *response, const char *receipt, enum message_id_format format,
                   enum message_id_dialect *dialect_r)
{
    struct message_id_form forms[MESSAGE_ID_FORMS_MAX];
    size_t count = message_id_forms(receipt, format, forms);
    assert_true(count <= MESSAGE_ID_FORMS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(forms[i].id, response) != 0)
            continue;
        *dialect_r = forms[i].dialect;
        return true;
    }
    return false;
}

static const struct {
    const char *response, *receipt;
    enum message_id_dialect dialect;
} pairs[] = {
    {"abc", "abc", MESSAGE_ID_EXACT},
    {"1a2b", "1A2B", MESSAGE_ID_CASE},
    {"1A2B", "1a2b", MESSAGE_ID_CASE},
    {"123", "0000000123", MESSAGE_ID_ZEROS},
    {"00000123", "123", MESSAGE_ID_ZEROS},
    {"0000000123", "123", MESSAGE_ID_ZEROS},
    {"0000ABCD", "abcd", MESSAGE_ID_ZEROS},
    {"4B5A9F", "4938399", MESSAGE_ID_RESP_HEX},
    {"4b5a9f", "0004938399", MESSAGE_ID_RESP_HEX},
    {"004b5a9f", "4938399", MESSAGE_ID_RESP_HEX},
    {"4938399", "4B5A9F", MESSAGE_ID_RECEIPT_HEX},
    {"0004938399", "4b5a9f", MESSAGE_ID_RECEIPT_HEX},
    {"ffffffffffffffffffff", "1208925819614629174706175", MESSAGE_ID_RESP_HEX},
    {"1208925819614629174706175", "FFFFFFFFFFFFFFFFFFFF", MESSAGE_ID_RECEIPT_HEX},
};

static void test_pairs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        enum message_id_dialect dialect = MESSAGE_ID_DIALECTS;
        check(belongs(pairs[i].dialect, pairs[i].response, pairs[i].receipt), "row %zu", i);
        check(listed(pairs[i].response, pairs[i].receipt, MESSAGE_ID_FORMAT_AUTO, &dialect),
              "row %zu", i);
        check(dialect == pairs[i].dialect, "row %zu: %s", i, message_id_dialect_name(dialect));
        bool safer = false;
        for (int d = MESSAGE_ID_EXACT; d < (int)pairs[i].dialect && d < MESSAGE_ID_RESP_HEX; d++)
            safer =
                safer || belongs((enum message_id_dialect)d, pairs[i].response, pairs[i].receipt);
        assert_false(safer);
    }
}

static void test_strangers(void **state)
{
    (void)state;
    assert_false(belongs(MESSAGE_ID_EXACT, "", ""));
    assert_false(belongs(MESSAGE_ID_EXACT, "a", "A"));
    assert_false(belongs(MESSAGE_ID_RESP_HEX, "xyz", "1"));
    assert_false(belongs(MESSAGE_ID_RESP_HEX, "10", "0x10"));
    assert_false(belongs(MESSAGE_ID_RESP_HEX, "10", "a"));
    assert_true(belongs(MESSAGE_ID_RESP_HEX, "10", "16"));
    struct message_id_form forms[MESSAGE_ID_FORMS_MAX];
    assert_int_equal(message_id_forms("", MESSAGE_ID_FORMAT_AUTO, forms), 0);
    assert_int_equal(message_id_forms("0", MESSAGE_ID_FORMAT_EXACT, forms), 1);
    assert_string_equal(forms[0].id, "0");
}

static void test_pinned_formats(void **state)
{
    (void)state;
    enum message_id_dialect dialect;
    assert_false(listed("1a", "1A", MESSAGE_ID_FORMAT_EXACT, &dialect));
    assert_true(listed("1a", "26", MESSAGE_ID_FORMAT_RESP_HEX, &dialect));
    assert_false(listed("26", "1a", MESSAGE_ID_FORMAT_RESP_HEX, &dialect));
    assert_true(listed("26", "1a", MESSAGE_ID_FORMAT_RECEIPT_HEX, &dialect));
    enum message_id_format format;
    assert_true(message_id_format_parse("respHex", 7, &format));
    assert_int_equal(format, MESSAGE_ID_FORMAT_RESP_HEX);
    assert_false(message_id_format_parse("hex", 3, &format));
}

/* The longest ids: 64 hex digits make 78 decimal ones, which is no id any more but a canonical
 * form. */
static void test_the_longest(void **state)
{
    (void)state;
    char id[SMPP_MESSAGE_ID_SIZE];
    memset(id, 'f', sizeof(id) - 1);
    id[sizeof(id) - 1] = '\0';
    char canonical[MESSAGE_ID_CANONICAL_SIZE];
    assert_true(message_id_canonical(MESSAGE_ID_RESP_HEX, MESSAGE_ID_IN_RESPONSE, id, canonical));
    assert_string_equal(
        canonical,
        "115792089237316195423570985008687907853269984665640564039457584007913129639935");
    struct message_id_form forms[MESSAGE_ID_FORMS_MAX];
    size_t count = message_id_forms(id, MESSAGE_ID_FORMAT_AUTO, forms);
    for (size_t i = 0; i < count; i++)
        assert_true(strlen(forms[i].id) < SMPP_MESSAGE_ID_SIZE);
    memset(id, '9', sizeof(id) - 1);
    count = message_id_forms(id, MESSAGE_ID_FORMAT_AUTO, forms);
    assert_true(count >= 2 && count <= MESSAGE_ID_FORMS_MAX);
}

static void test_there_is_room_for_all_forms(void **state)
{
    (void)state;
    static const char *const ids[] = {"0aB", "00aBcD", "0000012", "12", "0123456789", "deadBEEF"};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct message_id_form forms[MESSAGE_ID_FORMS_MAX];
        size_t count = message_id_forms(ids[i], MESSAGE_ID_FORMAT_AUTO, forms);
        check(count < MESSAGE_ID_FORMS_MAX, "%s has %zu", ids[i], count);
        for (size_t a = 0; a < count; a++)
            for (size_t b = 0; b < a; b++)
                assert_string_not_equal(forms[a].id, forms[b].id);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_pinned_formats),
        cmocka_unit_test(test_the_longest),
        cmocka_unit_test(test_there_is_room_for_all_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
