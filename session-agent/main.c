/* smpp-session-agent: owns the SMPP sockets, so that the bridge can restart without a bind
 * dropping.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/secret.h"
#include "common/signals.h"

#include "session-agent/agent.h"
#include "session-agent/agent_settings.h"
#include "session-agent/liveness.h"
#include "session-agent/session_fsm.h"

static const char help[] =
    "smpp-session-agent " SMPP_CONNECTOR_VERSION ": holds the SMPP sessions of an smpp-connector.\n"
    "\n"
    "It opens the sessions that the bridge declares over IPC_URL, keeps them alive and hands\n"
    "submit_sm, deliver_sm and their answers across. It asks the bridge for credentials before\n"
    "each bind and knows nothing about messages.\n"
    "\n"
    "Usage: smpp-session-agent [option]\n"
    "  (none)            run until SIGTERM, which drains and unbinds; a second one hurries\n"
    "  --check           liveness probe: exit 0 if the agent's loop turned in the last 10 s\n"
    "  --check-config    validate the settings, print the effective ones, exit 0 or 1\n"
    "  --print-settings  every setting with default, bounds and meaning\n"
    "  --print-states    a bind's life, as in README.md (Markdown)\n"
    "  --version\n"
    "  --help\n"
    "\n"
    "Settings come from the environment, then from SETTINGS_FILE. SIGHUP re-reads LOG_LEVEL\n"
    "and IPC_PEER_UIDS.\n"
    "Log lines are JSON on stdout.\n";

static int load(struct agent_settings *settings)
{
    char error[512];
    if (agent_settings_load(settings, error, sizeof(error)) == 0)
        return 0;
    fprintf(stderr, "smpp-session-agent: %s\n", error);
    return -1;
}

static int check_config(void)
{
    struct agent_settings settings;
    if (load(&settings) != 0)
        return 1;
    agent_settings_print_effective(&settings, stdout);
    agent_settings_free(&settings);
    return 0;
}

static int check_liveness(void)
{
    struct agent_settings settings;
    char path[4096];
    char error[512];
    signals_block();
    if (load(&settings) != 0)
        return 1;
    bool has_path = agent_settings_ledger_path(&settings, path, sizeof(path));
    agent_settings_free(&settings);
    if (has_path && liveness_check(path, error, sizeof(error)) == 0)
        return 0;
    fprintf(stderr, "smpp-session-agent: %s\n", has_path ? error : "LEDGER_FILE is too long");
    return 1;
}

/* A look-up of a name keeps a thread of libuv's for as long as the name servers are silent, and
 * libuv lets look-ups have half of its threads: with its default of 4 two dead names would keep all
 * other operators from their binds. This is for twice as many as attempts run at a time, since one
 * that is given up still has its thread. */
#define LIBUV_THREADS "128"

static int run(void)
{
    struct agent_settings settings;
    struct agent *agent = NULL;
    char error[512];
    if (load(&settings) != 0)
        return 1;
    setenv("UV_THREADPOOL_SIZE", LIBUV_THREADS, 0);
    log_init("smpp-session-agent", (enum log_level)settings.log_level);
    struct loop *loop = loop_create();
    int status = agent_create(loop, &settings, &agent, error, sizeof(error));
    if (status == 0)
        loop_run(loop);
    else
        log_error("the agent can't start", LOG_STR("reason", error));
    agent_destroy(&agent);
    loop_destroy(&loop);
    agent_settings_free(&settings);
    return status == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    secret_harden_process();
    const char *option = argc > 1 ? argv[1] : "";
    if (argc > 2) {
        fprintf(stderr, "smpp-session-agent: one option at most is taken, see --help\n");
        return 2;
    }
    if (argc == 1)
        return run();
    if (strcmp(option, "--check") == 0)
        return check_liveness();
    if (strcmp(option, "--check-config") == 0)
        return check_config();
    if (strcmp(option, "--print-settings") == 0) {
        agent_settings_print_table(stdout);
        return 0;
    }
    if (strcmp(option, "--print-states") == 0) {
        session_fsm_print(stdout);
        return 0;
    }
    if (strcmp(option, "--version") == 0) {
        puts("smpp-session-agent " SMPP_CONNECTOR_VERSION);
        return 0;
    }
    if (strcmp(option, "--help") == 0) {
        fputs(help, stdout);
        return 0;
    }
    fprintf(stderr, "smpp-session-agent: there is no option %s, see --help\n", option);
    return 2;
}
