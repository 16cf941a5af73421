/* submit_queue: turns, lanes and their share, retries, expiry, and what sticks to which bind. */
#include "unit_test.h"

#include <stdlib.h>
#include <string.h>

#include "session-agent/submit_queue.h"

#define NEVER INT64_MAX

struct submit {
    struct submit_item item;
    uint64_t message;
    uint8_t segment;
    uint8_t lane;
    int64_t not_after;
};

static struct submit submits[4096];
static const int bind_a, bind_b;

static struct submit *add(struct submit_queue *q, size_t i, uint64_t message, uint8_t segment,
                          uint8_t segments, uint8_t lane, int64_t not_after)
{
    struct submit *s = &submits[i];
    struct ipc_key key = {.stream = 1, .sequence = message, .time_ns = 5, .segment = segment};
    *s = (struct submit){
        .message = message, .segment = segment, .lane = lane, .not_after = not_after};
    submit_queue_add(q, &s->item, &key, segments, lane, not_after);
    return s;
}

static struct submit *take(struct submit_queue *q, const void *bind, int64_t now_ms)
{
    struct submit_item *item = submit_queue_take(q, bind, at_ms(now_ms));
    return item ? CONTAINER_OF(item, struct submit, item) : NULL;
}

static void forget(struct submit_queue *q, struct submit *s)
{
    submit_queue_forget(q, &s->item);
}

static void first_in_first_out(void **state)
{
    (void)state;
    struct submit_queue *q = submit_queue_create();
    assert_false(submit_queue_has_ready(q, at_ms(0)));
    for (size_t i = 0; i < 100; i++)
        add(q, i, i, 0, 1, 0, NEVER);
    assert_int_equal(submit_queue_count(q), 100);
    assert_true(submit_queue_has_ready(q, at_ms(0)));
    for (size_t i = 0; i < 100; i++) {
        struct submit *s = take(q, &bind_a, 0);
        assert_ptr_equal(s, &submits[i]);
        assert_false(submit_queue_is_waiting(&s->item));
        forget(q, s);
    }
    assert_null(take(q, &bind_a, 0));
    submit_queue_destroy(&q);
    assert_null(q);
}

/* Lane 1 gets its share under backlog of both, to the item; and neither starves. */
static void lanes_share_as_told(void **state)
{
    (void)state;
    static const uint32_t shares[] = {0, 1, 10, 25, 50, 75, 90, 99, 100, 1000};
    for (size_t k = 0; k < ARRAY_LEN(shares); k++) {
        struct submit_queue *q = submit_queue_create();
        uint32_t share = shares[k] < 1 ? 1 : shares[k] > 99 ? 99 : shares[k];
        submit_queue_set_share(q, shares[k]);
        for (size_t i = 0; i < 4000; i++)
            add(q, i, i, 0, 1, i % 2, NEVER);
        int of_lane[2] = {0, 0};
        for (int i = 0; i < 2000; i++) {
            struct submit *s = take(q, &bind_a, 0);
            of_lane[s->lane]++;
            forget(q, s);
        }
        int expected = (int)(2000 * share / 100);
        assert_in_range(of_lane[1], expected - 2, expected + 3);
        assert_int_equal(of_lane[0] + of_lane[1], 2000);
        struct submit_item *rest;
        while ((rest = submit_queue_take_any(q)))
            submit_queue_forget(q, rest);
        submit_queue_destroy(&q);
    }
}

static void a_single_urgent_one_passes_at_once(void **state)
{
    (void)state;
    struct submit_queue *q = submit_queue_create();
    for (size_t i = 0; i < 50; i++)
        add(q, i, i, 0, 1, 0, NEVER);
    add(q, 50, 50, 0, 1, 1, NEVER);
    struct submit *s = take(q, &bind_a, 0);
    assert_ptr_equal(s, &submits[50]);
    forget(q, s);
    /* One by one they may still not have more than their share. */
    int urgent = 0;
    for (size_t i = 51; i < 91; i++) {
        struct submit *u = add(q, i, i, 0, 1, 1, NEVER);
        s = take(q, &bind_a, 0);
        urgent += s == u;
        forget(q, s);
        if (s != u)
            forget(q, u);
    }
    assert_in_range(urgent, 19, 22);
    struct submit_item *rest;
    while ((rest = submit_queue_take_any(q)))
        submit_queue_forget(q, rest);
    submit_queue_destroy(&q);
}

