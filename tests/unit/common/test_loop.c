/* The order within a turn, timers that are never early, posts from threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>
#include <uv.h>
#include <cmocka.h>
#include <time.h>

#include "common/clock.h"
#include "common/loop.h"
#include "tests/unit/common/harness.h"

static struct loop *loop;
static char order[256];

static int setup(void **state)
{
    (void)state;
    loop = loop_create();
    order[0] = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    clock_set_mono_for_test(-1);
    loop_destroy(&loop);
    assert_null(loop);
    return 0;
}

static void note(void *letter)
{
    strncat(order, letter, sizeof(order) - strlen(order) - 1);
}

static void at(int64_t ms)
{
    clock_set_mono_for_test(NS_PER_S + ms * NS_PER_MS);
}

/* --- timers --- */

static void test_timers_fire_in_order_of_their_due_times(void **state)
{
    (void)state;
    static char letters[8][2] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    static const int64_t due[8] = {50, 10, 70, 30, 20, 80, 60, 40};
    struct timer timers[8];
    at(0);
    for (size_t i = 0; i < ARRAY_LEN(timers); i++) {
        timer_init(&timers[i], loop, note, letters[i]);
        timer_start_ms(&timers[i], due[i]);
        assert_true(timer_is_active(&timers[i]));
    }
    loop_turn(loop, 0);
    assert_string_equal(order, "");
    at(35);
    loop_turn(loop, 0);
    assert_string_equal(order, "bed");
    assert_false(timer_is_active(&timers[1]));
    timer_stop(&timers[7]);
    timer_stop(&timers[7]);
    timer_start_ms(&timers[6], 25); /* as it was */
    timer_start_ms(&timers[2], 0);  /* restarted: earlier than it was */
    at(100);
    loop_turn(loop, 0);
    assert_string_equal(order, "bedcagf");
}

static void test_no_timer_fires_before_its_nanosecond(void **state)
{
    (void)state;
    static char letter[] = "x";
    struct timer t;
    at(0);
    timer_init(&t, loop, note, letter);
    timer_start_at(&t, (mono_t){NS_PER_S + 1000});
    clock_set_mono_for_test(NS_PER_S + 999);
    loop_turn(loop, 0);
    assert_string_equal(order, "");
    clock_set_mono_for_test(NS_PER_S + 1000);
    loop_turn(loop, 0);
    assert_string_equal(order, "x");
}

struct punctual {
    struct timer timer;
    unsigned fired;
    int64_t latest_ns;
    bool early;
};

static void punctual_fired(void *arg)
{
    struct punctual *p = arg;
    int64_t late = mono_diff_ns(clock_mono(), p->timer.due);
    p->early |= late < 0;
    p->latest_ns = late > p->latest_ns ? late : p->latest_ns;
    if (++p->fired < 50)
        timer_start_at(&p->timer, mono_add_ns(clock_mono(), 100000 + p->fired * 77777));
}

static void test_real_timers_are_never_early_and_hardly_late(void **state)
{
    (void)state;
    struct punctual p = {.fired = 0};
    timer_init(&p.timer, loop, punctual_fired, &p);
    timer_start_ms(&p.timer, 1);
    assert_true(harness_until(loop, &p.fired, 50, 10000));
    assert_false(p.early);
    assert_true(p.latest_ns < 200 * NS_PER_MS); /* about 1 ms on an idle machine */
}

static struct timer again;
static unsigned again_count;

static void again_fired(void *arg)
{
    (void)arg;
    again_count++;
    timer_start_ms(&again, 0);
}

static void test_a_timer_started_as_due_waits_for_the_next_turn(void **state)
{
    (void)state;
    at(0);
    again_count = 0;
    timer_init(&again, loop, again_fired, NULL);
    timer_start_ms(&again, 0);
    at(1);
    loop_turn(loop, 0);
    assert_int_equal(again_count, 1);
    at(2);
    loop_turn(loop, 0);
    assert_int_equal(again_count, 2);
    timer_stop(&again);
}

