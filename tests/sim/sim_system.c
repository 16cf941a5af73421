/* Makes, finds and reports system_ids. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base.h"
#include "common/list.h"

#include "tests/sim/sim_outbox.h"
#include "tests/sim/sim_seen.h"
#include "tests/sim/sim_system.h"

struct sim_system *sim_system_find(struct sim *sim, const char *name)
{
    LIST_FOREACH (it, &sim->systems) {
        struct sim_system *system = LIST_ENTRY(it, struct sim_system, link);
        if (strcmp(system->name, name) == 0)
            return system;
    }
    return NULL;
}

struct sim_system *sim_system_get(struct sim *sim, const char *name)
{
    struct sim_system *system = sim_system_find(sim, name);
    if (system)
        return system;
    system = xcalloc(1, sizeof(*system));
    snprintf(system->name, sizeof(system->name), "%s", name);
    system->behaviour = sim->defaults;
    system->seen = sim_seen_create();
    system->outbox = sim_outbox_create(sim, system);
    list_init(&system->sessions);
    list_append(&sim->systems, &system->link);
    return system;
}

void sim_system_free_all(struct sim *sim)
{
    LIST_FOREACH (it, &sim->systems) {
        struct sim_system *system = LIST_ENTRY(it, struct sim_system, link);
        sim_seen_destroy(&system->seen);
        sim_outbox_destroy(&system->outbox);
        sim_rate_free(&system->received);
        sim_rate_free(&system->accepted);
        list_remove(&system->link);
        free(system);
    }
}

static size_t sessions_of(const struct sim_system *system)
{
    size_t count = 0;
    LIST_FOREACH (it, &system->sessions)
        count++;
    return count;
}

static void print_one(struct sim_buffer *out, struct sim_system *system)
{
    sim_stats_print(out, &system->stats);
    sim_buffer_printf(out,
                      ",\"bound\":%zu,\"receipts_waiting\":%zu,\"max_submits_per_second\":%zu,"
                      "\"submits_last_second\":%zu",
                      sessions_of(system), sim_outbox_waiting(system->outbox), system->received.max,
                      sim_rate_count(&system->received, uv_hrtime()));
}

void sim_system_print_stats(struct sim *sim, struct sim_buffer *out, struct sim_system *only)
{
    if (only) {
        print_one(out, only);
        return;
    }
    struct sim_stats total = {0};
    size_t waiting = 0;
    size_t bound = 0;
    LIST_FOREACH (it, &sim->systems) {
        struct sim_system *system = LIST_ENTRY(it, struct sim_system, link);
        sim_stats_add(&total, &system->stats);
        waiting += sim_outbox_waiting(system->outbox);
        bound += sessions_of(system);
    }
    sim_stats_print(out, &total);
    sim_buffer_printf(out, ",\"bound\":%zu,\"receipts_waiting\":%zu,\"systems\":{", bound, waiting);
    const char *comma = "";
    LIST_FOREACH (each, &sim->systems) {
        struct sim_system *system = LIST_ENTRY(each, struct sim_system, link);
        if (system == sim->unbound)
            continue;
        sim_buffer_printf(out, "%s", comma);
        sim_buffer_json_string(out, system->name);
        sim_buffer_printf(out, ":{");
        print_one(out, system);
        sim_buffer_printf(out, "}");
        comma = ",";
    }
    sim_buffer_printf(out, "}");
}

void sim_system_reset_stats(struct sim *sim)
{
    LIST_FOREACH (it, &sim->systems) {
        struct sim_system *system = LIST_ENTRY(it, struct sim_system, link);
        system->stats = (struct sim_stats){0};
        system->received.max = 0;
    }
}
