/*
 * The agreement of instances: by hand, and as a simulation of many that come, go, pause and lose
 * Redis, in which the sum of what all may send is never above the limit in any second.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bridge/tps_share.h"

enum { LIMIT = 100, STEP_MS = 10, RENEW_MS = 400 };

static mono_t at(int64_t ms)
{
    return (mono_t){(ms + 1000000) * NS_PER_MS};
}

static struct tps_share_member other(const char *id, uint64_t beat, uint32_t count)
{
    struct tps_share_member m = {.beat = beat,
                                 .left_ms = TPS_SHARE_LIFE_MS,
                                 .count = count,
                                 .limit = TPS_SHARE_LIMIT_UNKNOWN};
    snprintf(m.id, sizeof(m.id), "%s", id);
    return m;
}

/* One renewal whose answer comes at once. */
static void renew(struct tps_share *s, int64_t ms, uint32_t own, const struct tps_share_member *m,
                  size_t count)
{
    tps_share_renewed(s, at(ms), at(ms), tps_share_announcement(s, at(ms)), own, m, count);
}

static void test_alone(void **state)
{
    (void)state;
    struct tps_share s;
    tps_share_init(&s, "a", 1, 1);
    assert_int_equal(tps_share_rate(&s, LIMIT, at(0)), 0); /* Redis was not asked yet */
    renew(&s, 0, 0, NULL, 0);
    assert_int_equal(tps_share_rate(&s, LIMIT, at(0)), 0); /* a missing key is just used up */
    for (int64_t ms = 400; ms < TPS_SHARE_FRESH_MS; ms += RENEW_MS) {
        renew(&s, ms, 0, NULL, 0);
        assert_int_equal(tps_share_rate(&s, LIMIT, at(ms)), 0);
    }
    renew(&s, TPS_SHARE_FRESH_MS, 0, NULL, 0);
    assert_int_equal(tps_share_rate(&s, LIMIT, at(TPS_SHARE_FRESH_MS)), LIMIT);
    assert_int_equal(tps_share_rate(&s, 0, at(TPS_SHARE_FRESH_MS)), 0);
    assert_false(tps_share_tick(&s, at(10000000))); /* alone it goes on without Redis */
    assert_int_equal(tps_share_rate(&s, LIMIT, at(10000000)), LIMIT);
}

static void test_a_restarted_process_goes_on(void **state)
{
    (void)state;
    struct tps_share s;
    struct tps_share_member b = other("b", 5, 2);
    tps_share_init(&s, "a", 1, 1);
    renew(&s, 0, 2, &b, 1);
    assert_int_equal(tps_share_rate(&s, LIMIT, at(0)), 50);
}

static void test_another_process_in_its_place(void **state)
{
    (void)state;
    const uint64_t low = (uint64_t)1 << TPS_SHARE_BEAT_BITS, high = 3 * low;
    struct tps_share s, t;
    tps_share_init(&s, "a", 2, 1000);
    s.beat++;
    assert_false(tps_share_is_doubled(&s, low + 7)); /* a former process of ours */
    renew(&s, 0, 2, NULL, 0);
    assert_false(tps_share_is_doubled(&s, s.beat - 1));
    assert_false(tps_share_is_doubled(&s, s.beat - 300)); /* our own agent's former bridge */
    assert_false(tps_share_is_doubled(&s, 0));
    tps_share_redis_is_new(&s, at(5000));
    assert_false(tps_share_is_doubled(&s, low + 7)); /* an older one knows that former process */
    assert_false(tps_share_is_doubled(&s, low + 8)); /* it may have been under way for long */
    s.beat += 8;
    assert_false(tps_share_is_doubled(&s, low + 8)); /* so may that, twice */
    s.beat += 8;
    assert_false(tps_share_is_doubled(&s, low / 2 + 9)); /* and one of each of two that are dead */
    assert_false(tps_share_is_doubled(&s, low + 9));
    assert_true(tps_share_is_doubled(&s, low + 10));
    s.beat += 100;
    assert_false(tps_share_is_doubled(&s, low + 11)); /* long ago */
    assert_false(tps_share_is_doubled(&s, high + 8)); /* that one has to go */
    tps_share_init(&t, "a", 1, 5);                    /* and the other one stays */
    renew(&t, 0, 2, NULL, 0);
    assert_false(tps_share_is_doubled(&t, s.beat));
    assert_false(tps_share_is_doubled(&t, s.beat + 1));
}

