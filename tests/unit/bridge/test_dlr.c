/*
 * The receipt path from DELIVER to DELIVER_DONE, with Redis and JetStream answering when the test
 * says so and the clock moved by hand.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/json.h"
#include "proto/smpp_sm.h"
#include "proto/smpp_tlv.h"

#include "bridge/dlr.h"
#include "tests/unit/bridge/fakes.h"

#define MESSAGE_A "aaaaaaaa-0000-4000-8000-000000000001"
#define PHONE "99970000001"
#define SENDER "BANK"
#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define RECEIPT(id, stat)                                                                          \
    "id:" id " sub:001 dlvrd:001 submit date:2604181000 done date:2604181001 stat:" stat           \
    " err:000 text:hello"

enum { HOLD_MS = 8000, TLV_RECEIPTED_ID = 0x001E, TLV_STATE = 0x0427 };

struct rig {
    struct loop *loop;
    struct redis *redis;
    struct jetstream *js;
    struct agent_link *link;
    struct operators *operators;
    struct operator* op;
    struct correlations *correlations;
    struct dlr *dlr;
    int64_t now_ns;
    uint64_t next_id;
    bool expects;
};

static bool expects(void *arg, const struct operator* op, uint64_t digest)
{
    const struct rig *r = arg;
    (void)op;
    return r->expects && digest == correlation_address_digest(PHONE);
}

static struct rig *rig_create(const char *mo_subject)
{
    struct rig *r = xcalloc(1, sizeof(*r));
    r->now_ns = INT64_C(1000000000000);
    clock_set_mono_for_test(r->now_ns);
    r->loop = loop_create();
    r->redis = fake_redis_create();
    r->js = fake_js_create();
    r->link = fake_link_create();
    r->operators = operators_create();
    r->op = fake_operator(r->operators, FAKE_OPERATOR_ID);
    r->correlations = correlations_create(r->redis, 60);
    r->dlr = dlr_create(&(struct dlr_options){
        .loop = r->loop,
        .link = r->link,
        .js = r->js,
        .redis = r->redis,
        .correlations = r->correlations,
        .operators = r->operators,
        .mo_subject = mo_subject,
        .expects = expects,
        .arg = r,
    });
    return r;
}

static int setup(void **state)
{
    *state = rig_create(NULL);
    return 0;
}

static int setup_mo(void **state)
{
    *state = rig_create("sms.mo.inbound");
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    fake_redis_destroy(r->redis);
    dlr_destroy(&r->dlr);
    correlations_destroy(&r->correlations);
    operators_destroy(&r->operators);
    fake_link_destroy(r->link);
    fake_js_destroy(r->js);
    loop_destroy(&r->loop);
    clock_set_mono_for_test(-1);
    free(r);
    return 0;
}

/* In small steps, as the loop would see it. */
static void pass_ms(struct rig *r, int64_t ms)
{
    for (int64_t left = ms; left > 0; left -= 10) {
        r->now_ns += 10 * NS_PER_MS;
        clock_set_mono_for_test(r->now_ns);
        loop_turn(r->loop, 0);
        if (redis_is_connected(r->redis))
            fake_redis_answer(r->redis);
    }
}

/* --- what the MNO sends ------------------------------------------------------------------------
 */

static uint64_t deliver_sm(struct rig *r, const struct smpp_sm *sm, uint8_t bind)
{
    uint8_t body[2048];
    char error[128];
    size_t len;
    assert_int_equal(smpp_sm_encode(sm, body, sizeof(body), &len, error, sizeof(error)), 0);
    struct ipc_deliver record = {
        .id = ++r->next_id,
        .bind = bind,
        .command_id = SMPP_DELIVER_SM,
        .received_ms = INT64_C(1776506400000),
        .hold_left_ms = HOLD_MS,
        .body = {body, len},
    };
    memcpy(record.operator_id, r->op->id, sizeof(record.operator_id));
    dlr_deliver(r->dlr, &record);
    memset(body, 0xee, sizeof(body)); /* the record is gone after the call */
    return record.id;
}

static struct bytes view(const char *text)
{
    return (struct bytes){.data = (const uint8_t *)text, .len = strlen(text)};
}

static uint64_t deliver(struct rig *r, uint8_t esm_class, const char *text, uint8_t bind)
{
    struct smpp_sm sm = {
        .source_ton = 1,
        .source_npi = 1,
        .source = PHONE,
        .dest = SENDER,
        .esm_class = esm_class,
        .short_message = view(text),
    };
    return deliver_sm(r, &sm, bind);
}

static uint64_t receipt(struct rig *r, const char *text)
{
    return deliver(r, SMPP_ESM_RECEIPT, text, 0);
}

static void store_segment(struct rig *r, const char *id, uint8_t segment, uint8_t segments)
{
    struct correlation c = {.segment = segment, .segments = segments};
    snprintf(c.message_id, sizeof(c.message_id), MESSAGE_A);
    snprintf(c.operator_message_id, sizeof(c.operator_message_id), "%s", id);
    snprintf(c.traceparent, sizeof(c.traceparent), TRACE);
    c.destination_digest = correlation_address_digest(PHONE);
    struct correlation copy = c;
    char value[256];
    snprintf(value, sizeof(value), "%s %u %u %016llx %s -", copy.message_id, segment, segments,
             (unsigned long long)copy.destination_digest, TRACE);
    char key[160];
    snprintf(key, sizeof(key), "smpp:dlr:{" FAKE_OPERATOR_ID "}:%s", id);
    fake_redis_put(r->redis, key, value);
}

static void store(struct rig *r, const char *id)
{
    store_segment(r, id, 1, 1);
}

