/*
 * tokens: several instances with a share each and loans between them, in simulated time. In any
 * window all of them together write at most the sum of the shares, and the busy ones get what the
 * idle ones don't need.
 */
#include "unit_test.h"

#include <stdlib.h>

#include "session-agent/tokens.h"

enum { INSTANCES_MAX = 3, LOANS_MAX = 4096, TICK_MS = 20, STEP_US = 250 };

struct transfer {
    int64_t arrives;
    struct pacer_loan loan;
};

struct instance {
    struct tokens *tokens;
    uint64_t backlog;
    int64_t next_tick, paused_until;
};

static struct world {
    struct chance chance;
    int64_t now;
    size_t instances;
    bool faulty; /* instances stand still, die, get loans late; the load comes and goes */
    struct instance of[INSTANCES_MAX];
    struct transfer transfers[LOANS_MAX];
    size_t transfer_count;
    int64_t times[400000];
    size_t count;
} w;

static void lend(size_t i)
{
    struct instance *in = &w.of[i];
    struct pacer_loan loan;
    if (in->backlog || w.now < in->next_tick)
        return;
    in->next_tick = w.now + TICK_MS * NS_PER_MS;
    while (tokens_lend(in->tokens, (mono_t){w.now}, TICK_MS * NS_PER_MS, &loan)) {
        int64_t late = chance_below(&w.chance, w.faulty ? 90 : 30) * NS_PER_MS;
        assert_true(w.transfer_count < LOANS_MAX);
        w.transfers[w.transfer_count++] = (struct transfer){w.now + late, loan};
    }
}

/* Each loan goes to one of the others, as Redis would have it. */
static void deliver(void)
{
    for (size_t k = 0; k < w.transfer_count;) {
        struct transfer *t = &w.transfers[k];
        if (t->arrives > w.now) {
            k++;
            continue;
        }
        size_t first = chance_below(&w.chance, (uint32_t)w.instances);
        for (size_t n = 0; n < w.instances; n++) {
            struct instance *to = &w.of[(first + n) % w.instances];
            if (!to->backlog || w.now < to->paused_until)
                continue;
            tokens_borrow(to->tokens, (mono_t){w.now}, &t->loan);
            break;
        }
        *t = w.transfers[--w.transfer_count];
    }
}

static void write_allowed(struct instance *in)
{
    struct tokens_unsent unsent = {0};
    while (in->backlog && tokens_next_ns(in->tokens, (mono_t){w.now}) == 0) {
        tokens_wrote(in->tokens, &unsent, (mono_t){w.now});
        tokens_flushed(in->tokens, &unsent, (mono_t){w.now});
        in->backlog--;
        w.times[w.count++] = w.now;
    }
}

static void torment(struct instance *in, uint32_t share)
{
    switch (chance_below(&w.chance, 4)) {
    case 0:
        in->backlog = in->backlog ? 0 : 1 + chance_below(&w.chance, 500);
        break;
    case 1:
        in->paused_until = w.now + chance_below(&w.chance, 2000) * NS_PER_MS;
        break;
    case 2: /* another process */
        tokens_destroy(&in->tokens);
        in->tokens = tokens_create((mono_t){w.now});
        tokens_set_limit(in->tokens, share, (mono_t){w.now});
        break;
    default:
        in->backlog += 2000;
        break;
    }
}

static void run(size_t instances, uint32_t limit, int64_t seconds, bool faulty)
{
    w.chance = (struct chance){limit + instances};
    w.now = 7 * NS_PER_S;
    w.instances = instances;
    w.faulty = faulty;
    w.transfer_count = w.count = 0;
    int64_t end = w.now + seconds * NS_PER_S;
    uint32_t share[INSTANCES_MAX];
    for (size_t i = 0; i < instances; i++) {
        share[i] = limit / (uint32_t)instances + (i < limit % instances ? 1 : 0);
        w.of[i] = (struct instance){.tokens = tokens_create((mono_t){w.now})};
        tokens_set_limit(w.of[i].tokens, share[i], (mono_t){w.now});
    }
    w.of[instances - 1].backlog = UINT64_MAX / 2; /* the one with the smallest share */
    for (; w.now < end; w.now += STEP_US * 1000) {
        deliver();
        for (size_t i = 0; i < instances; i++) {
            if (faulty && chance_below(&w.chance, 3000) == 0)
                torment(&w.of[i], share[i]);
            if (w.now < w.of[i].paused_until)
                continue;
            lend(i);
            write_allowed(&w.of[i]);
        }
    }
    for (size_t i = 0; i < instances; i++)
        tokens_destroy(&w.of[i].tokens);
}

