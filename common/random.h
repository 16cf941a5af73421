/* Random bytes from the kernel (getrandom). */
#ifndef COMMON_RANDOM_H
#define COMMON_RANDOM_H

#include "common/base.h"

void random_bytes(void *out, size_t len);
uint32_t random_u32(void);
uint64_t random_u64(void);

#endif
