/* borrowed: tokens of others are used within their time, once, evenly, or not at all. */
#include "unit_test.h"

#include "session-agent/borrowed.h"

static void within_its_time(void **state)
{
    (void)state;
    struct borrowed b = {0};
    assert_int_equal(borrowed_next_ns(&b, at_ms(0)), BORROWED_NEVER);
    borrowed_add(&b, at_ms(0), at_ms(60).ns, at_ms(75).ns, 2);
    assert_int_equal(borrowed_next_ns(&b, at_ms(10)), 50 * NS_PER_MS);
    assert_int_equal(borrowed_next_ns(&b, at_ms(60)), 0);
    assert_int_equal(borrowed_use(&b, at_ms(60)), at_ms(75).ns);
    /* The second one follows half of the spread later. */
    assert_int_equal(borrowed_next_ns(&b, at_ms(60)), 5 * NS_PER_MS / 2);
    assert_int_equal(borrowed_next_ns(&b, (mono_t){at_ms(75).ns - 1}), 0);
    assert_int_equal(borrowed_next_ns(&b, at_ms(75)), BORROWED_NEVER); /* its time is over */
    assert_int_equal(b.used, 1);
    assert_int_equal(b.lost, 1);
}

static void the_first_to_end_goes_first(void **state)
{
    (void)state;
    struct borrowed b = {0};
    borrowed_add(&b, at_ms(0), at_ms(62).ns, at_ms(77).ns, 1);
    borrowed_add(&b, at_ms(0), at_ms(60).ns, at_ms(75).ns, 1);
    assert_int_equal(borrowed_use(&b, at_ms(70)), at_ms(75).ns);
    assert_int_equal(borrowed_use(&b, at_ms(70)), at_ms(77).ns);
    assert_int_equal(borrowed_next_ns(&b, at_ms(70)), BORROWED_NEVER);
}

static void what_makes_no_sense_is_lost(void **state)
{
    (void)state;
    struct borrowed b = {0};
    borrowed_add(&b, at_ms(100), at_ms(60).ns, at_ms(75).ns, 3); /* too late */
    borrowed_add(&b, at_ms(0), at_ms(75).ns, at_ms(75).ns, 3);   /* no time at all */
    borrowed_add(&b, at_ms(0), at_ms(60).ns, at_ms(75).ns, 0);
    assert_int_equal(b.count, 0);
    assert_int_equal(b.lost, 6);
    for (unsigned i = 0; i < BORROWED_LOANS_MAX + 5; i++)
        borrowed_add(&b, at_ms(0), at_ms(60).ns, at_ms(75).ns, 1);
    assert_int_equal(b.count, BORROWED_LOANS_MAX);
    assert_int_equal(b.lost, 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(within_its_time),
        cmocka_unit_test(the_first_to_end_goes_first),
        cmocka_unit_test(what_makes_no_sense_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
