/* token_wait: its clock runs only while nothing but a token is missing. */
#include "unit_test.h"

#include "session-agent/token_wait.h"

static int64_t ms(const struct token_wait *w, int64_t at)
{
    return token_wait_clock(w, at_ms(at)) / NS_PER_MS;
}

static void runs_while_a_token_is_missing(void **state)
{
    (void)state;
    struct token_wait w = {0};
    assert_int_equal(ms(&w, 5000), 0);
    token_wait_looked(&w, at_ms(1000), 100 * NS_PER_MS);
    assert_int_equal(ms(&w, 1040), 40);
    assert_int_equal(ms(&w, 1100), 100);
    assert_int_equal(ms(&w, 1500), 100); /* it was due: who looks late does not wait for it */
    token_wait_looked(&w, at_ms(1500), 0);
    assert_int_equal(ms(&w, 9000), 100); /* a full window, say */
    token_wait_looked(&w, at_ms(9000), 100 * NS_PER_MS);
    token_wait_looked(&w, at_ms(9010), 0); /* the bind is gone before it was due */
    assert_int_equal(ms(&w, 9900), 110);
    token_wait_looked(&w, at_ms(10000), INT64_MAX); /* a limit of 0 */
    assert_int_equal(ms(&w, 70000), 60110);
}

static void each_is_counted_by_what_passed_on_that_clock(void **state)
{
    (void)state;
    struct token_wait w = {0};
    token_wait_note(&w, token_wait_clock(&w, at_ms(1000)), at_ms(8000));
    assert_int_equal(w.buckets[0], 1);
    assert_int_equal(w.sum_us, 0);
    token_wait_looked(&w, at_ms(8000), 20 * NS_PER_MS);
    int64_t ready_at = token_wait_clock(&w, at_ms(8010));
    token_wait_note(&w, ready_at, at_ms(8020));
    assert_int_equal(w.buckets[2], 1); /* 10 ms, of which the bound is */
    assert_int_equal(w.sum_us, 10000);
    token_wait_looked(&w, at_ms(9000), 1000 * NS_PER_S);
    token_wait_note(&w, ready_at, at_ms(9000 + 300 * 1000));
    assert_int_equal(w.buckets[IPC_TOKEN_WAIT_BUCKETS - 1], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_while_a_token_is_missing),
        cmocka_unit_test(each_is_counted_by_what_passed_on_that_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
