/*
 * The receipt path from DELIVER to DELIVER_DONE, with Redis and JetStream answering when the test
 * says so and the clock moved by hand.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/bridge/dlr_rig.h"

/* --- tests --- */

static void test_answered_only_after_the_puback(void **state)
{
    struct rig *r = *state;
    store(r, "id-1");
    uint64_t id = receipt(r, RECEIPT("id-1", "DELIVRD"));
    fake_redis_answer(r->redis);
    assert_int_equal(fake_js_count(r->js), 1);
    assert_int_equal(fake_link_count(r->link), 0);
    assert_string_equal(fake_js_at(r->js, 0)->subject, "sms.dlr.inbound");
    assert_string_equal(fake_js_at(r->js, 0)->traceparent, TRACE);
    expect_text(r, 0, "messageId", MESSAGE_A);
    expect_text(r, 0, "operatorMessageId", "id-1");
    expect_text(r, 0, "operatorId", FAKE_OPERATOR_ID);
    expect_text(r, 0, "status", "DELIVERED");
    expect_text(r, 0, "stat", "DELIVRD");
    expect_text(r, 0, "source", "MNO");
    expect_text(r, 0, "sourceAddr", PHONE);
    expect_text(r, 0, "destAddr", SENDER);
    expect_text(r, 0, "deliveredAt", "2026-04-18T10:01:00.000Z");
    expect_text(r, 0, "eventId", fake_js_at(r->js, 0)->msg_id);
    fake_js_store(r->js, 0, false);
    expect_done(r, 0, id, SMPP_ROK);
    assert_int_equal(r->op->counters.dlr_received[DLR_DELIVERED], 1);
    assert_int_equal(r->op->counters.dlr_published, 1);
    expect_nothing_under_way(r);
}

static void test_a_repeated_receipt_is_one_event(void **state)
{
    struct rig *r = *state;
    store(r, "id-1");
    receipt(r, RECEIPT("id-1", "DELIVRD"));
    receipt(r, RECEIPT("id-1", "DELIVRD"));
    receipt(r, RECEIPT("id-1", "UNDELIV"));
    fake_redis_answer(r->redis);
    assert_string_equal(fake_js_at(r->js, 0)->msg_id, fake_js_at(r->js, 1)->msg_id);
    assert_string_not_equal(fake_js_at(r->js, 0)->msg_id, fake_js_at(r->js, 2)->msg_id);
    fake_js_store(r->js, 0, false);
    fake_js_store(r->js, 1, true);
    assert_int_equal(fake_link_count(r->link), 2);
    assert_int_equal(r->op->counters.dlr_duplicate, 1);
}

static void test_unknown_ids_wait_two_seconds(void **state)
{
    struct rig *r = *state;
    uint64_t id = receipt(r, RECEIPT("nobody", "DELIVRD"));
    pass_ms(r, 1900);
    assert_int_equal(fake_js_count(r->js), 0);
    assert_int_equal(dlr_view(r->dlr).parked, 1);
    pass_ms(r, 600);
    assert_int_equal(fake_js_count(r->js), 1);
    expect_text(r, 0, "messageId", NULL);
    expect_text(r, 0, "operatorMessageId", "nobody");
    fake_js_store(r->js, 0, false);
    expect_done(r, 0, id, SMPP_ROK);
    assert_int_equal(r->op->counters.dlr_correlation_not_found, 1);
    assert_int_equal(r->op->counters.dlr_parked, 1);
    expect_nothing_under_way(r);
}

static void test_written_meanwhile_by_another_pod(void **state)
{
    struct rig *r = *state;
    receipt(r, RECEIPT("late", "DELIVRD"));
    pass_ms(r, 500);
    store(r, "late");
    pass_ms(r, 500);
    expect_text(r, 0, "messageId", MESSAGE_A);
    fake_js_store(r->js, 0, false);
    expect_nothing_under_way(r);
}

static void ignore_stored(void *arg, bool ok)
{
    (void)arg;
    (void)ok;
}

