/* What the tests of this folder share. cmocka wants its own headers included before it. */
#ifndef TESTS_UNIT_PROTO_TEST_H
#define TESTS_UNIT_PROTO_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base.h"

static inline struct bytes bytes_of(const char *cstr)
{
    return (struct bytes){.data = (const uint8_t *)cstr, .len = strlen(cstr)};
}

/* For string constants with NULs inside. */
#define BYTES(literal)                                                                             \
    ((struct bytes){.data = (const uint8_t *)("" literal), .len = sizeof(literal) - 1})

/* The text of a failing row. */
#define check(cond, ...)                                                                           \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            print_error(__VA_ARGS__);                                                              \
            print_error("\n");                                                                     \
            fail_msg("%s", #cond);                                                                 \
        }                                                                                          \
    } while (0)

#endif
