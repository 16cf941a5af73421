/* What the tests of the loop's modules share: turning a loop until something holds. */
#ifndef TESTS_UNIT_COMMON_HARNESS_H
#define TESTS_UNIT_COMMON_HARNESS_H

#include "common/loop.h"

/* Turns the loop until `*flag` is at least `wanted`; false after `deadline_ms`. */
bool harness_until(struct loop *loop, const unsigned *count, unsigned wanted, int deadline_ms);
/* Turns the loop for a while, to see that something does not happen. */
void harness_turn_for(struct loop *loop, int ms);
/* A fresh directory under /tmp, removed with its plain files by harness_remove_dir(). */
void harness_make_dir(char path[64]);
void harness_remove_dir(const char *path);
unsigned harness_open_descriptors(void);

#endif
