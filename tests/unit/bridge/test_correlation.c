/* Correlations: the packed value, the dialects, the guard of the destination, what is under way. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bridge/correlation_codec.h"
#include "tests/unit/bridge/fakes.h"

#define KEY(id) "smpp:dlr:{" FAKE_OPERATOR_ID "}:" id
#define MESSAGE_A "aaaaaaaa-0000-4000-8000-000000000001"
#define MESSAGE_B "bbbbbbbb-0000-4000-8000-000000000002"
#define PHONE_A "99970000001"
#define PHONE_B "99970000002"

struct rig {
    struct redis *redis;
    struct operators *operators;
    struct mno *op;
    struct correlations *c;
    unsigned stored, failed;
    unsigned answers;
    enum correlation_result result;
    struct correlation entry;
};

static int setup(void **state)
{
    struct rig *r = xcalloc(1, sizeof(*r));
    r->redis = fake_redis_create();
    r->operators = operators_create();
    r->op = fake_operator(r->operators, FAKE_OPERATOR_ID);
    r->c = correlations_create(r->redis, 259200);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    fake_redis_destroy(r->redis);
    correlations_destroy(&r->c);
    operators_destroy(&r->operators);
    free(r);
    return 0;
}

static void on_stored(void *arg, bool ok)
{
    struct rig *r = arg;
    if (ok)
        r->stored++;
    else
        r->failed++;
}

static void on_found(void *arg, enum correlation_result result, const struct correlation *entry)
{
    struct rig *r = arg;
    r->answers++;
    r->result = result;
    if (entry)
        r->entry = *entry;
}

static struct correlation correlation(const char *message_id, const char *id, const char *phone)
{
    struct correlation c = {.segment = 1, .segments = 1};
    snprintf(c.message_id, sizeof(c.message_id), "%s", message_id);
    snprintf(c.operator_message_id, sizeof(c.operator_message_id), "%s", id);
    c.destination_digest = correlation_address_digest(phone);
    return c;
}

static void store(struct rig *r, const char *message_id, const char *id, const char *phone)
{
    struct correlation c = correlation(message_id, id, phone);
    assert_true(correlation_store(r->c, r->op, &c, on_stored, r));
}

static void find2(struct rig *r, const char *id, const char *second, const char *phone)
{
    struct correlation_query q = {.ids = {id, second},
                                  .digests = {correlation_address_digest(phone), 0}};
    unsigned before = r->answers;
    correlation_find(r->c, r->op, &q, on_found, r);
    fake_redis_answer(r->redis);
    assert_int_equal(r->answers, before + 1);
}

static void expect_found(struct rig *r, const char *id, const char *phone, const char *message_id)
{
    find2(r, id, "", phone);
    assert_int_equal(r->result, CORRELATION_FOUND);
    assert_string_equal(r->entry.message_id, message_id);
}

static void expect_missing(struct rig *r, const char *id, const char *phone)
{
    find2(r, id, "", phone);
    assert_int_equal(r->result, CORRELATION_MISSING);
}

static void test_value_round_trip(void **state)
{
    (void)state;
    struct correlation a = {
        .message_id = MESSAGE_A,
        .segment = 2,
        .segments = 255,
        .destination_digest = UINT64_C(0xfedcba9876543210),
        .traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        .original_operator = MESSAGE_B,
    };
    struct correlation b;
    char value[CORRELATION_VALUE_SIZE];
    size_t len = correlation_pack(&a, value);
    assert_true(correlation_unpack(value, len, &b));
    assert_string_equal(b.message_id, a.message_id);
    assert_string_equal(b.traceparent, a.traceparent);
    assert_string_equal(b.original_operator, a.original_operator);
    assert_true(b.destination_digest == a.destination_digest);
    assert_true(b.segment == a.segment && b.segments == a.segments);
    assert_int_equal(strncmp(value, MESSAGE_A " ", 37), 0);

    struct correlation bare = {.message_id = MESSAGE_A, .segment = 1, .segments = 1};
    len = correlation_pack(&bare, value);
    assert_string_equal(value, MESSAGE_A " 1 1 0000000000000000 - -");
    assert_true(correlation_unpack(value, len, &b));
    assert_string_equal(b.traceparent, "");
    assert_string_equal(b.original_operator, "");
}

static void test_values_of_others(void **state)
{
    (void)state;
    struct correlation c;
    static const char later[] = MESSAGE_A " 1 1 0000000000000000 - - more to come";
    assert_true(correlation_unpack(later, sizeof(later) - 1, &c));
    static const char *const bad[] = {
        "",
        " ",
        MESSAGE_A,
        MESSAGE_A " 1",
        MESSAGE_A " 1 1 00 - -",
        MESSAGE_A " 1 256 0000000000000000 - -",
        MESSAGE_A " x 1 0000000000000000 - -",
        MESSAGE_A " 1 1 0000000000000000 -",
        MESSAGE_A "0123456789 1 1 0000000000000000 - -",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(correlation_unpack(bad[i], strlen(bad[i]), &c));
}

static void test_stored_under_its_key_with_its_life(void **state)
{
    struct rig *r = *state;
    store(r, MESSAGE_A, "ABC123", PHONE_A);
    assert_int_equal(r->stored, 0);
    fake_redis_answer(r->redis);
    assert_int_equal(r->stored, 1);
    const char *value = fake_redis_get(r->redis, KEY("ABC123"));
    assert_non_null(value);
    assert_int_equal(strncmp(value, MESSAGE_A " 1 1 ", 41), 0);
    assert_int_equal(correlations_pending(r->c), 0);
    expect_found(r, "ABC123", PHONE_A, MESSAGE_A);
    assert_string_equal(r->entry.operator_message_id, "ABC123");
}

static void test_a_receipt_that_is_faster_than_our_write(void **state)
{
    struct rig *r = *state;
    store(r, MESSAGE_A, "early", PHONE_A);
    struct correlation_query q = {.ids = {"early", NULL},
                                  .digests = {correlation_address_digest(PHONE_A), 0}};
    correlation_find(r->c, r->op, &q, on_found, r);
    assert_int_equal(r->answers, 1); /* at once, Redis has answered nothing */
    assert_int_equal(r->result, CORRELATION_FOUND);
    assert_string_equal(r->entry.message_id, MESSAGE_A);
}