static void either_lane_alone_gets_all(void **state)
{
    (void)state;
    for (uint8_t lane = 0; lane < 2; lane++) {
        struct submit_queue *q = submit_queue_create();
        for (size_t i = 0; i < 10; i++)
            add(q, i, i, 0, 1, lane, NEVER);
        for (size_t i = 0; i < 10; i++)
            forget(q, take(q, &bind_a, 0));
        submit_queue_destroy(&q);
    }
}

static void a_retry_keeps_its_turn(void **state)
{
    (void)state;
    struct submit_queue *q = submit_queue_create();
    mono_t due;
    for (size_t i = 0; i < 6; i++)
        add(q, i, i, 0, 1, 0, NEVER);
    struct submit *first = take(q, &bind_a, 0), *second = take(q, &bind_a, 0);
    /* Throttled, the later one first and due earlier. */
    submit_queue_retry(q, &second->item, at_ms(100));
    submit_queue_retry(q, &first->item, at_ms(110));
    assert_int_equal(submit_queue_delayed(q), 2);
    assert_int_equal(submit_queue_count(q), 6);
    assert_true(submit_queue_next_due(q, &due));
    assert_int_equal(due.ns, at_ms(100).ns);
    struct submit *third = take(q, &bind_a, 99);
    assert_ptr_equal(third, &submits[2]);
    static const size_t order[] = {0, 1, 3, 4, 5};
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        struct submit *s = take(q, &bind_a, 200);
        assert_ptr_equal(s, &submits[order[i]]);
        forget(q, s);
    }
    forget(q, third);
    assert_false(submit_queue_next_due(q, &due));
    submit_queue_destroy(&q);
}

static void expires_wherever_it_waits(void **state)
{
    (void)state;
    struct submit_queue *q = submit_queue_create();
    int64_t wall;
    assert_false(submit_queue_next_expiry(q, &wall));
    add(q, 0, 0, 0, 1, 0, 3000);
    add(q, 1, 1, 0, 1, 1, 1000);
    add(q, 2, 2, 0, 1, 0, 2000);
    struct submit *s = take(q, &bind_a, 0); /* lane 1 */
    submit_queue_retry(q, &s->item, at_ms(50000));
    assert_true(submit_queue_next_expiry(q, &wall));
    assert_int_equal(wall, 1000);
    assert_null(submit_queue_take_expired(q, 999));
    assert_ptr_equal(submit_queue_take_expired(q, 2000), &submits[1].item);
    assert_ptr_equal(submit_queue_take_expired(q, 2000), &submits[2].item);
    assert_null(submit_queue_take_expired(q, 2999));
    assert_int_equal(submit_queue_delayed(q), 0);
    submit_queue_remove(q, &submits[0].item);
    submit_queue_remove(q, &submits[0].item); /* harmless */
    assert_null(submit_queue_take_expired(q, NEVER));
    for (size_t i = 0; i < 3; i++)
        forget(q, &submits[i]);
    submit_queue_destroy(&q);
}

static void segments_stick_to_one_bind_in_order(void **state)
{
    (void)state;
    struct submit_queue *q = submit_queue_create();
    add(q, 0, 7, 1, 3, 0, NEVER);
    add(q, 1, 7, 2, 3, 0, NEVER);
    add(q, 2, 8, 0, 1, 0, NEVER);
    add(q, 3, 7, 3, 3, 0, NEVER);
    assert_ptr_equal(take(q, &bind_a, 0), &submits[0]);
    assert_ptr_equal(take(q, &bind_b, 0), &submits[2]); /* passes what belongs to a */
    assert_null(take(q, &bind_b, 0));
    assert_true(submit_queue_has_ready(q, at_ms(0)));
    assert_ptr_equal(take(q, &bind_a, 0), &submits[1]);
    /* A retry stays with its bind too, as long as one of the message is known. */
    submit_queue_retry(q, &submits[0].item, at_ms(10));
    assert_null(take(q, &bind_b, 20));
    submit_queue_bind_gone(q, &bind_a);
    assert_ptr_equal(take(q, &bind_b, 20), &submits[0]);
    assert_null(take(q, &bind_a, 20));
    assert_ptr_equal(take(q, &bind_b, 20), &submits[3]);
    for (size_t i = 0; i < 4; i++)
        forget(q, &submits[i]);
    /* The same message comes again: a new life. */
    add(q, 0, 7, 1, 3, 0, NEVER);
    assert_ptr_equal(take(q, &bind_a, 30), &submits[0]);
    forget(q, &submits[0]);
    submit_queue_destroy(&q);
}

