/* smpp-bridge: the half of the connector that knows messages. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/log.h"
#include "common/secret.h"
#include "common/signals.h"

#include "proto/json.h"

#include "bridge/bridge.h"
#include "bridge/bridge_settings_check.h"
#include "bridge/ctl.h"

static const char usage[] =
    "smpp-bridge: JetStream, Redis, credentials and HTTP of the SMPP connector.\n"
    "\n"
    "  smpp-bridge                          run, with the session-agent at IPC_URL\n"
    "  smpp-bridge --check-config           validate, print the effective settings; exit 0 or 1\n"
    "  smpp-bridge --check-config --connect also ask NATS, Redis and the credentials service\n"
    "  smpp-bridge --print-settings         name, default, bounds, reloadable, meaning (Markdown)\n"
    "  smpp-bridge --version\n"
    "  smpp-bridge --help\n"
    "\n"
    "Settings come from the environment, then from SETTINGS_FILE. SIGTERM drains and ends with 0,\n"
    "a second one hurries; SIGHUP re-reads what is reloadable, the operators included.\n"
    "\n";

static char **saved_argv;

/* What libraries opened without FD_CLOEXEC must not be open in the program that follows. */
static void close_all_on_exec(void)
{
    if (close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
        return;
    long end = sysconf(_SC_OPEN_MAX); /* Linux before 5.11 */
    for (int fd = STDERR_FILENO + 1; fd < end; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
}

/* The same program from the beginning: nothing of this process survives but pid, arguments and what
 * signals asked for. */
static void start_anew(void)
{
    close_all_on_exec();
    signals_block(); /* the next one reads what this one did not */
    execv("/proc/self/exe", saved_argv);
    log_error("the program can't be started anew", LOG_STR("reason", strerror(errno)));
    _Exit(BRIDGE_EXIT_STOOD_STILL);
}

static bool load(struct bridge_settings *settings)
{
    char error[512];
    if (bridge_settings_load(settings, error, sizeof(error)) == 0)
        return true;
    log_error("the settings are invalid", LOG_STR("reason", error));
    return false;
}

static int check_config(bool connect)
{
    struct bridge_settings settings;
    struct operator_settings_list operators;
    char error[512];
    log_set_level(LOG_ERROR); /* what is wrong has a line of its own */
    if (bridge_settings_load(&settings, error, sizeof(error)) != 0) {
        fprintf(stderr, "smpp-bridge: %s\n", error);
        return 1;
    }
    bridge_settings_print_effective(&settings, stdout);
    int status = bridge_settings_operators(&settings, &operators, error, sizeof(error));
    if (status == 0)
        status = bridge_settings_check_files(&settings, error, sizeof(error));
    if (status != 0)
        fprintf(stderr, "smpp-bridge: %s\n", error);
    else
        printf("# %zu operators\n", operators.count);
    operator_settings_list_free(&operators);
    bool ok = status == 0 && (!connect || bridge_check_connections(&settings));
    bridge_settings_free(&settings);
    return ok ? 0 : 1;
}

static int run(void)
{
    struct bridge_settings settings;
    signals_block();
    if (!load(&settings))
        return 1;
    log_set_level((enum log_level)settings.log_level);
    switch (bridge_run(&settings, start_anew)) {
    case BRIDGE_END_STOPPED:
        return 0;
    case BRIDGE_END_AGAIN:
        start_anew();
        break;
    case BRIDGE_END_FAILED:
        break;
    }
    return 1;
}

static int run_ctl(int argc, char **argv)
{
    char *path, error[512];
    if (bridge_settings_ctl_socket(&path, error, sizeof(error)) != 0) {
        fprintf(stderr, "smpp-bridge ctl: %s\n", error);
        return 1;
    }
    if (!path)
        fprintf(stderr, "smpp-bridge ctl: CTL_SOCKET is empty: the bridge listens nowhere\n");
    int status = path ? ctl_main(argc, argv, path) : 1;
    free(path);
    return status;
}

static int show(const char *text)
{
    fputs(text, stdout);
    return 0;
}

int main(int argc, char **argv)
{
    saved_argv = argv;
    secret_harden_process();
    prctl(PR_SET_NAME, "smpp-bridge"); /* also when started as /proc/self/exe */
    json_wipe_always();                /* a password passes through */
    if (argc >= 2 && strcmp(argv[1], "ctl") == 0)
        return run_ctl(argc - 2, argv + 2);
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return show("smpp-bridge " SMPP_CONNECTOR_VERSION "\n");
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return show(usage) + show(ctl_usage);
    if (argc == 2 && strcmp(argv[1], "--print-settings") == 0) {
        bridge_settings_print_table(stdout);
        return 0;
    }
    log_init("smpp-bridge", LOG_INFO);
    bool connect = argc == 3 && strcmp(argv[2], "--connect") == 0;
    if (argc >= 2 && strcmp(argv[1], "--check-config") == 0 && (argc == 2 || connect))
        return check_config(connect);
    if (argc == 1)
        return run();
    fprintf(stderr, "smpp-bridge: unknown arguments; --help lists what there is\n");
    return 2;
}
