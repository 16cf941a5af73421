/* The map against a plain array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/map.h"

static void test_put_get_remove(void **state)
{
    (void)state;
    int a, b;
    struct map *m = map_create();
    assert_null(map_get(m, "k", 1));
    assert_null(map_remove(m, "k", 1));
    assert_null(map_put(m, "k", 1, &a));
    assert_ptr_equal(map_get(m, "k", 1), &a);
    assert_ptr_equal(map_put(m, "k", 1, &b), &a);
    assert_int_equal(map_count(m), 1);
    assert_ptr_equal(map_get(m, "k", 1), &b);
    assert_ptr_equal(map_remove(m, "k", 1), &b);
    assert_null(map_get(m, "k", 1)); /* nor is it remembered */
    assert_int_equal(map_count(m), 0);
    map_destroy(&m);
    assert_null(m);
    map_destroy(&m);
}

static void test_keys_are_bytes_with_a_length(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        size_t len;
    } keys[] = {
        {"", 0},           {"\0", 1},        {"\0\0", 2},
        {"a", 1},          {"a\0", 2},       {"a\0b", 3},
        {"12345678", 8},   {"123456789", 9}, {"1234567", 7},
        {"12345678\0", 9}, {"A", 1},         {"0123456789012345678901234567890123456789", 40}};
    static int values[ARRAY_LEN(keys)];
    struct map *m = map_create();
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        char copy[64];
        memcpy(copy, keys[i].key, keys[i].len);
        assert_null(map_put(m, copy, keys[i].len, &values[i]));
        memset(copy, 'x', sizeof(copy)); /* the map has its own */
    }
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        assert_ptr_equal(map_get(m, keys[i].key, keys[i].len), &values[i]);
    assert_int_equal(map_count(m), ARRAY_LEN(keys));
    map_destroy(&m);
}

static void test_random_use_against_a_model(void **state)
{
    (void)state;
    enum { KEYS = 3000, STEPS = 100000 };
    static bool there[KEYS];
    static int values[KEYS];
    size_t count = 0;
    struct map *m = map_create();
    srand(11);
    for (int step = 0; step < STEPS; step++) {
        int k = rand() % KEYS;
        char key[32];
        size_t len = (size_t)snprintf(key, sizeof(key), "message-%d", k);
        void *former = there[k] ? &values[k] : NULL;
        assert_ptr_equal(map_get(m, key, len), former);
        if (rand() % 2) {
            assert_ptr_equal(map_put(m, key, len, &values[k]), former);
            count += !there[k];
            there[k] = true;
        } else {
            assert_ptr_equal(map_remove(m, key, len), former);
            count -= there[k];
            there[k] = false;
        }
        assert_int_equal(map_count(m), count);
    }
    map_destroy(&m);
}

struct visit {
    struct map *map;
    unsigned seen[100];
};

static void visit_and_remove_even(void *value, void *arg)
{
    struct visit *v = arg;
    int number = *(int *)value;
    v->seen[number]++;
    if (number % 2 == 0)
        assert_ptr_equal(map_remove(v->map, &number, sizeof(number)), value);
}

static void test_each_entry_is_visited_once_also_when_it_is_removed(void **state)
{
    (void)state;
    static int numbers[100];
    struct visit v = {.map = map_create()};
    for (int i = 0; i < 100; i++) {
        numbers[i] = i;
        assert_null(map_put(v.map, &i, sizeof(i), &numbers[i]));
    }
    map_each(v.map, visit_and_remove_even, &v);
    for (int i = 0; i < 100; i++)
        assert_int_equal(v.seen[i], 1);
    assert_int_equal(map_count(v.map), 50);
    map_destroy(&v.map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_get_remove),
        cmocka_unit_test(test_keys_are_bytes_with_a_length),
        cmocka_unit_test(test_random_use_against_a_model),
        cmocka_unit_test(test_each_entry_is_visited_once_also_when_it_is_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
