/* What the fuzzers share: a failing property ends the run like a memory error does. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "common/base.h"

#define MUST(cond) INVARIANT(cond)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