static void stop_other(void *other)
{
    note((void *)(uintptr_t) "s");
    timer_stop(other);
}

static void test_a_due_timer_can_be_stopped_by_another(void **state)
{
    (void)state;
    static char letter[] = "x";
    struct timer first, second;
    at(0);
    timer_init(&second, loop, note, letter);
    timer_init(&first, loop, stop_other, &second);
    timer_start_ms(&first, 1);
    timer_start_ms(&second, 2);
    at(5);
    loop_turn(loop, 0);
    assert_string_equal(order, "s");
}

/* Against a plain list: random starts, restarts and stops. */
static void test_many_timers_against_a_model(void **state)
{
    (void)state;
    enum { COUNT = 500, STEPS = 20000 };
    static struct timer timers[COUNT];
    static bool wanted[COUNT];
    static char nothing[] = "";
    srand(7);
    at(0);
    for (size_t i = 0; i < COUNT; i++)
        timer_init(&timers[i], loop, note, nothing);
    for (int64_t step = 0; step < STEPS; step++) {
        size_t i = (size_t)rand() % COUNT;
        wanted[i] = rand() % 3 != 0;
        if (wanted[i])
            timer_start_ms(&timers[i], 1 + rand() % 1000);
        else
            timer_stop(&timers[i]);
        if (step % 100)
            continue;
        at(step / 10);
        loop_turn(loop, 0);
        mono_t now = clock_mono();
        for (size_t k = 0; k < COUNT; k++) {
            wanted[k] = wanted[k] && !mono_reached(now, timers[k].due);
            assert_int_equal(timer_is_active(&timers[k]), wanted[k]);
        }
    }
    for (size_t i = 0; i < COUNT; i++)
        timer_stop(&timers[i]);
}

/* --- the order of a turn --- */

static void readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    char byte;
    assert_int_equal(read(*(int *)poll->data, &byte, 1), 1);
    note((void *)(uintptr_t) "i");
}

static void test_input_comes_before_timers_and_hooks_come_last(void **state)
{
    (void)state;
    static char t[] = "t", h[] = "h", p[] = "p";
    int ends[2];
    uv_poll_t poll = {.data = &ends[0]};
    struct timer timer;
    struct loop_hook hook = {.fn = note, .arg = h};
    assert_int_equal(pipe(ends), 0);
    uv_poll_init(loop_uv(loop), &poll, ends[0]);
    uv_poll_start(&poll, UV_READABLE, readable);
    loop_turn(loop, 0);

    /* As after a pause: the input lies there, and the time-out on it is long due. */
    at(0);
    timer_init(&timer, loop, note, t);
    timer_start_ms(&timer, 10);
    at(60000);
    assert_int_equal(write(ends[1], "x", 1), 1);
    loop_post(loop, note, p);
    loop_turn(loop, 0);
    assert_int_equal(strlen(order), 3);
    assert_int_equal(order[2], 't');

    order[0] = 0;
    loop_at_turn_end(loop, &hook);
    loop_at_turn_end(loop, &hook); /* once */
    loop_turn(loop, 0);
    assert_string_equal(order, "h");
    uv_close((uv_handle_t *)&poll, NULL);
    loop_turn(loop, 0);
    close(ends[0]);
    close(ends[1]);
}

static struct loop_hook self_hook;
static unsigned self_count;

static void self_again(void *arg)
{
    (void)arg;
    self_count++;
    loop_at_turn_end(loop, &self_hook);
}

static void test_a_hook_that_schedules_itself_runs_once_a_turn(void **state)
{
    (void)state;
    self_hook = (struct loop_hook){.fn = self_again};
    self_count = 0;
    loop_at_turn_end(loop, &self_hook);
    for (unsigned turn = 1; turn <= 5; turn++) {
        loop_turn(loop, 60000); /* and the loop does not wait while a hook does */
        assert_in_range(self_count, turn, turn + 1);
    }
    loop_cancel_hook(loop, &self_hook);
    loop_cancel_hook(loop, &self_hook);
    unsigned before = self_count;
    loop_turn(loop, 0);
    assert_int_equal(self_count, before);
}

