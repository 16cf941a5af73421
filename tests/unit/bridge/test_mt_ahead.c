/* How much is worth having here, by simulated operators. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bridge/mt_ahead.h"

static mono_t at_ms(int64_t ms)
{
    return mono_add_ms((mono_t){NS_PER_S}, ms);
}

/* `per_second` answers for so long, evenly; returns when it is over. */
static int64_t answers(struct mt_ahead *a, int64_t from_ms, int64_t ms, uint32_t per_second,
                       uint32_t latency_us)
{
    int64_t count = ms * per_second / 1000;
    for (int64_t i = 0; i < count; i++)
        mt_ahead_answered(a, mono_add_ns(at_ms(from_ms), i * NS_PER_S / per_second), latency_us);
    return from_ms + ms;
}

static void test_an_idle_one_begins_small(void **state)
{
    (void)state;
    struct mt_ahead a = {.outcomes = 0};
    assert_int_equal(mt_ahead_submits(&a, at_ms(0)), MT_AHEAD_LEAST);
    int64_t now = answers(&a, 0, 3000, 20000, 1000);
    assert_true(mt_ahead_submits(&a, at_ms(now)) > 15000);
    assert_int_equal(mt_ahead_submits(&a, at_ms(now + 600000)), MT_AHEAD_LEAST);
}

/* The first few hundred come back at once: the next pull is a large one. */
static void test_it_grows_within_a_tenth_of_a_second(void **state)
{
    (void)state;
    struct mt_ahead a = {.outcomes = 0};
    answers(&a, 0, 10, 25600, 500);
    assert_true(mt_ahead_submits(&a, at_ms(10)) >= 2000);
}

static void test_a_second_ahead_and_what_is_under_way(void **state)
{
    (void)state;
    struct mt_ahead a = {.outcomes = 0};
    int64_t now = answers(&a, 0, 10000, 1000, 4000000);
    assert_in_range(mt_ahead_submits(&a, at_ms(now)), 4700, 5100);
}

static void test_one_that_slows_down(void **state)
{
    (void)state;
    struct mt_ahead a = {.outcomes = 0};
    int64_t now = answers(&a, 0, 3000, 10000, 1000);
    now = answers(&a, now, 2000, 300, 1000);
    assert_in_range(mt_ahead_submits(&a, at_ms(now)), 290, 310);
}

/* An MNO that takes seconds for the first answer has its window filled meanwhile. */
static void test_without_answers_it_grows(void **state)
{
    (void)state;
    struct mt_ahead a = {.outcomes = 0};
    int64_t now = 0;
    for (int i = 0; i < 4; i++, now += 500)
        mt_ahead_tick(&a, at_ms(now), mt_ahead_submits(&a, at_ms(now)));
    assert_int_equal(mt_ahead_submits(&a, at_ms(now)), 16 * MT_AHEAD_LEAST);
    mt_ahead_tick(&a, at_ms(now), 10); /* not used up: it waits for something else */
    assert_int_equal(mt_ahead_submits(&a, at_ms(now)), 16 * MT_AHEAD_LEAST);
    now = answers(&a, now, 1000, 500, 2000000);
    mt_ahead_tick(&a, at_ms(now), 1000);
    assert_in_range(mt_ahead_submits(&a, at_ms(now)), 1400, 1600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_idle_one_begins_small),
        cmocka_unit_test(test_it_grows_within_a_tenth_of_a_second),
        cmocka_unit_test(test_a_second_ahead_and_what_is_under_way),
        cmocka_unit_test(test_one_that_slows_down),
        cmocka_unit_test(test_without_answers_it_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
