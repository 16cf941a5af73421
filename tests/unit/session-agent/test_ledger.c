/* ledger: states, keys, lists, floors, and a random walk with restarts. */
#include "unit_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
    .bind = 3,
    .status = 0,
    .latency_us = 1234,
    .at_ms = 55,
    .response = {.data = (const uint8_t *)"id-1", .len = 5},
};
static const struct ledger_outcome refused = {.kind = IPC_OUTCOME_REFUSED, .status = 0x58};
static const struct ledger_outcome unknown = {.kind = IPC_OUTCOME_UNKNOWN};

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

static void settle(struct ledger *l, uint64_t sequence, uint32_t now_s)
{
    struct ipc_key key = test_key(sequence, 0);
    ledger_settle(l, &key, now_s, no_owner, NULL);
}

static void reopen(struct ledger **l, struct ledger_recovery *r)
{
    ledger_close_file(l);
    *l = files_open(files_path("ledger"), r);
}

static void default_size_has_room(void **state)
{
    (void)state;
    struct ledger *l;
    struct ledger_recovery r;
    char error[256];
    assert_int_equal(
        ledger_open(files_path("ledger"), LEDGER_BYTES_DEFAULT, 0, &l, &r, error, sizeof error), 0);
    assert_true(r.fresh);
    assert_string_equal(r.note, "");
    assert_true(ledger_capacity(l) >= 25000);
    assert_true(ledger_keys_capacity(l) >= LEDGER_KEYS_WANTED);
    struct stat st;
    assert_int_equal(stat(files_path("ledger"), &st), 0);
    assert_int_equal(st.st_size, LEDGER_BYTES_DEFAULT);
    assert_true(st.st_blocks * 512 >= st.st_size); /* preallocated */
    assert_int_equal(st.st_mode & 0777, 0600);
    ledger_close_file(&l);
    assert_null(l);
    ledger_close_file(&l);
}

static void a_submit_lives(void **state)
{
    (void)state;
    struct ledger *l = files_open(files_path("ledger"), NULL);
    int owner;
    assert_int_equal(state_of(l, 1, 1), LEDGER_NONE);
    struct ledger_entry *e = add(l, 1, 1, "context");
    assert_int_equal(state_of(l, 1, 1), LEDGER_QUEUED);
    assert_int_equal(state_of(l, 1, 2), LEDGER_NONE);
    assert_null(ledger_owner(e));
    ledger_set_owner(e, &owner);
    assert_ptr_equal(ledger_owner(entry_of(l, 1, 1)), &owner);
    ledger_set_owner(e, NULL);
    assert_int_equal(ledger_segments(e), 3);
    assert_memory_equal(ledger_operator_id(e), operator_a, 16);
    assert_memory_equal(ledger_context(e).data, "context", 7);
    struct ipc_key message = test_key(1, 0);
    assert_false(ledger_in_flight(l, &message));
    ledger_mark_handed(l, e);
    assert_true(ledger_in_flight(l, &message));
    assert_int_equal(state_of(l, 1, 1), LEDGER_HANDED);
    assert_true(ledger_set_outcome(l, e, &accepted));
    assert_int_equal(state_of(l, 1, 1), LEDGER_OUTCOME);
    struct ledger_outcome o = ledger_outcome(e);
    assert_int_equal(o.kind, IPC_OUTCOME_ACCEPTED);
    assert_int_equal(o.latency_us, 1234);
    assert_int_equal(o.bind, 3);
    assert_int_equal(o.at_ms, 55);
    assert_int_equal(o.response.len, 5);
    assert_memory_equal(o.response.data, "id-1", 5);
    assert_int_equal(ledger_used(l), 1);
    assert_int_equal(ledger_operator_used(l, operator_a), 1);
    assert_int_equal(ledger_operator_used(l, operator_b), 0);
    settle(l, 1, 100);
    assert_int_equal(ledger_used(l), 0);
    assert_int_equal(state_of(l, 1, 1), LEDGER_SETTLED);
    assert_int_equal(state_of(l, 1, 9), LEDGER_SETTLED);
    settle(l, 1, 100); /* again: harmless */
    settle(l, 2, 100); /* never known: remembered */
    assert_int_equal(state_of(l, 2, 1), LEDGER_SETTLED);
    ledger_close_file(&l);
}

