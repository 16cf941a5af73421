/* pacer: the hard rule in every window, the rate that is reached, and what disturbs both. */
#include "unit_test.h"

#include <stdlib.h>

#include "session-agent/pacer.h"

#define START_NS (INT64_C(5) * NS_PER_S)

static int64_t times[4000000];
static uint32_t limits[4000000]; /* in force at that write */
static size_t count;

/* One process under backlog: wakes when the pacer says, plus `late_ns` at most, writes all that it
 * may and flushes up to `flush_ns` later. */
struct run {
    struct pacer *pacer;
    struct chance chance;
    int64_t now;
    uint32_t limit;
    uint32_t late_ns;
    uint32_t flush_ns;
    int64_t stall_every_ns, stall_ns; /* 0: never */
    int64_t next_stall;
};

static void set_limit(struct run *r, uint32_t limit)
{
    r->limit = limit;
    pacer_set_limit(r->pacer, limit, (mono_t){r->now});
}

static struct run start(uint32_t limit)
{
    struct run r = {.chance = {1 + limit}, .now = START_NS};
    count = 0;
    r.pacer = pacer_create((mono_t){r.now});
    set_limit(&r, limit);
    return r;
}

static void write_all_allowed(struct run *r)
{
    size_t first = count;
    while (pacer_next_ns(r->pacer, (mono_t){r->now}) == 0) {
        pacer_wrote(r->pacer, (mono_t){r->now});
        limits[count] = r->limit;
        times[count++] = r->now;
        r->now += 2000; /* what a write costs */
    }
    if (first == count)
        return;
    if (r->flush_ns)
        r->now += chance_below(&r->chance, r->flush_ns);
    pacer_flushed(r->pacer, (uint32_t)(count - first), (mono_t){r->now});
    for (size_t i = first; i < count; i++)
        times[i] = r->now; /* all reach the socket together */
}

static void run_until(struct run *r, int64_t end)
{
    while (r->now < end) {
        write_all_allowed(r);
        int64_t wait = pacer_next_ns(r->pacer, (mono_t){r->now});
        if (wait == PACER_NEVER || wait > end - r->now) {
            r->now = end;
            break;
        }
        r->now += wait;
        /* Timers have milliseconds. */
        r->now += NS_PER_MS - 1 - (r->now - 1) % NS_PER_MS;
        if (r->late_ns)
            r->now += chance_below(&r->chance, r->late_ns);
        if (r->stall_ns && r->now >= r->next_stall) {
            r->now += r->stall_ns;
            r->next_stall = r->now + r->stall_every_ns;
        }
    }
}

/* In any window of 1 s and a bit: no more than the limit at its last write. */
static void check_hard_rule(void)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t limit = limits[i];
        if (i >= limit && times[i] - times[i - limit] < PACER_WINDOW_NS)
            fail_msg("write %zu: %u of them in %lld ns", i, limit + 1,
                     (long long)(times[i] - times[i - limit]));
    }
}

static double rate_between(int64_t from, int64_t to)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += times[i] >= from && times[i] < to;
    return (double)n * 1e9 / (double)(to - from);
}

static void first_second_is_silent(void **state)
{
    (void)state;
    struct run r = start(100);
    assert_int_equal(pacer_next_ns(r.pacer, (mono_t){r.now}), PACER_SILENT_NS);
    run_until(&r, START_NS + PACER_SILENT_NS - 1);
    assert_int_equal(count, 0);
    run_until(&r, START_NS + 2 * NS_PER_S);
    assert_true(count > 0);
    assert_true(times[0] >= START_NS + PACER_SILENT_NS);
    pacer_destroy(&r.pacer);
    assert_null(r.pacer);
}

static void no_limit_and_zero_pause(void **state)
{
    (void)state;
    struct pacer *p = pacer_create(at_ms(0));
    assert_int_equal(pacer_next_ns(p, at_ms(5000)), PACER_NEVER);
    pacer_set_limit(p, 10, at_ms(5000));
    assert_int_equal(pacer_next_ns(p, at_ms(5000)), 0);
    pacer_set_limit(p, 0, at_ms(5000));
    assert_int_equal(pacer_next_ns(p, at_ms(50000)), PACER_NEVER);
    assert_int_equal(pacer_limit(p), 0);
    pacer_set_limit(p, UINT32_MAX, at_ms(5000));
    assert_int_equal(pacer_limit(p), PACER_LIMIT_MAX);
    pacer_destroy(&p);
}