static void test_our_own_response_wakes_it_at_once(void **state)
{
    struct rig *r = *state;
    receipt(r, RECEIPT("fast", "DELIVRD"));
    pass_ms(r, 400);
    struct correlation c = {.segment = 1, .segments = 1, .operator_message_id = "fast"};
    snprintf(c.message_id, sizeof(c.message_id), MESSAGE_A);
    c.destination_digest = correlation_address_digest(PHONE);
    assert_true(correlation_store(r->correlations, r->op, &c, ignore_stored, NULL));
    r->now_ns += 2 * NS_PER_MS;
    clock_set_mono_for_test(r->now_ns);
    loop_turn(r->loop, 0);
    assert_int_equal(fake_js_count(r->js), 1); /* Redis has not even answered the write */
    expect_text(r, 0, "messageId", MESSAGE_A);
}

static void test_expected_ones_wait_until_near_the_end_of_the_hold(void **state)
{
    struct rig *r = *state;
    r->expects = true;
    receipt(r, RECEIPT("soon", "DELIVRD"));
    pass_ms(r, 6000);
    assert_int_equal(fake_js_count(r->js), 0);
    pass_ms(r, 1500);
    assert_int_equal(fake_js_count(r->js), 1);
    expect_text(r, 0, "messageId", NULL);
}

static void test_at_most_eight_are_parked_per_bind(void **state)
{
    struct rig *r = *state;
    char text[160];
    for (int i = 0; i < 30; i++) {
        snprintf(text, sizeof(text), RECEIPT("x%d", "DELIVRD"), i);
        deliver(r, SMPP_ESM_RECEIPT, text, (uint8_t)(i % 2));
        fake_redis_answer(r->redis);
    }
    assert_int_equal(dlr_view(r->dlr).parked, 16);
    assert_int_equal(fake_js_count(r->js), 14);
    expect_text(r, 0, "operatorMessageId", "x0"); /* the one that waited longest */
    store(r, "known");
    receipt(r, RECEIPT("known", "DELIVRD"));
    fake_redis_answer(r->redis);
    expect_text(r, 14, "messageId", MESSAGE_A); /* behind a stream of unknown ones, at once */
}

static void test_expected_ones_do_not_count(void **state)
{
    struct rig *r = *state;
    char text[160];
    r->expects = true;
    for (int i = 0; i < 30; i++) {
        snprintf(text, sizeof(text), RECEIPT("x%d", "DELIVRD"), i);
        receipt(r, text);
        fake_redis_answer(r->redis);
    }
    assert_int_equal(dlr_view(r->dlr).parked, 30);
    r->expects = false; /* answered, all under other ids */
    pass_ms(r, 500);
    assert_int_equal(dlr_view(r->dlr).parked, 8);
    pass_ms(r, 2000);
    assert_int_equal(dlr_view(r->dlr).parked, 0);
    assert_int_equal(fake_js_count(r->js), 30);
}

static void test_nothing_uncorrelated_while_redis_is_away(void **state)
{
    struct rig *r = *state;
    store(r, "id-1");
    fake_redis_set_down(r->redis, true);
    receipt(r, RECEIPT("id-1", "DELIVRD"));
    pass_ms(r, 5000);
    assert_int_equal(fake_js_count(r->js), 0);
    fake_redis_set_down(r->redis, false);
    pass_ms(r, 200);
    assert_int_equal(fake_js_count(r->js), 1);
    expect_text(r, 0, "messageId", MESSAGE_A);
}

static void test_given_up_when_the_hold_ends(void **state)
{
    struct rig *r = *state;
    store(r, "id-1");
    receipt(r, RECEIPT("id-1", "DELIVRD"));
    fake_redis_answer(r->redis);
    pass_ms(r, HOLD_MS + 50);
    assert_true(fake_js_at(r->js, 0)->cancelled);
    assert_int_equal(fake_link_count(r->link), 0); /* the agent answers busy by itself */
    assert_int_equal(r->op->counters.dlr_given_up, 1);
    expect_nothing_under_way(r);

    /* The same while Redis owes an answer, which comes after. */
    receipt(r, RECEIPT("id-1", "DELIVRD"));
    for (int i = 0; i < 900; i++) {
        r->now_ns += 10 * NS_PER_MS;
        clock_set_mono_for_test(r->now_ns);
        loop_turn(r->loop, 0);
    }
    expect_nothing_under_way(r);
    fake_redis_answer(r->redis);
    assert_int_equal(fake_js_count(r->js), 1);
}

