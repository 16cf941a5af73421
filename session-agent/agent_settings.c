/* The agent's settings as one table, and the two values that are derived from it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file_watch.h"
#include "common/log.h"
#include "common/settings.h"
#include "common/str.h"

#include "session-agent/agent_settings.h"

#define SETTINGS_FILE_MAX (256 * 1024)
#define IPC_SCHEME "ipc://"

static const struct setting table[] = {
    {.name = "IPC_URL",
     .type = SETTING_STRING,
     .offset = offsetof(struct agent_settings, ipc_url),
     .default_text = "ipc:///run/smpp-connector/agent.ipc",
     .required = true,
     .meaning = "where the bridge attaches; the directory must be private to the two"},
    {.name = "LOG_LEVEL",
     .type = SETTING_CHOICE,
     .offset = offsetof(struct agent_settings, log_level),
     .default_text = "info",
     .choices = "error,warn,info,debug",
     .reloadable = true,
     .meaning = "which lines are logged until a bridge declares otherwise"},
    {.name = "SETTINGS_FILE",
     .type = SETTING_STRING,
     .offset = offsetof(struct agent_settings, settings_file),
     .meaning = "NAME=value lines with these names; the environment wins; re-read on SIGHUP and "
                "when it changes"},
    {.name = "IPC_PEER_UIDS",
     .type = SETTING_STRING,
     .offset = offsetof(struct agent_settings, ipc_peer_uids),
     .reloadable = true,
     .meaning = "comma-separated uids that may attach; empty: this process's own"},
    {.name = "LEDGER_FILE",
     .type = SETTING_STRING,
     .offset = offsetof(struct agent_settings, ledger_file),
     .meaning = "submits and their outcomes, kept across a restart of this process; empty: "
                "agent.ledger beside the IPC socket"},
    {.name = "LEDGER_BYTES",
     .type = SETTING_INT,
     .offset = offsetof(struct agent_settings, ledger_bytes),
     .default_text = "33554432",
     .min = 1 << 20,
     .max = INT64_C(4) << 30,
     .meaning = "size of the ledger, allocated at start"},
    {.name = "DRAIN_MS",
     .type = SETTING_INT,
     .offset = offsetof(struct agent_settings, drain_ms),
     .default_text = "35000",
     .min = 0,
     .max = 600000,
     .meaning = "how long SIGTERM may take; 10 s of it are for outcomes and unbinding"},
};

static bool parse_uids(const char *text, uint32_t uids_r[AGENT_SETTINGS_MAX_UIDS], size_t *count_r)
{
    *count_r = 0;
    for (const char *at = text;; at++) {
        const char *end = at + strcspn(at, ",");
        uint64_t uid;
        if (*count_r == AGENT_SETTINGS_MAX_UIDS ||
            !str_parse_u64(at, (size_t)(end - at), 0, UINT32_MAX - 1, &uid))
            return false;
        uids_r[(*count_r)++] = (uint32_t)uid;
        if (!*end)
            return true;
        at = end;
    }
}

bool agent_settings_peer_uids(const struct agent_settings *settings,
                              uint32_t uids_r[AGENT_SETTINGS_MAX_UIDS], size_t *count_r)
{
    if (settings->ipc_peer_uids && *settings->ipc_peer_uids)
        return parse_uids(settings->ipc_peer_uids, uids_r, count_r);
    uids_r[0] = getuid();
    *count_r = 1;
    return true;
}

bool agent_settings_ledger_path(const struct agent_settings *settings, char *path_r, size_t size)
{
    struct str_out out = str_out(path_r, size);
    if (settings->ledger_file && *settings->ledger_file) {
        str_puts(&out, settings->ledger_file);
        return !out.cut;
    }
    const char *socket = settings->ipc_url + strlen(IPC_SCHEME);
    const char *slash = strrchr(socket, '/');
    str_put(&out, socket, slash ? (size_t)(slash - socket) + 1 : 0);
    str_puts(&out, "agent.ledger");
    return !out.cut;
}

/* What no single row can say. */
static int check(const struct agent_settings *settings, char *error_r, size_t error_size)
{
    struct str_out error = str_out(error_r, error_size);
    uint32_t uids[AGENT_SETTINGS_MAX_UIDS];
    size_t count;
    if (strncmp(settings->ipc_url, IPC_SCHEME, strlen(IPC_SCHEME)) != 0 ||
        strlen(settings->ipc_url) == strlen(IPC_SCHEME)) {
        str_puts(&error, "IPC_URL: ipc://<path of a socket> is wanted");
        return -1;
    }
    if (!agent_settings_peer_uids(settings, uids, &count)) {
        str_putf(&error, "IPC_PEER_UIDS: at most %d uids, separated by commas, are wanted",
                 AGENT_SETTINGS_MAX_UIDS);
        return -1;
    }
    return 0;
}

int agent_settings_load(struct agent_settings *settings_r, char *error_r, size_t error_size)
{
    const char *path = getenv("SETTINGS_FILE");
    char *text = NULL;
    if (path && *path) {
        size_t len;
        text = file_read(path, SETTINGS_FILE_MAX, &len, error_r, error_size);
        if (!text)
            return -1;
    }
    int status = settings_load(table, ARRAY_LEN(table), text, settings_r, error_r, error_size);
    free(text);
    if (status != 0)
        return -1;
    if (check(settings_r, error_r, error_size) == 0)
        return 0;
    agent_settings_free(settings_r);
    return -1;
}

void agent_settings_free(struct agent_settings *settings)
{
    settings_free(table, ARRAY_LEN(table), settings);
}

bool agent_settings_reload(struct agent_settings *settings)
{
    struct agent_settings fresh;
    char error[256];
    if (agent_settings_load(&fresh, error, sizeof(error)) != 0) {
        log_error("the settings are not reloaded; what was in force stays",
                  LOG_STR("reason", error));
        return false;
    }
    bool changed = settings_apply_reloadable(table, ARRAY_LEN(table), settings, &fresh);
    agent_settings_free(&fresh);
    return changed;
}

void agent_settings_print_effective(const struct agent_settings *settings, FILE *out)
{
    settings_print_effective(table, ARRAY_LEN(table), settings, out);
}

void agent_settings_print_table(FILE *out)
{
    settings_print_table(table, ARRAY_LEN(table), out);
}