/* --- what came out -----------------------------------------------------------------------------
 */

static struct json *event(const struct rig *r, size_t i)
{
    const struct fake_publish *p = fake_js_at(r->js, i);
    char error[128];
    struct json *root = json_parse(p->data, p->len, sizeof(p->data), error, sizeof(error));
    if (!root)
        fail_msg("%s: %s", error, p->data);
    return root;
}

static void expect_text(const struct rig *r, size_t i, const char *key, const char *value)
{
    struct json *root = event(r, i);
    const char *text = json_cstring(json_member(root, key));
    if (value && (!text || strcmp(text, value) != 0))
        fail_msg("%s is %s, not %s", key, text ? text : "null", value);
    if (!value)
        assert_null(text);
    json_destroy(&root);
}

static void expect_bool(const struct rig *r, size_t i, const char *key, bool value)
{
    struct json *root = event(r, i);
    bool v = false;
    assert_true(json_bool(json_member(root, key), &v));
    assert_int_equal(v, value);
    json_destroy(&root);
}

static void expect_done(const struct rig *r, size_t i, uint64_t id, uint32_t status)
{
    struct ipc_deliver_done done;
    assert_true(ipc_get_deliver_done(fake_link_at(r->link, i, IPC_DELIVER_DONE), &done));
    assert_int_equal(done.id, id);
    assert_int_equal(done.status, status);
}

static void expect_nothing_under_way(const struct rig *r)
{
    assert_int_equal(dlr_view(r->dlr).under_way, 0);
    assert_int_equal(dlr_view(r->dlr).parked, 0);
}

/* --- tests -------------------------------------------------------------------------------------
 */

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

static void test_a_message_from_a_phone(void **state)
{
    struct rig *r = *state;
    uint64_t id = deliver(r, 0, "STOP id:5", 0);
    assert_int_equal(fake_js_count(r->js), 1);
    assert_string_equal(fake_js_at(r->js, 0)->subject, "sms.mo.inbound");
    expect_text(r, 0, "text", "STOP id:5");
    expect_text(r, 0, "from", PHONE);
    expect_text(r, 0, "to", SENDER);
    fake_js_store(r->js, 0, false);
    expect_done(r, 0, id, SMPP_ROK);
    assert_int_equal(r->op->counters.mo_published, 1);
    expect_nothing_under_way(r);
}

static uint64_t part(struct rig *r, uint8_t reference, uint8_t total, uint8_t number,
                     const char *text)
{
    uint8_t message[160] = {5, 0, 3, reference, total, number};
    memcpy(message + 6, text, strlen(text));
    struct smpp_sm sm = {
        .source = PHONE,
        .dest = SENDER,
        .esm_class = SMPP_ESM_UDHI,
        .short_message = {message, 6 + strlen(text)},
    };
    return deliver_sm(r, &sm, 0);
}

static void test_parts_are_put_together(void **state)
{
    struct rig *r = *state;
    part(r, 9, 3, 3, "three");
    part(r, 9, 3, 1, "one ");
    part(r, 10, 2, 1, "another ");
    part(r, 9, 3, 1, "one "); /* repeated by the MNO */
    assert_int_equal(fake_js_count(r->js), 0);
    part(r, 9, 3, 2, "two ");
    assert_int_equal(fake_js_count(r->js), 1);
    expect_text(r, 0, "text", "one two three");
    fake_js_store(r->js, 0, false);
    assert_int_equal(fake_link_count(r->link), 4);
    assert_int_equal(dlr_view(r->dlr).under_way, 1);
    assert_int_equal(r->op->counters.mo_published, 1);

    pass_ms(r, HOLD_MS - 900); /* the lonely part is told by itself */
    assert_int_equal(fake_js_count(r->js), 2);
    expect_text(r, 1, "text", "another ");
    fake_js_store(r->js, 1, false);
    expect_nothing_under_way(r);
}

static void test_parts_are_forgotten_together(void **state)
{
    struct rig *r = *state;
    part(r, 9, 2, 1, "one ");
    part(r, 9, 2, 2, "two");
    part(r, 11, 2, 2, "lonely");
    dlr_forget(r->dlr);
    assert_true(fake_js_at(r->js, 0)->cancelled);
    expect_nothing_under_way(r);
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
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_MO(name) cmocka_unit_test_setup_teardown(name, setup_mo, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_answered_only_after_the_puback),
        TEST(test_a_repeated_receipt_is_one_event),
        TEST(test_unknown_ids_wait_two_seconds),
        TEST(test_written_meanwhile_by_another_pod),
        TEST(test_our_own_response_wakes_it_at_once),
        TEST(test_expected_ones_wait_until_near_the_end_of_the_hold),
        TEST(test_at_most_eight_are_parked_per_bind),
        TEST(test_nothing_uncorrelated_while_redis_is_away),
        TEST(test_given_up_when_the_hold_ends),
        TEST(test_a_full_publisher_is_tried_again),
        TEST(test_the_listing_waits_for_its_end),
        TEST(test_forgotten_when_the_agent_goes),
        TEST(test_receipts_without_an_id_are_told_at_once),
        TEST(test_states_that_nobody_knows),
        TEST(test_a_state_that_goes_backwards_is_marked),
        TEST(test_from_parameters_alone),
        TEST(test_what_people_write_is_refused_without_a_subject),
        TEST(test_a_receipt_without_its_flag),
        TEST(test_garbage_is_refused),
        TEST(test_one_event_for_all_segments),
        TEST(test_large_bodies),
        TEST_MO(test_a_message_from_a_phone),
        TEST_MO(test_parts_are_put_together),
        TEST_MO(test_parts_are_forgotten_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
