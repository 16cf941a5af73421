/*
 * The agent's settings: few on purpose, since everything about operators reaches it in the bridge's
 * declaration. The table is the truth for parsing, --print-settings and reloading.
 */
#ifndef SESSION_AGENT_AGENT_SETTINGS_H
#define SESSION_AGENT_AGENT_SETTINGS_H

#include <stdio.h>

#include "common/base.h"

#define AGENT_SETTINGS_MAX_UIDS 16

struct agent_settings {
    char *ipc_url;
    int64_t log_level; /* enum log_level */
    char *settings_file;
    char *ipc_peer_uids; /* NULL: this process's own */
    char *ledger_file;   /* NULL: beside the socket */
    int64_t ledger_bytes;
    int64_t drain_ms;
};

/* From the environment and SETTINGS_FILE. −1 with one line that names what is wrong; then there is
 * nothing to free. */
int agent_settings_load(struct agent_settings *settings_r, char *error_r,
                        size_t error_size) MUST_CHECK;
void agent_settings_free(struct agent_settings *settings);
/* Loads again and takes over what may change at run time; what is wrong is logged and changes
 * nothing. True when something changed. */
bool agent_settings_reload(struct agent_settings *settings);

/* Where the ledger lies: LEDGER_FILE, or agent.ledger beside the socket. */
bool agent_settings_ledger_path(const struct agent_settings *settings, char *path_r,
                                size_t size) MUST_CHECK;
/* The uids that may attach; false when the list is malformed (agent_settings_load() refuses that).
 */
bool agent_settings_peer_uids(const struct agent_settings *settings,
                              uint32_t uids_r[AGENT_SETTINGS_MAX_UIDS], size_t *count_r) MUST_CHECK;

void agent_settings_print_effective(const struct agent_settings *settings, FILE *out);
void agent_settings_print_table(FILE *out);

#endif
