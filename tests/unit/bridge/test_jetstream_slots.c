/* Slots and their wheel, the command queue, the mailbox and the log of acks. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/clock.h"
#include "bridge/jetstream_ack_log.h"
#include "bridge/jetstream_mailbox.h"
#include "bridge/jetstream_slots.h"

static mono_t at_ms(int64_t ms)
{
    return (mono_t){ms * NS_PER_MS};
}

static size_t expire(struct jetstream_slots *s, int64_t ms)
{
    struct list expired;
    size_t count = 0;
    list_init(&expired);
    jetstream_slots_expire(s, at_ms(ms), &expired);
    while (!list_empty(&expired)) {
        list_remove(expired.next);
        count++;
    }
    return count;
}

static void test_slots(void **state)
{
    (void)state;
    enum { CAPACITY = 3 };
    struct jetstream_slots *s = jetstream_slots_create(CAPACITY);
    struct jetstream_slot *slots[CAPACITY];
    for (uint32_t i = 0; i < CAPACITY; i++) {
        slots[i] = jetstream_slots_take(s, JETSTREAM_SLOT_API);
        assert_int_equal(slots[i]->index, i);
        assert_ptr_equal(jetstream_slots_find(s, i, slots[i]->generation), slots[i]);
    }
    assert_null(jetstream_slots_take(s, JETSTREAM_SLOT_API));
    assert_int_equal(jetstream_slots_used(s), CAPACITY);
    uint32_t generation = slots[1]->generation;
    jetstream_slots_record(slots[1], 10000);
    jetstream_slots_release(s, slots[1]);
    assert_null(jetstream_slots_find(s, 1, generation));
    assert_null(jetstream_slots_find(s, CAPACITY, 0));
    assert_ptr_equal(jetstream_slots_take(s, JETSTREAM_SLOT_PUBLISH), slots[1]);
    assert_null(jetstream_slots_find(s, 1, generation)); /* the answer to its former life */
    jetstream_slots_destroy(&s);
    assert_null(s);
}

static void test_wheel(void **state)
{
    (void)state;
    struct jetstream_slots *s = jetstream_slots_create(8);
    struct jetstream_slot *a = jetstream_slots_take(s, JETSTREAM_SLOT_API);
    struct jetstream_slot *b = jetstream_slots_take(s, JETSTREAM_SLOT_API);
    const int64_t start = 1000000;
    assert_int_equal(expire(s, start), 0);
    jetstream_slots_due_at(s, a, at_ms(start + 250));
    jetstream_slots_due_at(s, b, at_ms(start + 30000)); /* more than one round ahead */
    assert_int_equal(expire(s, start + 249), 0);
    assert_int_equal(expire(s, start + 400), 1);
    assert_int_equal(expire(s, start + 29999), 0);
    assert_int_equal(expire(s, start + 30200), 1);

    jetstream_slots_due_at(s, a, at_ms(start)); /* already due: at the next look */
    jetstream_slots_due_at(s, b, at_ms(start + 40000));
    assert_int_equal(expire(s, start + 30300), 1);
    jetstream_slots_due_at(s, b, at_ms(start + 50000)); /* put off */
    assert_int_equal(expire(s, start + 45000), 0);
    assert_int_equal(expire(s, start + 3600000), 1); /* after an hour's pause */
    jetstream_slots_destroy(&s);
}

static struct jetstream_command *add(struct jetstream_queue *q, uint32_t number)
{
    struct jetstream_command *c = jetstream_queue_add(q, jetstream_command_size(4, 0));
    if (c) {
        c->link = number;
        c->text_len = 4;
        memcpy(c->text, "abc", 4);
    }
    return c;
}

static void test_queue_order_and_bound(void **state)
{
    (void)state;
    struct jetstream_queue *q = jetstream_queue_create();
    uint32_t added = 0;
    assert_null(jetstream_queue_next(q, 0));
    while (add(q, added))
        added++;
    assert_int_equal(jetstream_queue_count(q), added);
    assert_true(added * jetstream_command_size(4, 0) <= JETSTREAM_QUEUE_MAX_BYTES);
    assert_null(jetstream_queue_next(q, 0)); /* not handed over yet */
    jetstream_queue_hand_over(q);
    for (uint32_t i = 0; i < added; i++) {
        const struct jetstream_command *c = jetstream_queue_next(q, 0);
        assert_non_null(c);
        assert_int_equal(c->link, i);
        jetstream_queue_done(q);
        if (i == 10) { /* room again, behind the others */
            assert_non_null(add(q, added));
            jetstream_queue_hand_over(q);
        }
    }
    assert_int_equal(jetstream_queue_next(q, 0)->link, added);
    jetstream_queue_done(q);
    assert_int_equal(jetstream_queue_count(q), 0);
    assert_false(jetstream_queue_has_more(q));
    jetstream_queue_wake(q);
    assert_null(jetstream_queue_next(q, 60000)); /* woken, so at once */
    assert_false(jetstream_queue_rest(q, 1));
    jetstream_queue_stop(q);
    assert_true(jetstream_queue_rest(q, 60000));
    jetstream_queue_destroy(&q);
}