static void test_hooks_can_be_cancelled_in_any_place(void **state)
{
    (void)state;
    static char letters[4][2] = {"a", "b", "c", "d"};
    for (size_t cancelled = 0; cancelled < 4; cancelled++) {
        struct loop_hook hooks[4];
        order[0] = 0;
        for (size_t i = 0; i < 4; i++) {
            hooks[i] = (struct loop_hook){.fn = note, .arg = letters[i]};
            loop_at_turn_end(loop, &hooks[i]);
        }
        loop_cancel_hook(loop, &hooks[cancelled]);
        loop_at_turn_end(loop, &hooks[cancelled]); /* now the last */
        loop_turn(loop, 0);
        assert_int_equal(strlen(order), 4);
        assert_int_equal(order[3], letters[cancelled][0]);
    }
}

static struct loop_hook ran_hook, new_hook;

static void schedule_both(void *arg)
{
    note(arg);
    loop_at_turn_end(loop, &ran_hook);
    loop_at_turn_end(loop, &new_hook);
}

static void test_a_hook_schedules_one_that_has_not_run_for_the_same_turn(void **state)
{
    (void)state;
    static char r[] = "r", s[] = "s", n[] = "n";
    struct loop_hook scheduler = {.fn = schedule_both, .arg = s};
    ran_hook = (struct loop_hook){.fn = note, .arg = r};
    new_hook = (struct loop_hook){.fn = note, .arg = n};
    for (unsigned round = 0; round < 2; round++) {
        order[0] = 0;
        loop_at_turn_end(loop, &ran_hook);
        loop_at_turn_end(loop, &scheduler);
        loop_turn(loop, 60000);
        assert_string_equal(order, "rsnr");
    }
}

static struct loop_hook close_hook;

static void closed(uv_handle_t *handle)
{
    (void)handle;
    loop_at_turn_end(loop, &close_hook);
}

static void test_a_hook_of_a_close_callback_runs_before_the_loop_waits(void **state)
{
    (void)state;
    static char letter[] = "x";
    uv_idle_t idle;
    close_hook = (struct loop_hook){.fn = note, .arg = letter};
    uv_idle_init(loop_uv(loop), &idle);
    uv_close((uv_handle_t *)&idle, closed);
    loop_turn(loop, 0);
    loop_turn(loop, 1);
    assert_string_equal(order, "x");
}

/* --- posts --- */

static unsigned wakes;

/* In the place of libuv's, which it calls. */
int uv_async_send(uv_async_t *async)
{
    int (*real)(uv_async_t *) = NULL;
    void *found = dlsym(RTLD_NEXT, "uv_async_send");
    memcpy(&real, &found, sizeof(real));
    wakes++;
    return real(async);
}

static char post_letter[] = "p";

static void post_one(void *arg)
{
    (void)arg;
    loop_post(loop, note, post_letter);
}

static void post_while_polling(uv_poll_t *poll, int status, int events)
{
    readable(poll, status, events);
    post_one(NULL);
    post_one(NULL);
}

static void test_posts_wake_only_a_loop_that_waits_and_once(void **state)
{
    (void)state;
    struct timer timer;
    int ends[2];
    uv_poll_t poll = {.data = &ends[0]};
    wakes = 0;
    for (unsigned i = 0; i < 3; i++)
        post_one(NULL);
    loop_turn(loop, 60000);
    assert_string_equal(order, "ppp");

    timer_init(&timer, loop, post_one, NULL);
    timer_start_ms(&timer, 0);
    loop_turn(loop, 60000);
    loop_turn(loop, 60000); /* the timer's post came when the loop had run what was there */
    assert_string_equal(order, "pppp");
    assert_int_equal(wakes, 0);

    assert_int_equal(pipe(ends), 0);
    uv_poll_init(loop_uv(loop), &poll, ends[0]);
    uv_poll_start(&poll, UV_READABLE, post_while_polling);
    assert_int_equal(write(ends[1], "x", 1), 1);
    loop_turn(loop, 60000);
    assert_string_equal(order, "ppppipp");
    assert_int_equal(wakes, 1);
    uv_close((uv_handle_t *)&poll, NULL);
    loop_turn(loop, 0);
    close(ends[0]);
    close(ends[1]);
}

