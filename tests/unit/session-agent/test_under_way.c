/* under_way: counted by number, acknowledged by octets. */
#include "unit_test.h"

#include "session-agent/under_way.h"

static void counts_pdus_of_any_size(void **state)
{
    (void)state;
    struct under_way u = {0};
    under_way_acked(&u, 1000);
    assert_int_equal(under_way_count(&u), 0);
    under_way_wrote(&u);
    under_way_acked(&u, 1000); /* not even in the socket */
    assert_int_equal(under_way_count(&u), 1);
    under_way_flushed(&u, 1060);
    under_way_wrote(&u);
    under_way_wrote(&u);
    under_way_flushed(&u, 1500); /* two in one turn */
    assert_int_equal(under_way_count(&u), 3);
    under_way_acked(&u, 1059);
    assert_int_equal(under_way_count(&u), 3);
    under_way_acked(&u, 1499);
    assert_int_equal(under_way_count(&u), 2);
    under_way_acked(&u, 1500);
    assert_int_equal(under_way_count(&u), 0);
    under_way_free(&u);
    assert_int_equal(under_way_count(&u), 0);
}

static void holds_as_many_as_there_are(void **state)
{
    (void)state;
    struct under_way u = {0};
    uint64_t octets = 0, acked = 0;
    struct chance chance = {7};
    for (int i = 0; i < 100000; i++) {
        if (chance_below(&chance, 2)) {
            under_way_wrote(&u);
            under_way_flushed(&u, ++octets);
        } else if (acked < octets) {
            under_way_acked(&u, ++acked);
        }
        assert_int_equal(under_way_count(&u), octets - acked);
    }
    under_way_free(&u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_pdus_of_any_size),
        cmocka_unit_test(holds_as_many_as_there_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