enum { PASSED_ON = 200000 };

static void *take_all(void *arg)
{
    struct jetstream_queue *q = arg;
    for (uint32_t i = 0; i < PASSED_ON;) {
        const struct jetstream_command *c = jetstream_queue_next(q, 1000);
        if (!c)
            continue;
        INVARIANT(c->link == i && strcmp(c->text, "abc") == 0);
        jetstream_queue_done(q);
        i++;
    }
    return NULL;
}

static void test_queue_between_threads(void **state)
{
    (void)state;
    struct jetstream_queue *q = jetstream_queue_create();
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, take_all, q), 0);
    for (uint32_t i = 0; i < PASSED_ON;) {
        i += add(q, i) != NULL;
        if (i % 7 == 0)
            jetstream_queue_hand_over(q);
    }
    jetstream_queue_hand_over(q);
    pthread_join(thread, NULL);
    jetstream_queue_destroy(&q);
}

static char messages[PASSED_ON + 1]; /* each message is an address in here */

struct mail_check {
    struct jetstream_mailbox *box;
    size_t next, discarded;
};

static void deliver(void *arg, const struct jetstream_mail *mail)
{
    struct mail_check *check = arg;
    assert_ptr_equal(mail->msg, &messages[++check->next]);
}

static void discard(void *arg, void *msg)
{
    struct mail_check *check = arg;
    (void)msg;
    check->discarded++;
}

static void put(struct jetstream_mailbox *box, size_t number)
{
    jetstream_mailbox_put(box, (struct jetstream_mail){.msg = &messages[number]});
}

static void *put_all(void *arg)
{
    struct mail_check *check = arg;
    for (size_t i = 1; i <= PASSED_ON; i++)
        put(check->box, i);
    return NULL;
}

static void test_mailbox(void **state)
{
    (void)state;
    struct loop *loop = loop_create();
    struct mail_check check = {0};
    pthread_t thread;
    check.box = jetstream_mailbox_create(loop, deliver, discard, &check);
    assert_int_equal(pthread_create(&thread, NULL, put_all, &check), 0);
    while (check.next < PASSED_ON)
        loop_turn(loop, 1000);
    pthread_join(thread, NULL);
    loop_turn(loop, 10);
    assert_int_equal(check.discarded, PASSED_ON);

    put(check.box, 1); /* destroyed while something is on its way */
    jetstream_mailbox_destroy(&check.box);
    assert_int_equal(check.discarded, PASSED_ON + 1);
    loop_turn(loop, 10);
    assert_int_equal(check.next, PASSED_ON);
    loop_destroy(&loop);
}

struct replayed {
    size_t count, stop_after;
    char last[64];
};

static bool on_replay(void *arg, enum jetstream_ack what, const char *subject)
{
    struct replayed *r = arg;
    assert_int_equal(what, JETSTREAM_TERM);
    snprintf(r->last, sizeof(r->last), "%s", subject);
    return ++r->count != r->stop_after;
}

static void test_ack_log(void **state)
{
    (void)state;
    struct jetstream_ack_log *log = jetstream_ack_log_create();
    struct replayed r = {0};
    assert_true(jetstream_ack_log_replay(log, on_replay, &r));
    for (int i = 0; i < 100; i++) { /* ten a second, for ten seconds */
        char subject[32];
        snprintf(subject, sizeof(subject), "ack.%d", i);
        jetstream_ack_log_add(log, at_ms(100 * i), JETSTREAM_TERM, subject);
    }
    assert_true(jetstream_ack_log_replay(log, on_replay, &r));
    assert_true(r.count >= 20 && r.count <= 40); /* the last two to four seconds */
    assert_string_equal(r.last, "ack.99");
    r = (struct replayed){.stop_after = 3};
    assert_false(jetstream_ack_log_replay(log, on_replay, &r));
    assert_int_equal(r.count, 3);
    jetstream_ack_log_destroy(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_wheel),
        cmocka_unit_test(test_queue_order_and_bound),
        cmocka_unit_test(test_queue_between_threads),
        cmocka_unit_test(test_mailbox),
        cmocka_unit_test(test_ack_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