static void check_windows(uint32_t limit)
{
    for (size_t i = limit; i < w.count; i++)
        if (w.times[i] - w.times[i - limit] < PACER_WINDOW_NS)
            fail_msg("%u writes in %lld ns", limit + 1,
                     (long long)(w.times[i] - w.times[i - limit]));
}

static void the_busy_one_gets_97_percent(void **state)
{
    (void)state;
    static const uint32_t limits[] = {1, 2, 10, 100, 1000, 5000};
    for (size_t n = 1; n <= INSTANCES_MAX; n++) {
        for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
            int64_t seconds = limits[i] < 10 ? 400 : 22;
            run(n, limits[i], seconds, false);
            check_windows(limits[i]);
            double share = (double)w.count / (double)(seconds - 1) / limits[i];
            if (limits[i] < 10)
                share = (double)(w.count + 1) / (double)(seconds - 1) / limits[i];
            if (share < 0.965) /* the first second is not quite counted out */
                fail_msg("limit %u, %zu instances: %.4f of it", limits[i], n, share);
        }
    }
}

static void even_spacing_with_loans(void **state)
{
    (void)state;
    run(2, 100, 20, false);
    int64_t longest = 0;
    for (size_t i = 1; i < w.count; i++)
        longest = w.times[i] - w.times[i - 1] > longest ? w.times[i] - w.times[i - 1] : longest;
    assert_true(longest <= 25 * NS_PER_MS);
}

static void never_more_whatever_happens(void **state)
{
    (void)state;
    static const uint32_t limits[] = {1, 3, 10, 97, 500};
    for (size_t n = 2; n <= INSTANCES_MAX; n++) {
        for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
            run(n, limits[i], 300, true);
            check_windows(limits[i]);
            assert_true(w.count > limits[i] * 50);
        }
    }
}

static void a_late_flush_is_charged(void **state)
{
    (void)state;
    struct tokens *t = tokens_create(at_ms(0));
    tokens_set_limit(t, 1, at_ms(0));
    struct pacer_loan loan = {at_ms(5000).ns, at_ms(5015).ns, 1};
    tokens_borrow(t, at_ms(4950), &loan);
    assert_int_equal(tokens_next_ns(t, at_ms(5000)), 0);
    struct tokens_unsent unsent = {0};
    tokens_wrote(t, &unsent, at_ms(5000));
    tokens_flushed(t, &unsent, at_ms(5100)); /* after its send-by */
    assert_int_equal(tokens_next_ns(t, at_ms(5100)), PACER_WINDOW_NS);
    assert_int_equal(tokens_counts(t, at_ms(5100)).borrowed, 1);
    tokens_destroy(&t);
}

static void what_is_held_back_is_ours_at_once(void **state)
{
    (void)state;
    struct tokens *t = tokens_create(at_ms(0));
    tokens_set_limit(t, 1, at_ms(0));
    struct pacer_loan loan = {at_ms(5000).ns, at_ms(5015).ns, 1};
    struct tokens_unsent unsent = {0};
    tokens_borrow(t, at_ms(4950), &loan);
    tokens_wrote(t, &unsent, at_ms(5000));
    assert_int_equal(tokens_next_ns(t, at_ms(5000)), 0); /* the own one is there yet */
    tokens_held(t, &unsent);
    assert_true(tokens_next_ns(t, at_ms(5000)) > 0);
    assert_int_equal(tokens_counts(t, at_ms(5000)).peak, 0);
    tokens_flushed(t, &unsent, at_ms(6000));
    assert_int_equal(tokens_next_ns(t, at_ms(6000)), PACER_WINDOW_NS);
    assert_int_equal(tokens_counts(t, at_ms(6000)).peak, 1);
    tokens_destroy(&t);
}

static void waits_are_seconds(void **state)
{
    (void)state;
    struct tokens *t = tokens_create(at_ms(0));
    tokens_set_limit(t, 1000, at_ms(0));
    uint32_t written = 0;
    struct tokens_unsent unsent = {0};
    for (int64_t ms = 1999; ms < 12000; ms++) {
        while (tokens_next_ns(t, at_ms(ms)) == 0) {
            tokens_wrote(t, &unsent, at_ms(ms));
            written++;
        }
        tokens_flushed(t, &unsent, at_ms(ms));
    }
    struct tokens_counts counts = tokens_counts(t, at_ms(12000));
    assert_true(written > 9000);
    assert_in_range(counts.waits, 10, 11);
    assert_in_range(counts.last_second, 970, 1000);
    assert_in_range(counts.peak, 970, 1000);
    tokens_destroy(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_busy_one_gets_97_percent),
        cmocka_unit_test(even_spacing_with_loans),
        cmocka_unit_test(never_more_whatever_happens),
        cmocka_unit_test(a_late_flush_is_charged),
        cmocka_unit_test(what_is_held_back_is_ours_at_once),
        cmocka_unit_test(waits_are_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
