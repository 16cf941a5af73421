/*
 * ledger: a process killed at any instruction leaves a file that recovers to what was before the
 * call or to what is after it, never to anything else.
 *
 * The mapped file is the page cache, which a kill leaves as it is. So one child runs the call under
 * PTRACE_SINGLESTEP and after each instruction that changed the file the parent recovers a copy of
 * it: that is a kill at every instruction. A second test really kills, at random moments.
 */
#include "unit_test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ledger_files.h"

static const struct ledger_outcome accepted = {
    .kind = IPC_OUTCOME_ACCEPTED,
    .latency_us = 99,
    .at_ms = 55,
    .response = {.data = (const uint8_t *)"message-id", .len = 10},
};
static const struct ledger_outcome refused = {.kind = IPC_OUTCOME_REFUSED, .status = 0x14};
static const struct ledger_outcome unknown = {.kind = IPC_OUTCOME_UNKNOWN, .at_ms = 44};

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

/* --- the calls under test, and the ground they stand on --- */

static struct ledger_entry *add(struct ledger *l, uint64_t sequence, uint8_t segment)
{
    struct ipc_key key = test_key(sequence, segment);
    return ledger_add(l, operator_a, &key, 3, text_bytes("the context of a submit"));
}

static struct ledger_entry *entry_of(struct ledger *l, uint64_t sequence, uint8_t segment)
{
    struct ipc_key key = test_key(sequence, segment);
    struct ledger_entry *e;
    ledger_find(l, &key, &e);
    return e;
}

/* Sequences: 1 queued, 2 handed, 3 unknown, 4 refused, 5 three segments with outcomes, 6 nothing.
 */
static void prepare(struct ledger *l)
{
    for (uint64_t i = 0; i < ledger_keys_capacity(l); i++) { /* the ring is full */
        struct ipc_key key = test_key(100000 + i, 0);
        ledger_settle(l, &key, 1, no_owner, NULL);
    }
    add(l, 1, 1);
    ledger_mark_handed(l, add(l, 2, 1));
    ledger_set_outcome(l, add(l, 3, 1), &unknown);
    ledger_set_outcome(l, add(l, 4, 1), &refused);
    for (uint8_t segment = 1; segment <= 3; segment++)
        ledger_set_outcome(l, add(l, 5, segment), &accepted);
    ledger_set_floor(l, operator_a, 7, 1);
    ledger_set_floor(l, operator_a, 7, 2);
}

static void call_add(struct ledger *l)
{
    add(l, 6, 1);
}
static void call_mark_handed(struct ledger *l)
{
    ledger_mark_handed(l, entry_of(l, 1, 1));
}
static void call_outcome(struct ledger *l)
{
    ledger_set_outcome(l, entry_of(l, 2, 1), &accepted);
}
static void call_outcome_unsent(struct ledger *l)
{
    const struct ledger_outcome expired = {.kind = IPC_OUTCOME_EXPIRED};
    ledger_set_outcome(l, entry_of(l, 1, 1), &expired);
}
static void call_late_outcome(struct ledger *l)
{
    ledger_set_outcome(l, entry_of(l, 3, 1), &accepted);
}
static void call_retry(struct ledger *l)
{
    ledger_retry(l, entry_of(l, 4, 1), text_bytes("another context"));
}
static void call_settle(struct ledger *l)
{
    struct ipc_key message = test_key(5, 0);
    ledger_settle(l, &message, 2, no_owner, NULL);
}
static void call_close(struct ledger *l)
{
    struct ipc_key message = test_key(1, 0);
    ledger_close(l, &message, 2, no_owner, NULL);
}
static void call_close_nothing(struct ledger *l)
{
    struct ipc_key message = test_key(6, 0);
    ledger_close(l, &message, 2, no_owner, NULL);
}
static void call_floor(struct ledger *l)
{
    ledger_set_floor(l, operator_a, 7, 3);
}
static void call_new_floor(struct ledger *l)
{
    ledger_set_floor(l, operator_b, 8, 9);
}

static const struct {
    const char *name;
    void (*call)(struct ledger *l);
} calls[] = {
    {"add", call_add},
    {"mark handed", call_mark_handed},
    {"outcome", call_outcome},
    {"outcome of what was not sent", call_outcome_unsent},
    {"late outcome", call_late_outcome},
    {"retry", call_retry},
    {"settle", call_settle},
    {"close", call_close},
    {"close what is unknown", call_close_nothing},
    {"floor", call_floor},
    {"new floor", call_new_floor},
};