static void what_a_restart_makes_of_each_state(void **state)
{
    (void)state;
    struct ledger *l = files_open(files_path("ledger"), NULL);
    struct ledger_recovery r;
    add(l, 1, 1, "queued");
    ledger_mark_handed(l, add(l, 2, 1, "handed"));
    ledger_set_outcome(l, add(l, 3, 1, "accepted"), &accepted);
    ledger_set_outcome(l, add(l, 4, 1, "refused"), &refused);
    ledger_set_outcome(l, add(l, 5, 1, "unknown"), &unknown);
    ledger_set_outcome(l, add(l, 6, 1, "settled"), &accepted);
    settle(l, 6, 100);
    struct ledger_entry *e = add(l, 7, 1, "refused");
    ledger_set_outcome(l, e, &refused);
    ledger_retry(l, e, text_bytes("retried, still queued"));
    e = add(l, 8, 1, "refused");
    ledger_set_outcome(l, e, &refused);
    ledger_retry(l, e, text_bytes("retried and handed"));
    ledger_mark_handed(l, e);
    reopen(&l, &r);
    assert_false(r.fresh);
    assert_int_equal(r.outcomes, 3);
    assert_int_equal(r.unknown, 2);
    assert_int_equal(r.forgotten, 2);
    assert_int_equal(r.corrupt, 0);
    assert_int_equal(r.keys, 1);
    assert_int_equal(ledger_used(l), 5);
    assert_int_equal(ledger_operator_used(l, operator_a), 5);

    assert_int_equal(state_of(l, 1, 1), LEDGER_NONE);
    assert_int_equal(ledger_outcome(entry_of(l, 2, 1)).kind, IPC_OUTCOME_UNKNOWN);
    assert_int_equal(ledger_outcome(entry_of(l, 2, 1)).at_ms, RECOVERY_WALL_MS);
    assert_memory_equal(ledger_context(entry_of(l, 2, 1)).data, "handed", 6);
    assert_int_equal(ledger_outcome(entry_of(l, 3, 1)).kind, IPC_OUTCOME_ACCEPTED);
    assert_memory_equal(ledger_outcome(entry_of(l, 3, 1)).response.data, "id-1", 5);
    assert_int_equal(ledger_outcome(entry_of(l, 4, 1)).status, 0x58);
    assert_int_equal(ledger_outcome(entry_of(l, 5, 1)).kind, IPC_OUTCOME_UNKNOWN);
    assert_int_equal(state_of(l, 6, 1), LEDGER_SETTLED);
    assert_int_equal(state_of(l, 7, 1), LEDGER_NONE);
    assert_int_equal(ledger_key(entry_of(l, 8, 1)).attempt, 1);
    assert_memory_equal(ledger_context(entry_of(l, 8, 1)).data, "retried and handed", 18);
    assert_null(ledger_owner(entry_of(l, 8, 1)));
    ledger_close_file(&l);
}

static void only_unknown_is_replaced(void **state)
{
    (void)state;
    struct ledger *l = files_open(files_path("ledger"), NULL);
    struct ledger_entry *e = add(l, 1, 1, "");
    ledger_mark_handed(l, e);
    assert_true(ledger_set_outcome(l, e, &unknown));
    assert_true(ledger_set_outcome(l, e, &accepted)); /* late */
    assert_false(ledger_set_outcome(l, e, &refused)); /* twice */
    assert_int_equal(ledger_outcome(e).kind, IPC_OUTCOME_ACCEPTED);
    ledger_close_file(&l);
}

