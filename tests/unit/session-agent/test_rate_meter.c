/* rate_meter: the last full second and the most in any window of one. */
#include "unit_test.h"

#include "session-agent/rate_meter.h"

static void the_last_full_second(void **state)
{
    (void)state;
    struct rate_meter *m = rate_meter_create();
    assert_int_equal(rate_meter_last_second(m, at_ms(100)), 0);
    for (int i = 0; i < 10; i++)
        rate_meter_note(m, at_ms(5000 + i * 99));
    assert_int_equal(rate_meter_last_second(m, at_ms(5999)), 0);
    assert_int_equal(rate_meter_last_second(m, at_ms(6000)), 10);
    assert_int_equal(rate_meter_last_second(m, at_ms(6999)), 10);
    assert_int_equal(rate_meter_last_second(m, at_ms(7000)), 0);
    rate_meter_destroy(&m);
    assert_null(m);
}

static void the_most_in_any_window(void **state)
{
    (void)state;
    struct rate_meter *m = rate_meter_create();
    for (int i = 0; i < 300; i++) /* 100 a second, evenly */
        rate_meter_note(m, at_ms(1000 + i * 10));
    assert_int_equal(rate_meter_peak(m), 100);
    for (int i = 0; i < 1000; i++)
        rate_meter_note(m, at_ms(4500));
    assert_int_equal(rate_meter_peak(m), 1000 + 50 - 1);
    rate_meter_note(m, at_ms(9000));
    assert_int_equal(rate_meter_peak(m), 1049);
    rate_meter_destroy(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_full_second),
        cmocka_unit_test(the_most_in_any_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