static void test_a_full_publisher_is_tried_again(void **state)
{
    struct rig *r = *state;
    store(r, "id-1");
    fake_js_set_full(r->js, true);
    receipt(r, RECEIPT("id-1", "DELIVRD"));
    pass_ms(r, 300);
    fake_js_set_full(r->js, false);
    pass_ms(r, 100);
    assert_int_equal(fake_js_count(r->js), 1);
    fake_js_store(r->js, 0, false);
    expect_nothing_under_way(r);
}

static void test_the_listing_waits_for_its_end(void **state)
{
    struct rig *r = *state;
    fake_link_set_attached(r->link, false);
    uint64_t id = deliver(r, 0, "a person wrote this", 0);
    pass_ms(r, 100);
    fake_link_set_attached(r->link, true);
    pass_ms(r, 100);
    expect_done(r, 0, id, SMPP_RX_R_APPN);
}

static void test_forgotten_when_the_agent_goes(void **state)
{
    struct rig *r = *state;
    store(r, "id-1");
    receipt(r, RECEIPT("id-1", "DELIVRD"));
    fake_redis_answer(r->redis);
    receipt(r, RECEIPT("id-2", "DELIVRD")); /* Redis owes the answer */
    dlr_forget(r->dlr);
    assert_true(fake_js_at(r->js, 0)->cancelled);
    expect_nothing_under_way(r);
    fake_redis_answer(r->redis);
    assert_int_equal(fake_js_count(r->js), 1);
}

static void test_receipts_without_an_id_are_told_at_once(void **state)
{
    struct rig *r = *state;
    receipt(r, "stat:DELIVRD err:000");
    fake_redis_answer(r->redis);
    assert_int_equal(fake_js_count(r->js), 1);
    expect_text(r, 0, "operatorMessageId", "");
    expect_text(r, 0, "messageId", NULL);
}

static void test_states_that_nobody_knows(void **state)
{
    struct rig *r = *state;
    store(r, "id-1");
    receipt(r, RECEIPT("id-1", "WHATEVER"));
    fake_redis_answer(r->redis);
    expect_text(r, 0, "status", "UNKNOWN");
    expect_text(r, 0, "stat", "WHATEVER");
}

static void test_a_state_that_goes_backwards_is_marked(void **state)
{
    struct rig *r = *state;
    store(r, "id-1");
    receipt(r, RECEIPT("id-1", "ENROUTE"));
    receipt(r, RECEIPT("id-1", "DELIVRD"));
    receipt(r, RECEIPT("id-1", "ACCEPTD"));
    fake_redis_answer(r->redis);
    for (size_t i = 0; i < 2; i++) {
        struct json *root = event(r, i);
        assert_null(json_member(root, "outOfOrder"));
        json_destroy(&root);
    }
    expect_bool(r, 0, "final", false);
    expect_bool(r, 1, "final", true);
    expect_bool(r, 2, "outOfOrder", true);
}

/* The same message under another spelling of its id. */
static void test_backwards_in_another_spelling(void **state)
{
    struct rig *r = *state;
    store(r, "7b");
    receipt(r, RECEIPT("7b", "DELIVRD"));
    receipt(r, RECEIPT("123", "ENROUTE"));
    fake_redis_answer(r->redis);
    expect_text(r, 1, "messageId", MESSAGE_A);
    expect_bool(r, 1, "outOfOrder", true);
    store_segment(r, "8a", 2, 2);
    receipt(r, RECEIPT("8a", "ENROUTE")); /* another segment of it */
    fake_redis_answer(r->redis);
    struct json *root = event(r, 2);
    assert_null(json_member(root, "outOfOrder"));
    json_destroy(&root);
}