static void test_looks_for_another_process_before_it_begins(void **state)
{
    (void)state;
    struct tps_share s;
    tps_share_init(&s, "a", 1, 1);
    assert_false(tps_share_may_be_doubled(&s));
    renew(&s, 0, 1, NULL, 0); /* who had the part may be there yet */
    assert_true(tps_share_may_be_doubled(&s));
    renew(&s, TPS_SHARE_LOOK_MS - 1, 1, NULL, 0);
    assert_true(tps_share_may_be_doubled(&s));
    renew(&s, TPS_SHARE_LOOK_MS, 1, NULL, 0); /* it would have renewed itself by now */
    assert_false(tps_share_may_be_doubled(&s));
    assert_false(tps_share_is_doubled(&s, (uint64_t)7 << TPS_SHARE_BEAT_BITS)); /* as it did */
    assert_true(tps_share_may_be_doubled(&s));
    s.beat += 30;
    assert_false(tps_share_may_be_doubled(&s));
    tps_share_init(&s, "a", 1, 1);
    renew(&s, 0, 0, NULL, 0); /* nobody had it */
    assert_false(tps_share_may_be_doubled(&s));
}

static void test_a_newcomer_waits_for_the_others(void **state)
{
    (void)state;
    struct tps_share s;
    struct tps_share_member b = other("b", 5, 1); /* sends all of it */
    tps_share_init(&s, "a", 1, 1);
    for (int64_t ms = 0; ms < 5000; ms += RENEW_MS) {
        b.beat++;
        renew(&s, ms, 0, &b, 1);
        assert_int_equal(tps_share_rate(&s, LIMIT, at(ms)), 0);
    }
    b.count = 2;
    int64_t started = 0;
    for (int64_t ms = 5000; ms < 8000 && !started; ms += RENEW_MS) {
        b.beat++;
        renew(&s, ms, 0, &b, 1);
        started = tps_share_rate(&s, LIMIT, at(ms)) ? ms : 0;
    }
    assert_in_range(started, 5000 + TPS_SHARE_SETTLE_MS, 5000 + TPS_SHARE_SETTLE_MS + RENEW_MS);
    assert_int_equal(tps_share_rate(&s, LIMIT, at(started)), 50);
}

static struct tps_share two_agreed(void)
{
    struct tps_share s;
    struct tps_share_member b = other("b", 5, 2);
    tps_share_init(&s, "a", 1, 1);
    for (int64_t ms = 0; ms < 3000; ms += RENEW_MS) {
        b.beat++;
        b.set = s.set;
        renew(&s, ms, 0, &b, 1);
        b.set = s.set;
    }
    return s;
}

static void test_says_when_it_may_take_more(void **state)
{
    (void)state;
    struct tps_share s;
    struct tps_share_member b = other("b", 5, 1);
    tps_share_init(&s, "a", 1, 1);
    renew(&s, 0, 0, &b, 1);
    assert_int_equal(tps_share_settles_in_ms(&s, at(0)), 0); /* no room was left yet */
    b.count = 2;
    renew(&s, 400, 0, &b, 1);
    assert_int_equal(tps_share_settles_in_ms(&s, at(500)), TPS_SHARE_SETTLE_MS - 100);
    renew(&s, 1000, 0, &b, 1);
    assert_int_equal(tps_share_rate(&s, LIMIT, at(1000)), 0);
    renew(&s, 400 + TPS_SHARE_SETTLE_MS, 0, &b, 1);
    assert_int_equal(tps_share_rate(&s, LIMIT, at(2000)), 50);
    assert_int_equal(tps_share_settles_in_ms(&s, at(2000)), 0); /* it has all that there is */
}

static void test_what_division_leaves_over(void **state)
{
    (void)state;
    struct tps_share a = two_agreed();
    assert_int_equal(tps_share_rate(&a, 101, at(6000)), 51);
    assert_int_equal(tps_share_rate(&a, 1, at(6000)), 1);
    struct tps_share_member b = other("b", 99, 2); /* sees others than we do */
    b.set = a.set + 1;
    renew(&a, 6000, 0, &b, 1);
    assert_int_equal(tps_share_rate(&a, 101, at(8000)), 50);
}

static void test_lowers_at_once_and_raises_with_care(void **state)
{
    (void)state;
    struct tps_share s = two_agreed();
    struct tps_share_member both[] = {other("b", 100, 2), other("c", 1, TPS_SHARE_COUNT_UNKNOWN)};
    renew(&s, 3000, 0, both, 2);
    assert_int_equal(tps_share_rate(&s, 99, at(3000)), 33);
    assert_int_equal(tps_share_announcement(&s, at(3000)), 3);

    both[1].gone = true; /* c says good-bye */
    int64_t raised = 0;
    for (int64_t ms = 3400; ms < 9000 && !raised; ms += RENEW_MS) {
        both[0].beat++;
        renew(&s, ms, 0, both, 2);
        raised = tps_share_rate(&s, 99, at(ms)) > 33 ? ms : 0;
    }
    assert_in_range(raised, 3400 + TPS_SHARE_SETTLE_MS, 3400 + 2000);
}