static void test_a_write_between_the_two_questions(void **state)
{
    struct rig *r = *state;
    struct correlation_query q = {.ids = {"early", NULL},
                                  .digests = {correlation_address_digest(PHONE_A), 0}};
    correlation_find(r->c, r->op, &q, on_found, r);
    store(r, MESSAGE_A, "early", PHONE_A); /* Redis has it before the second question */
    fake_redis_answer(r->redis);
    assert_int_equal(r->stored, 1);
    assert_int_equal(r->answers, 1);
    assert_int_equal(r->result, CORRELATION_FOUND);
    assert_string_equal(r->entry.message_id, MESSAGE_A);
}

static void test_a_write_that_failed_stays_findable(void **state)
{
    struct rig *r = *state;
    store(r, MESSAGE_A, "id-1", PHONE_A);
    fake_redis_lose(r->redis);
    assert_int_equal(r->failed, 1);
    assert_int_equal(correlations_pending(r->c), 1);
    find2(r, "id-1", "", PHONE_A);
    assert_int_equal(r->result, CORRELATION_FOUND);
    find2(r, "id-2", "", PHONE_A);
    assert_int_equal(r->result, CORRELATION_UNAVAILABLE);

    fake_redis_set_down(r->redis, false);
    store(r, MESSAGE_A, "id-1", PHONE_A);
    fake_redis_answer(r->redis);
    assert_int_equal(r->stored, 1);
    assert_int_equal(correlations_pending(r->c), 0);
}

static void test_a_read_only_redis_confirms_nothing(void **state)
{
    struct rig *r = *state;
    fake_redis_set_refusing(r->redis, true);
    store(r, MESSAGE_A, "id-1", PHONE_A);
    fake_redis_answer(r->redis);
    assert_int_equal(r->stored, 0);
    assert_int_equal(r->failed, 1);
}

static void test_refused_when_redis_is_away(void **state)
{
    struct rig *r = *state;
    struct correlation c = correlation(MESSAGE_A, "x", PHONE_A);
    fake_redis_set_down(r->redis, true);
    assert_false(correlation_store(r->c, r->op, &c, on_stored, r));
    assert_int_equal(correlations_pending(r->c), 0);
}

static void test_dialects(void **state)
{
    static const struct {
        const char *response, *receipt;
    } rows[] = {
        {"abc1", "abc1"},
        {"ABC1", "abc1"},
        {"abc1", "ABC1"},
        {"aBc1", "ABC1"},                                      /* alias */
        {"0001abCd", "1ABCD"},                                 /* alias */
        {"00123456", "123456"},                                /* zeros lost */
        {"123456", "0000123456"},                              /* zeros added */
        {"7b", "123"},                                         /* response hexadecimal */
        {"7B", "0000000123"},                                  /* padded decimal */
        {"123", "7B"},                                         /* receipt hexadecimal */
        {"DEADBEEFDEADBEEFDEAD", "1051570404382037444124333"}, /* beyond 64 bits */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        void *own;
        setup(&own);
        struct rig *r = own;
        store(r, MESSAGE_A, rows[i].response, PHONE_A);
        fake_redis_answer(r->redis);
        find2(r, rows[i].receipt, "", PHONE_A);
        if (r->result != CORRELATION_FOUND)
            fail_msg("%s does not find %s", rows[i].receipt, rows[i].response);
        assert_string_equal(r->entry.message_id, MESSAGE_A);
        teardown(&own);
    }
    (void)state;
}

