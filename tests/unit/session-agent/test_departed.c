/* departed: what is still to be told of operators that were dropped, until it is stored or too old.
 */
#include <string.h>

#include "unit_test.h"

#include "session-agent/departed.h"

static void keep(struct departed *d, unsigned n, int transitions, mono_t now)
{
    uint8_t id[IPC_OPERATOR_ID_SIZE] = {(uint8_t)(n >> 8), (uint8_t)n};
    struct health h = {.last_number = n};
    for (int i = 0; i < transitions; i++)
        health_set_able(&h, i % 2 == 0, true, i, "because");
    departed_keep(d, id, &h, now);
    assert_int_equal(h.count, 0);
}

struct seen {
    unsigned count;
    unsigned operators[4 * DEPARTED_MAX];
    uint64_t numbers[4 * DEPARTED_MAX];
};

static void see(const uint8_t id[IPC_OPERATOR_ID_SIZE], const struct health_transition *t,
                void *arg)
{
    struct seen *seen = arg;
    seen->operators[seen->count] = (unsigned)(id[0] << 8 | id[1]);
    seen->numbers[seen->count++] = t->number;
}

static struct seen *look(struct departed *d, mono_t now)
{
    static struct seen seen;
    seen.count = 0;
    departed_each(d, now, see, &seen);
    return &seen;
}

static void told_until_it_is_stored(void **state)
{
    (void)state;
    struct departed *d = departed_create();
    keep(d, 5, 2, at_ms(1));
    keep(d, 6, 0, at_ms(1)); /* nothing to tell */
    keep(d, 7, 1, at_ms(1));
    struct seen *seen = look(d, at_ms(2));
    assert_int_equal(seen->count, 3);
    assert_int_equal(seen->operators[0], 5);
    assert_int_equal(seen->numbers[0], 6);
    assert_int_equal(seen->numbers[1], 7);
    assert_int_equal(seen->operators[2], 7);
    departed_done(d, (const uint8_t[IPC_OPERATOR_ID_SIZE]){0, 5}, 6);
    departed_done(d, (const uint8_t[IPC_OPERATOR_ID_SIZE]){0, 7}, 99); /* unknown */
    departed_done(d, (const uint8_t[IPC_OPERATOR_ID_SIZE]){0, 7}, 8);
    seen = look(d, at_ms(2));
    assert_int_equal(seen->count, 1);
    assert_int_equal(seen->numbers[0], 7);
    departed_destroy(&d);
    assert_null(d);
}

static void bounded_in_number_and_time(void **state)
{
    (void)state;
    struct departed *d = departed_create();
    for (unsigned n = 0; n < DEPARTED_MAX + 2; n++)
        keep(d, n, 1, at_ms(n < 10 ? 0 : 1000));
    struct seen *seen = look(d, at_ms(1000));
    assert_int_equal(seen->count, DEPARTED_MAX);
    assert_int_equal(seen->operators[0], 2);
    seen = look(d, at_ms(DEPARTED_KEPT_MS));
    assert_int_equal(seen->count, DEPARTED_MAX - 8);
    assert_int_equal(seen->operators[0], 10);
    assert_int_equal(look(d, at_ms(1000 + DEPARTED_KEPT_MS))->count, 0);
    departed_destroy(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(told_until_it_is_stored),
        cmocka_unit_test(bounded_in_number_and_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
