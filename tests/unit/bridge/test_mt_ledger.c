/* mt_ledger: whoever takes what there is leaves as much to the others. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bridge/mt_ledger.h"

enum { OPERATORS = 50, ENTRIES = 20000, MESSAGES = 1000 };

static struct mt_path path;
static struct mt_operator operators[OPERATORS];
static struct mt messages[OPERATORS][MESSAGES];

static void start(size_t count, uint32_t entries)
{
    path = (struct mt_path){.ledger_entries = entries};
    path.with.operators = operators_create();
    for (size_t o = 0; o < count; o++) {
        struct operator_settings settings = {.id.octets = {(uint8_t)o}};
        operators_put(path.with.operators, &settings);
        operators[o] = (struct mt_operator){.path = &path};
        for (size_t m = 0; m < MESSAGES; m++)
            messages[o][m] = (struct mt){.owner = &operators[o]};
    }
}

/* As many messages of so many segments as it gets. */
static uint32_t take_all(size_t o, uint32_t segments)
{
    for (size_t m = 0; m < MESSAGES && mt_ledger_reserve(&messages[o][m], segments); m++) {
    }
    return operators[o].ledger_reserved;
}

static void give_back(size_t o)
{
    for (size_t m = 0; m < MESSAGES; m++)
        mt_ledger_release(&messages[o][m]);
    assert_int_equal(operators[o].ledger_reserved, 0);
}

static void one_alone_has_all_of_it(void **state)
{
    (void)state;
    start(1, ENTRIES);
    assert_int_equal(mt_ledger_free(&operators[0]), ENTRIES);
    assert_int_equal(take_all(0, 20), ENTRIES);
    assert_int_equal(mt_ledger_free(&operators[0]), 0);
    give_back(0);
    assert_int_equal(path.ledger_reserved, 0);
    operators_destroy(&path.with.operators);
}

static void there_is_room_beside_forty_nine(void **state)
{
    (void)state;
    uint32_t part = ENTRIES / 2 / OPERATORS;
    start(OPERATORS, ENTRIES);
    assert_int_equal(take_all(0, 20), ENTRIES / 2);
    for (size_t o = 1; o + 1 < OPERATORS; o++)
        assert_int_equal(take_all(o, 20), part);
    assert_int_equal(mt_ledger_free(&operators[OPERATORS - 1]), part);
    assert_int_equal(take_all(OPERATORS - 1, 1), part);
    give_back(0);
    assert_int_equal(mt_ledger_free(&operators[1]), ENTRIES / 2 - (OPERATORS - 1) * part);
    operators_destroy(&path.with.operators);
}

static void the_only_one_may_be_long(void **state)
{
    (void)state;
    start(2, 300);
    assert_true(mt_ledger_reserve(&messages[0][0], 255));
    assert_true(mt_ledger_reserve(&messages[0][0], 255)); /* it has them */
    assert_false(mt_ledger_reserve(&messages[0][1], 1));
    assert_false(mt_ledger_reserve(&messages[1][0], 46));
    assert_int_equal(path.ledger_reserved, 255);
    assert_true(mt_ledger_reserve(&messages[1][0], 45));
    mt_ledger_count(&messages[1][0]);
    assert_int_equal(messages[1][0].reserved, 46);
    assert_int_equal(mt_ledger_free(&operators[1]), 0);
    operators_destroy(&path.with.operators);
}

static void what_waits_here_comes_first(void **state)
{
    (void)state;
    start(4, 1000);
    path.ready = operators[0].counts[MT_READY] = 200;
    assert_int_equal(mt_ledger_free(&operators[0]), 300);
    path.ready = operators[0].counts[MT_READY] = 450;
    assert_int_equal(mt_ledger_free(&operators[0]), 50);
    assert_int_equal(mt_ledger_free(&operators[1]), 125);
    operators_destroy(&path.with.operators);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_alone_has_all_of_it),
        cmocka_unit_test(there_is_room_beside_forty_nine),
        cmocka_unit_test(the_only_one_may_be_long),
        cmocka_unit_test(what_waits_here_comes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
