/* Ledger files in a directory of the test's own. */
#ifndef TESTS_UNIT_SESSION_AGENT_LEDGER_FILES_H
#define TESTS_UNIT_SESSION_AGENT_LEDGER_FILES_H

#include "session-agent/ledger.h"

#define SMALL_LEDGER LEDGER_BYTES_MIN
#define RECOVERY_WALL_MS INT64_C(1700000000000)

/* A new empty directory; removed with all in it by the second. */
void files_begin(void);
void files_end(void);
/* "<directory>/<name>"; static memory, two at a time. */
const char *files_path(const char *name);
/* The whole file, for the caller to free. */
uint8_t *files_read(const char *path, size_t *len_r);
void files_write(const char *path, const void *data, size_t len);
/* Opens or fails the test. */
struct ledger *files_open(const char *path, struct ledger_recovery *recovery_r);

struct ipc_key test_key(uint64_t sequence, uint8_t segment);
struct bytes text_bytes(const char *text);
extern const uint8_t operator_a[16], operator_b[16];

/* No owner is set in most tests. */
void no_owner(void *owner, void *arg);

#endif
