/* What people send: published whole, or in parts when not all of them come. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/bridge/dlr_rig.h"

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

static uint64_t coded_part(struct rig *r, uint8_t reference, uint8_t total, uint8_t number,
                           uint8_t data_coding, const void *octets, size_t len)
{
    uint8_t message[160] = {5, 0, 3, reference, total, number};
    memcpy(message + 6, octets, len);
    struct smpp_sm sm = {
        .source = PHONE,
        .dest = SENDER,
        .esm_class = SMPP_ESM_UDHI,
        .data_coding = data_coding,
        .short_message = {message, 6 + len},
    };
    return deliver_sm(r, &sm, 0);
}

static uint64_t part(struct rig *r, uint8_t reference, uint8_t total, uint8_t number,
                     const char *text)
{
    return coded_part(r, reference, total, number, 0, text, strlen(text));
}

/* 0: absent */
static void expect_part(const struct rig *r, size_t i, int64_t part, int64_t parts)
{
    struct json *root = event(r, i);
    int64_t number = 0, total = 0;
    (void)!json_int(json_member(root, "part"), 1, 255, &number);
    (void)!json_int(json_member(root, "parts"), 1, 255, &total);
    assert_int_equal(number, part);
    assert_int_equal(total, parts);
    json_destroy(&root);
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

    pass_ms(r, 1500);
    assert_int_equal(fake_link_count(r->link), 5); /* the lonely part is laid aside */
    assert_int_equal(fake_js_count(r->js), 1);
    pass_ms(r, 5000); /* and told by itself when its time is up */
    assert_int_equal(fake_js_count(r->js), 2);
    expect_text(r, 1, "text", "another ");
    expect_text(r, 1, "from", PHONE);
    expect_text(r, 1, "to", SENDER);
    expect_part(r, 1, 1, 2);
    fake_js_store(r->js, 1, false);
    expect_nothing_under_way(r);
    pass_ms(r, 12000);
    assert_int_equal(fake_js_count(r->js), 2);
}

/* An SMSC that sends the next part when this one was answered. */
static void test_one_part_at_a_time(void **state)
{
    struct rig *r = *state;
    static const char *const octets[] = {"caf\x1b", "e ", "\033e!"};
    for (uint8_t n = 1; n <= 3; n++) {
        uint64_t id = coded_part(r, 7, 3, n, 0, octets[n - 1], strlen(octets[n - 1]));
        pass_ms(r, 1100);
        if (n == 3) {
            assert_int_equal(fake_js_count(r->js), 1);
            assert_int_equal(fake_link_count(r->link), 2);
            fake_js_store(r->js, 0, false);
        }
        expect_done(r, n - 1u, id, SMPP_ROK);
    }
    expect_text(r, 0, "text", "caf\xe2\x82\xac \xe2\x82\xac!");
    expect_part(r, 0, 0, 3);
    expect_nothing_under_way(r);
    pass_ms(r, 12000); /* nothing of it is left */
    assert_int_equal(fake_js_count(r->js), 1);
}

static void test_the_last_part_is_repeated(void **state)
{
    struct rig *r = *state;
    part(r, 7, 2, 1, "one ");
    pass_ms(r, 1100);
    for (int i = 0; i < 2; i++) { /* the PubAck is late, so it is not answered the first time */
        part(r, 7, 2, 2, "two");
        pass_ms(r, 1100);
        expect_text(r, (size_t)i, "text", "one two");
        dlr_forget(r->dlr);
    }
    expect_nothing_under_way(r);
}

/* Answered, so nobody repeats it. */
static void test_a_part_that_comes_while_others_are_told(void **state)
{
    struct rig *r = *state;
    part(r, 7, 3, 1, "one ");
    pass_ms(r, 7000);
    assert_int_equal(fake_js_count(r->js), 1); /* its time is up, the PubAck is late */
    uint64_t id = part(r, 7, 3, 3, "three");
    pass_ms(r, 1100);
    expect_done(r, 1, id, SMPP_ROK);
    fake_js_store(r->js, 0, false);
    pass_ms(r, 100);
    assert_string_equal(fake_js_at(r->js, 1)->msg_id, fake_js_at(r->js, 0)->msg_id);
    fake_js_store(r->js, 1, true);
    expect_text(r, 2, "text", "three");
    expect_part(r, 2, 3, 3);
    fake_js_store(r->js, 2, false);
    pass_ms(r, 12000);
    assert_int_equal(fake_js_count(r->js), 3);
}

