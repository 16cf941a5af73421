/* A ring of the writes of one second, which grows when a second holds more than ever before. */
#include "session-agent/rate_meter.h"

#include <stdlib.h>

#define SIZE_MIN 16u

struct rate_meter {
    int64_t *times; /* entry n stands at n % size */
    uint32_t size;
    uint64_t first, end; /* the entries of the last second before the last note */
    uint32_t peak;
    int64_t grid_second; /* the second that grid_count counts */
    uint32_t grid_count, grid_last;
};

struct rate_meter *rate_meter_create(void)
{
    return xcalloc(1, sizeof(struct rate_meter));
}

void rate_meter_destroy(struct rate_meter **m)
{
    if (!*m)
        return;
    free((*m)->times);
    free(*m);
    *m = NULL;
}

static void grow(struct rate_meter *m)
{
    uint32_t size = m->size ? 2 * m->size : SIZE_MIN;
    int64_t *times = xmalloc(size * sizeof *times);
    for (uint64_t n = m->first; n < m->end; n++)
        times[n % size] = m->times[n % m->size];
    free(m->times);
    m->times = times;
    m->size = size;
}

static void turn_grid(struct rate_meter *m, int64_t now)
{
    int64_t second = now / NS_PER_S;
    if (second == m->grid_second)
        return;
    m->grid_last = second == m->grid_second + 1 ? m->grid_count : 0;
    m->grid_count = 0;
    m->grid_second = second;
}

void rate_meter_note(struct rate_meter *m, mono_t now)
{
    while (m->first < m->end && m->times[m->first % m->size] <= now.ns - NS_PER_S)
        m->first++;
    if (m->end - m->first == m->size)
        grow(m);
    m->times[m->end++ % m->size] = now.ns;
    uint32_t in_second = (uint32_t)(m->end - m->first);
    m->peak = in_second > m->peak ? in_second : m->peak;
    turn_grid(m, now.ns);
    m->grid_count++;
}

uint32_t rate_meter_peak(const struct rate_meter *m)
{
    return m->peak;
}

uint32_t rate_meter_last_second(struct rate_meter *m, mono_t now)
{
    turn_grid(m, now.ns);
    return m->grid_last;
}
