/* References: one by one, never behind the time, and not the former process's. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bridge/mt_references.h"

#define NOW INT64_C(1795000000000)
#define MINUTE INT64_C(60000)

static uint32_t use(struct mt_references *r, uint64_t destination, int64_t now_ms)
{
    uint32_t reference = mt_references_next(r, destination, now_ms);
    mt_references_take(r, destination, reference);
    return reference;
}

static void test_one_by_one(void **state)
{
    (void)state;
    struct mt_references *r = mt_references_create(NOW);
    uint32_t first = use(r, 1, NOW);
    assert_int_equal(mt_references_next(r, 1, NOW), first + 1);
    assert_int_equal(mt_references_next(r, 1, NOW), first + 1); /* not used yet */
    use(r, 2, NOW);                                             /* another destination */
    for (uint32_t i = 1; i < 300; i++)
        assert_int_equal(use(r, 1, NOW - MINUTE), first + i);
    mt_references_destroy(&r);
    assert_null(r);
}

static void test_a_day_and_a_half_without_repetition(void **state)
{
    (void)state;
    struct mt_references *r = mt_references_create(NOW);
    uint32_t first = use(r, 1, NOW), last = first;
    for (int64_t t = 30; t < 36 * 60; t += 30) {
        uint32_t next = use(r, 1, NOW + t * MINUTE);
        assert_true(next > last);
        last = next;
    }
    assert_in_range(last - first, 1, 255);
    mt_references_destroy(&r);
}

static void test_a_new_process_does_not_repeat_the_former(void **state)
{
    (void)state;
    for (int64_t second = 3; second < 600; second++) { /* between the two starts */
        struct mt_references *r = mt_references_create(NOW);
        uint32_t first = use(r, 1, NOW), last = use(r, 1, NOW);
        assert_true(last == first + 1);
        mt_references_destroy(&r);
        r = mt_references_create(NOW + second * 1000);
        uint32_t next = use(r, 1, NOW + second * 1000);
        if (second % 128 > 2 && second % 128 < 126)
            assert_true((next - first) % 256 > 1);
        mt_references_destroy(&r);
    }
    struct mt_references *r = mt_references_create(NOW - 24 * 60 * MINUTE);
    uint32_t last = 0;
    for (int64_t t = 24 * 60; t >= 0; t -= 60)
        last = use(r, 1, NOW - t * MINUTE);
    mt_references_destroy(&r);
    r = mt_references_create(NOW);
    assert_in_range(use(r, 1, NOW) - last, 1, 200);
    mt_references_destroy(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_by_one),
        cmocka_unit_test(test_a_day_and_a_half_without_repetition),
        cmocka_unit_test(test_a_new_process_does_not_repeat_the_former),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