static void test_no_place_to_lay_it(void **state)
{
    struct rig *r = *state;
    uint64_t id = part(r, 7, 2, 2, "two");
    fake_redis_set_down(r->redis, true);
    pass_ms(r, HOLD_MS - 1200);
    assert_int_equal(fake_js_count(r->js), 0);
    pass_ms(r, 400);
    assert_int_equal(fake_js_count(r->js), 1);
    expect_text(r, 0, "text", "two");
    expect_part(r, 0, 2, 2);
    fake_js_store(r->js, 0, false);
    expect_done(r, 0, id, SMPP_ROK);
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

/* Phones cut where the octets end. */
static void test_parts_that_were_cut_inside_a_character(void **state)
{
    struct rig *r = *state;
    coded_part(r, 1, 2, 1, SMPP_CODING_UCS2, "\0a\xd8\x3d", 4);
    coded_part(r, 1, 2, 2, SMPP_CODING_UCS2, "\xde\x00\0b", 4);
    expect_text(r, 0, "text",
                "a\xf0\x9f\x98\x80"
                "b");
    coded_part(r, 2, 2, 1, 0, "a\x1b", 2);
    coded_part(r, 2, 2, 2, 0, "eb", 2);
    expect_text(r, 1, "text",
                "a\xe2\x82\xac"
                "b");
    r->op->settings.gsm7_packed = true;
    uint8_t packed[8];
    size_t len;
    assert_true(gsm7_pack((const uint8_t *)"a\x1b", 2, 1, packed, sizeof(packed), &len));
    coded_part(r, 3, 2, 1, 0, packed, len);
    assert_true(gsm7_pack((const uint8_t *)"eb", 2, 1, packed, sizeof(packed), &len));
    coded_part(r, 3, 2, 2, 0, packed, len);
    expect_text(r, 2, "text",
                "a\xe2\x82\xac"
                "b");
    coded_part(r, 4, 2, 1, 3, "\xe9", 1); /* each in its own coding */
    coded_part(r, 4, 2, 2, SMPP_CODING_UCS2, "\0b", 2);
    expect_text(r, 3, "text",
                "\xc3\xa9"
                "b");
}

/* People write "Status:" too: only what correlates is a receipt. */
static void test_what_only_looks_like_a_receipt(void **state)
{
    struct rig *r = *state;
    r->op->settings.receipt_detection = RECEIPT_BY_ANY;
    deliver(r, 0, "Status: fine", 0);
    expect_text(r, 0, "text", "Status: fine");
    store(r, "id-1");
    deliver(r, 0, RECEIPT("id-1", "DELIVRD"), 0);
    deliver(r, 0, RECEIPT("nobody", "DELIVRD"), 0);
    pass_ms(r, 3000);
    assert_string_equal(fake_js_at(r->js, 1)->subject, "sms.dlr.inbound");
    expect_text(r, 1, "messageId", MESSAGE_A);
    assert_string_equal(fake_js_at(r->js, 2)->subject, "sms.mo.inbound");
    deliver(r, SMPP_ESM_RECEIPT, RECEIPT("unknown", "DELIVRD"), 0);
    pass_ms(r, 3000);
    assert_string_equal(fake_js_at(r->js, 3)->subject, "sms.dlr.inbound");
    expect_text(r, 3, "messageId", NULL);
}

static void test_who_writes_the_same_twice_wrote_two(void **state)
{
    struct rig *r = *state;
    deliver(r, 0, "1", 0);
    fake_js_store(r->js, 0, false);
    deliver(r, 0, "1", 0);
    assert_string_not_equal(fake_js_at(r->js, 0)->msg_id, fake_js_at(r->js, 1)->msg_id);
    deliver(r, 0, "1", 0); /* while that one waits */
    assert_string_not_equal(fake_js_at(r->js, 1)->msg_id, fake_js_at(r->js, 2)->msg_id);

    fake_js_store(r->js, 2, false);
    pass_ms(r, HOLD_MS + 50); /* the second is given up, the MNO repeats it */
    deliver(r, 0, "1", 0);
    assert_string_equal(fake_js_at(r->js, 1)->msg_id, fake_js_at(r->js, 3)->msg_id);
    fake_js_store(r->js, 3, true);
    deliver(r, 0, "1", 0);
    assert_string_not_equal(fake_js_at(r->js, 3)->msg_id, fake_js_at(r->js, 4)->msg_id);
    fake_js_store(r->js, 4, false);
    expect_nothing_under_way(r);
}

static void test_a_whole_is_known_when_it_is_repeated(void **state)
{
    struct rig *r = *state;
    for (int i = 0; i < 2; i++) {
        part(r, 9, 2, 1, "one ");
        part(r, 9, 2, 2, "two");
        pass_ms(r, HOLD_MS + 50);
    }
    assert_string_equal(fake_js_at(r->js, 0)->msg_id, fake_js_at(r->js, 1)->msg_id);
    expect_nothing_under_way(r);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, dlr_rig_setup_mo, dlr_rig_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_message_from_a_phone),
        TEST(test_parts_are_put_together),
        TEST(test_parts_are_forgotten_together),
        TEST(test_one_part_at_a_time),
        TEST(test_the_last_part_is_repeated),
        TEST(test_a_part_that_comes_while_others_are_told),
        TEST(test_no_place_to_lay_it),
        TEST(test_what_only_looks_like_a_receipt),
        TEST(test_who_writes_the_same_twice_wrote_two),
        TEST(test_a_whole_is_known_when_it_is_repeated),
        TEST(test_parts_that_were_cut_inside_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
