/* The arithmetic of fetching, by cases and by a simulated consumer. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bridge/mt_credit.h"

static struct mt_credit idle(void)
{
    return (struct mt_credit){.able = true,
                              .slots = 100,
                              .segments_x16 = 16,
                              .ledger_free = 10000,
                              .ack_pending_room = 456};
}

static void test_cases(void **state)
{
    (void)state;
    struct row {
        const char *what;
        struct mt_credit change; /* members that are not 0 replace those of idle() */
        uint32_t batch;
    };
    static const struct row rows[] = {
        {"all slots are free", {.slots = 100}, 100},
        {"some are taken", {.without_outcome = 40}, 60},
        {"what waits takes them too", {.without_outcome = 40, .waiting_segments = 20}, 40},
        {"too few to be worth a pull", {.without_outcome = 80}, 0},
        {"but patience ends", {.without_outcome = 80, .patience_over = true}, 20},
        {"not while another pull waits",
         {.without_outcome = 60, .pulled = 25, .pulls = 1, .patience_over = true},
         0},
        {"what is pulled counts", {.pulled = 50, .pulls = 1}, 50},
        {"two pulls at most", {.pulled = 50, .pulls = 2}, 0},
        {"all is taken", {.without_outcome = 100, .patience_over = true}, 0},
        {"more than all", {.without_outcome = 130, .patience_over = true}, 0},
        {"long messages", {.segments_x16 = 64}, 25},
        {"the ledger is nearly full", {.ledger_free = 30}, 30},
        {"the consumer would stop", {.ack_pending_room = 40}, 40},
        {"recalled texts come on top", {.without_outcome = 100, .recalled = 30}, 30},
        {"whatever the consumer would still deliver",
         {.without_outcome = 100, .recalled = 30, .ack_pending_room = 1},
         30},
        {"the server's limit", {.slots = 5000, .ack_pending_room = 9000, .max_batch = 256}, 256},
        {"our own limit", {.slots = 5000, .ack_pending_room = 9000}, MT_BATCH_MAX},
        {"one slot", {.slots = 1}, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mt_credit c = idle();
        const struct mt_credit *r = &rows[i].change;
#define TAKE(f) c.f = r->f ? r->f : c.f
        TAKE(slots), TAKE(without_outcome), TAKE(waiting_segments), TAKE(recalled), TAKE(pulled);
        TAKE(pulls), TAKE(segments_x16), TAKE(ledger_free), TAKE(ack_pending_room);
        TAKE(max_batch), TAKE(patience_over);
        if (mt_credit_batch(&c) != rows[i].batch)
            fail_msg("%s: %u, not %u", rows[i].what, mt_credit_batch(&c), rows[i].batch);
    }
}

static void test_unable(void **state)
{
    (void)state;
    struct mt_credit c = idle();
    c.able = false;
    c.slots = 0;
    assert_int_equal(mt_credit_batch(&c), 64);
    c.held = 40;
    assert_int_equal(mt_credit_batch(&c), 24);
    c.held = 60;
    assert_int_equal(mt_credit_batch(&c), 0);
    assert_true(mt_credit_wants_patience(&c));
    c.patience_over = true;
    assert_int_equal(mt_credit_batch(&c), 4);
    c.held = 64;
    assert_int_equal(mt_credit_batch(&c), 0);
    c.recalled = 2;
    assert_int_equal(mt_credit_batch(&c), 2);
}

static void test_patience(void **state)
{
    (void)state;
    struct mt_credit c = idle();
    assert_false(mt_credit_wants_patience(&c)); /* it asks at once */
    c.without_outcome = 90;
    assert_true(mt_credit_wants_patience(&c));
    c.pulled = 5;
    c.pulls = 1;
    assert_false(mt_credit_wants_patience(&c));
    c.pulled = c.pulls = 0;
    c.without_outcome = 100;
    assert_false(mt_credit_wants_patience(&c));
}

static void test_mean(void **state)
{
    (void)state;
    uint32_t mean = 16;
    for (int i = 0; i < 200; i++)
        mean = mt_credit_mean_x16(mean, 4);
    assert_in_range(mean, 56, 64);
    for (int i = 0; i < 200; i++)
        mean = mt_credit_mean_x16(mean, 1);
    assert_in_range(mean, 16, 24);
}

/* A slow MNO: outcomes come one by one. Pulls stay few, the window is used, nothing is exceeded. */
static void test_few_pulls(void **state)
{
    (void)state;
    struct mt_credit c = idle();
    uint32_t pulls = 0, messages = 0;
    while (messages < 100000) {
        uint32_t batch = mt_credit_batch(&c);
        pulls += batch > 0;
        c.without_outcome += batch; /* they come and are submitted at once */
        messages += batch;
        assert_true(c.without_outcome <= c.slots);
        assert_true(c.without_outcome >= c.slots * 3 / 4 - 1);
        c.without_outcome--;
    }
    assert_true(pulls <= messages / 25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),     cmocka_unit_test(test_unable),
        cmocka_unit_test(test_patience),  cmocka_unit_test(test_mean),
        cmocka_unit_test(test_few_pulls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