static void reaches_97_percent_and_never_more(void **state)
{
    (void)state;
    static const uint32_t rates[] = {1, 2, 3, 7, 10, 33, 100, 250, 999, 1000, 2500, 5000, 20000};
    static const uint32_t lateness[] = {0, 300000, 1500000};
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        for (size_t k = 0; k < ARRAY_LEN(lateness); k++) {
            struct run r = start(rates[i]);
            r.late_ns = lateness[k];
            r.flush_ns = lateness[k] / 3;
            int64_t from = START_NS + 2 * NS_PER_S, seconds = rates[i] < 100 ? 200 : 20;
            run_until(&r, from + seconds * NS_PER_S);
            check_hard_rule();
            double share = rate_between(from, from + seconds * NS_PER_S) / rates[i];
            if (share < 0.97 || share > 1.0)
                fail_msg("limit %u, late %u: %.4f of it", rates[i], lateness[k], share);
            pacer_destroy(&r.pacer);
        }
    }
}

static void even_spacing(void **state)
{
    (void)state;
    struct run r = start(100);
    r.late_ns = 300000;
    run_until(&r, START_NS + 20 * NS_PER_S);
    int64_t longest = 0;
    for (size_t i = 1; i < count; i++)
        longest = times[i] - times[i - 1] > longest ? times[i] - times[i - 1] : longest;
    assert_true(longest <= 13 * NS_PER_MS);
    pacer_destroy(&r.pacer);
}

static void stalls_cost_little_and_never_burst_over(void **state)
{
    (void)state;
    static const uint32_t rates[] = {5, 100, 1000, 5000};
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        struct run r = start(rates[i]);
        r.late_ns = 1100000;
        r.stall_every_ns = 300 * NS_PER_MS;
        r.stall_ns = 15 * NS_PER_MS;
        int64_t from = START_NS + 2 * NS_PER_S;
        run_until(&r, from + 30 * NS_PER_S);
        check_hard_rule();
        double share = rate_between(from, from + 30 * NS_PER_S) / rates[i];
        if (share < 0.95)
            fail_msg("limit %u: %.4f of it", rates[i], share);
        pacer_destroy(&r.pacer);
    }
}

static void recovers_within_two_seconds_of_a_pause(void **state)
{
    (void)state;
    struct run r = start(1000);
    r.late_ns = 500000;
    run_until(&r, START_NS + 5 * NS_PER_S);
    r.now += 3 * NS_PER_S; /* SIGSTOP */
    int64_t resumed = r.now;
    run_until(&r, resumed + 12 * NS_PER_S);
    check_hard_rule();
    assert_true(rate_between(resumed, resumed + PACER_CATCH_UP_NS / 10) * 0.002 <= 25);
    assert_true(rate_between(resumed + 2 * NS_PER_S, resumed + 12 * NS_PER_S) >= 970);
    pacer_destroy(&r.pacer);
}

static void limits_change_at_once_and_keep_the_log(void **state)
{
    (void)state;
    static const uint32_t rates[] = {1, 1000, 100, 0, 500, 5, 5000, 50, 0, 100, 1000, 3};
    struct run r = start(100);
    r.late_ns = 500000;
    int64_t at = START_NS + 2 * NS_PER_S;
    run_until(&r, at);
    /* Changes every 300 ms, then every 3 s: windows span several of them. */
    for (int round = 0; round < 4; round++) {
        for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
            at += (round < 2 ? 300 : 3000) * NS_PER_MS;
            run_until(&r, at);
            set_limit(&r, rates[i]);
        }
    }
    check_hard_rule();
    pacer_destroy(&r.pacer);
}