/* --- what a recovered ledger says --- */

#define SEEN_SIZE 4096

static void see_entry(struct ledger *l, uint64_t sequence, uint8_t segment, char *out)
{
    struct ledger_entry *e;
    struct ipc_key key = test_key(sequence, segment);
    enum ledger_state state = ledger_find(l, &key, &e);
    size_t len = strlen(out);
    if (!e) {
        snprintf(out + len, SEEN_SIZE - len, "%u/%u: %d\n", (unsigned)sequence, segment, state);
        return;
    }
    struct ledger_outcome o = ledger_outcome(e);
    struct bytes context = ledger_context(e);
    snprintf(out + len, SEEN_SIZE - len,
             "%u/%u: %d attempt %u kind %d status %x \"%.*s\" \"%.*s\"\n", (unsigned)sequence,
             segment, state, ledger_key(e).attempt, o.kind, o.status, (int)o.response.len,
             (const char *)o.response.data, (int)context.len, (const char *)context.data);
}

/* The newest settled keys must be there: all but the two that new records replace. */
static void see_keys(struct ledger *l, char *out)
{
    uint32_t missing = 0, capacity = ledger_keys_capacity(l);
    for (uint64_t i = 2; i < capacity; i++) {
        struct ledger_entry *e;
        struct ipc_key key = test_key(100000 + i, 0);
        missing += ledger_find(l, &key, &e) != LEDGER_SETTLED;
    }
    size_t len = strlen(out);
    snprintf(out + len, SEEN_SIZE - len, "settled keys missing: %u\n", missing);
}

/* Recovers a copy of the file, goes on with another message, and describes all that matters. */
static void see(const void *file, size_t len, char *out)
{
    struct ledger_recovery r;
    uint64_t stream, sequence;
    struct ipc_key another = test_key(7, 0);
    files_write(files_path("copy"), file, len);
    struct ledger *l = files_open(files_path("copy"), &r);
    assert_false(r.fresh);
    ledger_settle(l, &another, 3, no_owner, NULL);
    snprintf(out, SEEN_SIZE, "corrupt %u, used %u\n", r.corrupt, ledger_used(l));
    for (uint64_t i = 1; i <= 6; i++)
        see_entry(l, i, 1, out);
    see_entry(l, 5, 2, out);
    see_entry(l, 5, 3, out);
    see_keys(l, out);
    static const uint8_t *const operators[] = {operator_a, operator_b};
    for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
        size_t at = strlen(out);
        if (ledger_floor(l, operators[i], &stream, &sequence))
            snprintf(out + at, SEEN_SIZE - at, "floor %u %u\n", (unsigned)stream,
                     (unsigned)sequence);
    }
    ledger_close_file(&l);
}

/* --- a kill at every instruction --- */

static void child_runs(void (*call)(struct ledger *l))
{
    struct ledger *l = files_open(files_path("ledger"), NULL);
    /* Opening has made outcomes of what was handed and forgotten what was queued. */
    if (!entry_of(l, 1, 1))
        add(l, 1, 1);
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(3);
    raise(SIGSTOP);
    call(l);
    raise(SIGSTOP);
    _exit(0);
}

/* True while the child is stopped by a step. */
static bool single_step(pid_t child)
{
    int status;
    if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) != 0)
        return false;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP;
}

static void try_call(size_t n, const uint8_t *ground, size_t len)
{
    static char before[SEEN_SIZE], after[SEEN_SIZE], between[SEEN_SIZE];
    static char candidates[64][SEEN_SIZE];
    size_t candidate_count = 0;
    int status;
    files_write(files_path("ledger"), ground, len);
    pid_t child = fork();
    if (child == 0)
        child_runs(calls[n].call);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSTOPPED(status)) {
        print_message("left out: deaths at each instruction, which take ptrace\n");
        skip();
    }

    int fd = open(files_path("ledger"), O_RDONLY);
    const uint8_t *live = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(live, MAP_FAILED);
    uint8_t *last = malloc(len);
    memcpy(last, live, len);
    see(last, len, before);
    size_t steps = 0, changes = 0;
    while (single_step(child)) {
        steps++;
        if (memcmp(last, live, len) == 0)
            continue;
        changes++;
        memcpy(last, live, len);
        see(last, len, between);
        bool seen = strcmp(between, before) == 0;
        for (size_t i = 0; i < candidate_count && !seen; i++)
            seen = strcmp(between, candidates[i]) == 0;
        if (!seen && candidate_count < ARRAY_LEN(candidates))
            strcpy(candidates[candidate_count++], between);
    }
    see(live, len, after);
    for (size_t i = 0; i < candidate_count; i++) {
        if (strcmp(candidates[i], after) != 0)
            fail_msg("%s, killed in the middle:\n%s\nbefore:\n%s\nafter:\n%s", calls[n].name,
                     candidates[i], before, after);
    }
    assert_true(steps > 20 && changes > 0);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    munmap((void *)live, len);
    close(fd);
    free(last);
}