static void test_exact_wins(void **state)
{
    struct rig *r = *state;
    store(r, MESSAGE_A, "7b", PHONE_A);
    store(r, MESSAGE_B, "123", PHONE_A);
    fake_redis_answer(r->redis);
    expect_found(r, "123", PHONE_A, MESSAGE_B);
}

static void test_never_another_destination(void **state)
{
    struct rig *r = *state;
    store(r, MESSAGE_A, "123", PHONE_A);
    store(r, MESSAGE_B, "200", PHONE_A);
    fake_redis_answer(r->redis);
    expect_missing(r, "123", PHONE_B); /* exact */
    expect_missing(r, "c8", PHONE_B);  /* 200 in hexadecimal */
    expect_found(r, "c8", PHONE_A, MESSAGE_B);
    assert_int_equal(correlations_dialect(r->c, r->op).other_destination, 2);
}

static void test_the_destination_decides_between_dialects(void **state)
{
    struct rig *r = *state;
    store(r, MESSAGE_A, "7b", PHONE_A); /* 123 */
    store(r, MESSAGE_B, "0123", PHONE_B);
    fake_redis_answer(r->redis);
    expect_found(r, "123", PHONE_A, MESSAGE_A);
    expect_found(r, "123", PHONE_B, MESSAGE_B);
}

static void test_ambiguity_is_refused(void **state)
{
    struct rig *r = *state;
    store(r, MESSAGE_A, "7b", PHONE_A);
    store(r, MESSAGE_B, "0123", PHONE_A);
    fake_redis_answer(r->redis);
    expect_missing(r, "123", PHONE_A);
    assert_int_equal(correlations_dialect(r->c, r->op).ambiguous, 1);
}

static void test_without_an_address_only_exact_ids(void **state)
{
    struct rig *r = *state;
    store(r, MESSAGE_A, "7b", PHONE_A);
    fake_redis_answer(r->redis);
    expect_missing(r, "123", "");
    expect_missing(r, "123", "INFO");
    expect_found(r, "7b", "INFO", MESSAGE_A);
}

/* What goes to a short code comes back with the code and a sender, which may be a number itself. */
static void test_to_a_short_code(void **state)
{
    struct rig *r = *state;
    store(r, MESSAGE_A, "7b", "12345");
    fake_redis_answer(r->redis);
    struct correlation_query q = {
        .ids = {"7b", NULL},
        .digests = {correlation_address_digest("12345"), correlation_address_digest(PHONE_B)}};
    correlation_find(r->c, r->op, &q, on_found, r);
    fake_redis_answer(r->redis);
    assert_int_equal(r->answers, 1);
    assert_int_equal(r->result, CORRELATION_FOUND);
    expect_missing(r, "123", PHONE_B); /* derived, and nothing that proves it */
}

/* A national form of seven digits lacks one of those that are compared. */
static void test_short_national_numbers(void **state)
{
    struct rig *r = *state;
    store(r, MESSAGE_A, "7b", "+9997000001");
    fake_redis_answer(r->redis);
    expect_found(r, "7b", "7000001", MESSAGE_A);
    expect_missing(r, "7b", "97000002");
}

static void test_learns_a_dialect_and_keeps_it(void **state)
{
    struct rig *r = *state;
    static const char *const ids[][2] = {{"7b", "123"}, {"7c", "124"}, {"7d", "125"}};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        store(r, MESSAGE_A, ids[i][0], PHONE_A);
        fake_redis_answer(r->redis);
        expect_found(r, ids[i][1], PHONE_A, MESSAGE_A);
    }
    struct correlation_dialect d = correlations_dialect(r->c, r->op);
    assert_true(d.is_learnt);
    assert_int_equal(d.learnt, MESSAGE_ID_RESP_HEX);
    assert_int_equal(d.seen[MESSAGE_ID_RESP_HEX], 3);
    assert_string_equal(fake_redis_get(r->redis, "smpp:dialect:{" FAKE_OPERATOR_ID "}"), "respHex");

    /* Believed now: even an address that says nothing is enough, and one question. */
    store(r, MESSAGE_B, "80", PHONE_B);
    fake_redis_answer(r->redis);
    unsigned before = fake_redis_asked(r->redis);
    expect_found(r, "128", "INFO", MESSAGE_B);
    assert_int_equal(fake_redis_asked(r->redis), before + 1);

    /* And by the next process. */
    struct correlations *later = correlations_create(r->redis, 60);
    (void)correlations_dialect(later, r->op);
    fake_redis_answer(r->redis);
    d = correlations_dialect(later, r->op);
    assert_true(d.is_learnt);
    assert_int_equal(d.learnt, MESSAGE_ID_RESP_HEX);
    correlations_destroy(&later);
}

