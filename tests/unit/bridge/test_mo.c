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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, dlr_rig_setup_mo, dlr_rig_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_message_from_a_phone),
        TEST(test_parts_are_put_together),
        TEST(test_parts_are_forgotten_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
