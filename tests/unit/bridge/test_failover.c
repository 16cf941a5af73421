/* The copy of a command for the backup: the same document, with another operatorId. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bridge/failover.h"

static void test_rewrite(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"{\"operatorId\":\"a\"}", "{\"operatorId\":\"NEW\"}"},
        {"{ \"text\" : \"operatorId\" , \"operatorId\" : \"a\\\"b\" , \"x\":[1,{}] }",
         "{ \"text\" : \"operatorId\" , \"operatorId\" : \"NEW\" , \"x\":[1,{}] }"},
        {"{\"x\":{\"operatorId\":\"inner\"},\"operatorId\":\"a\"}",
         "{\"x\":{\"operatorId\":\"inner\"},\"operatorId\":\"NEW\"}"},
        {"{\"text\":\"\\\\\\\"operatorId\\\":\",\"operatorId\":\"a\"}",
         "{\"text\":\"\\\\\\\"operatorId\\\":\",\"operatorId\":\"NEW\"}"},
        {"{\"x\":[\"operatorId\"],\"operatorId\":\"\"}",
         "{\"x\":[\"operatorId\"],\"operatorId\":\"NEW\"}"},
        {"{\"\\u006fperator\\u0049d\":\"a\",\"operator\\u0049\":\"b\"}",
         "{\"\\u006fperator\\u0049d\":\"NEW\",\"operator\\u0049\":\"b\"}"},
        {"{\"operatorId\\u0022\":\"a\",\"operatorId\":\"b\"}",
         "{\"operatorId\\u0022\":\"a\",\"operatorId\":\"NEW\"}"},
        {"{\"x\":1}", NULL},
        {"{\"x\":{\"operatorId\":\"inner\"}}", NULL},
        {"{\"operatorId\":5}", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t len = 0;
        char *out = failover_rewrite(rows[i][0], strlen(rows[i][0]), "NEW", &len);
        if (!rows[i][1]) {
            assert_null(out);
            continue;
        }
        assert_non_null(out);
        assert_string_equal(out, rows[i][1]);
        assert_int_equal(len, strlen(rows[i][1]));
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rewrite)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
