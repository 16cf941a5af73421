/* mno-sim: reads the options, builds the parts in order, runs, and takes them apart in reverse. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <uv.h>

#include "common/base.h"
#include "common/list.h"

#include "tests/sim/sim.h"
#include "tests/sim/sim_command.h"
#include "tests/sim/sim_control.h"
#include "tests/sim/sim_help.h"
#include "tests/sim/sim_history.h"
#include "tests/sim/sim_link.h"
#include "tests/sim/sim_load.h"
#include "tests/sim/sim_outbox.h"
#include "tests/sim/sim_server.h"
#include "tests/sim/sim_session.h"
#include "tests/sim/sim_submit.h"
#include "tests/sim/sim_system.h"

static void pump_all(void *arg)
{
    struct sim *sim = arg;
    while (!list_empty(&sim->pending)) {
        struct list *first = sim->pending.next;
        sim_outbox_pump(sim_outbox_of(first));
    }
}

static uint64_t microseconds(void)
{
    struct timeval now;
    gettimeofday(&now, NULL);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_usec;
}

static void sim_init(struct sim *sim, uv_loop_t *loop, const struct sim_config *config)
{
    *sim = (struct sim){.loop = loop, .config = config, .defaults = config->behaviour};
    list_init(&sim->systems);
    list_init(&sim->sessions);
    list_init(&sim->pending);
    sim->random = sim_random_seeded(config->seed);
    sim->next_id = config->id_start ? config->id_start : microseconds();
    sim->timers = sim_timers_create(loop);
    sim->links = sim_links_create(loop, sim->timers, pump_all, sim);
    sim->unbound = sim_system_get(sim, "");
    sim->now_ns = uv_hrtime();
}

static int run_commands(struct sim *sim, char *error, size_t error_size)
{
    for (size_t i = 0; i < sim->config->run.count; i++) {
        struct sim_buffer reply = {0};
        bool good = sim_command_run(sim, sim->config->run.item[i], &reply);
        if (!good)
            snprintf(error, error_size, "--run '%s': %.*s", sim->config->run.item[i],
                     (int)reply.len - 1, (const char *)reply.data);
        sim_buffer_free(&reply);
        if (!good)
            return -1;
    }
    return 0;
}

static int start(struct sim *sim, struct sim_control **control, char *error, size_t error_size)
{
    const struct sim_config *c = sim->config;
    if (c->history) {
        sim->history = sim_history_open(c->history, c->history_text, c->history_to, sim->timers,
                                        error, error_size);
        if (!sim->history)
            return -1;
    }
    if (run_commands(sim, error, error_size) != 0)
        return -1;
    sim->server = sim_server_create(sim, c->listen, error, error_size);
    if (!sim->server)
        return -1;
    *control = sim_control_create(sim, c->control, error, error_size);
    return *control ? 0 : -1;
}

static void on_signal(uv_signal_t *handle, int signum)
{
    (void)signum;
    uv_stop(handle->loop);
}

static void print_stats(struct sim *sim)
{
    struct sim_buffer out = {0};
    sim_buffer_printf(&out, "{\"final\":true,");
    sim_system_print_stats(sim, &out, NULL);
    printf("%.*s}\n", (int)out.len, (const char *)out.data);
    fflush(stdout);
    sim_buffer_free(&out);
}

static void stop(struct sim *sim, struct sim_control **control)
{
    sim_control_destroy(control);
    sim_server_destroy(&sim->server);
    LIST_FOREACH (it, &sim->sessions)
        sim_session_close(LIST_ENTRY(it, struct sim_session, all), SIM_LINK_RST);
    while (!list_empty(&sim->sessions))
        uv_run(sim->loop, UV_RUN_ONCE);
    sim_timers_destroy(&sim->timers);
    sim_links_destroy(&sim->links);
    uv_run(sim->loop, UV_RUN_DEFAULT);
    sim_history_close(&sim->history);
    sim_system_free_all(sim);
    sim_submit_cleanup();
}

static int serve(uv_loop_t *loop, const struct sim_config *config)
{
    struct sim sim;
    struct sim_control *control = NULL;
    uv_signal_t signals[2];
    char error[SIM_ERROR_SIZE];
    sim_init(&sim, loop, config);
    int rc = start(&sim, &control, error, sizeof(error));
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        uv_signal_init(loop, &signals[i]);
        uv_signal_start(&signals[i], on_signal, i ? SIGINT : SIGTERM);
    }
    if (rc == 0) {
        printf("{\"ready\":true,\"smpp\":\"%s\",\"control\":\"%s\"}\n",
               sim_server_address(sim.server), sim_control_address(control));
        fflush(stdout);
        uv_run(loop, UV_RUN_DEFAULT);
        print_stats(&sim);
    } else {
        fprintf(stderr, "mno-sim: %s\n", error);
    }
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        uv_close((uv_handle_t *)&signals[i], NULL);
    stop(&sim, &control);
    return rc == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    static struct sim_config config;
    char error[SIM_ERROR_SIZE];
    signal(SIGPIPE, SIG_IGN);
    switch (sim_option_parse(&config, argc, argv, error)) {
    case SIM_OPTION_HELP:
        sim_help_print();
        return 0;
    case SIM_OPTION_ERROR:
        fprintf(stderr, "mno-sim: %s\n", error);
        return 1;
    case SIM_OPTION_GO:
        break;
    }
    uv_loop_t loop;
    uv_loop_init(&loop);
    int rc = config.load ? sim_load_run(&loop, &config) : serve(&loop, &config);
    uv_loop_close(&loop);
    return rc;
}