static void random_limits_keep_the_rule(void **state)
{
    (void)state;
    struct run r = start(50);
    struct chance chance = {3};
    r.late_ns = 2000000;
    r.flush_ns = 3000000;
    for (int i = 0; i < 2000; i++) {
        run_until(&r, r.now + (int64_t)chance_below(&chance, 1500) * NS_PER_MS);
        set_limit(&r, chance_below(&chance, chance_below(&chance, 2) ? 10 : 1000));
    }
    check_hard_rule();
    pacer_destroy(&r.pacer);
}

static void a_raise_takes_effect_at_once(void **state)
{
    (void)state;
    struct run r = start(1);
    run_until(&r, START_NS + 5 * NS_PER_S);
    set_limit(&r, 1000);
    int64_t changed = r.now;
    run_until(&r, changed + NS_PER_S);
    assert_true(rate_between(changed, changed + NS_PER_S) >= 960);
    check_hard_rule();
    pacer_destroy(&r.pacer);
}

static void a_slow_flush_counts_from_its_end(void **state)
{
    (void)state;
    struct pacer *p = pacer_create(at_ms(0));
    pacer_set_limit(p, 1, at_ms(0));
    assert_int_equal(pacer_next_ns(p, at_ms(2000)), 0);
    pacer_wrote(p, at_ms(2000));
    assert_int_equal(pacer_next_ns(p, at_ms(4000)), PACER_WINDOW_NS); /* it may leave any time */
    pacer_flushed(p, 1, at_ms(4500));
    assert_int_equal(pacer_next_ns(p, at_ms(4500)), PACER_WINDOW_NS);
    pacer_flushed(p, 0, at_ms(5000)); /* nothing new: no change */
    assert_int_equal(pacer_next_ns(p, at_ms(4500)), PACER_WINDOW_NS);
    pacer_destroy(&p);
}

/* Two binds: what one of them holds back takes nothing from the other but its own number, and
 * counts when it leaves. */
static void what_is_held_back_counts_alone(void **state)
{
    (void)state;
    struct run r = start(100);
    run_until(&r, START_NS + 2 * NS_PER_S);
    uint32_t held = 0;
    for (; held < 5; held++) {
        r.now += pacer_next_ns(r.pacer, (mono_t){r.now});
        pacer_wrote(r.pacer, (mono_t){r.now});
    }
    int64_t from = r.now;
    run_until(&r, from + 5 * NS_PER_S);
    double rate = rate_between(from + NS_PER_S, from + 5 * NS_PER_S);
    assert_true(rate > 92 && rate <= 95);
    pacer_flushed(r.pacer, held, (mono_t){r.now});
    for (; held > 0; held--) {
        limits[count] = r.limit;
        times[count++] = r.now;
    }
    run_until(&r, r.now + 3 * NS_PER_S);
    check_hard_rule();
    assert_true(rate_between(r.now - 2 * NS_PER_S, r.now) >= 97);
    pacer_destroy(&r.pacer);
}

static void nothing_is_lent_while_something_is_held_back(void **state)
{
    (void)state;
    struct pacer *p = pacer_create(at_ms(0));
    struct pacer_loan loan;
    pacer_set_limit(p, 100, at_ms(0));
    pacer_wrote(p, at_ms(2000));
    assert_false(pacer_lend(p, at_ms(2000), 100 * NS_PER_MS, &loan));
    pacer_flushed(p, 1, at_ms(2100));
    assert_true(pacer_lend(p, at_ms(2100), 100 * NS_PER_MS, &loan));
    pacer_destroy(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_second_is_silent),
        cmocka_unit_test(no_limit_and_zero_pause),
        cmocka_unit_test(reaches_97_percent_and_never_more),
        cmocka_unit_test(even_spacing),
        cmocka_unit_test(stalls_cost_little_and_never_burst_over),
        cmocka_unit_test(recovers_within_two_seconds_of_a_pause),
        cmocka_unit_test(limits_change_at_once_and_keep_the_log),
        cmocka_unit_test(random_limits_keep_the_rule),
        cmocka_unit_test(a_raise_takes_effect_at_once),
        cmocka_unit_test(a_slow_flush_counts_from_its_end),
        cmocka_unit_test(what_is_held_back_counts_alone),
        cmocka_unit_test(nothing_is_lent_while_something_is_held_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
