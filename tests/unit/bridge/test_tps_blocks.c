/* tps_blocks: what Redis answers to an exchange, and what is no answer. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "bridge/tps_blocks.h"

static struct redis_reply text(const char *s)
{
    return (struct redis_reply){.type = REDIS_STRING, .text = s, .len = strlen(s)};
}

static struct redis_reply number(int64_t n)
{
    return (struct redis_reply){.type = REDIS_INTEGER, .integer = n};
}

static bool read_all(const struct redis_reply *elements, size_t count,
                     struct tps_blocks_answer *answer)
{
    struct redis_reply reply = {.type = REDIS_ARRAY, .elements = elements, .count = count};
    return tps_blocks_read(&reply, answer);
}

static void an_answer(void **state)
{
    (void)state;
    struct tps_blocks_answer a;
    const struct redis_reply nothing[] = {text("1700000000000000"), number(0)};
    assert_true(read_all(nothing, ARRAY_LEN(nothing), &a));
    assert_int_equal(a.now_us, 1700000000000000);
    assert_false(a.wanted);
    assert_int_equal(a.taken_count, 0);
    const struct redis_reply two[] = {text("1700000000000000"), number(1),
                                      text("1700000000060000 1700000000080000 12"),
                                      text("1700000000065000 1700000000085000 1")};
    assert_true(read_all(two, ARRAY_LEN(two), &a));
    assert_true(a.wanted);
    assert_int_equal(a.taken_count, 2);
    assert_int_equal(a.taken[0].from_us, 1700000000060000);
    assert_int_equal(a.taken[0].by_us, 1700000000080000);
    assert_int_equal(a.taken[0].tokens, 12);
    assert_int_equal(a.taken[1].tokens, 1);
}

static void no_answer(void **state)
{
    (void)state;
    struct tps_blocks_answer a;
    assert_false(tps_blocks_read(NULL, &a));
    struct redis_reply error = {.type = REDIS_ERROR, .text = "NOPERM", .len = 6};
    assert_false(tps_blocks_read(&error, &a));
    static const char *const blocks[] = {"", "1 2", "1 2 x", "-1 2 3", "1 2 4294967296", "a 2 3"};
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        const struct redis_reply e[] = {text("1700000000000000"), number(1), text(blocks[i])};
        assert_false(read_all(e, ARRAY_LEN(e), &a));
    }
    const struct redis_reply no_time[] = {text("soon"), number(1)};
    assert_false(read_all(no_time, ARRAY_LEN(no_time), &a));
    const struct redis_reply no_flag[] = {text("1700000000000000"), text("1")};
    assert_false(read_all(no_flag, ARRAY_LEN(no_flag), &a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_answer), cmocka_unit_test(no_answer)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