static void long_texts_are_cut_or_kept(void **state)
{
    (void)state;
    struct ledger *l = files_open(files_path("ledger"), NULL);
    char context[LEDGER_CONTEXT_MAX + 1], response[400];
    memset(context, 'c', sizeof context);
    context[LEDGER_CONTEXT_MAX] = '\0';
    memset(response, 'r', sizeof response);
    struct ledger_entry *e = add(l, 1, 1, context);
    struct ledger_outcome o = accepted;
    o.response = (struct bytes){.data = (const uint8_t *)response, .len = sizeof response};
    ledger_set_outcome(l, e, &o);
    reopen(&l, NULL);
    e = entry_of(l, 1, 1);
    assert_int_equal(ledger_context(e).len, LEDGER_CONTEXT_MAX);
    assert_int_equal(ledger_outcome(e).response.len, LEDGER_RESPONSE_MAX);
    assert_memory_equal(ledger_outcome(e).response.data, response, LEDGER_RESPONSE_MAX);
    ledger_close_file(&l);
}

struct gone {
    void *owners[8];
    size_t count;
};

static void on_gone(void *owner, void *arg)
{
    struct gone *gone = arg;
    gone->owners[gone->count++] = owner;
}

static void closing_a_message(void **state)
{
    (void)state;
    struct ledger *l = files_open(files_path("ledger"), NULL);
    struct gone gone = {.count = 0};
    int owner;
    struct ipc_key message = test_key(1, 0), other = test_key(2, 0), last = test_key(3, 0);
    /* Never heard of: it is remembered. */
    assert_int_equal(ledger_close(l, &message, 10, on_gone, &gone), IPC_CLOSE_DONE);
    assert_int_equal(ledger_close(l, &message, 10, on_gone, &gone), IPC_CLOSE_DONE);
    assert_int_equal(state_of(l, 1, 1), LEDGER_CLOSED);
    /* One segment queued, one answered, one in flight. */
    struct ledger_entry *queued = add(l, 2, 1, "queued");
    ledger_set_owner(queued, &owner);
    ledger_set_outcome(l, add(l, 2, 2, "answered"), &refused);
    struct ledger_entry *handed = add(l, 2, 3, "handed");
    ledger_mark_handed(l, handed);
    assert_int_equal(ledger_close(l, &other, 10, on_gone, &gone), IPC_CLOSE_IN_FLIGHT);
    assert_int_equal(state_of(l, 2, 1), LEDGER_QUEUED);
    assert_int_equal(gone.count, 0);
    ledger_set_outcome(l, handed, &unknown);
    assert_int_equal(ledger_close(l, &other, 10, on_gone, &gone), IPC_CLOSE_DONE);
    assert_int_equal(gone.count, 1);
    assert_ptr_equal(gone.owners[0], &owner);
    assert_int_equal(state_of(l, 2, 1), LEDGER_CLOSED);
    assert_int_equal(state_of(l, 2, 2), LEDGER_OUTCOME);
    assert_int_equal(ledger_used(l), 2);
    reopen(&l, NULL);
    assert_int_equal(state_of(l, 1, 1), LEDGER_CLOSED);
    assert_int_equal(state_of(l, 2, 1), LEDGER_CLOSED);
    assert_int_equal(state_of(l, 2, 3), LEDGER_OUTCOME);
    settle(l, 2, 11);
    assert_int_equal(state_of(l, 2, 1), LEDGER_SETTLED);
    assert_int_equal(ledger_used(l), 0);
    settle(l, 3, 11);
    assert_int_equal(ledger_close(l, &last, 11, on_gone, &gone), IPC_CLOSE_SETTLED);
    reopen(&l, NULL);
    assert_int_equal(state_of(l, 2, 1), LEDGER_SETTLED); /* the newer word counts */
    ledger_close_file(&l);
}

static void full_and_free_again(void **state)
{
    (void)state;
    struct ledger *l = files_open(files_path("ledger"), NULL);
    struct ledger_recovery r;
    uint32_t capacity = ledger_capacity(l);
    assert_true(capacity > 500);
    for (uint32_t i = 0; i < capacity; i++)
        ledger_mark_handed(l, add(l, i, 1, "x"));
    assert_null(add(l, capacity, 1, "x"));
    settle(l, 5, 1);
    struct ledger_entry *e = add(l, capacity, 1, "new");
    assert_non_null(e);
    ledger_forget(l, &e);
    assert_null(e);
    assert_int_equal(state_of(l, capacity, 1), LEDGER_NONE);
    assert_int_equal(ledger_used(l), capacity - 1);
    reopen(&l, &r);
    assert_int_equal(r.unknown, capacity - 1);
    assert_int_equal(ledger_used(l), capacity - 1);
    assert_non_null(add(l, capacity, 1, "new"));
    assert_null(add(l, capacity + 1, 1, "x"));
    ledger_close_file(&l);
}