static void test_the_absent_count_until_their_life_is_over(void **state)
{
    (void)state;
    struct tps_share s = two_agreed();
    int64_t last_seen = 2800;
    renew(&s, 3000, 0, NULL, 0); /* Redis was emptied, or its clock jumped */
    for (int64_t ms = 3400; ms < last_seen + TPS_SHARE_LIFE_MS; ms += RENEW_MS) {
        renew(&s, ms, 0, NULL, 0);
        assert_int_equal(tps_share_rate(&s, LIMIT, at(ms)), 50);
    }
    for (int64_t ms = last_seen + TPS_SHARE_LIFE_MS; ms < last_seen + TPS_SHARE_LIFE_MS + 3000;
         ms += RENEW_MS)
        renew(&s, ms, 0, NULL, 0);
    assert_int_equal(tps_share_rate(&s, LIMIT, at(70000)), LIMIT);
}

static void test_stops_before_others_take_its_part(void **state)
{
    (void)state;
    struct tps_share s = two_agreed();
    assert_false(tps_share_tick(&s, at(2800 + TPS_SHARE_LIFE_MS - TPS_SHARE_MARGIN_MS - 1)));
    assert_int_equal(tps_share_rate(&s, LIMIT, at(50000)), 50); /* without Redis: its fixed part */
    assert_true(tps_share_tick(&s, at(2800 + TPS_SHARE_LIFE_MS - TPS_SHARE_MARGIN_MS)));
    assert_int_equal(tps_share_rate(&s, LIMIT, at(61000)), 0);
}

static void test_the_least_limit_counts(void **state)
{
    (void)state;
    struct tps_share s = two_agreed();
    struct tps_share_member b = other("b", 999, 2);
    assert_int_equal(tps_share_limit(&s, 100), 100);
    b.limit = 40;
    renew(&s, 3000, 0, &b, 1);
    assert_int_equal(tps_share_limit(&s, 100), 40);
    assert_int_equal(tps_share_limit(&s, 30), 30);
}

static void test_too_many_to_tell_apart(void **state)
{
    (void)state;
    struct tps_share s = two_agreed();
    static struct tps_share_member many[TPS_SHARE_MAX_OTHERS + 1];
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        char id[16];
        snprintf(id, sizeof(id), "i%zu", i);
        many[i] = other(id, 1, 100);
    }
    renew(&s, 3000, 0, many, ARRAY_LEN(many));
    assert_int_equal(tps_share_rate(&s, 100000, at(3000)), 0);
}

/* --- the simulation --- */

enum {
    INSTANCES = 5,
    RUN_MS = 240000,
    WINDOW_MS = 1000,
    TIMEOUT_MS = 2000,       /* of a Redis command */
    RECONNECT_MAX_MS = 2400, /* to Redis, after it is back */
};

/* What Redis holds of one instance. */
struct record {
    bool there, gone;
    int64_t ends_ms;
    struct tps_share_member value;
};

/* An answer on its way; the script ran at `asked`. */
struct renewal {
    bool under_way;
    int64_t sent_ms, runs_ms, arrives_ms;
    bool ran, lost;
    uint32_t announced, own_count;
    struct tps_share_member seen[INSTANCES];
    size_t seen_count;
    int64_t put_back_ms[INSTANCES]; /* 0: not */
    struct tps_share_member put_back[INSTANCES];
};

struct instance {
    bool running, cut; /* cut off from Redis */
    uint64_t run;      /* of Redis, as it saw it last; 0: not yet */
    int64_t next_ms;
    struct tps_share share;
    struct renewal renewal;
};

struct world {
    uint64_t random;
    int64_t now_ms, server_skew_ms;
    bool redis_down, with_cuts, in_peace;
    uint64_t run; /* of Redis */
    struct record records[INSTANCES];
    struct instance instances[INSTANCES];
    uint32_t sum[RUN_MS / STEP_MS]; /* of all rates, per step */
    int64_t full_steps;
};

static uint32_t rnd(struct world *w, uint32_t below)
{
    w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(w->random >> 33) % below;
}