static void test_pinned_exact(void **state)
{
    struct rig *r = *state;
    r->op->settings.message_id_format = MESSAGE_ID_FORMAT_EXACT;
    store(r, MESSAGE_A, "7B", PHONE_A);
    fake_redis_answer(r->redis);
    expect_missing(r, "7b", PHONE_A);
    expect_missing(r, "123", PHONE_A);
    expect_found(r, "7B", PHONE_A, MESSAGE_A);
}

static void test_pinned_resp_hex(void **state)
{
    struct rig *r = *state;
    r->op->settings.message_id_format = MESSAGE_ID_FORMAT_RESP_HEX;
    store(r, MESSAGE_A, "7B", PHONE_A);
    fake_redis_answer(r->redis);
    expect_found(r, "123", "", MESSAGE_A);
}

/* An unusual number of zeros, reached by the alias alone. */
static void test_pinned_and_padded(void **state)
{
    struct rig *r = *state;
    r->op->settings.message_id_format = MESSAGE_ID_FORMAT_RESP_HEX;
    store(r, MESSAGE_A, "000000000000ABCD", PHONE_A);
    store(r, MESSAGE_B, "000043981", PHONE_A); /* another number: that is hexadecimal too */
    fake_redis_answer(r->redis);
    expect_found(r, "43981", PHONE_A, MESSAGE_A);
    r->op->settings.message_id_format = MESSAGE_ID_FORMAT_RECEIPT_HEX;
    store(r, MESSAGE_B, "000000000051966", PHONE_A);
    fake_redis_answer(r->redis);
    expect_found(r, "cafe", PHONE_A, MESSAGE_B);
    r->op->settings.message_id_format = MESSAGE_ID_FORMAT_EXACT;
    expect_missing(r, "43981", PHONE_A);
}

/* Ids of twelve random digits, printed as numbers in receipts: nine of ten look the same twice. */
static void test_exact_is_learnt_and_zeros_are_dropped(void **state)
{
    struct rig *r = *state;
    static const char *const ids[] = {"123456789012", "923456789012", "523456789012"};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        store(r, MESSAGE_A, ids[i], PHONE_A);
        fake_redis_answer(r->redis);
        expect_found(r, ids[i], PHONE_A, MESSAGE_A);
    }
    assert_int_equal(correlations_dialect(r->c, r->op).learnt, MESSAGE_ID_EXACT);
    store(r, MESSAGE_B, "000456789012", PHONE_A);
    fake_redis_answer(r->redis);
    expect_found(r, "456789012", PHONE_A, MESSAGE_B);
}

static void test_two_ids(void **state)
{
    struct rig *r = *state;
    store(r, MESSAGE_A, "tlv-id", PHONE_A);
    store(r, MESSAGE_B, "text-id", PHONE_A);
    fake_redis_answer(r->redis);
    find2(r, "tlv-id", "text-id", PHONE_A);
    assert_string_equal(r->entry.message_id, MESSAGE_A);
    find2(r, "unrelated", "text-id", PHONE_A);
    assert_int_equal(r->result, CORRELATION_FOUND);
    assert_string_equal(r->entry.message_id, MESSAGE_B);
    find2(r, "", "", PHONE_A);
    assert_int_equal(r->result, CORRELATION_MISSING);
}

static void test_nonsense_in_redis(void **state)
{
    struct rig *r = *state;
    fake_redis_put(r->redis, KEY("odd"), "what is this");
    expect_missing(r, "odd", PHONE_A);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value_round_trip),
        cmocka_unit_test(test_values_of_others),
        TEST(test_stored_under_its_key_with_its_life),
        TEST(test_a_receipt_that_is_faster_than_our_write),
        TEST(test_a_write_between_the_two_questions),
        TEST(test_a_write_that_failed_stays_findable),
        TEST(test_a_read_only_redis_confirms_nothing),
        TEST(test_refused_when_redis_is_away),
        cmocka_unit_test(test_dialects),
        TEST(test_exact_wins),
        TEST(test_never_another_destination),
        TEST(test_the_destination_decides_between_dialects),
        TEST(test_ambiguity_is_refused),
        TEST(test_without_an_address_only_exact_ids),
        TEST(test_to_a_short_code),
        TEST(test_short_national_numbers),
        TEST(test_learns_a_dialect_and_keeps_it),
        TEST(test_pinned_exact),
        TEST(test_pinned_resp_hex),
        TEST(test_pinned_and_padded),
        TEST(test_exact_is_learnt_and_zeros_are_dropped),
        TEST(test_two_ids),
        TEST(test_nonsense_in_redis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