static void the_newest_settled_keys_are_kept(void **state)
{
    (void)state;
    struct ledger *l = files_open(files_path("ledger"), NULL);
    struct ledger_recovery r;
    uint64_t capacity = ledger_keys_capacity(l);
    for (uint64_t i = 0; i < 3 * capacity; i++)
        settle(l, i, (uint32_t)(i * 200 / capacity)); /* 200 s a round */
    for (int round = 0; round < 2; round++) {
        assert_int_equal(state_of(l, 2 * capacity - 1, 1), LEDGER_NONE);
        for (uint64_t i = 2 * capacity; i < 3 * capacity; i++)
            assert_int_equal(state_of(l, i, 1), LEDGER_SETTLED);
        reopen(&l, &r);
        assert_int_equal(r.keys, capacity);
    }
    ledger_close_file(&l);
}

struct listed {
    struct ledger *ledger;
    uint64_t sequences[16];
    size_t count;
    bool forget;
};

static void list(struct ledger_entry *e, void *arg)
{
    struct listed *listed = arg;
    listed->sequences[listed->count++] = ledger_key(e).sequence;
    if (listed->forget)
        ledger_forget(listed->ledger, &e);
}

static void lists_by_operator(void **state)
{
    (void)state;
    struct ledger *l = files_open(files_path("ledger"), NULL);
    for (uint64_t i = 0; i < 8; i++) {
        struct ipc_key key = test_key(i, 0);
        struct ledger_entry *e =
            ledger_add(l, i % 2 ? operator_b : operator_a, &key, 1, text_bytes("x"));
        ledger_set_outcome(l, e, &accepted);
    }
    for (int round = 0; round < 2; round++) {
        struct listed all = {.count = 0}, of_b = {.count = 0};
        ledger_each(l, NULL, list, &all);
        ledger_each(l, operator_b, list, &of_b);
        assert_int_equal(all.count, 8);
        assert_int_equal(of_b.count, 4);
        for (uint64_t i = 0; i < 8; i++)
            assert_int_equal(all.sequences[i], i);
        for (uint64_t i = 0; i < 4; i++)
            assert_int_equal(of_b.sequences[i], 2 * i + 1);
        reopen(&l, NULL);
    }
    struct listed gone = {.ledger = l, .forget = true};
    ledger_each(l, operator_b, list, &gone);
    assert_int_equal(ledger_operator_used(l, operator_b), 0);
    assert_int_equal(ledger_used(l), 4);
    ledger_each(l, (const uint8_t *)"operator-unknown", list, &gone);
    assert_int_equal(gone.count, 4);
    ledger_close_file(&l);
}

static void floors_are_kept(void **state)
{
    (void)state;
    struct ledger *l = files_open(files_path("ledger"), NULL);
    struct ledger_recovery r;
    uint64_t stream, sequence;
    uint8_t id[16] = {0};
    assert_false(ledger_floor(l, operator_a, &stream, &sequence));
    for (uint64_t i = 1; i <= 5; i++) {
        assert_true(ledger_set_floor(l, operator_a, 9, i));
        assert_true(ledger_set_floor(l, operator_b, 8, 100 * i));
        reopen(&l, &r);
        assert_int_equal(r.floors, 2);
        assert_true(ledger_floor(l, operator_a, &stream, &sequence));
        assert_int_equal(stream, 9);
        assert_int_equal(sequence, i);
        assert_true(ledger_floor(l, operator_b, &stream, &sequence));
        assert_int_equal(sequence, 100 * i);
    }
    unsigned more = 0;
    for (; more < 100000; more++) {
        memcpy(id, &more, sizeof more);
        if (!ledger_set_floor(l, id, 1, more))
            break;
    }
    assert_in_range(more, 200, LEDGER_FLOORS_MAX);
    reopen(&l, &r);
    assert_int_equal(r.floors, more + 2);
    assert_true(ledger_set_floor(l, operator_a, 9, 77)); /* known ones still go on */
    ledger_close_file(&l);
}

