/* Frames cut at every byte, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "common/ipc_frame.h"

static void test_a_frame_is_whole_only_with_its_last_byte(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 255, 256, 70000};
    static uint8_t bytes[80000];
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct bytes message;
        size_t used, whole = IPC_FRAME_HEADER_SIZE + sizes[i];
        ipc_frame_header(sizes[i], bytes);
        for (size_t len = 0; len < whole; len++)
            assert_int_equal(ipc_frame_next((struct bytes){bytes, len}, 70000, &message, &used),
                             IPC_FRAME_MORE);
        for (size_t more = 0; more < 3; more++) {
            assert_int_equal(
                ipc_frame_next((struct bytes){bytes, whole + more}, 70000, &message, &used),
                IPC_FRAME_WHOLE);
            assert_int_equal(used, whole);
            assert_int_equal(message.len, sizes[i]);
            assert_ptr_equal(message.data, bytes + IPC_FRAME_HEADER_SIZE);
        }
    }
}

static void test_what_is_no_frame(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[IPC_FRAME_HEADER_SIZE];
        size_t len;
    } cases[] = {
        {{0}, 1},
        {{2}, 9},
        {{1, 0, 0, 0, 0, 0, 0, 0, 101}, 9},
        {{1, 0, 0, 0, 1, 0, 0, 0, 0}, 9},
        {{1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, 9},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bytes message;
        size_t used;
        assert_int_equal(
            ipc_frame_next((struct bytes){cases[i].bytes, cases[i].len}, 100, &message, &used),
            IPC_FRAME_BAD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_frame_is_whole_only_with_its_last_byte),
        cmocka_unit_test(test_what_is_no_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
