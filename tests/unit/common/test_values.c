/* The small ones: clock, random, backoff, text, list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "common/backoff.h"
#include "common/clock.h"
#include "common/list.h"
#include "common/random.h"
#include "common/text.h"

static void test_clock_is_real_and_can_be_set(void **state)
{
    (void)state;
    mono_t a = clock_mono();
    assert_true(mono_diff_ns(clock_mono(), a) >= 0);
    assert_true(clock_wall_ms() / 1000 - time(NULL) <= 1);
    clock_set_mono_for_test(5 * NS_PER_S);
    clock_set_wall_for_test(42);
    assert_int_equal(clock_mono().ns, 5 * NS_PER_S);
    assert_int_equal(clock_wall_ms(), 42);
    clock_set_mono_for_test(-1);
    clock_set_wall_for_test(-1);
    assert_true(clock_wall_ms() > 42);
    mono_t t = {1500000};
    assert_int_equal(mono_add_ms(t, -1).ns, 500000);
    assert_int_equal(mono_add_ns(t, 1).ns, 1500001);
    assert_int_equal(mono_diff_ms(mono_add_ms(t, 7), t), 7);
    assert_true(mono_reached(t, t));
    assert_false(mono_reached(t, mono_add_ns(t, 1)));
}

static void test_what_is_beyond_the_clock_is_its_end(void **state)
{
    (void)state;
    mono_t t = {1500000};
    assert_int_equal(mono_add_ms(t, INT64_C(251606400799000)).ns, INT64_MAX); /* the year 9999 */
    assert_int_equal(mono_add_ms(t, INT64_MAX).ns, INT64_MAX);
    assert_int_equal(mono_add_ms(t, INT64_MIN).ns, INT64_MIN + 1500000);
    assert_int_equal(mono_add_ns(t, INT64_MAX).ns, INT64_MAX);
    assert_int_equal(mono_add_ns((mono_t){-2}, INT64_MIN).ns, INT64_MIN);
}

static void test_backoff_doubles_to_its_maximum(void **state)
{
    (void)state;
    static const int64_t expected[] = {5000, 10000, 20000, 40000, 60000, 60000};
    struct backoff b = {.min_ms = 5000, .max_ms = 60000};
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_int_equal(backoff_next_ms(&b, 0), expected[i]);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(backoff_next_ms(&b, 0), 60000);
    backoff_reset(&b);
    assert_int_equal(backoff_next_ms(&b, 0), 5000);
}

static void test_backoff_jitter_is_upward_and_at_most_a_fifth(void **state)
{
    (void)state;
    static const uint32_t randoms[] = {0, 1, 1u << 30, 1u << 31, UINT32_MAX};
    int64_t before = -1;
    for (size_t i = 0; i < ARRAY_LEN(randoms); i++) {
        struct backoff b = {.min_ms = 5000, .max_ms = 60000};
        int64_t delay = backoff_next_ms(&b, randoms[i]);
        assert_in_range(delay, 5000, 6000);
        assert_true(delay >= before);
        before = delay;
    }
    assert_true(before >= 5999);
    struct backoff huge = {.min_ms = INT64_MAX / 128, .max_ms = INT64_MAX / 64, .failures = 9};
    assert_true(backoff_next_ms(&huge, 0) == INT64_MAX / 64);
}

static void test_random_bytes_differ(void **state)
{
    (void)state;
    uint8_t a[32], b[32];
    random_bytes(a, sizeof(a));
    random_bytes(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    random_bytes(a, 0);
    uint64_t seen = 0;
    for (int i = 0; i < 64; i++)
        seen |= random_u64() | random_u32();
    assert_true(seen == UINT64_MAX);
}

static void test_text_grows_and_ends_with_nul(void **state)
{
    (void)state;
    struct text t = {0};
    text_append(&t, NULL, 0);
    assert_string_equal(t.data, "");
    char expected[20000] = "";
    for (int i = 0; i < 1000; i++) {
        text_puts(&t, "ab");
        text_append(&t, "c", 1);
        text_printf(&t, "%d,%s;", i, "x");
        size_t len = strlen(expected);
        snprintf(expected + len, sizeof(expected) - len, "abc%d,x;", i);
    }
    assert_string_equal(t.data, expected);
    assert_int_equal(t.len, strlen(expected));
    text_clear(&t, t.size);
    assert_int_equal(t.len, 0);
    assert_true(t.size > strlen(expected));
    text_clear(&t, t.size - 1);
    assert_null(t.data);
    assert_int_equal(t.len + t.size, 0);
    text_reserve(&t, 10);
    assert_true(t.size == 11 && t.len == 0);
    text_append(&t, "0123456789", 10);
    assert_int_equal(t.size, 11);
    text_free(&t);
    assert_null(t.data);
    assert_int_equal(t.len + t.size, 0);
    text_free(&t);
}

struct item {
    int number;
    struct list link;
};

static void test_lists_keep_order_and_survive_removal_in_the_loop(void **state)
{
    (void)state;
    struct list head;
    struct item items[5];
    list_init(&head);
    assert_true(list_empty(&head));
    for (int i = 1; i < 5; i++) {
        items[i].number = i;
        list_append(&head, &items[i].link);
    }
    items[0].number = 0;
    list_prepend(&head, &items[0].link);
    int expected = 0;
    LIST_FOREACH (it, &head) {
        struct item *item = LIST_ENTRY(it, struct item, link);
        assert_int_equal(item->number, expected++);
        if (item->number % 2) {
            list_remove(it);
            list_remove(it);
        }
    }
    assert_int_equal(expected, 5);
    expected = 0;
    LIST_FOREACH (it, &head) {
        assert_int_equal(LIST_ENTRY(it, struct item, link)->number, expected);
        expected += 2;
    }
    assert_int_equal(expected, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock_is_real_and_can_be_set),
        cmocka_unit_test(test_what_is_beyond_the_clock_is_its_end),
        cmocka_unit_test(test_backoff_doubles_to_its_maximum),
        cmocka_unit_test(test_backoff_jitter_is_upward_and_at_most_a_fifth),
        cmocka_unit_test(test_random_bytes_differ),
        cmocka_unit_test(test_text_grows_and_ends_with_nul),
        cmocka_unit_test(test_lists_keep_order_and_survive_removal_in_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
