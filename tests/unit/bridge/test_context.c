/* The context: round trips, what later versions append, and digests of destinations. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "bridge/context.h"

static struct context example(void)
{
    struct context c = {
        .message_id_known = 1,
        .segment = 3,
        .segments = 7,
        .strategy = 1,
        .concat_ref = 0xBEEF,
        .data_coding = 8,
        .attempt = 4,
        .not_after_ms = INT64_C(1776506400123),
        .destination_digest = UINT64_C(0x1122334455667788),
        .has_original_operator = 1,
        .unknown_resubmits = 1,
        .last_status = 0x58,
        .format = 0x1D000211,
    };
    memset(c.message_id, 0xA5, sizeof(c.message_id));
    memset(c.original_operator, 0x5A, sizeof(c.original_operator));
    strcpy(c.ack_subject, "$JS.ACK.SMS_DISPATCH.smpp-connector-x.1.42.17.1776506400123456789.5");
    strcpy(c.traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    return c;
}

static void assert_same(const struct context *a, const struct context *b)
{
    assert_string_equal(a->ack_subject, b->ack_subject);
    assert_string_equal(a->traceparent, b->traceparent);
    assert_memory_equal(a->message_id, b->message_id, sizeof(a->message_id));
    assert_memory_equal(a->original_operator, b->original_operator, sizeof(a->original_operator));
    assert_int_equal(a->message_id_known, b->message_id_known);
    assert_int_equal(a->segment, b->segment);
    assert_int_equal(a->segments, b->segments);
    assert_int_equal(a->strategy, b->strategy);
    assert_int_equal(a->concat_ref, b->concat_ref);
    assert_int_equal(a->data_coding, b->data_coding);
    assert_int_equal(a->attempt, b->attempt);
    assert_int_equal(a->unknown_resubmits, b->unknown_resubmits);
    assert_int_equal(a->not_after_ms, b->not_after_ms);
    assert_int_equal(a->destination_digest, b->destination_digest);
    assert_int_equal(a->has_original_operator, b->has_original_operator);
    assert_int_equal(a->last_status, b->last_status);
    assert_int_equal(a->format, b->format);
}

static void test_round_trip(void **state)
{
    (void)state;
    uint8_t packed[CONTEXT_MAX];
    size_t len;
    struct context in = example(), out;
    assert_true(context_encode(&in, packed, sizeof(packed), &len));
    assert_true(context_decode((struct bytes){packed, len}, &out));
    assert_same(&in, &out);

    struct context least = {.segments = 1, .segment = 1};
    assert_true(context_encode(&least, packed, sizeof(packed), &len));
    assert_true(context_decode((struct bytes){packed, len}, &out));
    assert_same(&least, &out);
}

static void test_largest_fits(void **state)
{
    (void)state;
    uint8_t packed[CONTEXT_MAX];
    size_t len;
    struct context in = example(), out;
    memset(in.ack_subject, 'a', sizeof(in.ack_subject) - 1);
    in.ack_subject[sizeof(in.ack_subject) - 1] = 0;
    assert_true(context_encode(&in, packed, sizeof(packed), &len));
    assert_true(context_decode((struct bytes){packed, len}, &out));
    assert_same(&in, &out);
    assert_false(context_encode(&in, packed, len - 1, &len));
}

static void test_cut_short_and_appended(void **state)
{
    (void)state;
    uint8_t packed[CONTEXT_MAX] = {0};
    size_t len;
    struct context in = example(), out;
    assert_true(context_encode(&in, packed, sizeof(packed), &len));
    for (size_t cut = 0; cut < len; cut++)
        assert_false(context_decode((struct bytes){packed, cut}, &out));
    packed[0] = 3; /* a later version appends */
    assert_true(context_decode((struct bytes){packed, len + 20}, &out));
    assert_same(&in, &out);
    packed[0] = 0; /* there was none before 1 */
    assert_false(context_decode((struct bytes){packed, len}, &out));
}

/* What a bridge of before left with the agent. */
static void test_version_1(void **state)
{
    (void)state;
    uint8_t packed[CONTEXT_MAX];
    size_t len;
    enum { APPENDED = 8 };
    struct context in = example(), out;
    assert_true(context_encode(&in, packed, sizeof(packed), &len));
    packed[0] = 1;
    assert_true(context_decode((struct bytes){packed, len - APPENDED}, &out));
    in.last_status = in.format = 0;
    assert_same(&in, &out);
}

static uint64_t digest(const char *address)
{
    return context_destination_digest(address, strlen(address));
}

static void test_digests(void **state)
{
    (void)state;
    static const char *const same[] = {"+99970000001", "99970000001", "0099970000001", "070000001",
                                       "999 7000-0001"};
    for (size_t i = 1; i < ARRAY_LEN(same); i++)
        assert_int_equal(digest(same[0]), digest(same[i]));
    assert_int_not_equal(digest("+99970000001"), digest("+99970000002"));
    assert_int_not_equal(digest("1234"), digest("234"));
    assert_int_not_equal(digest("Acme"), digest("Bcme"));
    assert_int_not_equal(digest(""), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_largest_fits),
        cmocka_unit_test(test_cut_short_and_appended),
        cmocka_unit_test(test_version_1),
        cmocka_unit_test(test_digests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
