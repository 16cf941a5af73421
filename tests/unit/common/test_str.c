/* Strict numbers, hex, bounded appending, UTF-8 and times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <time.h>

#include "common/str.h"

static void test_unsigned(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t min, max;
        bool ok;
        uint64_t value;
    } rows[] = {
        {"0", 0, 9, true, 0},
        {"007", 0, 9, true, 7},
        {"18446744073709551615", 0, UINT64_MAX, true, UINT64_MAX},
        {"18446744073709551616", 0, UINT64_MAX, false, 0},
        {"99999999999999999999999", 0, UINT64_MAX, false, 0},
        {"10", 0, 9, false, 0},
        {"0", 1, 9, false, 0},
        {"", 0, 9, false, 0},
        {"+1", 0, 9, false, 0},
        {"-1", 0, 9, false, 0},
        {" 1", 0, 9, false, 0},
        {"1 ", 0, 9, false, 0},
        {"1x", 0, 9, false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t v = 4711;
        bool ok = str_parse_u64(rows[i].text, strlen(rows[i].text), rows[i].min, rows[i].max, &v);
        assert_int_equal(ok, rows[i].ok);
        assert_true(v == (ok ? rows[i].value : 4711));
    }
}

static void test_signed(void **state)
{
    (void)state;
    int64_t v = 0;
    assert_true(str_parse_i64("-9223372036854775808", 20, INT64_MIN, INT64_MAX, &v));
    assert_true(v == INT64_MIN);
    assert_true(str_parse_i64("9223372036854775807", 19, INT64_MIN, INT64_MAX, &v));
    assert_true(v == INT64_MAX);
    assert_false(str_parse_i64("-9223372036854775809", 20, INT64_MIN, INT64_MAX, &v));
    assert_false(str_parse_i64("9223372036854775808", 19, INT64_MIN, INT64_MAX, &v));
    assert_true(str_parse_i64("-0", 2, -1, 1, &v));
    assert_true(v == 0);
    assert_false(str_parse_i64("-", 1, -1, 1, &v));
    assert_false(str_parse_i64("--1", 3, -1, 1, &v));
    assert_false(str_parse_i64("-2", 2, -1, 1, &v));
}

static void test_hex(void **state)
{
    (void)state;
    uint64_t v;
    assert_true(str_parse_0x("0xFf", 4, 255, &v));
    assert_true(v == 255);
    assert_true(str_parse_0x("0Xffffffffffffffff", 18, UINT64_MAX, &v));
    assert_true(v == UINT64_MAX);
    assert_false(str_parse_0x("0x10000000000000000", 19, UINT64_MAX, &v));
    assert_false(str_parse_0x("0x100", 5, 255, &v));
    assert_false(str_parse_0x("0x", 2, 255, &v));
    assert_false(str_parse_0x("ff", 2, 255, &v));
    assert_false(str_parse_0x("0xg", 3, 255, &v));

    char hex[7];
    str_hex_encode("\x00\xAB\xff", 3, hex);
    assert_string_equal(hex, "00abff");
    uint8_t data[3];
    size_t len = 0;
    assert_true(str_hex_decode("00ABfF", 6, data, sizeof(data), &len));
    assert_int_equal(len, 3);
    assert_memory_equal(data, "\x00\xAB\xff", 3);
    assert_true(str_hex_decode("", 0, data, 0, &len));
    assert_int_equal(len, 0);
    assert_false(str_hex_decode("0", 1, data, sizeof(data), &len));
    assert_false(str_hex_decode("0g", 2, data, sizeof(data), &len));
    assert_false(str_hex_decode("00000000", 8, data, sizeof(data), &len));
}

static void test_compare(void **state)
{
    (void)state;
    assert_true(str_equal_nocase("AbZ@", 4, "aBz@", 4));
    assert_false(str_equal_nocase("[", 1, "{", 1));
    assert_false(str_equal_nocase("a", 1, "ab", 2));
    assert_true(str_equal("", 0, NULL, 0));
    assert_false(str_equal("a", 1, "A", 1));
}

static void test_append(void **state)
{
    (void)state;
    char text[10];
    struct str_out o = str_out(text, sizeof(text));
    assert_string_equal(text, "");
    str_puts(&o, "ab");
    str_putc(&o, '-');
    str_put_i64(&o, -12);
    assert_string_equal(text, "ab--12");
    assert_false(o.cut);
    str_putf(&o, "%s", "345");
    assert_string_equal(text, "ab--12345");
    assert_false(o.cut);
    str_putf(&o, "%d", 6);
    assert_true(o.cut);
    assert_string_equal(text, "ab--12345");
    str_puts(&o, "");
    assert_int_equal(o.len, 9);
    o = str_out(text, 1);
    str_puts(&o, "x");
    assert_true(o.cut);
    assert_string_equal(text, "");
    o = str_out(text, sizeof(text));
    str_put_u64(&o, UINT64_MAX);
    assert_true(o.cut);
    assert_string_equal(text, "184467440");
    assert_true(str_copy(text, sizeof(text), "123456789", 9));
    assert_false(str_copy(text, sizeof(text), "1234567890", 10));
    o = str_out(text, sizeof(text));
    str_putf(&o, "%s", "far too long for it");
    assert_true(o.cut);
    assert_string_equal(text, "far too l");
}

static void test_utf8_comes_back(void **state)
{
    (void)state;
    for (uint32_t cp = 0; cp <= 0x110000; cp++) {
        char utf8[STR_UTF8_MAX];
        size_t n = str_utf8_put(cp, utf8);
        const char *pos = utf8;
        uint32_t back = str_utf8_next(&pos, utf8 + n);
        bool scalar = cp <= 0x10FFFF && (cp < 0xD800 || cp > 0xDFFF);
        if (back != (scalar ? cp : 0xFFFD) || pos != utf8 + n || !str_utf8_valid(utf8, n))
            fail_msg("U+%04X came back as U+%04X", cp, back);
    }
}

static void test_ill_formed_utf8(void **state)
{
    (void)state;
    /* The parts that each count as one U+FFFD, as chapter 3.9 of the Unicode standard has them. */
    static const struct {
        const char *text;
        size_t len;
        size_t bad, good;
    } rows[] = {
        {"\x80", 1, 1, 0},
        {"\xC0\xAF", 2, 2, 0},
        {"\xC1\xBF", 2, 2, 0},
        {"\xE0\x80\xAF", 3, 3, 0},
        {"\xED\xA0\x80", 3, 3, 0},
        {"\xF0\x80\x80\xAF", 4, 4, 0},
        {"\xF4\x91\x92\x93", 4, 4, 0},
        {"\xF5\x80\x80\x80", 4, 4, 0},
        {"\xFF", 1, 1, 0},
        {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", 9, 4, 1},
        {"\xF0\x9F\x98", 3, 1, 0},
        {"\xE2\x82", 2, 1, 0},
        {"\xC3", 1, 1, 0},
        {"\xC3(", 2, 1, 1},
        {"12345678\xC3\xA9", 10, 0, 9},
        {"12345678\xC3", 9, 1, 8},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *pos = rows[i].text;
        const char *end = pos + rows[i].len;
        size_t bad = 0, good = 0;
        while (pos < end) {
            if (str_utf8_next(&pos, end) == STR_UTF8_BAD)
                bad++;
            else
                good++;
        }
        assert_int_equal(bad, rows[i].bad);
        assert_int_equal(good, rows[i].good);
        assert_int_equal(str_utf8_valid(rows[i].text, rows[i].len), rows[i].bad == 0);
    }
    assert_true(str_utf8_valid("", 0));
    assert_true(str_utf8_valid("a\0b", 3));
}

