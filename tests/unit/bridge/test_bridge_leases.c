/* leases: what is written for an operator that goes while the server is still to answer. The server
 * is this file: each test answers what is asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/loop.h"

#include "bridge/leases.h"

#define ID "11111111-2222-4333-8444-555555555555"
#define TURN_MS 50
#define TURNS 100

/* --- the server --- */

static struct {
    jetstream_answer *done;
    void *arg;
} asked;
static struct {
    jetstream_set_done *done;
    void *arg;
    uint64_t expected;
    char value[512];
} set;

bool jetstream_is_connected(const struct jetstream *js)
{
    (void)js;
    return true;
}

bool jetstream_api(struct jetstream *js, const char *what, const char *json, jetstream_answer *done,
                   void *arg)
{
    (void)js;
    (void)what;
    (void)json;
    asked.done = done;
    asked.arg = arg;
    return true;
}

bool jetstream_set(struct jetstream *js, const char *subject, uint64_t expected, const void *data,
                   size_t len, jetstream_set_done *done, void *arg)
{
    (void)js;
    assert_string_equal(subject, "$KV.b." ID ".0");
    assert_null(set.done);
    set.done = done;
    set.arg = arg;
    set.expected = expected;
    snprintf(set.value, sizeof(set.value), "%.*s", (int)len, (const char *)data);
    return true;
}

static void answer(const char *json)
{
    jetstream_answer *done = asked.done;
    assert_non_null(done);
    asked.done = NULL;
    done(asked.arg, json, strlen(json), NULL);
}

static void answer_set(enum jetstream_set_end end, uint64_t revision)
{
    jetstream_set_done *done = set.done;
    assert_non_null(done);
    set.done = NULL;
    done(set.arg, end, revision, "");
}

/* --- the instance --- */

struct rig {
    struct loop *loop;
    struct operators *operators;
    struct leases *leases;
    struct mno *op;
    unsigned taken;
};

static bool yes(void *arg)
{
    (void)arg;
    return true;
}

static bool nobody(void *arg, struct mno *op)
{
    (void)arg;
    (void)op;
    return true;
}

static void on_taken(void *arg, struct mno *op, uint8_t bind)
{
    (void)op;
    (void)bind;
    ((struct rig *)arg)->taken++;
}

static void nothing(void *arg, struct mno *op, uint8_t bind)
{
    (void)arg;
    (void)op;
    (void)bind;
}

static void on_ended(void *arg, struct mno *op, uint8_t bind, bool given)
{
    (void)arg;
    (void)op;
    (void)bind;
    (void)given;
}

static void turn_until_write(struct rig *r)
{
    for (int i = 0; i < TURNS && !set.done; i++)
        loop_turn(r->loop, TURN_MS);
    assert_non_null(set.done);
}

/* The lease of one operator is held, with revision 1, and its renewal is under way. */
static void hold(struct rig *r)
{
    static const uint8_t home[LEASES_HOME_SIZE] = {1};
    struct operator_settings settings = {.binds = 1};
    *r = (struct rig){.loop = loop_create(), .operators = operators_create()};
    memset(&set, 0, sizeof(set));
    memset(&asked, 0, sizeof(asked));
    r->leases = leases_create(&(struct leases_options){
        .loop = r->loop,
        .operators = r->operators,
        .bucket = "b",
        .instance_id = "pod-1",
        .ttl_ms = 60000,
        .deadline_ms = 59400, /* renewed each 100 ms */
        .may_take = yes,
        .may_renew = yes,
        .nobody_sends = nobody,
        .taken = on_taken,
        .renewed = nothing,
        .ended = on_ended,
        .arg = r,
    });
    assert_true(uuid_parse(ID, strlen(ID), &settings.id));
    r->op = operators_put(r->operators, &settings);
    leases_operator_changed(r->leases, r->op);
    leases_set_home(r->leases, home);
    leases_js_connected(r->leases);
    answer("{\"config\":{\"num_replicas\":3}}");
    for (int i = 0; i < TURNS && !asked.done; i++)
        loop_turn(r->loop, TURN_MS);
    answer("{\"error\":{\"err_code\":10037}}");
    turn_until_write(r);
    answer_set(JETSTREAM_SET_DONE, 1);
    assert_int_equal(r->taken, 1);
    turn_until_write(r);
    assert_non_null(strstr(set.value, "held"));
    assert_int_equal(set.expected, 1);
}

static void end(struct rig *r)
{
    leases_destroy(&r->leases);
    operators_destroy(&r->operators);
    loop_destroy(&r->loop);
}

static void gone_while_its_renewal_is_under_way(void **state)
{
    static const struct {
        enum jetstream_set_end end;
        bool gives;
    } rows[] = {
        {JETSTREAM_SET_DONE, true},
        {JETSTREAM_SET_CONFLICT, false}, /* another's by now */
        {JETSTREAM_SET_UNKNOWN, false},  /* ends by itself */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rig r;
        hold(&r);
        leases_operator_gone(r.leases, r.op);
        operators_remove(r.operators, &r.op);
        assert_int_equal(leases_held_all(r.leases), 0);
        answer_set(rows[i].end, 2);
        assert_int_equal(set.done != NULL, rows[i].gives);
        if (rows[i].gives) {
            assert_non_null(strstr(set.value, "free"));
            assert_int_equal(set.expected, 2);
            answer_set(JETSTREAM_SET_DONE, 3);
            assert_null(set.done);
        }
        end(&r);
    }
}

static void the_process_ends_before_the_answer(void **state)
{
    struct rig r;
    (void)state;
    hold(&r);
    leases_operator_gone(r.leases, r.op);
    operators_remove(r.operators, &r.op);
    end(&r); /* the leak checker looks */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gone_while_its_renewal_is_under_way),
        cmocka_unit_test(the_process_ends_before_the_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
