/* Health transitions: told in order, one at a time, once each, and confirmed only when stored. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/json.h"

#include "bridge/health_events.h"
#include "tests/unit/bridge/fakes.h"

struct rig {
    struct loop *loop;
    struct jetstream *js;
    struct agent_link *link;
    struct operators *operators;
    struct mno *op;
    struct health_events *health;
    int64_t now_ns;
};

static int setup(void **state)
{
    struct rig *r = xcalloc(1, sizeof(*r));
    r->now_ns = INT64_C(1000000000000);
    clock_set_mono_for_test(r->now_ns);
    r->loop = loop_create();
    r->js = fake_js_create();
    r->link = fake_link_create();
    r->operators = operators_create();
    r->op = fake_operator(r->operators, FAKE_OPERATOR_ID);
    r->health = health_events_create(r->loop, r->link, r->js, r->operators);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    health_events_destroy(&r->health);
    operators_destroy(&r->operators);
    fake_link_destroy(r->link);
    fake_js_destroy(r->js);
    loop_destroy(&r->loop);
    clock_set_mono_for_test(-1);
    free(r);
    return 0;
}

static void note(struct rig *r, uint64_t number, uint8_t status, uint8_t previous)
{
    static const char reason[] = "bound";
    struct ipc_health record = {
        .agent_instance = {1, 2, 3},
        .number = number,
        .status = status,
        .previous = previous,
        .at_ms = INT64_C(1776506400000),
        .reason = {(const uint8_t *)reason, sizeof(reason) - 1},
    };
    memcpy(record.operator_id, r->op->id, sizeof(record.operator_id));
    health_events_note(r->health, &record);
}

static void pass_ms(struct rig *r, int64_t ms)
{
    r->now_ns += ms * NS_PER_MS;
    clock_set_mono_for_test(r->now_ns);
    loop_turn(r->loop, 0);
}

static void expect_status(const struct rig *r, size_t i, const char *status, const char *previous)
{
    const struct fake_publish *p = fake_js_at(r->js, i);
    char error[128];
    struct json *root = json_parse(p->data, p->len, sizeof(p->data), error, sizeof(error));
    assert_non_null(root);
    assert_string_equal(p->subject, "operator.health");
    assert_string_equal(json_cstring(json_member(root, "status")), status);
    const char *before = json_cstring(json_member(root, "previousStatus"));
    assert_true(previous ? before && strcmp(before, previous) == 0 : !before);
    assert_string_equal(json_cstring(json_member(root, "eventId")), p->msg_id);
    json_destroy(&root);
}

static void expect_done(const struct rig *r, size_t i, uint64_t number)
{
    struct ipc_health_done done;
    assert_true(ipc_get_health_done(fake_link_at(r->link, i, IPC_HEALTH_DONE), &done));
    assert_int_equal(done.number, number);
}

static void test_in_order_and_one_at_a_time(void **state)
{
    struct rig *r = *state;
    note(r, 1, IPC_HEALTH_BOUND, IPC_HEALTH_NONE);
    note(r, 2, IPC_HEALTH_UNBOUND, IPC_HEALTH_BOUND);
    assert_int_equal(fake_js_count(r->js), 1);
    assert_int_equal(health_events_pending(r->health), 2);
    expect_status(r, 0, "BOUND", NULL);
    assert_int_equal(fake_link_count(r->link), 0);
    fake_js_store(r->js, 0, false);
    expect_done(r, 0, 1);
    assert_int_equal(fake_js_count(r->js), 2);
    expect_status(r, 1, "UNBOUND", "BOUND");
    fake_js_store(r->js, 1, true);
    expect_done(r, 1, 2);
    assert_int_equal(health_events_pending(r->health), 0);
    assert_int_equal(r->op->counters.health_published, 2);
}

static void test_listed_again_is_the_same_event(void **state)
{
    struct rig *r = *state;
    note(r, 7, IPC_HEALTH_BOUND, IPC_HEALTH_NONE);
    note(r, 7, IPC_HEALTH_BOUND, IPC_HEALTH_NONE); /* in the queue already */
    assert_int_equal(health_events_pending(r->health), 1);
    health_events_forget(r->health);
    assert_true(fake_js_at(r->js, 0)->cancelled);
    note(r, 7, IPC_HEALTH_BOUND, IPC_HEALTH_NONE); /* to the next bridge */
    assert_string_equal(fake_js_at(r->js, 0)->msg_id, fake_js_at(r->js, 1)->msg_id);
    note(r, 8, IPC_HEALTH_UNBOUND, IPC_HEALTH_BOUND);
    fake_js_store(r->js, 1, true);
    assert_string_not_equal(fake_js_at(r->js, 1)->msg_id, fake_js_at(r->js, 2)->msg_id);
}

static void test_waits_for_the_end_of_the_listing_and_for_room(void **state)
{
    struct rig *r = *state;
    fake_link_set_attached(r->link, false);
    note(r, 1, IPC_HEALTH_BOUND, IPC_HEALTH_NONE);
    pass_ms(r, 100);
    assert_int_equal(fake_js_count(r->js), 0);
    fake_link_set_attached(r->link, true);
    fake_js_set_full(r->js, true);
    pass_ms(r, 100);
    assert_int_equal(fake_js_count(r->js), 0);
    fake_js_set_full(r->js, false);
    pass_ms(r, 100);
    assert_int_equal(fake_js_count(r->js), 1);
}

static void test_kinds_of_a_later_agent_are_skipped(void **state)
{
    struct rig *r = *state;
    note(r, 1, 9, IPC_HEALTH_NONE);
    note(r, 2, IPC_HEALTH_NONE, IPC_HEALTH_BOUND);
    note(r, 3, IPC_HEALTH_BOUND, 9);
    assert_int_equal(health_events_pending(r->health), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_in_order_and_one_at_a_time),
        TEST(test_listed_again_is_the_same_event),
        TEST(test_waits_for_the_end_of_the_listing_and_for_room),
        TEST(test_kinds_of_a_later_agent_are_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
