/* leases: who may write until when, and what becomes of a bind whose lease ended. */
#include <string.h>

#include "unit_test.h"

#include "session-agent/leases.h"

#define UNTIL 10000
#define UNBIND 3000

static const uint8_t op_a[16] = {0xa}, op_b[16] = {0xb};

static void set(struct leases *l, const uint8_t id[16], uint8_t bind, int64_t until_ms)
{
    struct ipc_lease r = {.bind = bind, .until_ns = until_ms * NS_PER_MS, .unbind_ms = UNBIND};
    memcpy(r.operator_id, id, sizeof r.operator_id);
    assert_true(leases_set(l, &r));
}

static void without_leases_everything_is_allowed(void **state)
{
    (void)state;
    struct leases *l = leases_create();
    leases_declare(l);
    const struct operator_leases *o = leases_of(l, op_a);
    mono_t look = {INT64_MAX};
    assert_false(leases_is_leased(o));
    assert_true(leases_allows(o, 63, at_ms(INT64_MAX / NS_PER_MS)));
    assert_true(leases_allows_any(o, at_ms(1)));
    assert_int_equal(leases_judge(o, 0, false, at_ms(1), &look), LEASES_KEEP);
    assert_int_equal(look.ns, INT64_MAX);
    leases_destroy(&l);
}

struct judgement {
    int64_t now_ms;
    bool is_ending;
    enum leases_verdict verdict;
    int64_t look_ms; /* −1: none */
};

static const struct judgement judgements[] = {
    {0, false, LEASES_KEEP, UNTIL},
    {UNTIL - 1, false, LEASES_KEEP, UNTIL},
    {UNTIL, false, LEASES_UNBIND, UNTIL + UNBIND},
    {UNTIL + LEASES_LATE_MS - 1, false, LEASES_UNBIND, UNTIL + UNBIND},
    {UNTIL + LEASES_LATE_MS, false, LEASES_CUT, -1}, /* we stood still */
    {UNTIL + LEASES_LATE_MS, true, LEASES_UNBIND, UNTIL + UNBIND},
    {UNTIL + UNBIND - 1, true, LEASES_UNBIND, UNTIL + UNBIND},
    {UNTIL + UNBIND, true, LEASES_CUT, -1},
    {UNTIL * 100, false, LEASES_CUT, -1},
};

static void what_follows_from_the_end(void **state)
{
    (void)state;
    struct leases *l = leases_create();
    leases_declare(l);
    set(l, op_a, 2, UNTIL);
    const struct operator_leases *o = leases_of(l, op_a);
    for (size_t i = 0; i < ARRAY_LEN(judgements); i++) {
        const struct judgement *j = &judgements[i];
        mono_t look = {-NS_PER_MS};
        assert_int_equal(leases_judge(o, 2, j->is_ending, at_ms(j->now_ms), &look), j->verdict);
        assert_int_equal(look.ns / NS_PER_MS, j->look_ms);
        assert_int_equal(leases_allows(o, 2, at_ms(j->now_ms)), j->now_ms < UNTIL);
        assert_int_equal(leases_allows_any(o, at_ms(j->now_ms)), j->now_ms < UNTIL);
        assert_int_equal(leases_judge(o, 1, false, at_ms(j->now_ms), &look), LEASES_CUT);
    }
    leases_destroy(&l);
}

static void a_renewal_moves_the_end_and_a_loss_is_at_once(void **state)
{
    (void)state;
    struct leases *l = leases_create();
    leases_declare(l);
    set(l, op_a, 0, UNTIL);
    const struct operator_leases *o = leases_of(l, op_a);
    set(l, op_a, 0, 2 * UNTIL);
    assert_true(leases_allows(o, 0, at_ms(UNTIL)));
    set(l, op_a, 0, 0);
    mono_t look = {0};
    assert_false(leases_allows_any(o, at_ms(1)));
    assert_int_equal(leases_judge(o, 0, true, at_ms(1), &look), LEASES_CUT);
    leases_destroy(&l);
}

static void a_declaration_without_leases_ends_them(void **state)
{
    (void)state;
    struct leases *l = leases_create();
    leases_declare(l);
    set(l, op_a, 0, UNTIL);
    set(l, op_b, 0, UNTIL);
    const struct operator_leases *a = leases_of(l, op_a), *b = leases_of(l, op_b);
    leases_declare(l); /* speaks of b alone: a stays as it was */
    set(l, op_b, 0, UNTIL);
    assert_ptr_equal(leases_of(l, op_b), b);
    assert_true(leases_is_leased(a) && leases_is_leased(b));
    leases_declare(l); /* a bridge that knows no leases */
    leases_of(l, op_a);
    assert_false(leases_is_leased(a));
    assert_true(leases_allows(a, 0, at_ms(UNTIL)));
    leases_declare(l); /* and one that does again: nothing of the first time is left */
    set(l, op_a, 1, UNTIL);
    leases_of(l, op_a);
    assert_false(leases_allows(a, 0, at_ms(1)));
    assert_true(leases_allows(a, 1, at_ms(1)));
    leases_destroy(&l);
}

static void a_bind_beyond_all_bounds_is_refused(void **state)
{
    (void)state;
    struct leases *l = leases_create();
    struct ipc_lease r = {.bind = LEASES_MAX_BINDS, .until_ns = 1};
    assert_false(leases_set(l, &r));
    leases_forget(l, op_a);
    leases_destroy(&l);
    leases_destroy(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_leases_everything_is_allowed),
        cmocka_unit_test(what_follows_from_the_end),
        cmocka_unit_test(a_renewal_moves_the_end_and_a_loss_is_at_once),
        cmocka_unit_test(a_declaration_without_leases_ends_them),
        cmocka_unit_test(a_bind_beyond_all_bounds_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
