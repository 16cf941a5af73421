/* lease: each rule by itself, then several holders on one bucket, with clocks of their own, answers
 * that are late or never come, and pauses: never two of them hold it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/lease.h"

#define TTL 120000
#define DEADLINE 90000
#define HOLD 100000
#define RENEW 5000
#define LOOK 500
#define TURN 3000

static struct lease_times times;

static mono_t at(int64_t ms)
{
    return (mono_t){(ms + 1000000) * NS_PER_MS};
}

enum what { ASK, READ_NONE, READ_US, READ_OTHER, WRITTEN, REFUSED, NO_ANSWER, TICK, GIVE };

/* What happens at which time, what came of it, and in which state the lease is then. */
struct step {
    int64_t ms;
    enum what what;
    int result; /* ASK: enum lease_ask; else enum lease_news */
    enum lease_state state;
    uint64_t revision;
};

static int do_step(struct lease *l, const struct step *s)
{
    mono_t now = at(s->ms);
    switch (s->what) {
    case ASK:
        return (int)lease_next(l, now, &times, true, true);
    case READ_NONE:
        return (int)lease_was_read(l, now, &times, LEASE_OWNER_NONE, s->revision, 0);
    case READ_US:
        return (int)lease_was_read(l, now, &times, LEASE_OWNER_US, s->revision, 0);
    case READ_OTHER:
        return (int)lease_was_read(l, now, &times, LEASE_OWNER_OTHER, s->revision, 0);
    case WRITTEN:
        return (int)lease_was_written(l, now, &times, s->revision);
    case REFUSED:
        return (int)lease_was_refused(l, now);
    case NO_ANSWER:
        lease_no_answer(l, now, &times);
        return LEASE_NO_NEWS;
    case TICK:
        return (int)lease_tick(l, now);
    case GIVE:
        lease_give(l, now);
        return LEASE_NO_NEWS;
    }
    return -1;
}

static void walk(const struct step *steps, size_t count)
{
    struct lease l;
    lease_init(&l);
    times = lease_times(TTL, DEADLINE);
    for (size_t i = 0; i < count; i++) {
        int result = do_step(&l, &steps[i]);
        if (result != steps[i].result || l.state != steps[i].state)
            print_message("step %zu: result %d, state %d\n", i, result, (int)l.state);
        assert_int_equal(result, steps[i].result);
        assert_int_equal(l.state, steps[i].state);
    }
}

static void the_times_divide_the_margin(void **state)
{
    (void)state;
    times = lease_times(TTL, DEADLINE);
    assert_int_equal(times.hold_ms, HOLD);
    assert_int_equal(times.unbind_ms, 10000);
    assert_int_equal(times.renew_ms, RENEW);
    assert_true(times.hold_ms + times.unbind_ms + 10000 <= times.ttl_ms);
}

static void nobody_holds_it(void **state)
{
    static const struct step steps[] = {
        {0, ASK, LEASE_ASK_READ, LEASE_UNKNOWN, 0},
        {1, ASK, LEASE_ASK_NOTHING, LEASE_UNKNOWN, 0}, /* one thing at a time */
        {2, READ_NONE, LEASE_NO_NEWS, LEASE_FREE, 0},
        {2, ASK, LEASE_ASK_TAKE, LEASE_FREE, 0},
        {4, WRITTEN, LEASE_TAKEN, LEASE_HELD, 7},
        {RENEW + 1, ASK, LEASE_ASK_NOTHING, LEASE_HELD, 0},
        {RENEW + 2, ASK, LEASE_ASK_RENEW, LEASE_HELD, 0}, /* counted from when the write left */
        {RENEW + 9, WRITTEN, LEASE_RENEWED, LEASE_HELD, 8},
        {RENEW + 2 + HOLD - 1, TICK, LEASE_NO_NEWS, LEASE_HELD, 0},
        {RENEW + 2 + HOLD, TICK, LEASE_LOST, LEASE_UNKNOWN, 0},
        {RENEW + 2 + HOLD, ASK, LEASE_ASK_READ, LEASE_UNKNOWN, 0},
    };
    (void)state;
    walk(steps, ARRAY_LEN(steps));
}

