/* Counts and prints; one list of counters is fields, sum and JSON. */
#include <inttypes.h>

#include "common/base.h"

#include "tests/sim/sim_stats.h"

static void count_status(struct sim_stats *stats, uint32_t status, uint64_t count)
{
    for (size_t i = 0; i < stats->status_count; i++) {
        if (stats->statuses[i].status == status) {
            stats->statuses[i].count += count;
            return;
        }
    }
    size_t slot = min_size(stats->status_count, SIM_STATUS_SLOTS - 1);
    stats->statuses[slot].status = status;
    stats->statuses[slot].count += count;
    stats->status_count = slot + 1;
}

void sim_stats_status(struct sim_stats *stats, uint32_t status)
{
    count_status(stats, status, 1);
}

void sim_stats_problem(struct sim_stats *stats, enum sim_problem problem)
{
    stats->problems[problem]++;
    stats->protocol_errors++;
}

void sim_stats_add(struct sim_stats *total, const struct sim_stats *one)
{
#define SIM_SUM(name) total->name += one->name;
    SIM_COUNTERS(SIM_SUM)
#undef SIM_SUM
    for (size_t i = 0; i < SIM_PROBLEMS; i++)
        total->problems[i] += one->problems[i];
    for (size_t i = 0; i < one->status_count; i++)
        count_status(total, one->statuses[i].status, one->statuses[i].count);
}

void sim_stats_print(struct sim_buffer *out, const struct sim_stats *stats)
{
#define SIM_PRINT(name) sim_buffer_printf(out, "\"" #name "\":%" PRIu64 ",", stats->name);
    SIM_COUNTERS(SIM_PRINT)
#undef SIM_PRINT
    sim_buffer_printf(out, "\"problems\":{");
    const char *comma = "";
    for (size_t i = 0; i < SIM_PROBLEMS; i++) {
        if (stats->problems[i] == 0)
            continue;
        sim_buffer_printf(out, "%s\"%s\":%" PRIu64, comma,
                          sim_pdu_problem_name((enum sim_problem)i), stats->problems[i]);
        comma = ",";
    }
    sim_buffer_printf(out, "},\"statuses\":{");
    for (size_t i = 0; i < stats->status_count; i++)
        sim_buffer_printf(out, "%s\"0x%02" PRIx32 "\":%" PRIu64, i ? "," : "",
                          stats->statuses[i].status, stats->statuses[i].count);
    sim_buffer_printf(out, "}");
}
