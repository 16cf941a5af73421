/* Messages under way: found by key, moved between stages, counted, adopted from contexts. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bridge/mt.h"
#include "bridge/mt_submit.h"

struct rig {
    struct mno op;
    struct mt_path path;
    struct mt_operator mo;
};

static int setup(void **state)
{
    struct rig *r = calloc(1, sizeof(*r));
    r->path.with.loop = loop_create();
    r->path.expected = calloc(MT_EXPECTED_SIZE, sizeof(uint16_t));
    list_init(&r->path.work);
    r->mo.path = &r->path;
    r->mo.op = &r->op;
    list_init(&r->mo.work);
    list_append(&r->path.work, &r->mo.work); /* touched: nothing is scheduled */
    list_init(&r->mo.alive);
    for (size_t i = 0; i < MT_STAGES; i++)
        list_init(&r->mo.stages[i]);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    LIST_FOREACH (item, &r->mo.alive) {
        struct mt *mt = LIST_ENTRY(item, struct mt, alive);
        mt_destroy(&mt);
    }
    for (size_t i = 0; i < MT_STAGES; i++)
        assert_int_equal(r->mo.counts[i], 0);
    assert_int_equal(r->path.count, 0);
    assert_int_equal(r->path.ledger_reserved, 0);
    assert_int_equal(r->path.raw_octets, 0);
    assert_int_equal(r->mo.without_outcome, 0);
    for (size_t i = 0; i < MT_EXPECTED_SIZE; i++)
        assert_int_equal(r->path.expected[i], 0);
    while (r->path.pool) {
        struct mt *mt = r->path.pool;
        r->path.pool = mt->index_next;
        free(mt);
    }
    free(r->path.index);
    free(r->path.expected);
    loop_destroy(&r->path.with.loop);
    free(r);
    return 0;
}

static struct ipc_key key_of(uint64_t sequence)
{
    return (struct ipc_key){.stream = 77, .sequence = sequence, .time_ns = sequence * 3};
}

static void test_found_by_key(void **state)
{
    struct rig *r = *state;
    enum { MANY = 5000 };
    struct ipc_key key = key_of(1);
    assert_null(mt_find(&r->path, &key));
    for (uint64_t i = 1; i <= MANY; i++) {
        key = key_of(i);
        assert_non_null(mt_create(&r->mo, &key, MT_READY));
    }
    for (uint64_t i = 1; i <= MANY; i++) {
        key = key_of(i);
        key.segment = 3;
        key.attempt = 9; /* the same message */
        struct mt *mt = mt_find(&r->path, &key);
        assert_non_null(mt);
        assert_int_equal(mt->key.sequence, i);
        key.time_ns++;
        assert_null(mt_find(&r->path, &key));
        if (i % 2)
            mt_destroy(&mt);
    }
    assert_int_equal(r->path.count, MANY / 2);
    key = key_of(1);
    assert_null(mt_find(&r->path, &key));
    key = key_of(2);
    assert_non_null(mt_find(&r->path, &key));
}

static void test_stage_is_the_list(void **state)
{
    struct rig *r = *state;
    struct ipc_key key = key_of(1);
    struct mt *mt = mt_create(&r->mo, &key, MT_READY);
    for (int stage = 0; stage < MT_STAGES; stage++) {
        mt_move(mt, (enum mt_stage)stage);
        for (int other = 0; other < MT_STAGES; other++) {
            assert_int_equal(r->mo.counts[other], other == stage);
            assert_int_equal(list_empty(&r->mo.stages[other]), other != stage);
        }
    }
    key = key_of(2);
    struct mt *second = mt_create(&r->mo, &key, MT_ACK_SENT);
    mt_move(mt, MT_ACK_SENT); /* where it is: it keeps its turn */
    assert_ptr_equal(LIST_ENTRY(r->mo.stages[MT_ACK_SENT].next, struct mt, link), mt);
    assert_ptr_equal(LIST_ENTRY(r->mo.stages[MT_ACK_SENT].prev, struct mt, link), second);
}

