/* window: sequence numbers, deadlines, late answers, and a long random walk against a plain model.
 */
#include "unit_test.h"

#include <stdlib.h>
#include <string.h>

#include "session-agent/window.h"

static int owners[4096];

static void answers_find_their_request(void **state)
{
    (void)state;
    struct window *w = window_create(3, 10);
    struct window_entry e;
    uint32_t a = window_add(w, &owners[0], 7, at_ms(1), at_ms(101));
    uint32_t b = window_add(w, &owners[1], 8, at_ms(2), at_ms(102));
    uint32_t c = window_add(w, &owners[2], 9, at_ms(3), at_ms(103));
    assert_int_equal(a, 1);
    assert_int_equal(b, 2);
    assert_int_equal(c, 3);
    assert_int_equal(window_room(w), 0);
    assert_false(window_take(w, 4, &e));
    assert_false(window_take(w, 0, &e));
    assert_true(window_take(w, b, &e)); /* out of order */
    assert_ptr_equal(e.owner, &owners[1]);
    assert_int_equal(e.tag, 8);
    assert_int_equal(e.written.ns, at_ms(2).ns);
    assert_false(e.late);
    assert_false(window_take(w, b, &e)); /* twice */
    assert_int_equal(window_room(w), 1);
    assert_true(window_take(w, c, &e));
    assert_true(window_take(w, a, &e));
    assert_int_equal(window_used(w), 0);
    window_destroy(&w);
    assert_null(w);
    window_destroy(&w);
}

static void numbers_wrap_and_skip_what_is_in_use(void **state)
{
    (void)state;
    struct window *w = window_create(10, 10);
    struct window_entry e;
    window_set_sequence_for_test(w, WINDOW_SEQUENCE_MAX - 1);
    assert_int_equal(window_add(w, &owners[0], 0, at_ms(0), at_ms(1)), WINDOW_SEQUENCE_MAX - 1);
    assert_int_equal(window_sequence(w), WINDOW_SEQUENCE_MAX);
    assert_int_equal(window_add(w, &owners[1], 0, at_ms(0), at_ms(1)), 1);
    assert_int_equal(window_add(w, &owners[2], 0, at_ms(0), at_ms(1)), 2);
    assert_true(window_expire(w, at_ms(1), &e));
    window_set_sequence_for_test(w, WINDOW_SEQUENCE_MAX - 1);
    /* The late one, and 1 and 2, are in use. */
    assert_int_equal(window_sequence(w), WINDOW_SEQUENCE_MAX);
    assert_int_equal(window_sequence(w), 3);
    while (window_drain(w, &e))
        continue;
    window_destroy(&w);
}

static void timed_out_ones_stay_findable(void **state)
{
    (void)state;
    struct window *w = window_create(10, 10);
    struct window_entry e;
    mono_t at;
    uint32_t a = window_add(w, &owners[0], 0, at_ms(0), at_ms(100));
    uint32_t b = window_add(w, &owners[1], 0, at_ms(50), at_ms(150));
    assert_true(window_next_deadline(w, &at));
    assert_int_equal(at.ns, at_ms(100).ns);
    assert_false(window_expire(w, at_ms(99), &e));
    assert_true(window_expire(w, at_ms(100), &e));
    assert_ptr_equal(e.owner, &owners[0]);
    assert_true(e.late);
    assert_false(window_expire(w, at_ms(100), &e));
    assert_int_equal(window_used(w), 1);
    assert_int_equal(window_late(w), 1);
    assert_true(window_take(w, a, &e)); /* the late answer */
    assert_true(e.late);
    assert_int_equal(window_late(w), 0);
    assert_true(window_expire(w, at_ms(150), &e));
    assert_false(window_next_deadline(w, &at));
    assert_true(window_next_forget(w, &at));
    assert_int_equal(at.ns, at_ms(150 + WINDOW_LATE_MS).ns);
    assert_false(window_forget(w, at_ms(150 + WINDOW_LATE_MS - 1), &e));
    assert_true(window_forget(w, at_ms(150 + WINDOW_LATE_MS), &e));
    assert_ptr_equal(e.owner, &owners[1]);
    assert_false(window_take(w, b, &e));
    window_destroy(&w);
}

static void late_ones_are_bounded(void **state)
{
    (void)state;
    struct window *w = window_create(1, 3);
    struct window_entry e;
    for (int i = 0; i < 10; i++) {
        window_add(w, &owners[i], 0, at_ms(i), at_ms(i + 1));
        assert_true(window_expire(w, at_ms(i + 1), &e));
        bool forgot = window_forget(w, at_ms(i + 1), &e);
        assert_int_equal(forgot, i >= 3);
        if (forgot)
            assert_ptr_equal(e.owner, &owners[i - 3]);
        assert_false(window_forget(w, at_ms(i + 1), &e));
    }
    assert_int_equal(window_late(w), 3);
    while (window_drain(w, &e))
        continue;
    window_destroy(&w);
}

