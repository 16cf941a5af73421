/* odd_pdus: how many lines a flood costs, and when it is enough. */
#include "unit_test.h"

#include "session-agent/odd_pdus.h"

static unsigned note(struct odd_pdus *o, unsigned count, mono_t now, uint64_t *left_out_r)
{
    unsigned lines = 0;
    while (count--)
        lines += odd_pdus_note(o, now, left_out_r);
    return lines;
}

static void a_flood_is_a_few_lines_that_say_how_many_are_missing(void **state)
{
    (void)state;
    struct odd_pdus o = {0};
    uint64_t left_out = 99;
    assert_int_equal(note(&o, 1, at_ms(0), &left_out), 1);
    assert_int_equal(left_out, 0);
    assert_int_equal(note(&o, 500, at_ms(1), &left_out), ODD_PDUS_LINES - 1);
    assert_int_equal(note(&o, 1, at_ms(9999), &left_out), 0);
    assert_int_equal(note(&o, 1, at_ms(10001), &left_out), 1);
    assert_int_equal(left_out, 492);
    assert_int_equal(note(&o, 100, at_ms(20001), &left_out), 1);
    assert_int_equal(left_out, 0);
    assert_int_equal(note(&o, 100, at_ms(3600000), &left_out),
                     ODD_PDUS_LINES); /* after a quiet hour */
    assert_int_equal(left_out, 0);
}

static void too_many_in_a_minute_are_enough(void **state)
{
    (void)state;
    struct odd_pdus o = {0};
    uint64_t left_out;
    note(&o, ODD_PDUS_MINUTE_LIMIT - 1, at_ms(1000), &left_out);
    assert_false(odd_pdus_are_too_many(&o));
    note(&o, ODD_PDUS_MINUTE_LIMIT - 1, at_ms(61000), &left_out); /* the next one */
    assert_false(odd_pdus_are_too_many(&o));
    note(&o, 1, at_ms(120999), &left_out);
    assert_true(odd_pdus_are_too_many(&o));
    odd_pdus_new_connection(&o);
    assert_false(odd_pdus_are_too_many(&o));
    note(&o, 1, at_ms(121000), &left_out);
    assert_false(odd_pdus_are_too_many(&o));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flood_is_a_few_lines_that_say_how_many_are_missing),
        cmocka_unit_test(too_many_in_a_minute_are_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
