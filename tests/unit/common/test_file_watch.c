/* Files written, exchanged, removed; a ConfigMap's exchange of links; reading whole files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/clock.h"
#include "common/file_watch.h"
#include "tests/unit/common/harness.h"

static struct loop *loop;
static struct file_watch *watch;
static unsigned changes;
static char dir[64], path[160], other[96];

static void on_change(void *arg)
{
    (void)arg;
    changes++;
}

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
    (void)state;
    changes = 0;
    harness_make_dir(dir);
    snprintf(path, sizeof(path), "%s/operators.json", dir);
    snprintf(other, sizeof(other), "%s/other", dir);
    loop = loop_create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    file_watch_destroy(&watch);
    assert_null(watch);
    loop_destroy(&loop);
    harness_remove_dir(dir);
    return 0;
}

static void start(void)
{
    watch = file_watch_create(loop, path, on_change, NULL);
}

static void test_writing_exchanging_removing_and_coming_back(void **state)
{
    (void)state;
    write_file(path, "one");
    start();
    harness_turn_for(loop, 150);
    assert_int_equal(changes, 0);
    write_file(path, "two");
    assert_true(harness_until(loop, &changes, 1, 5000));
    write_file(other, "three");
    harness_turn_for(loop, 150);
    unsigned before = changes; /* a file beside it is none of its business */
    assert_int_equal(before, 1);
    assert_int_equal(rename(other, path), 0);
    assert_true(harness_until(loop, &changes, 2, 5000));
    assert_int_equal(unlink(path), 0);
    assert_true(harness_until(loop, &changes, 3, 5000));
    write_file(path, "four");
    assert_true(harness_until(loop, &changes, 4, 5000));
}

static void test_many_writes_are_few_changes(void **state)
{
    (void)state;
    start();
    mono_t began = clock_mono();
    for (int i = 0; i < 50; i++) {
        write_file(path, "x");
        loop_turn(loop, 0);
    }
    assert_true(harness_until(loop, &changes, 1, 5000));
    harness_turn_for(loop, 150);
    /* One for each 100 ms at most, however long the machine took for this. */
    assert_in_range(changes, 1, 1 + mono_diff_ms(clock_mono(), began) / 100);
}

/* As the kubelet does it: operators.json -> ..data/operators.json, ..data -> a directory. */
static void test_the_exchange_of_a_configmap(void **state)
{
    (void)state;
    char first[96], second[96], file[128], data[96], fresh[96];
    snprintf(first, sizeof(first), "%s/..1", dir);
    snprintf(second, sizeof(second), "%s/..2", dir);
    snprintf(data, sizeof(data), "%s/..data", dir);
    snprintf(fresh, sizeof(fresh), "%s/..data_tmp", dir);
    assert_int_equal(mkdir(first, 0755), 0);
    assert_int_equal(mkdir(second, 0755), 0);
    snprintf(file, sizeof(file), "%s/operators.json", first);
    write_file(file, "one");
    assert_int_equal(symlink("..1", data), 0);
    assert_int_equal(symlink("..data/operators.json", path), 0);
    start();
    snprintf(file, sizeof(file), "%s/operators.json", second);
    write_file(file, "two");
    harness_turn_for(loop, 150);
    assert_int_equal(changes, 0);
    assert_int_equal(symlink("..2", fresh), 0);
    assert_int_equal(rename(fresh, data), 0);
    assert_true(harness_until(loop, &changes, 1, 5000));
    char error[128];
    size_t len;
    char *text = file_read(path, 100, &len, error, sizeof(error));
    assert_string_equal(text, "two");
    free(text);

    unlink(file);
    snprintf(file, sizeof(file), "%s/operators.json", first);
    unlink(file);
    rmdir(first);
    rmdir(second);
}

static void test_a_directory_that_comes_later_is_found_by_looking(void **state)
{
    (void)state;
    char later[96];
    snprintf(later, sizeof(later), "%s/later", dir);
    snprintf(path, sizeof(path), "%s/file", later);
    mono_t now = clock_mono();
    start();
    assert_int_equal(mkdir(later, 0755), 0);
    write_file(path, "x");
    clock_set_mono_for_test(now.ns + 11 * NS_PER_S);
    loop_turn(loop, 0);
    clock_set_mono_for_test(-1);
    assert_int_equal(changes, 1);
    write_file(path, "y"); /* and by now it is watched */
    assert_true(harness_until(loop, &changes, 2, 5000));
    unlink(path);
    rmdir(later);
}

static void destroy_watch(void *arg)
{
    (void)arg;
    changes++;
    file_watch_destroy(&watch);
}

static void test_the_callback_may_destroy_the_watch(void **state)
{
    (void)state;
    watch = file_watch_create(loop, path, destroy_watch, NULL);
    write_file(path, "x");
    assert_true(harness_until(loop, &changes, 1, 5000));
    write_file(path, "y");
    harness_turn_for(loop, 150);
    assert_int_equal(changes, 1);
}

static void test_reading_whole_files(void **state)
{
    (void)state;
    char error[256];
    size_t len;
    write_file(path, "12345");
    char *text = file_read(path, 5, &len, error, sizeof(error));
    assert_string_equal(text, "12345");
    assert_int_equal(len, 5);
    free(text);
    assert_null(file_read(path, 4, &len, error, sizeof(error)));
    assert_non_null(strstr(error, "operators.json: larger than 4 bytes"));
    assert_null(file_read(dir, 100, &len, error, sizeof(error)));
    assert_non_null(strstr(error, "not a regular file"));
    assert_null(file_read("/nonexistent", 100, &len, error, sizeof(error)));
    assert_string_equal(error, "/nonexistent: No such file or directory");
    assert_int_equal(mkfifo(other, 0600), 0);
    assert_null(file_read(other, 100, &len, error, sizeof(error)));
    write_file(path, "");
    text = file_read(path, 0, &len, error, sizeof(error));
    assert_string_equal(text, "");
    free(text);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_writing_exchanging_removing_and_coming_back),
        TEST(test_many_writes_are_few_changes),
        TEST(test_the_exchange_of_a_configmap),
        TEST(test_a_directory_that_comes_later_is_found_by_looking),
        TEST(test_the_callback_may_destroy_the_watch),
        TEST(test_reading_whole_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