static void limits_change_live(void **state)
{
    (void)state;
    struct window *w = window_create(2, 0);
    struct window_entry e;
    uint32_t first = window_add(w, &owners[0], 0, at_ms(0), at_ms(30));
    window_add(w, &owners[1], 0, at_ms(0), at_ms(30));
    window_set_limit(w, 1, 0);
    assert_int_equal(window_room(w), 0);
    assert_int_equal(window_used(w), 2);
    assert_true(window_take(w, first, &e));
    assert_int_equal(window_room(w), 0);
    window_set_limit(w, 5, 1);
    assert_int_equal(window_room(w), 4);
    /* A shorter time-out must not come before what was added earlier. */
    window_add(w, &owners[2], 0, at_ms(1), at_ms(5));
    assert_false(window_expire(w, at_ms(29), &e));
    assert_true(window_expire(w, at_ms(30), &e));
    assert_true(window_expire(w, at_ms(30), &e));
    assert_ptr_equal(e.owner, &owners[2]);
    assert_true(window_forget(w, at_ms(30), &e));
    assert_false(window_forget(w, at_ms(30), &e));
    assert_int_equal(window_late(w), 1);
    while (window_drain(w, &e))
        continue;
    window_destroy(&w);
}

static void drains_oldest_first(void **state)
{
    (void)state;
    struct window *w = window_create(4, 4);
    struct window_entry e;
    for (int i = 0; i < 4; i++)
        window_add(w, &owners[i], 0, at_ms(i), at_ms(10 + i));
    assert_true(window_expire(w, at_ms(10), &e));
    static const int order[] = {1, 2, 3, 0};
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        assert_true(window_drain(w, &e));
        assert_ptr_equal(e.owner, &owners[order[i]]);
    }
    assert_false(window_drain(w, &e));
    window_destroy(&w);
}

/* The same calls on a plain array. */
struct model {
    struct window_entry entries[512];
    size_t count;
};

static size_t model_find(const struct model *m, uint32_t sequence)
{
    size_t i = 0;
    while (i < m->count && m->entries[i].sequence != sequence)
        i++;
    return i;
}

static void model_remove(struct model *m, size_t i)
{
    memmove(&m->entries[i], &m->entries[i + 1], (m->count - i - 1) * sizeof m->entries[0]);
    m->count--;
}

static uint32_t model_late(const struct model *m)
{
    uint32_t n = 0;
    for (size_t i = 0; i < m->count; i++)
        n += m->entries[i].late;
    return n;
}

static void step(struct window *w, struct model *m, struct chance *chance, mono_t now)
{
    struct window_entry e;
    uint32_t what = chance_below(chance, 10);
    if (what < 5 && window_room(w)) {
        void *owner = &owners[chance_below(chance, ARRAY_LEN(owners))];
        struct window_entry added = {
            .owner = owner, .written = now, .deadline = mono_add_ms(now, 50)};
        added.sequence = window_add(w, owner, 0, now, added.deadline);
        assert_int_equal(model_find(m, added.sequence), m->count);
        m->entries[m->count++] = added;
    } else if (what < 9 && m->count) {
        size_t i = chance_below(chance, (uint32_t)m->count);
        assert_true(window_take(w, m->entries[i].sequence, &e));
        assert_ptr_equal(e.owner, m->entries[i].owner);
        assert_int_equal(e.late, m->entries[i].late);
        assert_false(window_take(w, e.sequence, &e));
        model_remove(m, i);
    } else {
        while (window_expire(w, now, &e)) {
            size_t i = model_find(m, e.sequence);
            assert_false(m->entries[i].late);
            assert_true(mono_reached(now, m->entries[i].deadline));
            m->entries[i].late = true;
        }
        while (window_forget(w, now, &e)) {
            size_t i = model_find(m, e.sequence);
            assert_true(m->entries[i].late);
            model_remove(m, i);
        }
    }
}

static void random_walk_like_the_model(void **state)
{
    (void)state;
    struct chance chance = {99};
    struct window *w = window_create(100, 30);
    static struct model m;
    window_set_sequence_for_test(w, WINDOW_SEQUENCE_MAX - 5000);
    for (int i = 0; i < 200000; i++) {
        step(w, &m, &chance, at_ms(i / 4));
        assert_int_equal(window_late(w), model_late(&m));
        assert_int_equal(window_used(w) + window_late(w), m.count);
    }
    struct window_entry e;
    while (window_drain(w, &e))
        m.count--;
    assert_int_equal(m.count, 0);
    window_destroy(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_find_their_request),
        cmocka_unit_test(numbers_wrap_and_skip_what_is_in_use),
        cmocka_unit_test(timed_out_ones_stay_findable),
        cmocka_unit_test(late_ones_are_bounded),
        cmocka_unit_test(limits_change_live),
        cmocka_unit_test(drains_oldest_first),
        cmocka_unit_test(random_walk_like_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
