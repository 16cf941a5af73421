/* ledger: files of every kind of damage, and opening that fails. */
#include "unit_test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ledger_files.h"

static int begin(void **state)
{
    (void)state;
    files_begin();
    return 0;
}

static int finish(void **state)
{
    (void)state;
    files_end();
    return 0;
}

static const struct ledger_outcome accepted = {
    .kind = IPC_OUTCOME_ACCEPTED,
    .status = 0,
    .latency_us = 1234,
    .at_ms = 55,
    .response = {.data = (const uint8_t *)"id-1", .len = 5},
};
static const struct ledger_outcome refused = {.kind = IPC_OUTCOME_REFUSED, .status = 0x58};

static struct ledger_entry *add(struct ledger *l, uint64_t sequence, uint8_t segment,
                                const char *context)
{
    struct ipc_key key = test_key(sequence, segment);
    return ledger_add(l, operator_a, &key, 3, text_bytes(context));
}

static enum ledger_state state_of(struct ledger *l, uint64_t sequence, uint8_t segment)
{
    struct ledger_entry *e;
    struct ipc_key key = test_key(sequence, segment);
    return ledger_find(l, &key, &e);
}

static struct ledger_entry *entry_of(struct ledger *l, uint64_t sequence, uint8_t segment)
{
    struct ledger_entry *e;
    struct ipc_key key = test_key(sequence, segment);
    ledger_find(l, &key, &e);
    assert_non_null(e);
    return e;
}

/* --- damage --- */

/* Changes one byte at `pattern` + `offset` in the closed file. */
static void damage(const char *pattern, long offset)
{
    size_t len;
    const char *path = files_path("ledger");
    uint8_t *data = files_read(path, &len);
    uint8_t *at = memmem(data, len, pattern, strlen(pattern));
    assert_non_null(at);
    at[offset] ^= 0x40;
    files_write(path, data, len);
    free(data);
}

static void a_damaged_entry_costs_only_itself(void **state)
{
    (void)state;
    struct ledger *l = files_open(files_path("ledger"), NULL);
    struct ledger_recovery r;
    for (uint64_t i = 1; i <= 4; i++) {
        char context[32];
        struct ledger_outcome o = accepted;
        snprintf(context, sizeof context, "context-%u", (unsigned)i);
        o.response = text_bytes(i == 3 ? "response-3" : "response-x");
        ledger_set_outcome(l, add(l, i, 1, context), &o);
    }
    ledger_close_file(&l);
    damage("context-2", 1);
    damage("response-3", 1);
    l = files_open(files_path("ledger"), &r);
    assert_false(r.fresh);
    assert_int_equal(r.corrupt, 1);
    assert_int_equal(r.outcomes, 2);
    assert_int_equal(r.unknown, 1);
    assert_int_equal(state_of(l, 2, 1), LEDGER_NONE);
    assert_int_equal(ledger_outcome(entry_of(l, 3, 1)).kind, IPC_OUTCOME_UNKNOWN);
    assert_int_equal(ledger_outcome(entry_of(l, 4, 1)).kind, IPC_OUTCOME_ACCEPTED);
    for (uint32_t i = 0; ledger_used(l) < ledger_capacity(l); i++)
        assert_non_null(add(l, 100 + i, 1, "x")); /* its slot is free */
    ledger_close_file(&l);
}

static void a_damaged_floor_falls_back_to_its_copy(void **state)
{
    (void)state;
    struct ledger *l = files_open(files_path("ledger"), NULL);
    uint64_t stream, sequence;
    ledger_set_floor(l, operator_a, 9, 1);
    ledger_set_floor(l, operator_a, 9, 2);
    ledger_close_file(&l);
    damage("operator-aaaaaaa", 24); /* the copy that lies first has the newer one */
    l = files_open(files_path("ledger"), NULL);
    assert_true(ledger_floor(l, operator_a, &stream, &sequence));
    assert_int_equal(sequence, 1);
    assert_true(ledger_set_floor(l, operator_b, 9, 5));
    assert_true(ledger_floor(l, operator_a, &stream, &sequence));
    ledger_close_file(&l);
}

static void random_damage_never_kills(void **state)
{
    (void)state;
    struct chance chance = {5};
    const char *path = files_path("ledger");
    size_t len;
    struct ledger *l = files_open(path, NULL);
    for (uint64_t i = 0; i < ledger_capacity(l); i++) {
        struct ledger_entry *e = add(l, i, 1, "context");
        ledger_mark_handed(l, e);
        if (i % 2)
            ledger_set_outcome(l, e, &accepted);
        struct ipc_key other = test_key(10000 + i, 0);
        ledger_settle(l, &other, 1, no_owner, NULL);
    }
    ledger_set_floor(l, operator_a, 1, 1);
    ledger_close_file(&l);
    uint8_t *good = files_read(path, &len);
    uint8_t *bad = malloc(len);
    for (int round = 0; round < 60; round++) {
        memcpy(bad, good, len);
        size_t from = round % 2 ? 0 : 4096;
        for (int i = 0; i < 1 << (round % 14); i++)
            bad[from + chance_below(&chance, (uint32_t)(len - from))] =
                (uint8_t)chance_below(&chance, 256);
        files_write(path, bad, len);
        l = files_open(path, NULL);
        for (uint64_t i = 0; i < 2000; i++)
            state_of(l, i, 1);
        for (uint32_t i = 0; ledger_used(l) < ledger_capacity(l); i++)
            ledger_set_outcome(l, add(l, 100000 + i, 1, "y"), &refused);
        ledger_close_file(&l);
    }
    free(good);
    free(bad);
}

