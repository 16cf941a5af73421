/* lease_value: what JetStream answers about a key, and what stands in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/lease_value.h"

/* {"holder":"pod-1","home":"000102…0f","state":"held","ttlMs":120000} */
#define HELD                                                                                       \
    "eyJob2xkZXIiOiJwb2QtMSIsImhvbWUiOiIwMDAxMDIwMzA0MDUwNjA3MDgwOTBhMGIwYzBkMGUwZiIsInN0YXRlIjoi" \
    "aGVsZCIsInR0bE1zIjoxMjAwMDB9"

struct row {
    const char *json;
    enum lease_answer answer;
    uint64_t revision;
};

static const struct row rows[] = {
    {"{\"message\":{\"subject\":\"$KV.b.k\",\"seq\":42,\"data\":\"" HELD "\",\"time\":\"…\"}}",
     LEASE_ANSWER_VALUE, 42},
    {"{\"error\":{\"code\":404,\"err_code\":10037,\"description\":\"no message found\"}}",
     LEASE_ANSWER_NONE, 0},
    {"{\"error\":{\"code\":404,\"err_code\":10059,\"description\":\"stream not found\"}}",
     LEASE_ANSWER_NO_BUCKET, 0},
    {"{\"error\":{\"code\":503}}", LEASE_ANSWER_ODD, 0},
    {"{\"message\":{\"seq\":43,\"hdrs\":\"S1Y=\"}}", LEASE_ANSWER_NONE, 43}, /* deleted */
    {"{\"message\":{\"seq\":44,\"data\":\"bm8ganNvbg==\"}}", LEASE_ANSWER_ODD, 44},
    {"{\"message\":{\"seq\":44,\"data\":\"e30=\"}}", LEASE_ANSWER_ODD, 44},
    {"{\"message\":{\"seq\":44,\"data\":\"***\"}}", LEASE_ANSWER_ODD, 44},
    {"{\"message\":{\"data\":\"" HELD "\"}}", LEASE_ANSWER_ODD, 0},
    {"{}", LEASE_ANSWER_ODD, 0},
    {"nothing", LEASE_ANSWER_ODD, 0},
};

static void answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct lease_value v;
        uint64_t revision;
        char error[160] = "";
        assert_int_equal(lease_value_read(rows[i].json, strlen(rows[i].json), &v, &revision, error,
                                          sizeof(error)),
                         rows[i].answer);
        assert_int_equal(revision, rows[i].revision);
        assert_int_equal(*error != 0, rows[i].answer == LEASE_ANSWER_ODD);
        if (rows[i].answer == LEASE_ANSWER_VALUE) {
            assert_string_equal(v.holder, "pod-1");
            assert_int_equal(v.home[15], 15);
            assert_int_equal(v.ttl_ms, 120000);
        }
        assert_int_equal(v.free, rows[i].answer != LEASE_ANSWER_VALUE);
    }
}

static void what_is_written(void **state)
{
    struct lease_value v = {.holder = "pod-1", .ttl_ms = 120000};
    char out[LEASE_VALUE_MAX];
    (void)state;
    for (uint8_t i = 0; i < sizeof(v.home); i++)
        v.home[i] = i;
    size_t len = lease_value_encode(&v, out);
    static const char want[] =
        "{\"holder\":\"pod-1\",\"home\":\"000102030405060708090a0b0c0d0e0f\","
        "\"state\":\"held\",\"ttlMs\":120000}";
    assert_int_equal(len, sizeof(want) - 1);
    assert_memory_equal(out, want, len);
    memset(v.holder, 1, sizeof(v.holder) - 1); /* each is escaped as six characters */
    v.free = v.offered = true;
    assert_true(lease_value_encode(&v, out) < sizeof(out));
}

/* As it is written, so it is read: {"…","state":"free","ttlMs":1} with and without "offered":true.
 */
static void offered(void **state)
{
    static const struct {
        const char *data;
        bool offered;
    } rows_[] = {
        {"eyJob2xkZXIiOiJwIiwiaG9tZSI6IjAwMDEwMjAzMDQwNTA2MDcwODA5MGEwYjBjMGQwZTBmIiwic3RhdGUiOiJm"
         "cmVlIiwidHRsTXMiOjEsIm9mZmVyZWQiOnRydWV9",
         true},
        {"eyJob2xkZXIiOiJwIiwiaG9tZSI6IjAwMDEwMjAzMDQwNTA2MDcwODA5MGEwYjBjMGQwZTBmIiwic3RhdGUiOiJm"
         "cmVlIiwidHRsTXMiOjF9",
         false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows_); i++) {
        struct lease_value v;
        uint64_t revision;
        char json[512], error[160] = "";
        snprintf(json, sizeof(json), "{\"message\":{\"seq\":1,\"data\":\"%s\"}}", rows_[i].data);
        assert_int_equal(lease_value_read(json, strlen(json), &v, &revision, error, sizeof(error)),
                         LEASE_ANSWER_VALUE);
        assert_true(v.free);
        assert_int_equal(v.offered, rows_[i].offered);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(what_is_written),
        cmocka_unit_test(offered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
