/* What follows from refusals of each class, and how long unknown outcomes rest. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bridge/retry_policy.h"

#define HOUR INT64_C(3600000)

static struct retry_case refused(uint32_t code)
{
    return (struct retry_case){
        .status = smpp_status_get(code),
        .max_attempts = 10,
        .now_ms = 1000 * HOUR,
        .not_after_ms = 1001 * HOUR,
    };
}

static void test_classes(void **state)
{
    (void)state;
    struct retry_case c = refused(SMPP_RSYSERR);
    struct retry_decision d = retry_policy_refused(&c);
    assert_int_equal(d.verdict, RETRY_AGAIN);
    assert_true(d.counts);
    assert_int_equal(d.after_ms, 1000);

    c = refused(SMPP_RTHROTTLED);
    d = retry_policy_refused(&c);
    assert_int_equal(d.verdict, RETRY_AGAIN);
    assert_false(d.counts);
    assert_true(d.throttle);

    c = refused(SMPP_RINVBNDSTS);
    d = retry_policy_refused(&c);
    assert_int_equal(d.verdict, RETRY_AGAIN);
    assert_true(d.rebind);

    c = refused(0x0B); /* ESME_RINVDSTADR */
    assert_int_equal(retry_policy_refused(&c).verdict, RETRY_REJECT);
}

static void test_delays_grow(void **state)
{
    (void)state;
    static const int64_t expected[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
    struct retry_case c = refused(SMPP_RSYSERR);
    for (uint32_t i = 0; i < ARRAY_LEN(expected); i++) {
        c.refusals = c.attempt = i;
        assert_int_equal(retry_policy_refused(&c).after_ms, expected[i]);
        c.random = UINT32_MAX;
        assert_in_range(retry_policy_refused(&c).after_ms, expected[i] + expected[i] / 6,
                        expected[i] + expected[i] / 5);
        c.random = 0;
    }
}

static void test_bounds(void **state)
{
    (void)state;
    struct retry_case c = refused(SMPP_RSYSERR);
    c.refusals = 8;
    assert_int_equal(retry_policy_refused(&c).verdict, RETRY_AGAIN);
    c.refusals = 9; /* this is the tenth */
    assert_int_equal(retry_policy_refused(&c).verdict, RETRY_REJECT);

    c = refused(0x123456); /* nobody knows it: three attempts in all */
    c.refusals = 1;
    assert_int_equal(retry_policy_refused(&c).verdict, RETRY_AGAIN);
    c.refusals = 2;
    assert_int_equal(retry_policy_refused(&c).verdict, RETRY_REJECT);

    c = refused(SMPP_RTHROTTLED);
    c.attempt = 248;
    assert_int_equal(retry_policy_refused(&c).verdict, RETRY_AGAIN);
    c.attempt = 250;
    assert_int_equal(retry_policy_refused(&c).verdict, RETRY_REJECT);

    c = refused(SMPP_RSYSERR);
    c.not_after_ms = c.now_ms + 1001;
    assert_int_equal(retry_policy_refused(&c).verdict, RETRY_AGAIN);
    c.not_after_ms = c.now_ms + 1000;
    assert_int_equal(retry_policy_refused(&c).verdict, RETRY_EXPIRE);
}

/* However long an operator throttles, the message ends by its own time. */
static void test_throttling_is_bounded_by_life(void **state)
{
    (void)state;
    static const int64_t lives[] = {HOUR / 60, HOUR, 24 * HOUR, 72 * HOUR};
    for (size_t i = 0; i < ARRAY_LEN(lives); i++) {
        struct retry_case c = refused(SMPP_RTHROTTLED);
        c.not_after_ms = c.now_ms + lives[i];
        struct retry_decision d = retry_policy_refused(&c);
        while (d.verdict == RETRY_AGAIN) {
            if (c.attempt < 100)
                assert_in_range(d.after_ms, 500, 10000);
            c.attempt++;
            c.now_ms += d.after_ms;
            d = retry_policy_refused(&c);
        }
        assert_int_equal(d.verdict, RETRY_EXPIRE);
        assert_true(c.not_after_ms - c.now_ms <= d.after_ms);
    }
}

static void test_rest(void **state)
{
    (void)state;
    assert_int_equal(retry_policy_rest_ms(true, 0, HOUR), 0);
    assert_int_equal(retry_policy_rest_ms(false, 0, HOUR), 300000);
    assert_int_equal(retry_policy_rest_ms(false, 0, 100000), 50000);
    assert_int_equal(retry_policy_rest_ms(false, 100000, 100000), 0);
    assert_int_equal(retry_policy_rest_ms(false, 200000, 100000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes), cmocka_unit_test(test_delays_grow),
        cmocka_unit_test(test_bounds),  cmocka_unit_test(test_throttling_is_bounded_by_life),
        cmocka_unit_test(test_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
