/* The exposition, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "common/metrics.h"

static void test_families_labels_and_escapes(void **state)
{
    (void)state;
    struct text t = {0};
    const struct metrics_label labels[] = {{"operator", "a\"b\\c\nd"}, {"kind", "x"}};
    metrics_family(&t, "m_total", "counter", "Back\\slash, \"quotes\" and\na line.");
    metrics_u64(&t, "m_total", NULL, 0, UINT64_MAX);
    metrics_u64(&t, "m_total", labels, 2, 1);
    metrics_double(&t, "m_ratio", labels + 1, 1, 0.1);
    assert_string_equal(t.data, "# HELP m_total Back\\\\slash, \"quotes\" and\\na line.\n"
                                "# TYPE m_total counter\n"
                                "m_total 18446744073709551615\n"
                                "m_total{operator=\"a\\\"b\\\\c\\nd\",kind=\"x\"} 1\n"
                                "m_ratio{kind=\"x\"} 0.1\n");
    text_free(&t);
}

static void test_numbers_read_back_as_they_were(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "v 0\n"},
        {-1.5, "v -1.5\n"},
        {1e9, "v 1e+09\n"},
        {123456789, "v 123456789\n"},
        {1.0 / 3, "v 0.33333333333333331\n"},
        {NAN, "v NaN\n"},
        {INFINITY, "v +Inf\n"},
        {-INFINITY, "v -Inf\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct text t = {0};
        metrics_double(&t, "v", NULL, 0, cases[i].value);
        assert_string_equal(t.data, cases[i].text);
        text_free(&t);
    }
}

static void test_histograms_are_cumulative(void **state)
{
    (void)state;
    static const double bounds[] = {0.001, 0.01, 1};
    static const double values[] = {0.0005, 0.001, 0.002, 0.5, 2, 3};
    const struct metrics_label label = {"op", "a"};
    struct text t = {0};
    struct histogram h;
    histogram_init(&h, bounds, ARRAY_LEN(bounds));
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        histogram_observe(&h, values[i]);
    metrics_histogram(&t, "h", &label, 1, &h);
    assert_string_equal(t.data, "h_bucket{op=\"a\",le=\"0.001\"} 2\n"
                                "h_bucket{op=\"a\",le=\"0.01\"} 3\n"
                                "h_bucket{op=\"a\",le=\"1\"} 4\n"
                                "h_bucket{op=\"a\",le=\"+Inf\"} 6\n"
                                "h_sum{op=\"a\"} 5.5035\n"
                                "h_count{op=\"a\"} 6\n");
    t.len = 0;
    metrics_histogram(&t, "h", NULL, 0, &h);
    assert_memory_equal(t.data, "h_bucket{le=\"0.001\"} 2\n", 23);
    text_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_families_labels_and_escapes),
        cmocka_unit_test(test_numbers_read_back_as_they_were),
        cmocka_unit_test(test_histograms_are_cumulative),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