static void another_holds_it(void **state)
{
    static const struct step steps[] = {
        {0, ASK, LEASE_ASK_READ, LEASE_UNKNOWN, 0},
        {1, READ_OTHER, LEASE_NO_NEWS, LEASE_OTHERS, 5},
        {LOOK, ASK, LEASE_ASK_NOTHING, LEASE_OTHERS, 0},
        {LOOK + 1, ASK, LEASE_ASK_READ, LEASE_OTHERS, 0},
        {LOOK + 2, READ_OTHER, LEASE_NO_NEWS, LEASE_OTHERS, 6}, /* renewed: counted anew */
        {TTL, ASK, LEASE_ASK_READ, LEASE_OTHERS, 0},
        {TTL + 5000, READ_OTHER, LEASE_NO_NEWS, LEASE_OTHERS, 6}, /* asked too early to tell */
        {TTL + 5000, ASK, LEASE_ASK_NOTHING, LEASE_OTHERS, 0},
        {TTL + 6000, ASK, LEASE_ASK_READ, LEASE_OTHERS, 0},
        {TTL + 6001, READ_OTHER, LEASE_NO_NEWS, LEASE_OTHERS, 6},
        {TTL + 6001, ASK, LEASE_ASK_TAKE, LEASE_OTHERS, 0},
        {TTL + 6002, REFUSED, LEASE_NO_NEWS, LEASE_UNKNOWN, 0}, /* it was renewed after all */
        {TTL + 6002, ASK, LEASE_ASK_READ, LEASE_UNKNOWN, 0},
        {TTL + 6003, READ_OTHER, LEASE_NO_NEWS, LEASE_OTHERS, 7},
        {2 * TTL + 7000, ASK, LEASE_ASK_READ, LEASE_OTHERS, 0},
        {2 * TTL + 7001, READ_OTHER, LEASE_NO_NEWS, LEASE_OTHERS, 7},
        {2 * TTL + 7001, ASK, LEASE_ASK_TAKE, LEASE_OTHERS, 0},
        {2 * TTL + 7002, WRITTEN, LEASE_TAKEN, LEASE_HELD, 8},
    };
    (void)state;
    walk(steps, ARRAY_LEN(steps));
}

static void answers_that_do_not_come(void **state)
{
    static const struct step steps[] = {
        {0, ASK, LEASE_ASK_READ, LEASE_UNKNOWN, 0},
        {2, READ_NONE, LEASE_NO_NEWS, LEASE_FREE, 0},
        {2, ASK, LEASE_ASK_TAKE, LEASE_FREE, 0},
        {2000, NO_ANSWER, LEASE_NO_NEWS, LEASE_UNKNOWN, 0}, /* it may be ours: look */
        {2000, ASK, LEASE_ASK_NOTHING, LEASE_UNKNOWN, 0},
        {5000, ASK, LEASE_ASK_READ, LEASE_UNKNOWN, 0},
        {5001, READ_US, LEASE_NO_NEWS, LEASE_FREE, 3},
        {5001, ASK, LEASE_ASK_TAKE, LEASE_FREE, 0},
        {5002, WRITTEN, LEASE_TAKEN, LEASE_HELD, 4},
        {10002, ASK, LEASE_ASK_RENEW, LEASE_HELD, 0},
        {12000, NO_ANSWER, LEASE_NO_NEWS, LEASE_HELD, 0},
        {15000, ASK, LEASE_ASK_READ, LEASE_HELD, 0}, /* whether it was written */
        {15001, READ_US, LEASE_NO_NEWS, LEASE_HELD, 5},
        {15001, ASK, LEASE_ASK_RENEW, LEASE_HELD, 0}, /* what was read proves no time */
        {15002, REFUSED, LEASE_NO_NEWS, LEASE_HELD, 0},
        {15002, ASK, LEASE_ASK_READ, LEASE_HELD, 0},
        {15003, READ_OTHER, LEASE_LOST, LEASE_UNKNOWN, 6},
    };
    (void)state;
    walk(steps, ARRAY_LEN(steps));
}

