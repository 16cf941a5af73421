/* heartbeat: the schedule, the time-out, and the pause of a process in between. */
#include "unit_test.h"

#include "session-agent/heartbeat.h"

static void every_interval(void **state)
{
    (void)state;
    struct heartbeat hb;
    uint32_t rtt;
    heartbeat_start(&hb, 30000, 10000, at_ms(1000));
    assert_int_equal(heartbeat_next(&hb).ns, at_ms(31000).ns);
    assert_int_equal(heartbeat_check(&hb, at_ms(30999)), HEARTBEAT_FINE);
    for (uint32_t i = 1; i <= 100; i++) {
        mono_t due = at_ms(1000 + 30000 * (int64_t)i);
        assert_int_equal(heartbeat_next(&hb).ns, due.ns);
        assert_int_equal(heartbeat_check(&hb, due), HEARTBEAT_SEND);
        mono_t late = mono_add_ms(due, i % 7); /* does not add up */
        heartbeat_sent(&hb, i, late);
        assert_int_equal(heartbeat_check(&hb, late), HEARTBEAT_FINE);
        assert_false(heartbeat_answered(&hb, i + 1, late, &rtt));
        assert_true(heartbeat_answered(&hb, i, mono_add_ns(late, 2500), &rtt));
        assert_int_equal(rtt, 2);
        assert_false(heartbeat_answered(&hb, i, late, &rtt)); /* twice */
    }
}

static void silence_is_believed_when_the_socket_is_empty(void **state)
{
    (void)state;
    struct heartbeat hb;
    heartbeat_start(&hb, 30000, 10000, at_ms(0));
    heartbeat_sent(&hb, 9, at_ms(30000));
    assert_int_equal(heartbeat_next(&hb).ns, at_ms(40000).ns);
    heartbeat_socket_drained(&hb, at_ms(39999)); /* before the deadline: says nothing */
    assert_int_equal(heartbeat_check(&hb, at_ms(39999)), HEARTBEAT_FINE);
    assert_int_equal(heartbeat_check(&hb, at_ms(40000)), HEARTBEAT_LOOK);
    heartbeat_socket_drained(&hb, at_ms(40001));
    assert_int_equal(heartbeat_check(&hb, at_ms(40001)), HEARTBEAT_SILENT);
}

static void a_paused_process_reads_first(void **state)
{
    (void)state;
    struct heartbeat hb;
    uint32_t rtt;
    heartbeat_start(&hb, 30000, 10000, at_ms(0));
    heartbeat_sent(&hb, 9, at_ms(30000));
    /* Stopped for five minutes; the answer lies in the socket. */
    assert_int_equal(heartbeat_check(&hb, at_ms(330000)), HEARTBEAT_LOOK);
    assert_true(heartbeat_answered(&hb, 9, at_ms(330001), &rtt));
    heartbeat_socket_drained(&hb, at_ms(330001));
    assert_int_equal(heartbeat_check(&hb, at_ms(330001)), HEARTBEAT_SEND);
    heartbeat_sent(&hb, 10, at_ms(330001));
    assert_true(heartbeat_answered(&hb, 10, at_ms(330050), &rtt));
    /* One, not the ten that were missed. */
    assert_int_equal(heartbeat_check(&hb, at_ms(330051)), HEARTBEAT_FINE);
    assert_int_equal(heartbeat_next(&hb).ns, at_ms(360001).ns);
}

static void at_most_one_is_unanswered(void **state)
{
    (void)state;
    struct heartbeat hb;
    uint32_t rtt;
    heartbeat_start(&hb, 5000, 60000, at_ms(0));
    heartbeat_sent(&hb, 1, at_ms(5000));
    assert_int_equal(heartbeat_check(&hb, at_ms(20000)), HEARTBEAT_FINE);
    assert_true(heartbeat_answered(&hb, 1, at_ms(20000), &rtt));
    assert_int_equal(rtt, 15000000);
    assert_int_equal(heartbeat_check(&hb, at_ms(20000)), HEARTBEAT_SEND);
}

static void timers_change_live(void **state)
{
    (void)state;
    struct heartbeat hb;
    heartbeat_start(&hb, 30000, 10000, at_ms(0));
    heartbeat_tune(&hb, 5000, 2000);
    assert_int_equal(heartbeat_next(&hb).ns, at_ms(5000).ns);
    heartbeat_sent(&hb, 1, at_ms(5000));
    assert_int_equal(heartbeat_next(&hb).ns, at_ms(7000).ns);
    heartbeat_tune(&hb, 5000, 1000);
    assert_int_equal(heartbeat_next(&hb).ns, at_ms(6000).ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_interval),
        cmocka_unit_test(silence_is_believed_when_the_socket_is_empty),
        cmocka_unit_test(a_paused_process_reads_first),
        cmocka_unit_test(at_most_one_is_unanswered),
        cmocka_unit_test(timers_change_live),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