static void killed_at_every_instruction(void **state)
{
    (void)state;
    size_t len;
    struct ledger *l = files_open(files_path("ground"), NULL);
    prepare(l);
    ledger_close_file(&l);
    uint8_t *ground = files_read(files_path("ground"), &len);
    for (size_t n = 0; n < ARRAY_LEN(calls); n++)
        try_call(n, ground, len);
    free(ground);
}

/* --- real kills, at random moments --- */

#define MESSAGES 64

/* What the child says about each message: done, and what it is about to do. */
struct journal {
    _Atomic int done[MESSAGES];    /* enum ledger_state, as recovery will see it */
    _Atomic int pending[MESSAGES]; /* the same after the call that runs */
    _Atomic uint32_t round;
};

/* What recovery makes of a state. */
static int recovered(enum ledger_state state)
{
    return state == LEDGER_QUEUED   ? LEDGER_NONE
           : state == LEDGER_HANDED ? LEDGER_OUTCOME
                                    : (int)state;
}

static void advance(struct ledger *l, struct journal *j, uint64_t i)
{
    struct ledger_entry *e;
    struct ipc_key key = test_key(i + 1000 * j->round, 1);
    enum ledger_state now = ledger_find(l, &key, &e);
    static const enum ledger_state next[] = {
        [LEDGER_NONE] = LEDGER_QUEUED,    [LEDGER_QUEUED] = LEDGER_HANDED,
        [LEDGER_HANDED] = LEDGER_OUTCOME, [LEDGER_OUTCOME] = LEDGER_SETTLED,
        [LEDGER_CLOSED] = LEDGER_SETTLED, [LEDGER_SETTLED] = LEDGER_SETTLED,
    };
    j->pending[i] = recovered(next[now]);
    switch (now) {
    case LEDGER_NONE:
        assert_non_null(ledger_add(l, operator_a, &key, 1, text_bytes("context")));
        break;
    case LEDGER_QUEUED:
        ledger_mark_handed(l, e);
        break;
    case LEDGER_HANDED:
        ledger_set_outcome(l, e, &accepted);
        break;
    default:
        ledger_settle(l, &key, 1, no_owner, NULL);
    }
    j->done[i] = j->pending[i];
}

static void child_walks(struct journal *j, uint64_t seed)
{
    struct chance chance = {seed};
    struct ledger *l = files_open(files_path("ledger"), NULL);
    for (;;)
        advance(l, j, chance_below(&chance, MESSAGES));
}

static void killed_at_random(void **state)
{
    (void)state;
    struct chance chance = {2024};
    struct journal *j =
        mmap(NULL, sizeof *j, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(j, MAP_FAILED);
    for (uint32_t round = 0; round < 150; round++) {
        memset(j, 0, sizeof *j);
        j->round = round;
        pid_t child = fork();
        if (child == 0)
            child_walks(j, round + 1);
        struct timespec wait = {.tv_nsec = 200000 + chance_below(&chance, 4000000)};
        nanosleep(&wait, NULL);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);

        struct ledger_recovery r;
        struct ledger *l = files_open(files_path("ledger"), &r);
        assert_int_equal(r.corrupt, 0);
        for (uint64_t i = 0; i < MESSAGES; i++) {
            struct ledger_entry *e;
            struct ipc_key key = test_key(i + 1000 * round, 1);
            int found = (int)ledger_find(l, &key, &e);
            if (found != j->done[i] && found != j->pending[i])
                fail_msg("round %u, message %u: %d, not %d or %d", round, (unsigned)i, found,
                         j->done[i], j->pending[i]);
            ledger_settle(l, &key, 1, no_owner, NULL);
        }
        assert_int_equal(ledger_used(l), 0);
        ledger_close_file(&l);
    }
    munmap(j, sizeof *j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(killed_at_every_instruction, begin, finish),
        cmocka_unit_test_setup_teardown(killed_at_random, begin, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