/* Many random calls; each item must come out as often as it went in, never early, never out of turn
 * within its lane. */
struct walk {
    struct submit_queue *q;
    struct chance chance;
    size_t free[512], free_count;
    size_t taken[512], taken_count;
    int64_t now;
    size_t waiting;
};

static size_t pick(struct walk *w, size_t *from, size_t *n)
{
    size_t k = chance_below(&w->chance, (uint32_t)*n);
    size_t i = from[k];
    from[k] = from[--*n];
    return i;
}

static void walk_take(struct walk *w)
{
    struct submit *s = take(w->q, chance_below(&w->chance, 2) ? &bind_a : &bind_b, w->now);
    if (!s)
        return;
    assert_false(submit_queue_is_waiting(&s->item));
    w->taken[w->taken_count++] = (size_t)(s - submits);
    w->waiting--;
}

static void walk_step(struct walk *w)
{
    struct submit_item *expired;
    w->now += chance_below(&w->chance, 3);
    switch (chance_below(&w->chance, 8)) {
    case 0:
    case 1:
    case 2:
        if (!w->free_count)
            return;
        size_t i = pick(w, w->free, &w->free_count);
        add(w->q, i, i / 3, (uint8_t)(i % 3 + 1), 3, (uint8_t)(i / 3 % 2),
            w->now + chance_below(&w->chance, 2000));
        w->waiting++;
        return;
    case 3:
    case 4:
    case 5:
        walk_take(w);
        return;
    case 6:
        if (!w->taken_count)
            return;
        i = pick(w, w->taken, &w->taken_count);
        if (chance_below(&w->chance, 3) == 0) {
            submit_queue_retry(w->q, &submits[i].item,
                               at_ms(w->now + chance_below(&w->chance, 100)));
            w->waiting++;
        } else {
            forget(w->q, &submits[i]);
            w->free[w->free_count++] = i;
        }
        return;
    default:
        while ((expired = submit_queue_take_expired(w->q, w->now))) {
            struct submit *s = CONTAINER_OF(expired, struct submit, item);
            assert_true(s->not_after <= w->now);
            forget(w->q, s);
            w->free[w->free_count++] = (size_t)(s - submits);
            w->waiting--;
        }
    }
}

static void random_walk_loses_nothing(void **state)
{
    (void)state;
    struct walk w = {.q = submit_queue_create(), .chance = {17}};
    for (size_t i = 0; i < ARRAY_LEN(w.free); i++)
        w.free[w.free_count++] = i;
    for (int i = 0; i < 200000; i++) {
        walk_step(&w);
        assert_int_equal(submit_queue_count(w.q), w.waiting);
    }
    struct submit_item *item;
    while ((item = submit_queue_take_any(w.q))) {
        submit_queue_forget(w.q, item);
        w.waiting--;
    }
    assert_int_equal(w.waiting, 0);
    while (w.taken_count)
        forget(w.q, &submits[w.taken[--w.taken_count]]);
    submit_queue_destroy(&w.q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_in_first_out),
        cmocka_unit_test(lanes_share_as_told),
        cmocka_unit_test(a_single_urgent_one_passes_at_once),
        cmocka_unit_test(either_lane_alone_gets_all),
        cmocka_unit_test(a_retry_keeps_its_turn),
        cmocka_unit_test(expires_wherever_it_waits),
        cmocka_unit_test(segments_stick_to_one_bind_in_order),
        cmocka_unit_test(random_walk_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
