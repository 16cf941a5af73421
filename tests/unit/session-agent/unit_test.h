/* What every unit test of the session-agent begins with: cmocka and a small random source. */
#ifndef TESTS_UNIT_SESSION_AGENT_UNIT_TEST_H
#define TESTS_UNIT_SESSION_AGENT_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base.h"
#include "common/clock.h"

/* xorshift64*: the same numbers in every run. */
struct chance {
    uint64_t state;
};

static inline uint32_t chance_below(struct chance *c, uint32_t n)
{
    c->state ^= c->state >> 12;
    c->state ^= c->state << 25;
    c->state ^= c->state >> 27;
    return (uint32_t)((c->state * UINT64_C(0x2545F4914F6CDD1D)) >> 33) % n;
}

static inline mono_t at_ms(int64_t ms)
{
    return (mono_t){ms * NS_PER_MS};
}

#endif
