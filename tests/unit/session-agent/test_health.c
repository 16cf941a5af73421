/* health: which changes are transitions, their numbers, and how many are kept. */
#include <string.h>

#include "unit_test.h"

#include "session-agent/health.h"

enum happening { ABLE, UNABLE, ATTEMPT_FAILED, REFUSED, FAILOVER_BEGINS, FAILOVER_ENDS };

static const struct health_transition *happen(struct health *h, enum happening what, int64_t at_ms)
{
    switch (what) {
    case ABLE:
        return health_set_able(h, true, true, at_ms, "bound");
    case UNABLE:
        return health_set_able(h, false, false, at_ms, "lost");
    case ATTEMPT_FAILED:
        return health_set_able(h, false, true, at_ms, "refused");
    case REFUSED:
        return health_set_refused(h, at_ms, "wrong password");
    case FAILOVER_BEGINS:
        return health_set_failed_over(h, true, at_ms);
    case FAILOVER_ENDS:
        return health_set_failed_over(h, false, at_ms);
    }
    return NULL;
}

struct step {
    enum happening what;
    enum ipc_health_status status; /* afterwards */
    bool transition;
};

static const struct step lives[][8] = {
    {{UNABLE, IPC_HEALTH_NONE, false}, /* not tried yet: nothing to tell */
     {ABLE, IPC_HEALTH_BOUND, true},
     {ABLE, IPC_HEALTH_BOUND, false},
     {UNABLE, IPC_HEALTH_UNBOUND, true},
     {UNABLE, IPC_HEALTH_UNBOUND, false},
     {ABLE, IPC_HEALTH_BOUND, true}},
    {{ATTEMPT_FAILED, IPC_HEALTH_UNBOUND, true}, /* told once, however often it fails */
     {ATTEMPT_FAILED, IPC_HEALTH_UNBOUND, false},
     {ABLE, IPC_HEALTH_BOUND, true}},
    {{REFUSED, IPC_HEALTH_UNBOUND, true},
     {ATTEMPT_FAILED, IPC_HEALTH_UNBOUND, false},
     {REFUSED, IPC_HEALTH_UNBOUND, false},
     {ABLE, IPC_HEALTH_BOUND, true},
     {REFUSED, IPC_HEALTH_BOUND, false}, /* one of several binds */
     {UNABLE, IPC_HEALTH_UNBOUND, true},
     {REFUSED, IPC_HEALTH_UNBOUND, true}, /* known to be down, but not why it stays so */
     {REFUSED, IPC_HEALTH_UNBOUND, false}},
    {{ABLE, IPC_HEALTH_BOUND, true},
     {UNABLE, IPC_HEALTH_UNBOUND, true},
     {FAILOVER_BEGINS, IPC_HEALTH_UNBOUND, false},
     {ABLE, IPC_HEALTH_FAILBACK, true},
     {UNABLE, IPC_HEALTH_UNBOUND, true}, /* lost again before the traffic came back */
     {ABLE, IPC_HEALTH_FAILBACK, true},
     {FAILOVER_ENDS, IPC_HEALTH_BOUND, true},
     {FAILOVER_ENDS, IPC_HEALTH_BOUND, false}},
    {{ABLE, IPC_HEALTH_BOUND, true}, /* bound again just when the bridge decided */
     {FAILOVER_BEGINS, IPC_HEALTH_FAILBACK, true},
     {FAILOVER_ENDS, IPC_HEALTH_BOUND, true}},
};
static const size_t life_lengths[] = {6, 3, 8, 8, 3};
ASSERT_ARRAY_LEN(life_lengths, ARRAY_LEN(lives));

static void live(const struct step *steps, size_t count)
{
    struct health h = {0};
    uint64_t number = 0;
    for (size_t i = 0; i < count; i++) {
        enum ipc_health_status before = h.status;
        const struct health_transition *t = happen(&h, steps[i].what, (int64_t)i);
        assert_int_equal(h.status, steps[i].status);
        assert_int_equal(t != NULL, steps[i].transition);
        if (!t)
            continue;
        assert_int_equal(t->number, ++number);
        assert_int_equal(t->status, steps[i].status);
        assert_int_equal(t->previous, before);
        assert_int_equal(t->at_ms, i);
    }
    health_free(&h);
}

static void transitions(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lives); i++)
        live(lives[i], life_lengths[i]);
}

static void the_last_sixteen_are_kept_until_stored(void **state)
{
    (void)state;
    struct health h = {0};
    for (int i = 0; i < 20; i++)
        assert_non_null(happen(&h, i % 2 ? UNABLE : ABLE, i));
    assert_int_equal(h.count, HEALTH_KEPT);
    assert_int_equal(h.kept[0].number, 5);
    health_done(&h, 4); /* dropped before: ignored */
    health_done(&h, 7);
    health_done(&h, 7);
    assert_int_equal(h.count, HEALTH_KEPT - 1);
    assert_int_equal(h.kept[1].number, 6);
    assert_int_equal(h.kept[2].number, 8);
    for (uint64_t n = 1; n <= 20; n++)
        health_done(&h, n);
    assert_int_equal(h.count, 0);
    assert_int_equal(happen(&h, ABLE, 99)->number, 21);
    health_free(&h);
}

static void a_long_reason_is_cut(void **state)
{
    (void)state;
    char reason[300];
    memset(reason, 'x', sizeof(reason) - 1);
    reason[sizeof(reason) - 1] = 0;
    struct health h = {0};
    const struct health_transition *t = health_set_able(&h, true, false, 1, reason);
    assert_int_equal(strlen(t->reason), HEALTH_REASON_SIZE - 1);
    health_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transitions),
        cmocka_unit_test(the_last_sixteen_are_kept_until_stored),
        cmocka_unit_test(a_long_reason_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
