/* The quick reader of plain objects: what it takes, and that it agrees with the thorough one. */
#include "tests/unit/proto/proto_test.h"

#include "common/str.h"
#include "proto/json_flat.h"

static struct json_flat flat;

static bool read(struct bytes text)
{
    return json_flat_read((const char *)text.data, text.len, &flat);
}

static bool thorough(struct bytes text)
{
    char error[128];
    struct json *json =
        json_parse((const char *)text.data, text.len, JSON_SIZE_LIMIT, error, sizeof(error));
    bool is_object = json && json_type(json) == JSON_OBJECT;
    if (json)
        json_destroy(&json);
    return is_object;
}

static void test_takes_what_is_plain(void **state)
{
    (void)state;
    static const struct {
        struct bytes text;
        size_t members;
    } rows[] = {
        {BYTES("{}"), 0},
        {BYTES(" \t\r\n{ \n} "), 0},
        {BYTES("{\"a\":\"\"}"), 1},
        {BYTES("{\"\":\"x\"}"), 1},
        {BYTES(" { \"a\" : \"x\" , \"b\" : 1 } \n"), 2},
        {BYTES("{\"a\":true,\"b\":false,\"c\":null,\"d\":-0,\"e\":999999999999999}"), 5},
        {BYTES("{\"a\":\"Gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80\x7F\"}"), 1},
        {BYTES("{\"a\":\"{[,:]}\",\"b\":\"true\"}"), 2},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check(read(rows[i].text), "row %zu was not taken", i);
        check(flat.count == rows[i].members, "row %zu: %zu members", i, flat.count);
        check(thorough(rows[i].text), "row %zu: the thorough one objects", i);
    }
}

static void test_leaves_the_rest(void **state)
{
    (void)state;
    static const struct {
        struct bytes text;
        bool is_object; /* says the thorough one */
    } rows[] = {
        {BYTES("{\"a\":\"x\\ny\"}"), true},
        {BYTES("{\"\\u0061\":1}"), true},
        {BYTES("{\"a\":{}}"), true},
        {BYTES("{\"a\":[1]}"), true},
        {BYTES("{\"a\":1.5}"), true},
        {BYTES("{\"a\":1e2}"), true},
        {BYTES("{\"a\":1000000000000000}"), true},
        {BYTES("[]"), false},
        {BYTES("\"a\""), false},
        {BYTES(""), false},
        {BYTES("  "), false},
        {BYTES("{"), false},
        {BYTES("}"), false},
        {BYTES("{\"a\"}"), false},
        {BYTES("{\"a\":}"), false},
        {BYTES("{\"a\":"), false},
        {BYTES("{\"a\":1"), false},
        {BYTES("{\"a\":\"x"), false},
        {BYTES("{\"a\":\"x\""), false},
        {BYTES("{\"a\":1,}"), false},
        {BYTES("{,\"a\":1}"), false},
        {BYTES("{\"a\":1 \"b\":2}"), false},
        {BYTES("{\"a\" 1}"), false},
        {BYTES("{\"a\":01}"), false},
        {BYTES("{\"a\":-}"), false},
        {BYTES("{\"a\":-"), false},
        {BYTES("{\"a\":+1}"), false},
        {BYTES("{\"a\":1x}"), false},
        {BYTES("{\"a\":tru}"), false},
        {BYTES("{\"a\":truex}"), false},
        {BYTES("{\"a\":nul"), false},
        {BYTES("{\"a\":1,\"b\":2,\"a\":3}"), false},
        {BYTES("{\"a\":1} x"), false},
        {BYTES("{\"a\":1}\0"), false},
        {BYTES("{\"a\":\"x\0y\"}"), false},
        {BYTES("{\"a\":\"x\ny\"}"), false},
        {BYTES("{\"a\":\"\xC0\x80\"}"), false},
        {BYTES("{\"a\":\"\xED\xA0\x80\"}"), false},
        {BYTES("{\"a\":\"\xE2\x82\"}"), false},
        {BYTES("{a:1}"), false},
        {BYTES("\xEF\xBB\xBF{}"), false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check(!read(rows[i].text), "row %zu was taken", i);
        check(thorough(rows[i].text) == rows[i].is_object, "row %zu", i);
    }
}

static void test_getters(void **state)
{
    (void)state;
    struct bytes text = BYTES("{\"s\":\"abc\",\"n\":-7,\"d\":\"12\",\"t\":true,\"z\":null,"
                              "\"at\":\"2026-04-18T10:00:00.000Z\"}");
    assert_true(read(text));
    struct bytes s;
    int64_t v = 0;
    assert_true(json_flat_string(json_flat_member(&flat, "s"), &s));
    assert_true(str_equal((const char *)s.data, s.len, "abc", 3));
    assert_false(json_flat_string(json_flat_member(&flat, "n"), &s));
    assert_null(json_flat_member(&flat, "z"));
    assert_null(json_flat_member(&flat, "S"));
    assert_null(json_flat_member(&flat, ""));
    assert_false(json_flat_string(NULL, &s) || json_flat_int(NULL, 0, 1, &v) ||
                 json_flat_time(NULL, &v));
    assert_true(json_flat_int(json_flat_member(&flat, "n"), -7, 0, &v) && v == -7);
    assert_false(json_flat_int(json_flat_member(&flat, "n"), -6, 0, &v));
    assert_true(json_flat_int(json_flat_member(&flat, "d"), 0, 12, &v) && v == 12);
    assert_false(json_flat_int(json_flat_member(&flat, "d"), 0, 11, &v));
    assert_false(json_flat_int(json_flat_member(&flat, "t"), 0, 1, &v));
    assert_true(json_flat_time(json_flat_member(&flat, "at"), &v) && v == 1776506400000);
    assert_false(json_flat_time(json_flat_member(&flat, "s"), &v));
}

static void test_bounds(void **state)
{
    (void)state;
    static char text[JSON_SIZE_LIMIT + 64];
    struct str_out o = str_out(text, sizeof(text));
    for (size_t i = 0; i <= JSON_FLAT_MEMBERS_MAX; i++) {
        str_puts(&o, i ? ",\"m" : "{\"m");
        str_put_u64(&o, i);
        str_puts(&o, "\":1");
        size_t len = o.len;
        str_putc(&o, '}');
        assert_int_equal(json_flat_read(text, o.len, &flat), i < JSON_FLAT_MEMBERS_MAX);
        o.len = len;
    }
    o = str_out(text, sizeof(text));
    str_puts(&o, "{\"a\":\"");
    while (o.len < JSON_SIZE_LIMIT - 2)
        str_putc(&o, 'x');
    str_puts(&o, "\"}");
    assert_true(json_flat_read(text, o.len, &flat));
    str_putc(&o, ' ');
    assert_false(json_flat_read(text, o.len, &flat));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_what_is_plain),
        cmocka_unit_test(test_leaves_the_rest),
        cmocka_unit_test(test_getters),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
