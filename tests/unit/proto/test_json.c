/* The strict JSON reader, and the writer. */
#include "tests/unit/proto/proto_test.h"

#include "proto/json.h"
#include "proto/json_emit.h"

static char error[128];

static struct json *parse(struct bytes text)
{
    return json_parse((const char *)text.data, text.len, JSON_SIZE_LIMIT, error, sizeof(error));
}

static void test_refuses(void **state)
{
    (void)state;
    static const struct {
        struct bytes text;
        const char *why;
    } rows[] = {
        {BYTES(""), "not JSON"},
        {BYTES("{"), "not JSON"},
        {BYTES("{\"a\":1} x"), "follows"},
        {BYTES("{} {}"), "follows"},
        {BYTES("{\"a\":1,}"), "not JSON"},
        {BYTES("{\"a\":1,\"a\":2}"), "same key twice"},
        {BYTES("[{\"b\":{\"a\":1,\"x\":0,\"a\":2}}]"), "same key twice"},
        {BYTES("{\"a\":\"\\u0000\"}"), "NUL"},
        {BYTES("{\"a\":\"x\0y\"}"), "NUL"},
        {BYTES("{\"a\":\"x\ny\"}"), "control character"},
        {BYTES("{\"a\":\"\xC0\x80\"}"), "UTF-8"},
        {BYTES("{\"a\":\"\xED\xA0\x80\"}"), "UTF-8"},
        {BYTES("{\"a\":\"\xFF\"}"), "UTF-8"},
        {BYTES("\xEF\xBB\xBF{}"), "unexpected byte at byte 0"},
        {BYTES("{\"a\":\"\\ud800\"}"), "not JSON"},
        {BYTES("{\"a\":\"\\x41\"}"), "escape"},
        {BYTES("{\"a\":\"\\u12\"}"), "escape"},
        {BYTES("{\"a\":01}"), "leading zero"},
        {BYTES("{\"a\":-}"), "number"},
        {BYTES("{\"a\":1.}"), "number"},
        {BYTES("{\"a\":1e999}"), "exponent"},
        {BYTES("{\"a\":+1}"), "unexpected"},
        {BYTES("{\"a\":0x10}"), "number"},
        {BYTES("{\"a\":NaN}"), "unexpected"},
        {BYTES("{\"a\":truex}"), "not JSON"},
        {BYTES("{\"a\":\"x"), "without an end"},
        {BYTES("[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]"), "nesting"},
        {BYTES("]"), "bracket"},
        {BYTES("{'a':1}"), "unexpected"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json *json = parse(rows[i].text);
        check(!json, "row %zu was taken", i);
        check(strstr(error, rows[i].why), "row %zu: %s", i, error);
    }
}

static void test_bounds(void **state)
{
    (void)state;
    char text[4096] = "\"";
    memset(text + 1, 'x', 100);
    text[101] = '"';
    assert_null(json_parse(text, 102, 101, error, sizeof(error)));
    assert_string_equal(error, "the document is too large");
    struct json *json = json_parse(text, 102, 102, error, sizeof(error));
    assert_non_null(json);
    json_destroy(&json);
    assert_null(json);
    size_t len = 0;
    for (int i = 0; i < 257; i++)
        len += (size_t)sprintf(text + len, "%c\"k%d\":1", i ? ',' : '{', i);
    text[len++] = '}';
    assert_null(json_parse(text, len, JSON_SIZE_LIMIT, error, sizeof(error)));
    assert_string_equal(error, "an object has too many members");
}

static void test_getters(void **state)
{
    (void)state;
    struct json *root = parse(BYTES(
        "{\"s\":\"\\u0041\\ud83d\\ude00\\n\",\"i\":-7,\"big\":\"9223372036854775807\",\"d\":1.5,"
        "\"exact\":9007199254740992,\"inexact\":9007199254740994,\"n\":null,\"b\":true,"
        "\"t\":\"2026-04-18T10:00:00+04:30\",\"a\":[1,2,3],\"e\":1e3}"));
    assert_non_null(root);
    struct bytes s;
    int64_t v;
    bool b;
    assert_true(json_string(json_member(root, "s"), &s));
    assert_int_equal(s.len, 6);
    assert_memory_equal(s.data, "A😀\n", 6);
    assert_true(json_int(json_member(root, "i"), -7, 0, &v));
    assert_int_equal(v, -7);
    assert_false(json_int(json_member(root, "i"), 0, 9, &v));
    assert_true(json_int(json_member(root, "big"), 0, INT64_MAX, &v));
    assert_true(v == INT64_MAX);
    assert_false(json_int(json_member(root, "d"), 0, 9, &v));
    assert_true(json_int(json_member(root, "exact"), 0, INT64_MAX, &v));
    assert_false(json_int(json_member(root, "inexact"), 0, INT64_MAX, &v));
    assert_true(json_int(json_member(root, "e"), 0, 1000, &v));
    assert_null(json_member(root, "n"));
    assert_null(json_member(root, "S"));
    assert_null(json_member(json_member(root, "a"), "s"));
    assert_false(json_int(NULL, 0, 1, &v));
    assert_false(json_string(json_member(root, "i"), &s));
    assert_true(json_bool(json_member(root, "b"), &b) && b);
    assert_true(json_time(json_member(root, "t"), &v));
    assert_true(v == 1776490200000);
    const struct json *a = json_member(root, "a");
    assert_int_equal(json_count(a), 3);
    int64_t sum = 0;
    for (const struct json *c = json_child(a, NULL); c; c = json_child(a, c)) {
        assert_true(json_int(c, 0, 9, &v));
        sum += v;
    }
    assert_int_equal(sum, 6);
    assert_string_equal(json_name(json_child(root, NULL)), "s");
    json_wipe(&root);
}

static void test_emits(void **state)
{
    (void)state;
    struct json_emit e = json_emit_growable();
    json_emit_object_begin(&e);
    json_emit_member_text(&e, "text", "a\"\\\n\x01\x7F\xFF€\xED\xA0\x80", 13);
    json_emit_member_int(&e, "min", INT64_MIN);
    json_emit_member_uint(&e, "max", UINT64_MAX);
    json_emit_member_bool(&e, "yes", true);
    json_emit_member_null(&e, "none");
    json_emit_member_string(&e, "no", NULL);
    json_emit_member_time(&e, "at", 1776490200123);
    json_emit_key(&e, "list");
    json_emit_array_begin(&e);
    json_emit_int(&e, 0);
    json_emit_fixed3(&e, -1050);
    json_emit_hex(&e, BYTES("\x00\xFF"));
    json_emit_object_begin(&e);
    json_emit_object_end(&e);
    json_emit_array_end(&e);
    json_emit_object_end(&e);
    static const char expected[] =
        "{\"text\":\"a\\\"\\\\\\n\\u0001\\u007f\xEF\xBF\xBD€\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\","
        "\"min\":-9223372036854775808,\"max\":18446744073709551615,\"yes\":true,\"none\":null,"
        "\"no\":null,\"at\":\"2026-04-18T05:30:00.123Z\",\"list\":[0,-1.050,\"00ff\",{}]}";
    assert_int_equal(e.len, sizeof(expected) - 1);
    assert_memory_equal(e.data, expected, e.len);
    struct json *back = json_parse(e.data, e.len, JSON_SIZE_LIMIT, error, sizeof(error));
    assert_non_null(back);
    json_destroy(&back);
    json_emit_reset(&e);
    json_emit_string(&e, "x");
    assert_int_equal(e.len, 3);
    json_emit_free(&e);
    assert_null(e.data);
}

static void test_a_fixed_array_that_is_too_small(void **state)
{
    (void)state;
    char data[8];
    struct json_emit e = json_emit_fixed(data, sizeof(data));
    json_emit_string(&e, "123456");
    assert_false(e.failed);
    assert_int_equal(e.len, 8);
    json_emit_reset(&e);
    json_emit_string(&e, "1234567");
    assert_true(e.failed);
    json_emit_free(&e);
}

static void test_every_octet_comes_back(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        char text[3] = {(char)first, (char)(first ^ 0x80), 'z'};
        char data[64];
        struct json_emit e = json_emit_fixed(data, sizeof(data));
        json_emit_text(&e, text, sizeof(text));
        assert_false(e.failed);
        struct json *back = json_parse(data, e.len, JSON_SIZE_LIMIT, error, sizeof(error));
        check(back, "octet %u: %s", first, error);
        json_destroy(&back);
    }
}

int main(void)
{
    json_wipe_always();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_getters),
        cmocka_unit_test(test_emits),
        cmocka_unit_test(test_a_fixed_array_that_is_too_small),
        cmocka_unit_test(test_every_octet_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