static void expect_raw_hex(const struct rig *r, size_t i, const char *hex)
{
    struct json *root = event(r, i);
    const char *text = json_cstring(json_member(json_member(root, "rawPayload"), "hex"));
    if (hex)
        assert_string_equal(text, hex);
    else
        assert_null(text);
    json_destroy(&root);
}

static void test_octets_that_the_text_does_not_say(void **state)
{
    struct rig *r = *state;
    static const uint8_t ucs2[] = {0, 'i', 0, 'd', 0, ':', 0, '7'};
    static const struct {
        struct bytes octets;
        const char *hex;
    } rows[] = {
        {{(const uint8_t *)"id:1 stat:DELIVRD", 17}, NULL},
        {{(const uint8_t *)"id:1\0", 5}, NULL}, /* padding */
        {{(const uint8_t *)"id:\xe9", 4}, "69643ae9"},
        {{(const uint8_t *)"id:1\0x", 6}, "69643a310078"},
        {{ucs2, sizeof(ucs2)}, "00690064003a0037"},
        {{NULL, 0}, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct smpp_sm sm = {.source = PHONE,
                             .dest = SENDER,
                             .esm_class = SMPP_ESM_RECEIPT,
                             .short_message = rows[i].octets};
        deliver_sm(r, &sm, 0);
        pass_ms(r, 2500);
        assert_int_equal(fake_js_count(r->js), i + 1);
        expect_raw_hex(r, i, rows[i].hex);
    }
}

static void test_from_parameters_alone(void **state)
{
    struct rig *r = *state;
    uint8_t tlvs[64];
    struct buf_writer w = buf_writer(tlvs, sizeof(tlvs));
    smpp_tlv_put(&w, TLV_RECEIPTED_ID, (struct bytes){(const uint8_t *)"tlv-id", 7});
    smpp_tlv_put_u8(&w, TLV_STATE, SMPP_STATE_UNDELIVERABLE);
    struct smpp_sm sm = {.source = PHONE, .dest = SENDER, .tlvs = {tlvs, buf_written(&w)}};
    store(r, "tlv-id");
    deliver_sm(r, &sm, 0);
    fake_redis_answer(r->redis);
    expect_text(r, 0, "messageId", MESSAGE_A);
    expect_text(r, 0, "status", "UNDELIVERABLE");
    struct json *root = event(r, 0);
    const struct json *raw = json_member(root, "rawPayload");
    assert_int_equal(json_count(json_member(raw, "tlvs")), 2);
    json_destroy(&root);
}

static void test_what_people_write_is_refused_without_a_subject(void **state)
{
    struct rig *r = *state;
    uint64_t id = deliver(r, 0, "STOP", 0);
    fake_redis_answer(r->redis);
    expect_done(r, 0, id, SMPP_RX_R_APPN);
    assert_int_equal(r->op->counters.mo_refused, 1);
    assert_int_equal(fake_js_count(r->js), 0);
}

static void test_a_receipt_without_its_flag(void **state)
{
    struct rig *r = *state;
    store(r, "id-1");
    deliver(r, 0, RECEIPT("id-1", "DELIVRD"), 0);
    fake_redis_answer(r->redis);
    expect_text(r, 0, "messageId", MESSAGE_A);
}

static void test_garbage_is_refused(void **state)
{
    struct rig *r = *state;
    struct ipc_deliver record = {.id = 7,
                                 .command_id = SMPP_DELIVER_SM,
                                 .hold_left_ms = HOLD_MS,
                                 .body = {(const uint8_t *)"xyz", 3}};
    memcpy(record.operator_id, r->op->id, sizeof(record.operator_id));
    dlr_deliver(r->dlr, &record);
    expect_done(r, 0, 7, SMPP_RX_R_APPN);
    record.id = 8;
    record.body.len = 0;
    dlr_deliver(r->dlr, &record);
    expect_done(r, 1, 8, SMPP_RX_R_APPN);
    record.operator_id[0] ^= 1; /* nobody's: left to its hold */
    dlr_deliver(r->dlr, &record);
    assert_int_equal(fake_link_count(r->link), 2);
    expect_nothing_under_way(r);
}

static void test_one_event_for_all_segments(void **state)
{
    struct rig *r = *state;
    r->op->settings.receipt_policy = RECEIPT_POLICY_AGGREGATE;
    store_segment(r, "s1", 1, 3);
    store_segment(r, "s2", 2, 3);
    store_segment(r, "s3", 3, 3);
    receipt(r, RECEIPT("s1", "DELIVRD"));
    receipt(r, RECEIPT("s2", "ENROUTE"));
    receipt(r, RECEIPT("s2", "UNDELIV"));
    receipt(r, RECEIPT("s2", "UNDELIV")); /* repeated */
    fake_redis_answer(r->redis);
    assert_int_equal(fake_js_count(r->js), 0);
    assert_int_equal(fake_link_count(r->link), 4); /* each is kept in Redis and answered */
    uint64_t last = receipt(r, RECEIPT("s3", "DELIVRD"));
    fake_redis_answer(r->redis);
    assert_int_equal(fake_js_count(r->js), 1);
    expect_text(r, 0, "status", "UNDELIVERABLE");
    expect_text(r, 0, "stat", "UNDELIV");
    expect_text(r, 0, "messageId", MESSAGE_A);
    expect_text(r, 0, "deliveredAt", NULL);
    assert_int_equal(fake_link_count(r->link), 4);
    fake_js_store(r->js, 0, false);
    expect_done(r, 4, last, SMPP_ROK);

    receipt(r, RECEIPT("s1", "DELIVRD")); /* late repetition: the same event */
    fake_redis_answer(r->redis);
    assert_string_equal(fake_js_at(r->js, 0)->msg_id, fake_js_at(r->js, 1)->msg_id);
}

static void test_large_bodies(void **state)
{
    struct rig *r = *state;
    static uint8_t payload[1500];
    memset(payload, 'a', sizeof(payload));
    memcpy(payload, RECEIPT("big", "DELIVRD"), sizeof(RECEIPT("big", "DELIVRD")) - 1);
    struct smpp_sm sm = {.source = PHONE,
                         .dest = SENDER,
                         .esm_class = SMPP_ESM_RECEIPT,
                         .payload = {payload, sizeof(payload)}};
    store(r, "big");
    deliver_sm(r, &sm, 0);
    fake_redis_answer(r->redis);
    expect_text(r, 0, "messageId", MESSAGE_A);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, dlr_rig_setup, dlr_rig_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_answered_only_after_the_puback),
        TEST(test_a_repeated_receipt_is_one_event),
        TEST(test_unknown_ids_wait_two_seconds),
        TEST(test_written_meanwhile_by_another_pod),
        TEST(test_our_own_response_wakes_it_at_once),
        TEST(test_expected_ones_wait_until_near_the_end_of_the_hold),
        TEST(test_at_most_eight_are_parked_per_bind),
        TEST(test_expected_ones_do_not_count),
        TEST(test_nothing_uncorrelated_while_redis_is_away),
        TEST(test_given_up_when_the_hold_ends),
        TEST(test_a_full_publisher_is_tried_again),
        TEST(test_the_listing_waits_for_its_end),
        TEST(test_forgotten_when_the_agent_goes),
        TEST(test_receipts_without_an_id_are_told_at_once),
        TEST(test_states_that_nobody_knows),
        TEST(test_a_state_that_goes_backwards_is_marked),
        TEST(test_backwards_in_another_spelling),
        TEST(test_octets_that_the_text_does_not_say),
        TEST(test_from_parameters_alone),
        TEST(test_what_people_write_is_refused_without_a_subject),
        TEST(test_a_receipt_without_its_flag),
        TEST(test_garbage_is_refused),
        TEST(test_one_event_for_all_segments),
        TEST(test_large_bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