static int64_t server_ms(const struct world *w)
{
    return w->now_ms + w->server_skew_ms;
}

static void run_script(struct world *w, size_t i)
{
    struct instance *in = &w->instances[i];
    struct renewal *r = &in->renewal;
    r->ran = true;
    for (size_t k = 0; k < INSTANCES; k++) {
        if (r->put_back_ms[k] && !w->records[k].there)
            w->records[k] = (struct record){.there = true,
                                            .ends_ms = server_ms(w) + r->put_back_ms[k],
                                            .value = r->put_back[k]};
    }
    for (size_t k = 0; k < INSTANCES; k++) {
        struct record *rec = &w->records[k];
        int64_t left_ms = rec->ends_ms - server_ms(w);
        if (left_ms <= 0 || left_ms > TPS_SHARE_LIFE_MS) /* over, or the clock was set back */
            rec->there = false;
        if (!rec->there)
            continue;
        if (k == i) {
            r->own_count = rec->gone ? 0 : rec->value.count;
            continue;
        }
        struct tps_share_member m = rec->value;
        m.left_ms = left_ms;
        m.gone = rec->gone;
        r->seen[r->seen_count++] = m;
    }
    struct record *own = &w->records[i];
    if (!in->share.renewed_at.ns && r->own_count) /* "keep" */
        r->announced = r->own_count;
    *own = (struct record){.there = true, .ends_ms = server_ms(w) + TPS_SHARE_LIFE_MS};
    memcpy(own->value.id, in->share.own_id, sizeof(own->value.id));
    own->value.beat = in->share.beat;
    own->value.count = r->announced;
    own->value.set = in->share.set;
    own->value.limit = LIMIT;
}

static void step_instance(struct world *w, size_t i)
{
    struct instance *in = &w->instances[i];
    struct renewal *r = &in->renewal;
    mono_t now = at(w->now_ms);
    if (!in->running)
        return;
    bool reachable = !w->redis_down && !in->cut;
    if (r->under_way && !r->ran && w->now_ms >= r->runs_ms) {
        if (reachable)
            run_script(w, i);
        else
            r->under_way = false;
    }
    if (r->under_way && r->ran && w->now_ms >= r->arrives_ms) {
        r->under_way = false;
        if (!r->lost)
            tps_share_renewed(&in->share, now, at(r->sent_ms), r->announced, r->own_count, r->seen,
                              r->seen_count);
    }
    r->under_way = r->under_way && w->now_ms - r->sent_ms < TIMEOUT_MS;
    tps_share_tick(&in->share, now);
    if (r->under_way || w->now_ms < in->next_ms || !reachable)
        return;
    in->next_ms = w->now_ms + RENEW_MS;
    if (in->run && in->run != w->run)
        tps_share_redis_is_new(&in->share, now);
    in->run = w->run;
    in->share.beat++;
    bool slow = !w->in_peace && rnd(w, 20) == 0;
    *r = (struct renewal){.under_way = true, .sent_ms = w->now_ms};
    r->runs_ms = w->now_ms + rnd(w, slow ? 500 : 20);
    r->arrives_ms = r->runs_ms + rnd(w, slow ? 2000 : 20);
    r->lost = !w->in_peace && rnd(w, 50) == 0;
    r->announced = tps_share_announcement(&in->share, now);
    for (size_t k = 0; k < in->share.count; k++) {
        const struct tps_share_member *m = &in->share.others[k];
        size_t who = (size_t)(m->id[4] - '0');
        r->put_back_ms[who] = tps_share_left_ms(m, now);
        r->put_back[who] = *m;
        r->put_back[who].remembered = true;
    }
}

/* The connections are gone; each comes back in its own time. */
static void reconnect_all(struct world *w)
{
    for (size_t i = 0; i < INSTANCES; i++) {
        w->instances[i].renewal.under_way = false;
        w->instances[i].next_ms = w->now_ms + rnd(w, RECONNECT_MAX_MS);
    }
}

static void start(struct world *w, size_t i)
{
    struct instance *in = &w->instances[i];
    char id[16];
    snprintf(id, sizeof(id), "pod-%zu", i);
    *in = (struct instance){.running = true, .next_ms = w->now_ms};
    tps_share_init(&in->share, id, 1, (uint32_t)w->now_ms);
}

static void stop(struct world *w, size_t i, bool says_good_bye)
{
    struct record *own = &w->records[i];
    w->instances[i].running = false;
    if (!says_good_bye || w->redis_down || w->instances[i].cut)
        return;
    own->gone = true;
    own->there = true;
    own->ends_ms = server_ms(w) + 10000;
}