static void an_answer_that_comes_too_late_gives_nothing(void **state)
{
    static const struct step steps[] = {
        {0, ASK, LEASE_ASK_READ, LEASE_UNKNOWN, 0},
        {2, READ_NONE, LEASE_NO_NEWS, LEASE_FREE, 0},
        {2, ASK, LEASE_ASK_TAKE, LEASE_FREE, 0},
        {2 + HOLD, WRITTEN, LEASE_NO_NEWS, LEASE_UNKNOWN, 1},
        {2 + HOLD, ASK, LEASE_ASK_READ, LEASE_UNKNOWN, 0},
    };
    (void)state;
    walk(steps, ARRAY_LEN(steps));
}

static void given_away_others_go_first(void **state)
{
    static const struct step steps[] = {
        {0, ASK, LEASE_ASK_READ, LEASE_UNKNOWN, 0},
        {0, READ_NONE, LEASE_NO_NEWS, LEASE_FREE, 0},
        {0, ASK, LEASE_ASK_TAKE, LEASE_FREE, 0},
        {1, WRITTEN, LEASE_TAKEN, LEASE_HELD, 1},
        {100, GIVE, LEASE_NO_NEWS, LEASE_HELD, 0},
        {100, ASK, LEASE_ASK_GIVE, LEASE_HELD, 0},
        {101, WRITTEN, LEASE_GIVEN, LEASE_FREE, 2},
        {102, ASK, LEASE_ASK_NOTHING, LEASE_FREE, 0},
        {700, ASK, LEASE_ASK_READ, LEASE_FREE, 0},
        {701, READ_NONE, LEASE_NO_NEWS, LEASE_FREE, 2},
        {702, ASK, LEASE_ASK_NOTHING, LEASE_FREE, 0},
        {101 + TURN, ASK, LEASE_ASK_TAKE, LEASE_FREE, 0}, /* nobody wanted it */
        {102 + TURN, WRITTEN, LEASE_TAKEN, LEASE_HELD, 3},
    };
    (void)state;
    walk(steps, ARRAY_LEN(steps));
}

static void without_an_agent_nothing_is_renewed(void **state)
{
    struct lease l;
    (void)state;
    lease_init(&l);
    times = lease_times(TTL, DEADLINE);
    assert_int_equal(lease_next(&l, at(0), &times, false, false), LEASE_ASK_READ);
    lease_was_read(&l, at(1), &times, LEASE_OWNER_NONE, 0, 0);
    assert_int_equal(lease_next(&l, at(1), &times, false, false), LEASE_ASK_NOTHING);
    assert_int_equal(lease_next(&l, at(1), &times, true, false), LEASE_ASK_TAKE);
    lease_was_written(&l, at(2), &times, 1);
    assert_int_equal(lease_next(&l, at(2 * RENEW), &times, true, false), LEASE_ASK_NOTHING);
    assert_int_equal(lease_next(&l, at(2 * RENEW), &times, true, true), LEASE_ASK_RENEW);
}

static void the_longer_ttl_counts(void **state)
{
    struct lease l;
    (void)state;
    lease_init(&l);
    times = lease_times(TTL, DEADLINE);
    for (int64_t ms = 0; ms < 3 * TTL; ms += 1000) {
        enum lease_ask ask = lease_next(&l, at(ms), &times, true, true);
        if (ask == LEASE_ASK_READ)
            lease_was_read(&l, at(ms), &times, LEASE_OWNER_OTHER, 1, 2 * TTL);
        if (ms < 2 * TTL)
            assert_int_not_equal(ask, LEASE_ASK_TAKE);
        if (ask == LEASE_ASK_TAKE)
            return;
    }
    fail();
}

/* --- several of them --- */

enum { HOLDERS = 3, LIFE_MS = 3000000, STEP_MS = 50 };

static uint64_t dice_state;

static uint32_t below(uint32_t n)
{
    dice_state ^= dice_state >> 12;
    dice_state ^= dice_state << 25;
    dice_state ^= dice_state >> 27;
    return (uint32_t)((dice_state * UINT64_C(0x2545F4914F6CDD1D)) >> 33) % n;
}

struct server {
    uint64_t revision;
    int owner; /* −1: free */
};

