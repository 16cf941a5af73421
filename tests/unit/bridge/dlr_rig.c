/* See dlr_rig.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/bridge/dlr_rig.h"

static bool expects(void *arg, const struct mno *op, uint64_t digest)
{
    const struct rig *r = arg;
    (void)op;
    return r->expects && digest == correlation_address_digest(PHONE);
}

static struct rig *dlr_rig_create(const char *mo_subject)
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

int dlr_rig_setup(void **state)
{
    *state = dlr_rig_create(NULL);
    return 0;
}

int dlr_rig_setup_mo(void **state)
{
    *state = dlr_rig_create("sms.mo.inbound");
    return 0;
}

int dlr_rig_teardown(void **state)
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
void pass_ms(struct rig *r, int64_t ms)
{
    for (int64_t left = ms; left > 0; left -= 10) {
        r->now_ns += 10 * NS_PER_MS;
        clock_set_mono_for_test(r->now_ns);
        loop_turn(r->loop, 0);
        if (redis_is_connected(r->redis))
            fake_redis_answer(r->redis);
    }
}

/* --- what the MNO sends --- */

uint64_t deliver_sm(struct rig *r, const struct smpp_sm *sm, uint8_t bind)
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

uint64_t deliver(struct rig *r, uint8_t esm_class, const char *text, uint8_t bind)
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

uint64_t receipt(struct rig *r, const char *text)
{
    return deliver(r, SMPP_ESM_RECEIPT, text, 0);
}

void store_segment(struct rig *r, const char *id, uint8_t segment, uint8_t segments)
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

void store(struct rig *r, const char *id)
{
    store_segment(r, id, 1, 1);
}

/* --- what came out --- */

struct json *event(const struct rig *r, size_t i)
{
    const struct fake_publish *p = fake_js_at(r->js, i);
    char error[128];
    struct json *root = json_parse(p->data, p->len, sizeof(p->data), error, sizeof(error));
    if (!root)
        fail_msg("%s: %s", error, p->data);
    return root;
}

void expect_text(const struct rig *r, size_t i, const char *key, const char *value)
{
    struct json *root = event(r, i);
    const char *text = json_cstring(json_member(root, key));
    if (value && (!text || strcmp(text, value) != 0))
        fail_msg("%s is %s, not %s", key, text ? text : "null", value);
    if (!value)
        assert_null(text);
    json_destroy(&root);
}

void expect_bool(const struct rig *r, size_t i, const char *key, bool value)
{
    struct json *root = event(r, i);
    bool v = false;
    assert_true(json_bool(json_member(root, key), &v));
    assert_int_equal(v, value);
    json_destroy(&root);
}

void expect_done(const struct rig *r, size_t i, uint64_t id, uint32_t status)
{
    struct ipc_deliver_done done;
    assert_true(ipc_get_deliver_done(fake_link_at(r->link, i, IPC_DELIVER_DONE), &done));
    assert_int_equal(done.id, id);
    assert_int_equal(done.status, status);
}

void expect_nothing_under_way(const struct rig *r)
{
    assert_int_equal(dlr_view(r->dlr).under_way, 0);
    assert_int_equal(dlr_view(r->dlr).parked, 0);
}
