/* Real signals to this process, counted on the loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <signal.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/signals.h"
#include "tests/unit/common/harness.h"

static unsigned terminations, last_count, reloads;

static void terminate(void *arg, unsigned count)
{
    assert_ptr_equal(arg, &reloads);
    terminations++;
    last_count = count;
}

static void reload(void *arg)
{
    assert_ptr_equal(arg, &reloads);
    reloads++;
}

static void test_signals_become_callbacks(void **state)
{
    (void)state;
    struct loop *loop = loop_create();
    struct signals *s = signals_create(loop, terminate, reload, &reloads);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    assert_int_equal(write(ends[1], "x", 1), -1); /* EPIPE, and still alive */
    close(ends[1]);
    kill(getpid(), SIGHUP);
    assert_true(harness_until(loop, &reloads, 1, 5000));
    kill(getpid(), SIGTERM);
    assert_true(harness_until(loop, &terminations, 1, 5000));
    assert_int_equal(last_count, 1);
    kill(getpid(), SIGINT);
    assert_true(harness_until(loop, &terminations, 2, 5000));
    assert_int_equal(last_count, 2);
    kill(getpid(), SIGHUP); /* not read: left for who comes after */
    signals_destroy(&s);
    assert_null(s);
    signals_destroy(&s);
    s = signals_create(loop, terminate, reload, &reloads);
    assert_true(harness_until(loop, &reloads, 2, 5000));
    signals_destroy(&s);
    loop_destroy(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_signals_become_callbacks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