static void expect_put_aside(const char *what)
{
    struct ledger_recovery r;
    struct ledger *l = files_open(files_path("ledger"), &r);
    struct stat st;
    assert_true(r.fresh);
    if (!strstr(r.note, what) || !strstr(r.note, ".bad"))
        fail_msg("\"%s\" does not say \"%s\"", r.note, what);
    assert_int_equal(stat(files_path("ledger.bad"), &st), 0);
    ledger_close_file(&l);
}

static void foreign_files_are_put_aside(void **state)
{
    (void)state;
    uint8_t other[8192] = "SQLite format 3";
    files_write(files_path("ledger"), other, 3);
    expect_put_aside("too short");
    files_write(files_path("ledger"), other, sizeof other);
    expect_put_aside("no ledger");
    damage("SMPPLEDG", 8);
    expect_put_aside("another version");
    damage("SMPPLEDG", 12);
    expect_put_aside("damaged");
    assert_int_equal(truncate(files_path("ledger"), SMALL_LEDGER / 2), 0);
    expect_put_aside("cut");
}

static void another_size_is_kept(void **state)
{
    (void)state;
    struct ledger *l = files_open(files_path("ledger"), NULL);
    struct ledger_recovery r;
    char error[256];
    ledger_set_outcome(l, add(l, 1, 1, "x"), &accepted);
    ledger_close_file(&l);
    assert_int_equal(
        ledger_open(files_path("ledger"), 2 * SMALL_LEDGER, 0, &l, &r, error, sizeof error), 0);
    assert_false(r.fresh);
    assert_int_equal(r.outcomes, 1);
    assert_non_null(strstr(r.note, "keeps"));
    ledger_close_file(&l);
}

/* --- opening that fails --- */

static void expect_failure(const char *path, size_t bytes, const char *what)
{
    struct ledger *l;
    struct ledger_recovery r;
    char error[256] = "";
    assert_int_equal(ledger_open(path, bytes, 0, &l, &r, error, sizeof error), -1);
    assert_null(l);
    if (!strstr(error, what))
        fail_msg("\"%s\" does not say \"%s\"", error, what);
}

static void says_why_it_cannot_open(void **state)
{
    (void)state;
    char path[512], in_use[600];
    snprintf(path, sizeof path, "%s", files_path("ledger"));
    snprintf(in_use, sizeof in_use, "%s is in use by another process", path);
    struct ledger *l = files_open(path, NULL);
    expect_failure(path, SMALL_LEDGER, in_use);
    ledger_close_file(&l);
    expect_failure(path, 1000, "at least");
    expect_failure(files_path("missing/ledger"), SMALL_LEDGER, "No such file");
    expect_failure("/dev/null", SMALL_LEDGER, "/dev/null is not a regular file");
}

static void a_full_volume_is_found_at_the_start(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {SMALL_LEDGER / 2, SMALL_LEDGER / 2};
        signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
            _exit(2);
        struct ledger *l;
        struct ledger_recovery r;
        char error[256] = "";
        int status =
            ledger_open(files_path("ledger"), SMALL_LEDGER, 0, &l, &r, error, sizeof error);
        _exit(status == -1 && strstr(error, "no room for a ledger of 1048576 bytes") ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    struct stat st;
    assert_int_equal(stat(files_path("ledger"), &st), -1);
    assert_int_equal(stat(files_path("ledger.new"), &st), -1);
}

static void the_sign_of_life(void **state)
{
    (void)state;
    struct ledger_pulse pulse;
    char error[256];
    assert_int_equal(ledger_peek(files_path("ledger"), &pulse, error, sizeof error), -1);
    struct ledger *l = files_open(files_path("ledger"), NULL);
    ledger_beat(l, 123456789);
    assert_int_equal(ledger_peek(files_path("ledger"), &pulse, error, sizeof error), 0);
    assert_int_equal(pulse.beat_ns, 123456789);
    assert_int_equal(pulse.pid, getpid());
    ledger_close_file(&l);
    files_write(files_path("ledger"), "xx", 2);
    assert_int_equal(ledger_peek(files_path("ledger"), &pulse, error, sizeof error), -1);
    assert_non_null(strstr(error, "too short"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, finish)
    const struct CMUnitTest tests[] = {
        TEST(a_damaged_entry_costs_only_itself),
        TEST(a_damaged_floor_falls_back_to_its_copy),
        TEST(random_damage_never_kills),
        TEST(foreign_files_are_put_aside),
        TEST(another_size_is_kept),
        TEST(says_why_it_cannot_open),
        TEST(a_full_volume_is_found_at_the_start),
        TEST(the_sign_of_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
