/* Slower when the operator refuses, back by and by, never above the share. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bridge/tps_adaptive.h"

enum { TICK_MS = 200 };

static mono_t at(int64_t ms)
{
    return (mono_t){(ms + 1000000) * NS_PER_MS};
}

static struct tps_adaptive adaptive(uint32_t share)
{
    struct tps_adaptive a;
    tps_adaptive_init(&a, at(0));
    tps_adaptive_set_ceiling(&a, share);
    return a;
}

static void pass(struct tps_adaptive *a, int64_t from_ms, int64_t to_ms)
{
    for (int64_t ms = from_ms; ms < to_ms; ms += TICK_MS)
        (void)tps_adaptive_tick(a, at(ms));
}

static void test_follows_the_share(void **state)
{
    (void)state;
    struct tps_adaptive a = adaptive(100);
    assert_int_equal(tps_adaptive_rate(&a), 100);
    tps_adaptive_set_ceiling(&a, 200);
    assert_int_equal(tps_adaptive_rate(&a), 200);
    tps_adaptive_set_ceiling(&a, 0);
    assert_int_equal(tps_adaptive_rate(&a), 0);
    tps_adaptive_set_ceiling(&a, 50);
    assert_int_equal(tps_adaptive_rate(&a), 50);
    assert_false(tps_adaptive_is_slowed(&a));
}

static void test_a_burst_of_refusals_is_one(void **state)
{
    (void)state;
    struct tps_adaptive a = adaptive(100);
    assert_true(tps_adaptive_throttled(&a, at(1000)));
    assert_int_equal(tps_adaptive_rate(&a), 75);
    for (int64_t ms = 1000; ms < 1500; ms += 10)
        assert_false(tps_adaptive_throttled(&a, at(ms)));
    assert_int_equal(tps_adaptive_rate(&a), 75);
    assert_true(tps_adaptive_throttled(&a, at(1500)));
    assert_int_equal(tps_adaptive_rate(&a), 56);
    assert_int_equal(a.slow_downs, 2);
}

static void test_climbs_back_to_the_share_and_no_further(void **state)
{
    (void)state;
    struct tps_adaptive a = adaptive(100);
    (void)tps_adaptive_throttled(&a, at(1000));
    pass(&a, 1000, 3000);
    assert_in_range(tps_adaptive_rate(&a), 85, 95); /* fast up to nine tenths of what failed */
    pass(&a, 3000, 25000);
    assert_int_equal(tps_adaptive_rate(&a), 100);
    assert_false(tps_adaptive_is_slowed(&a));
}

static void test_at_least_one(void **state)
{
    (void)state;
    struct tps_adaptive a = adaptive(3);
    for (int64_t ms = 1000; ms < 60000; ms += 500)
        (void)tps_adaptive_throttled(&a, at(ms));
    assert_int_equal(tps_adaptive_rate(&a), 1);
}

/* An operator that takes 60 of the 100 it promised, each second counted for itself. */
static void test_finds_what_the_operator_takes(void **state)
{
    (void)state;
    struct tps_adaptive a = adaptive(100);
    double sent = 0, accepted = 0, in_second = 0;
    for (int64_t ms = 0; ms < 120000; ms += 10) {
        if (ms % 1000 == 0)
            in_second = 0;
        double now = tps_adaptive_rate(&a) / 100.0;
        bool taken = in_second + now <= 60;
        in_second += now;
        if (ms >= 20000) {
            sent += now;
            accepted += taken ? now : 0;
        }
        if (!taken)
            (void)tps_adaptive_throttled(&a, at(ms));
        if (ms % TICK_MS == 0)
            (void)tps_adaptive_tick(&a, at(ms));
    }
    assert_true(accepted / 100 > 60 * 0.85); /* most of what it takes */
    assert_true(accepted / sent > 0.93);     /* with few refusals */
}

static void test_answers_that_slow_down(void **state)
{
    (void)state;
    struct tps_adaptive a = adaptive(100);
    for (int64_t ms = 0; ms < 5000; ms += 10) {
        tps_adaptive_answered(&a, 50000);
        if (ms % TICK_MS == 0)
            (void)tps_adaptive_tick(&a, at(ms));
    }
    assert_int_equal(tps_adaptive_rate(&a), 100);
    uint32_t least = 100;
    for (int64_t ms = 5000; ms < 15000; ms += 10) {
        tps_adaptive_answered(&a, 3000000);
        if (ms % TICK_MS == 0)
            (void)tps_adaptive_tick(&a, at(ms));
        assert_true(tps_adaptive_rate(&a) <= least); /* no climbing meanwhile */
        least = tps_adaptive_rate(&a);
    }
    assert_in_range(least, 55, 66); /* four or five steps */
    for (int64_t ms = 15000; ms < 20000; ms += 10) {
        tps_adaptive_answered(&a, 50000);
        if (ms % TICK_MS == 0)
            (void)tps_adaptive_tick(&a, at(ms));
    }
    assert_int_equal(tps_adaptive_rate(&a), 100);
}

static void test_slow_answers_are_forgotten_in_silence(void **state)
{
    (void)state;
    struct tps_adaptive a = adaptive(100);
    for (int64_t ms = 0; ms < 10000; ms += 10) {
        tps_adaptive_answered(&a, ms < 1000 ? 50000 : 3000000);
        if (ms % TICK_MS == 0)
            (void)tps_adaptive_tick(&a, at(ms));
    }
    pass(&a, 10000, 19000);
    assert_true(tps_adaptive_is_slowed(&a));
    pass(&a, 19000, 25000);
    assert_false(tps_adaptive_is_slowed(&a));
}

static void test_always_slow_is_not_slow(void **state)
{
    (void)state;
    struct tps_adaptive a = adaptive(100);
    for (int64_t ms = 0; ms < 90000; ms += 10) {
        tps_adaptive_answered(&a, 4000000 + (uint32_t)(ms % 7) * 100000);
        if (ms % TICK_MS == 0)
            (void)tps_adaptive_tick(&a, at(ms));
        assert_int_equal(tps_adaptive_rate(&a), 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_follows_the_share),
        cmocka_unit_test(test_a_burst_of_refusals_is_one),
        cmocka_unit_test(test_climbs_back_to_the_share_and_no_further),
        cmocka_unit_test(test_at_least_one),
        cmocka_unit_test(test_finds_what_the_operator_takes),
        cmocka_unit_test(test_answers_that_slow_down),
        cmocka_unit_test(test_slow_answers_are_forgotten_in_silence),
        cmocka_unit_test(test_always_slow_is_not_slow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