/* Not everything at once: who is cut off from Redis while that forgets him too can't be known to a
 * newcomer; nor can one that goes on alone while it is cut off (tps_share.h). */
static void torment(struct world *w)
{
    size_t i = rnd(w, INSTANCES);
    switch (rnd(w, 8)) {
    case 0:
    case 1:
        if (!w->instances[i].running)
            start(w, i);
        break;
    case 2:
        stop(w, i, true);
        break;
    case 3:
        stop(w, i, false);
        break;
    case 4:
        w->redis_down = !w->redis_down;
        reconnect_all(w);
        break;
    case 5: /* restarted empty */
        if (w->with_cuts)
            break;
        memset(w->records, 0, sizeof(w->records));
        w->run++;
        reconnect_all(w);
        break;
    case 6:
        if (!w->with_cuts)
            w->server_skew_ms += (int64_t)rnd(w, 7200000) - 3600000;
        break;
    case 7:
        if (w->with_cuts && w->instances[i].share.in_force != 1)
            w->instances[i].cut = !w->instances[i].cut;
        break;
    }
}

static void check_window(const struct world *w)
{
    int64_t last = w->now_ms / STEP_MS, first = last - WINDOW_MS / STEP_MS + 1;
    int64_t sum = 0;
    for (int64_t k = first < 0 ? 0 : first; k <= last; k++)
        sum += w->sum[k];
    if (sum * STEP_MS > (int64_t)LIMIT * WINDOW_MS)
        fail_msg("%lld in the second before %lld ms", (long long)(sum * STEP_MS / 1000),
                 (long long)w->now_ms);
}

/* In steps of 10 ms; a rate counts as sent evenly. */
static void simulate(struct world *w, bool faults)
{
    for (w->now_ms = 0; w->now_ms < RUN_MS; w->now_ms += STEP_MS) {
        bool quiet = w->now_ms > RUN_MS - 70000;
        if (faults && !quiet && rnd(w, 150) == 0)
            torment(w);
        if (quiet && faults) {
            w->redis_down = false;
            for (size_t i = 0; i < INSTANCES; i++)
                w->instances[i].cut = false;
        }
        uint32_t sum = 0;
        for (size_t i = 0; i < INSTANCES; i++) {
            struct instance *in = &w->instances[i];
            step_instance(w, i);
            sum += in->running ? tps_share_rate(&in->share, LIMIT, at(w->now_ms)) : 0;
        }
        w->sum[w->now_ms / STEP_MS] = sum;
        w->full_steps += sum == LIMIT;
        check_window(w);
    }
}

static void test_never_above_the_limit(void **state)
{
    (void)state;
    static struct world w;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        memset(&w, 0, sizeof(w));
        w.random = seed * UINT64_C(0x9e3779b97f4a7c15);
        w.run = 1;
        w.with_cuts = seed % 2 != 0;
        start(&w, 0);
        simulate(&w, true);
        bool any = false;
        for (size_t i = 0; i < INSTANCES; i++)
            any = any || w.instances[i].running;
        if (any && w.sum[RUN_MS / STEP_MS - 1] + INSTANCES <= LIMIT)
            fail_msg("seed %llu: %u in the end, not all of it", (unsigned long long)seed,
                     w.sum[RUN_MS / STEP_MS - 1]);
    }
}

static void test_all_of_it_in_peace(void **state)
{
    (void)state;
    static struct world w;
    memset(&w, 0, sizeof(w));
    w.random = 7;
    w.in_peace = true;
    for (size_t i = 0; i < 3; i++)
        start(&w, i);
    simulate(&w, false);
    assert_true(w.full_steps > (RUN_MS - 20000) / STEP_MS); /* 34 + 33 + 33 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_a_restarted_process_goes_on),
        cmocka_unit_test(test_another_process_in_its_place),
        cmocka_unit_test(test_looks_for_another_process_before_it_begins),
        cmocka_unit_test(test_a_newcomer_waits_for_the_others),
        cmocka_unit_test(test_says_when_it_may_take_more),
        cmocka_unit_test(test_what_division_leaves_over),
        cmocka_unit_test(test_lowers_at_once_and_raises_with_care),
        cmocka_unit_test(test_the_absent_count_until_their_life_is_over),
        cmocka_unit_test(test_stops_before_others_take_its_part),
        cmocka_unit_test(test_the_least_limit_counts),
        cmocka_unit_test(test_too_many_to_tell_apart),
        cmocka_unit_test(test_never_above_the_limit),
        cmocka_unit_test(test_all_of_it_in_peace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