enum { POSTERS = 4, POSTS = 5000 };

struct posted {
    unsigned poster, number;
};

static unsigned next_of[POSTERS], posts_done;
static bool posts_disordered;

static void count_post(void *arg)
{
    struct posted *p = arg;
    posts_disordered |= p->number != next_of[p->poster]++;
    posts_done++;
    free(p);
}

static void *post_many(void *arg)
{
    unsigned poster = *(unsigned *)arg;
    for (unsigned i = 0; i < POSTS; i++) {
        struct posted *p = xmalloc(sizeof(*p));
        *p = (struct posted){poster, i};
        loop_post(loop, count_post, p);
    }
    return NULL;
}

static void test_posts_of_threads_arrive_once_and_in_order(void **state)
{
    (void)state;
    pthread_t threads[POSTERS];
    unsigned numbers[POSTERS];
    posts_done = 0;
    posts_disordered = false;
    memset(next_of, 0, sizeof(next_of));
    for (unsigned i = 0; i < POSTERS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, &numbers[i]), 0);
    }
    assert_true(harness_until(loop, &posts_done, POSTERS * POSTS, 20000));
    for (unsigned i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
    assert_false(posts_disordered);
}

static void test_what_is_posted_last_runs_when_the_loop_is_destroyed(void **state)
{
    (void)state;
    static char letter[] = "x";
    struct loop *other = loop_create();
    loop_post(other, note, letter);
    loop_destroy(&other);
    assert_string_equal(order, "x");
}

static void stop(void *arg)
{
    loop_stop(arg);
}

static void test_running_until_stopped_and_the_time_of_the_turn(void **state)
{
    (void)state;
    struct timer t;
    timer_init(&t, loop, stop, loop);
    timer_start_ms(&t, 5);
    mono_t before = clock_mono();
    loop_run(loop);
    assert_true(mono_diff_ms(clock_mono(), before) >= 5);
    assert_true(mono_diff_ns(loop_last_turn(loop), before) > 0);
    at(123);
    assert_int_equal(loop_now(loop).ns, clock_mono().ns);
}

static void dawdle(void *arg)
{
    nanosleep(arg, NULL);
}

static void test_the_longest_turn_is_told_once(void **state)
{
    (void)state;
    struct timespec pause = {.tv_nsec = 60 * NS_PER_MS};
    struct timer t;
    timer_init(&t, loop, dawdle, &pause);
    timer_start_ms(&t, 1);
    while (timer_is_active(&t))
        loop_turn(loop, 10);
    loop_turn(loop, 0);
    assert_true(loop_take_worst_turn_ms(loop) >= 50); /* libuv's clock is coarse */
    assert_int_equal(loop_take_worst_turn_ms(loop), 0);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_timers_fire_in_order_of_their_due_times),
        TEST(test_no_timer_fires_before_its_nanosecond),
        TEST(test_real_timers_are_never_early_and_hardly_late),
        TEST(test_a_timer_started_as_due_waits_for_the_next_turn),
        TEST(test_a_due_timer_can_be_stopped_by_another),
        TEST(test_many_timers_against_a_model),
        TEST(test_input_comes_before_timers_and_hooks_come_last),
        TEST(test_a_hook_that_schedules_itself_runs_once_a_turn),
        TEST(test_a_hook_schedules_one_that_has_not_run_for_the_same_turn),
        TEST(test_hooks_can_be_cancelled_in_any_place),
        TEST(test_a_hook_of_a_close_callback_runs_before_the_loop_waits),
        TEST(test_posts_wake_only_a_loop_that_waits_and_once),
        TEST(test_posts_of_threads_arrive_once_and_in_order),
        TEST(test_what_is_posted_last_runs_when_the_loop_is_destroyed),
        TEST(test_running_until_stopped_and_the_time_of_the_turn),
        TEST(test_the_longest_turn_is_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