/* One question under way: reaches the server, and its answer the holder, at these times. */
struct holder {
    struct lease lease;
    int64_t offset; /* of its clock */
    int64_t paused_until, cut_until;
    enum lease_ask ask;
    uint64_t expected;
    int64_t arrives, answered;
    bool reached, done;
    uint64_t revision;
    int owner;
};

static void reach(struct server *s, struct holder *h, int self)
{
    h->reached = true;
    h->revision = s->revision;
    h->owner = s->owner;
    if (h->ask == LEASE_ASK_READ)
        return;
    h->done = h->expected == s->revision;
    if (!h->done)
        return;
    h->revision = ++s->revision;
    s->owner = h->ask == LEASE_ASK_GIVE ? -1 : self;
}

static enum lease_news hear(struct holder *h, mono_t now, int self)
{
    enum lease_ask ask = h->ask;
    h->ask = LEASE_ASK_NOTHING;
    if (ask == LEASE_ASK_READ)
        return lease_was_read(&h->lease, now, &times,
                              h->owner < 0       ? LEASE_OWNER_NONE
                              : h->owner == self ? LEASE_OWNER_US
                                                 : LEASE_OWNER_OTHER,
                              h->revision, times.ttl_ms);
    return h->done ? lease_was_written(&h->lease, now, &times, h->revision)
                   : lease_was_refused(&h->lease, now);
}

static void live(struct server *s, struct holder *h, int self, int64_t ms)
{
    mono_t now = at(ms + h->offset);
    if (h->ask && !h->reached && ms >= h->arrives)
        reach(s, h, self);
    if (ms < h->paused_until)
        return;
    lease_tick(&h->lease, now);
    if (h->ask && ms >= h->answered) {
        if (h->reached && ms >= h->cut_until) {
            hear(h, now, self);
        } else {
            h->ask = LEASE_ASK_NOTHING;
            lease_no_answer(&h->lease, now, &times);
        }
    }
    if (below(4000) == 0)
        lease_give(&h->lease, now);
    if (h->ask)
        return;
    h->ask = lease_next(&h->lease, now, &times, true, true);
    h->expected = h->lease.revision;
    h->reached = h->done = false;
    h->arrives = ms < h->cut_until || below(20) == 0 ? ms + below(200000) : ms + below(300);
    h->answered = ms + 300 + (below(20) == 0 ? below(2000) : 0);
}

static void trouble(struct holder *h, int64_t ms)
{
    if (below(3000) == 0)
        h->paused_until = ms + below(300000);
    if (below(3000) == 0)
        h->cut_until = ms + below(300000);
}

static unsigned one_world(unsigned seed)
{
    struct server s = {.owner = -1};
    struct holder h[HOLDERS] = {0};
    unsigned changes = 0;
    int last = -1;
    dice_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    for (int i = 0; i < HOLDERS; i++) {
        lease_init(&h[i].lease);
        h[i].offset = below(100000000);
    }
    for (int64_t ms = 0; ms < LIFE_MS; ms += STEP_MS) {
        int holding = 0;
        for (int i = 0; i < HOLDERS; i++) {
            trouble(&h[i], ms);
            live(&s, &h[i], i, ms);
        }
        for (int i = 0; i < HOLDERS; i++) {
            if (!lease_is_held(&h[i].lease, at(ms + h[i].offset)))
                continue;
            holding++;
            changes += last != i;
            last = i;
        }
        assert_true(holding <= 1);
    }
    return changes;
}

static void never_two(void **state)
{
    unsigned changes = 0;
    (void)state;
    times = lease_times(TTL, DEADLINE);
    for (unsigned seed = 1; seed <= 60; seed++)
        changes += one_world(seed);
    assert_true(changes > 200); /* it did change hands */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_times_divide_the_margin),
        cmocka_unit_test(nobody_holds_it),
        cmocka_unit_test(another_holds_it),
        cmocka_unit_test(answers_that_do_not_come),
        cmocka_unit_test(an_answer_that_comes_too_late_gives_nothing),
        cmocka_unit_test(given_away_others_go_first),
        cmocka_unit_test(without_an_agent_nothing_is_renewed),
        cmocka_unit_test(the_longer_ttl_counts),
        cmocka_unit_test(never_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
