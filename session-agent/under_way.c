/* A ring of ends, which grows when more are under way than ever before. */
#include "session-agent/under_way.h"

#include <stdlib.h>

#define SIZE_MIN 8u

void under_way_free(struct under_way *u)
{
    free(u->ends);
    *u = (struct under_way){0};
}

static void grow(struct under_way *u)
{
    size_t size = u->size ? 2 * u->size : SIZE_MIN;
    uint64_t *ends = xmalloc(size * sizeof *ends);
    for (uint64_t n = u->first; u->size > 0 && n < u->flushed; n++)
        ends[n % size] = u->ends[n % u->size];
    free(u->ends);
    u->ends = ends;
    u->size = size;
}

void under_way_wrote(struct under_way *u)
{
    if (u->next - u->first == u->size)
        grow(u);
    u->next++;
}

void under_way_flushed(struct under_way *u, uint64_t octets)
{
    while (u->flushed < u->next)
        u->ends[u->flushed++ % u->size] = octets;
}

void under_way_acked(struct under_way *u, uint64_t octets)
{
    while (u->first < u->flushed && u->ends[u->first % u->size] <= octets)
        u->first++;
}

size_t under_way_count(const struct under_way *u)
{
    return (size_t)(u->next - u->first);
}