static void test_segments_are_counted(void **state)
{
    struct rig *r = *state;
    struct ipc_key key = key_of(1);
    struct mt *mt = mt_create(&r->mo, &key, MT_READY);
    mt_set_segments(mt, 4);
    assert_int_equal(mt_count_segments(mt, SEGMENT_NEW), 4);
    for (int i = 0; i < 4; i++)
        mt_set_segment_state(&mt->segments[i], SEGMENT_OUT);
    assert_int_equal(r->mo.without_outcome, 4);
    mt_set_segment_state(&mt->segments[1], SEGMENT_STORING);
    mt_set_segment_state(&mt->segments[1], SEGMENT_DONE);
    assert_int_equal(r->mo.without_outcome, 3);
    mt->reserved = r->mo.ledger_reserved = r->path.ledger_reserved = 4;
    mt_submit_expect(mt);
    mt_submit_expect(mt);
    assert_int_equal(*mt_submit_expected(&r->path, &r->op, mt->destination_digest), 1);
    mt_keep_raw(mt, "abc", 3);
    mt_keep_raw(mt, "abcd", 4);
    assert_int_equal(r->path.raw_octets, 4);
    mt_destroy(&mt); /* everything is given back: see teardown() */

    key = key_of(2);
    mt = mt_create(&r->mo, &key, MT_READY);
    for (uint8_t count = 1; count < 4; count++) {
        mt_set_segments(mt, count);
        assert_int_equal(mt_count_segments(mt, SEGMENT_NEW), count);
        mt_forget_segments(mt);
        assert_int_equal(mt->segment_count, 0);
    }
    mt_destroy(&mt);
}

static void test_adopted_from_its_context(void **state)
{
    struct rig *r = *state;
    struct ipc_key key = key_of(1);
    struct mt *mt = mt_create(&r->mo, &key, MT_READY);
    mt_set_segments(mt, 3);
    strcpy(mt->ack_subject, "$JS.ACK.S.c.1.2.3.4.5");
    mt->not_after_ms = 4711;
    mt->concat_ref = 99;
    mt->format = 0x1D000211;
    mt->destination_digest = 5;
    mt->segments[1].refusals = 2;
    mt->segments[1].resubmits = 1;
    mt->segments[1].last_status = 0x58;
    struct context c = mt_context(mt, &mt->segments[1]);
    assert_int_equal(c.segment, 2);
    assert_int_equal(c.segments, 3);
    mt_destroy(&mt);

    mt = mt_create(&r->mo, &key, MT_AT_AGENT);
    mt_adopt_context(mt, &c);
    assert_int_equal(mt->segment_count, 3);
    assert_string_equal(mt->ack_subject, "$JS.ACK.S.c.1.2.3.4.5");
    assert_int_equal(mt->not_after_ms, 4711);
    assert_int_equal(mt->concat_ref, 99);
    assert_int_equal(mt->format, 0x1D000211);
    assert_int_equal(mt->segments[1].refusals, 2);
    assert_int_equal(mt->segments[1].resubmits, 1);
    assert_int_equal(mt->segments[0].refusals, 0);
    mt_set_expired(mt);
    assert_int_equal(mt->end_status, 0x58);
}

static void test_stream_names(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"$JS.ACK.SMS_DISPATCH.smpp-connector-x.1.2.3.4.5", "SMS_DISPATCH"},
        {"$JS.ACK.hub.ACCOUNT.SMS_DISPATCH.smpp-connector-x.1.2.3.4.5", "SMS_DISPATCH"},
        {"$JS.ACK.hub.ACCOUNT.SMS_DISPATCH.smpp-connector-x.1.2.3.4.5.rAnDoM", "SMS_DISPATCH"},
        {"$JS.ACK.too.short", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char name[64] = "";
        bool ok = mt_stream_name(rows[i][0], name, sizeof(name));
        assert_int_equal(ok, rows[i][1] != NULL);
        if (ok)
            assert_string_equal(name, rows[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_found_by_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stage_is_the_list, setup, teardown),
        cmocka_unit_test_setup_teardown(test_segments_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_adopted_from_its_context, setup, teardown),
        cmocka_unit_test(test_stream_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
