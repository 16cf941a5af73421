/* Every line is valid JSON whatever goes in, and a reader that stands still costs no time. */
#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/str.h"

static char line[PIPE_BUF + 1];

static void capture(const char *text)
{
    assert_true(strlen(text) < sizeof(line));
    strcpy(line, text);
}

static int setup(void **state)
{
    (void)state;
    clock_set_wall_for_test(1776506400123);
    log_init("agent", LOG_INFO);
    log_capture_for_test(capture);
    line[0] = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    log_capture_for_test(NULL);
    clock_set_wall_for_test(-1);
    return 0;
}

#define HEAD "{\"time\":\"2026-04-18T10:00:00.123Z\",\"level\":\"info\",\"program\":\"agent\","

static void test_fields_of_every_kind(void **state)
{
    (void)state;
    log_info("session is bound", LOG_STR("operatorId", "op-1"), LOG_INT("low", INT64_MIN),
             LOG_UINT("high", UINT64_MAX), LOG_BOOL("yes", true), LOG_BOOL("no", false),
             LOG_STR("none", NULL));
    assert_string_equal(line, HEAD "\"msg\":\"session is bound\",\"operatorId\":\"op-1\","
                                   "\"low\":-9223372036854775808,\"high\":18446744073709551615,"
                                   "\"yes\":true,\"no\":false,\"none\":null}\n");
}

static void test_strings_are_escaped_and_made_valid(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"plain", "plain"},
        {"a\"b\\c", "a\\\"b\\\\c"},
        {"\n\t\x01\x7f", "\\u000a\\u0009\\u0001\\u007f"},
        {"\xd8\xb3\xd9\x84", "\xd8\xb3\xd9\x84"},
        {"x\xff\xfey", "x\xef\xbf\xbd\xef\xbf\xbdy"},
        {"cut \xe2\x82", "cut \xef\xbf\xbd"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char expected[256];
        snprintf(expected, sizeof(expected), HEAD "\"msg\":\"m\",\"v\":\"%s\"}\n", cases[i].out);
        log_info("m", LOG_STR("v", cases[i].in));
        assert_string_equal(line, expected);
    }
}

static void test_levels(void **state)
{
    (void)state;
    static const char *const names[] = {"error", "warn", "info", "debug"};
    enum log_level level;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_true(log_level_parse(names[i], &level));
        assert_int_equal(level, i);
        assert_string_equal(log_level_name(level), names[i]);
    }
    assert_false(log_level_parse("INFO", &level));
    assert_false(log_level_parse("", &level));
    log_debug("hidden", LOG_INT("n", 1));
    assert_string_equal(line, "");
    log_set_level(LOG_DEBUG);
    assert_int_equal(log_get_level(), LOG_DEBUG);
    log_debug("shown", LOG_INT("n", 1));
    assert_non_null(strstr(line, "\"level\":\"debug\""));
    log_set_level(LOG_ERROR);
    line[0] = 0;
    log_warn("hidden", LOG_INT("n", 1));
    assert_string_equal(line, "");
}

/* What is cut is cut between two characters, closes its quotes and says so. */
static void assert_cut_line(void)
{
    static const char ending[] = ",\"truncated\":true}\n";
    size_t len = strlen(line);
    assert_true(len < PIPE_BUF);
    assert_string_equal(line + len - strlen(ending), ending);
    assert_true(str_utf8_valid(line, len));
    unsigned quotes = 0;
    for (size_t i = 0; i < len; i++) {
        if (line[i] == '\\')
            i++;
        else
            quotes += line[i] == '"';
    }
    assert_int_equal(quotes % 2, 0);
}

static void test_long_lines_are_cut_validly(void **state)
{
    (void)state;
    static const char *const pieces[] = {"x", "\"", "\n", "\xd8\xb3", "\xf0\x9f\x98\x80", "\xff"};
    for (size_t p = 0; p < ARRAY_LEN(pieces); p++) {
        size_t piece_len = strlen(pieces[p]);
        for (size_t shift = 0; shift < 8; shift++) {
            char value[6000];
            size_t len = 0;
            memset(value, 'a', shift);
            for (len = shift; len + piece_len < sizeof(value) - 1; len += piece_len)
                memcpy(value + len, pieces[p], piece_len);
            value[len] = 0;
            log_info("m", LOG_STR("v", value), LOG_INT("after", 1));
            assert_cut_line();
            assert_null(strstr(line, "after"));
        }
    }
}

static void test_a_line_that_just_fits_is_not_cut(void **state)
{
    (void)state;
    char value[PIPE_BUF];
    bool cut_before = false;
    for (size_t len = PIPE_BUF - 300; len < PIPE_BUF - 1; len++) {
        memset(value, 'a', len);
        value[len] = 0;
        log_info("m", LOG_STR("v", value), LOG_INT("number", -1));
        bool cut = strstr(line, "truncated") != NULL;
        assert_true(cut || !cut_before); /* one threshold */
        assert_true(strlen(line) < PIPE_BUF);
        if (!cut)
            assert_non_null(strstr(line, "\"number\":-1}\n"));
        cut_before = cut;
    }
    assert_true(cut_before);
}

/* Writes to a pipe that nobody reads. */
static void test_a_full_pipe_costs_lines_and_no_time(void **state)
{
    (void)state;
    int ends[2];
    char text[64 * 1024];
    assert_int_equal(pipe(ends), 0);
    assert_true(fcntl(ends[1], F_SETPIPE_SZ, 65536) > 0);
    fflush(stdout);
    int kept = dup(STDOUT_FILENO);
    dup2(ends[1], STDOUT_FILENO);
    log_capture_for_test(NULL);
    uint64_t before = log_dropped_lines();
    for (int i = 0; i < 5000; i++)
        log_info("a line of some length for a pipe that nobody reads", LOG_INT("i", i));
    uint64_t dropped = log_dropped_lines() - before;

    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    size_t lines = 0, len = 0;
    ssize_t n;
    char last = '\n';
    while ((n = read(ends[0], text, sizeof(text))) > 0) {
        for (ssize_t i = 0; i < n; i++)
            lines += text[i] == '\n';
        last = text[n - 1];
        len += (size_t)n;
    }
    log_info("there is room again", LOG_INT("i", 1));
    n = read(ends[0], text, sizeof(text) - 1);
    log_info("and again", LOG_INT("i", 2));
    ssize_t second = read(ends[0], line, sizeof(line) - 1);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    close(ends[0]);
    close(ends[1]);

    assert_true(dropped > 0 && len > 0);
    assert_int_equal(lines + dropped, 5000);
    assert_int_equal(last, '\n');
    assert_true(n > 0 && second > 0);
    text[n] = line[second] = 0;
    char expected[64];
    snprintf(expected, sizeof(expected), "\"linesDropped\":%llu,", (unsigned long long)dropped);
    assert_non_null(strstr(text, expected));
    assert_null(strstr(line, "linesDropped"));
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_fields_of_every_kind),
        TEST(test_strings_are_escaped_and_made_valid),
        TEST(test_levels),
        TEST(test_long_lines_are_cut_validly),
        TEST(test_a_line_that_just_fits_is_not_cut),
        TEST(test_a_full_pipe_costs_lines_and_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