static void test_times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t ms;
    } rows[] = {
        {"1970-01-01T00:00:00Z", true, 0},
        {"2026-04-18T10:00:00.000Z", true, 1776506400000},
        {"2026-04-18t10:00:00.1239z", true, 1776506400123},
        {"2026-04-18 10:00:00,5Z", true, 1776506400500},
        {"2026-04-18T14:30:00+04:30", true, 1776506400000},
        {"2026-04-18T14:30:00+0430", true, 1776506400000},
        {"2026-04-18T02:00:00-08", true, 1776506400000},
        {"2026-04-18T10:00Z", true, 1776506400000},
        {"2016-12-31T23:59:60Z", true, 1483228800000},
        {"2024-02-29T00:00:00Z", true, 1709164800000},
        {"1969-12-31T23:59:59.999Z", true, -1},
        {"2025-02-29T00:00:00Z", false, 0},
        {"1900-02-29T00:00:00Z", false, 0},
        {"2026-13-01T00:00:00Z", false, 0},
        {"2026-00-01T00:00:00Z", false, 0},
        {"2026-04-31T00:00:00Z", false, 0},
        {"2026-04-18T24:00:00Z", false, 0},
        {"2026-04-18T10:60:00Z", false, 0},
        {"2026-04-18T10:00:61Z", false, 0},
        {"2026-04-18T10:00:00", false, 0},
        {"2026-04-18T10:00:00.Z", false, 0},
        {"2026-04-18T10:00:00+24:00", false, 0},
        {"2026-04-18T10:00:00+04:3", false, 0},
        {"2026-04-18T10:00:00Zx", false, 0},
        {"2026-04-18", false, 0},
        {"2026-4-18T10:00:00Z", false, 0},
        {"0000-01-01T00:00:00Z", false, 0},
        {"", false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t ms = 0;
        bool ok = str_time_parse(rows[i].text, strlen(rows[i].text), &ms);
        if (ok != rows[i].ok || ms != rows[i].ms)
            fail_msg("%s gave %d, %lld", rows[i].text, ok, (long long)ms);
    }
}

static void test_times_come_back(void **state)
{
    (void)state;
    char text[STR_TIME_SIZE];
    str_time_format(1776506400123, text);
    assert_string_equal(text, "2026-04-18T10:00:00.123Z");
    str_time_format(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
    str_time_format(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    str_time_format(INT64_MIN, text);
    assert_string_equal(text, "0001-01-01T00:00:00.000Z");
    /* Against libc, a day and a bit at a time, from the year 1 on. */
    for (int64_t s = -62135596800; s < 253402300800; s += 86400 * 13 + 4711) {
        struct tm tm;
        time_t t = (time_t)s;
        char expected[64];
        assert_non_null(gmtime_r(&t, &tm));
        snprintf(expected, sizeof(expected), "%04d-%02d-%02dT%02d:%02d:%02d.000Z",
                 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        str_time_format(s * 1000, text);
        assert_string_equal(text, expected);
        int64_t ms;
        assert_true(str_time_parse(text, STR_TIME_SIZE - 1, &ms));
        assert_true(ms == s * 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unsigned),
        cmocka_unit_test(test_signed),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_utf8_comes_back),
        cmocka_unit_test(test_ill_formed_utf8),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_times_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
