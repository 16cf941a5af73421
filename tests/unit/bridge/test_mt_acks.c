/* How many acks one confirmed one covers. JetStream, the consumer and the link are the test's. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bridge/mt_consumer.h"
#include "bridge/mt_ledger.h"
#include "bridge/mt_settle.h"
#include "bridge/mt_submit.h"

static struct loop *loop;
static struct mno op;
static struct mt_path path;
static struct mt_operator mo;
static int64_t max_ack_pending;
static unsigned plain, confirmed;
static jetstream_ack_done *barrier;
static uint64_t next_sequence;
static uint8_t sent[1024];
static struct buf_writer batch;

bool jetstream_is_connected(const struct jetstream *js)
{
    return js == NULL;
}

bool jetstream_ack(struct jetstream *js, const char *ack_subject, enum jetstream_ack what)
{
    (void)js;
    (void)ack_subject;
    (void)what;
    plain++;
    return true;
}

bool jetstream_ack_confirmed(struct jetstream *js, const char *ack_subject, enum jetstream_ack what,
                             jetstream_ack_done *done, void *arg)
{
    (void)js;
    (void)ack_subject;
    (void)what;
    assert_ptr_equal(arg, &mo);
    confirmed++;
    barrier = done;
    return true;
}

void jetstream_publish_cancel(struct jetstream *js, struct jetstream_publish **publish)
{
    (void)js;
    *publish = NULL;
}

void mt_ledger_release(struct mt *mt)
{
    (void)mt;
}

struct buf_writer *agent_link_begin(struct agent_link *link)
{
    (void)link;
    batch = buf_writer(sent, sizeof(sent));
    return &batch;
}

void agent_link_end(struct agent_link *link)
{
    (void)link;
}

int64_t mt_consumer_max_ack_pending(const struct mt_operator *of)
{
    (void)of;
    return max_ack_pending;
}

void mt_submit_unexpect(struct mt *mt)
{
    (void)mt;
}

void mt_touch(struct mt_operator *of)
{
    (void)of;
}

static int setup(void **state)
{
    (void)state;
    clock_set_mono_for_test(NS_PER_S);
    loop = loop_create();
    memset(&op, 0, sizeof(op));
    path = (struct mt_path){.with = {.loop = loop}};
    mo = (struct mt_operator){.path = &path, .op = &op};
    list_init(&mo.alive);
    for (size_t i = 0; i < MT_STAGES; i++)
        list_init(&mo.stages[i]);
    mt_settle_barrier_timer_init(&mo);
    max_ack_pending = 2256;
    plain = confirmed = 0;
    barrier = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    LIST_FOREACH (item, &mo.alive) {
        struct mt *mt = LIST_ENTRY(item, struct mt, alive);
        mt_destroy(&mt);
    }
    while (path.pool) {
        struct mt *mt = path.pool;
        path.pool = mt->index_next;
        free(mt);
    }
    free(path.index);
    timer_stop(&mo.barrier_timer);
    loop_destroy(&loop);
    clock_set_mono_for_test(-1);
    return 0;
}

static void pass_ms(int64_t ms)
{
    clock_set_mono_for_test(clock_mono().ns + ms * NS_PER_MS);
    loop_turn(loop, 0);
}

static void become_due(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct ipc_key key = {.stream = 1, .sequence = ++next_sequence};
        assert_non_null(mt_create(&mo, &key, MT_ACK_DUE));
    }
    mt_settle_acks(&mo);
}

static void answer(bool ok)
{
    barrier(&mo, ok);
    mt_settle_acks(&mo);
}

static void test_the_first_waits_for_none(void **state)
{
    (void)state;
    become_due(3);
    assert_int_equal(confirmed, 1);
    assert_int_equal(plain, 2);
    become_due(200); /* one barrier at a time */
    assert_int_equal(confirmed, 1);
    answer(true);
    assert_int_equal(op.counters.commands_settled, 3);
}

static void test_few_wait_and_many_do_not(void **state)
{
    (void)state;
    become_due(1);
    answer(true);
    for (unsigned i = 0; i < 20; i++) {
        become_due(1);
        pass_ms(1);
    }
    assert_int_equal(confirmed, 1);
    pass_ms(5);
    mt_settle_acks(&mo);
    assert_int_equal(confirmed, 2);
    assert_int_equal(plain, 19);
    answer(true);

    become_due(63);
    pass_ms(4);
    become_due(0);
    assert_int_equal(confirmed, 2);
    become_due(1);
    assert_int_equal(confirmed, 3);
    answer(true);
    become_due(500); /* but not at once */
    assert_int_equal(confirmed, 3);
    pass_ms(4);
    become_due(0);
    assert_int_equal(confirmed, 4);
    answer(true);
    assert_int_equal(op.counters.commands_settled, 1 + 20 + 64 + 500);
}

static void test_few_are_many_where_the_server_allows_few(void **state)
{
    (void)state;
    max_ack_pending = 16;
    become_due(1);
    answer(true);
    pass_ms(4);
    become_due(3);
    assert_int_equal(confirmed, 1);
    become_due(1);
    assert_int_equal(confirmed, 2);
}

static void test_after_a_failure_many_wait_too(void **state)
{
    (void)state;
    become_due(100);
    answer(false);
    become_due(100);
    pass_ms(200);
    mt_settle_acks(&mo);
    assert_int_equal(confirmed, 1);
    pass_ms(50);
    mt_settle_acks(&mo);
    assert_int_equal(confirmed, 2);
    answer(true);
    assert_int_equal(op.counters.commands_settled, 200);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_the_first_waits_for_none),
        TEST(test_few_wait_and_many_do_not),
        TEST(test_few_are_many_where_the_server_allows_few),
        TEST(test_after_a_failure_many_wait_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