/* --- a random walk with restarts --- */

#define MESSAGES 400
static struct {
    enum ledger_state state;
    enum ipc_outcome_kind kind;
    uint8_t attempt;
} model[MESSAGES];

static void walk_step(struct ledger *l, uint64_t i, uint32_t dice)
{
    struct ipc_key message = test_key(i, 0);
    struct ledger_entry *e = NULL;
    struct ipc_key key = test_key(i, 1);
    assert_int_equal(ledger_find(l, &key, &e), model[i].state);
    switch (model[i].state) {
    case LEDGER_NONE:
        if (dice == 0) {
            assert_int_equal(ledger_close(l, &message, 1, no_owner, NULL), IPC_CLOSE_DONE);
            model[i].state = LEDGER_CLOSED;
        } else if (add(l, i, 1, "walk")) {
            model[i].state = LEDGER_QUEUED;
            model[i].attempt = 0;
        }
        break;
    case LEDGER_QUEUED:
        if (dice == 0)
            ledger_forget(l, &e);
        else
            ledger_mark_handed(l, e);
        model[i].state = dice == 0 ? LEDGER_NONE : LEDGER_HANDED;
        break;
    case LEDGER_HANDED:
        model[i].kind = dice == 0 ? IPC_OUTCOME_UNKNOWN : IPC_OUTCOME_ACCEPTED;
        assert_true(ledger_set_outcome(l, e, dice == 0 ? &unknown : &accepted));
        model[i].state = LEDGER_OUTCOME;
        break;
    case LEDGER_OUTCOME:
        assert_int_equal(ledger_outcome(e).kind, model[i].kind);
        assert_int_equal(ledger_key(e).attempt, model[i].attempt);
        if (dice == 0) {
            ledger_retry(l, e, text_bytes("again"));
            model[i].state = LEDGER_QUEUED;
            model[i].attempt++;
        } else {
            settle(l, i, 1);
            model[i].state = LEDGER_SETTLED;
        }
        break;
    case LEDGER_CLOSED:
        settle(l, i, 1);
        model[i].state = LEDGER_SETTLED;
        break;
    case LEDGER_SETTLED:
        break;
    }
}

static void walk_restart(struct ledger **l)
{
    reopen(l, NULL);
    for (size_t i = 0; i < MESSAGES; i++) {
        if (model[i].state == LEDGER_QUEUED) {
            model[i].state = LEDGER_NONE;
        } else if (model[i].state == LEDGER_HANDED) {
            model[i].state = LEDGER_OUTCOME;
            model[i].kind = IPC_OUTCOME_UNKNOWN;
        }
    }
}

static void random_walk_with_restarts(void **state)
{
    (void)state;
    struct chance chance = {31};
    struct ledger *l = files_open(files_path("ledger"), NULL);
    for (int i = 0; i < 4000; i++) {
        walk_step(l, chance_below(&chance, MESSAGES), chance_below(&chance, 3));
        if (i % 50 == 49)
            walk_restart(&l);
        uint32_t used = 0;
        for (size_t k = 0; k < MESSAGES; k++)
            used += model[k].state >= LEDGER_QUEUED && model[k].state <= LEDGER_OUTCOME;
        assert_int_equal(ledger_used(l), used);
    }
    ledger_close_file(&l);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, finish)
    const struct CMUnitTest tests[] = {
        TEST(default_size_has_room),
        TEST(a_submit_lives),
        TEST(what_a_restart_makes_of_each_state),
        TEST(only_unknown_is_replaced),
        TEST(long_texts_are_cut_or_kept),
        TEST(closing_a_message),
        TEST(full_and_free_again),
        TEST(the_newest_settled_keys_are_kept),
        TEST(lists_by_operator),
        TEST(floors_are_kept),
        TEST(random_walk_with_restarts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
