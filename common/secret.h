/*
 * Memory for secrets: locked, kept out of core dumps, wiped at the end; memfd_secret where the
 * kernel has it, so that not even root reads it through /proc. There is deliberately no printer.
 */
#ifndef COMMON_SECRET_H
#define COMMON_SECRET_H

#include "common/base.h"

struct secret;

/* A zeroed secret of exactly `size` bytes (1 … 4096). */
struct secret *secret_create(size_t size) MUST_CHECK;
void secret_destroy(struct secret **s); /* wipes */
uint8_t *secret_data(struct secret *s);
size_t secret_size(const struct secret *s);

/* Makes the process refuse core dumps and ptrace by its own uid; call first in main(). */
void secret_harden_process(void);

#endif
