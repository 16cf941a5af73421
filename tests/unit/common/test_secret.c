/* Secrets hold their bytes, and neither /proc nor a child sees them. */
#include <setjmp.h>
#include <stdarg.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/secret.h"

static void test_a_secret_is_zeroed_and_has_its_size(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 31, 4095, 4096};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct secret *s = secret_create(sizes[i]);
        assert_int_equal(secret_size(s), sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(secret_data(s)[k], 0);
        memset(secret_data(s), 0xA5, sizes[i]);
        assert_int_equal(secret_data(s)[sizes[i] - 1], 0xA5);
        secret_destroy(&s);
        assert_null(s);
        secret_destroy(&s);
    }
}

static void test_a_child_does_not_see_it(void **state)
{
    (void)state;
    struct secret *s = secret_create(16);
    memset(secret_data(s), 0x5A, 16);
    pid_t child = fork();
    if (child == 0) {
        /* memfd_secret: not mapped at all; else wiped. write() tells without faulting. */
        int ends[2];
        uint8_t byte = 0;
        if (pipe(ends) != 0)
            _exit(2);
        bool mapped = write(ends[1], secret_data(s), 1) == 1;
        _exit(mapped && read(ends[0], &byte, 1) == 1 && byte == 0x5A ? 1 : 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(secret_data(s)[0], 0x5A);
    secret_destroy(&s);
}

static void test_a_hardened_process_dumps_nothing(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit;
        secret_harden_process();
        bool hard = prctl(PR_GET_DUMPABLE) == 0 && getrlimit(RLIMIT_CORE, &limit) == 0 &&
                    limit.rlim_cur == 0 && limit.rlim_max == 0;
        _exit(hard ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_secret_is_zeroed_and_has_its_size),
        cmocka_unit_test(test_a_child_does_not_see_it),
        cmocka_unit_test(test_a_hardened_process_dumps_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
