/* Health transitions of one operator: BOUND, UNBOUND, and FAILBACK between them after a failover.
 */
#include <stdlib.h>
#include <string.h>

#include "common/str.h"

#include "session-agent/health.h"

void health_free(struct health *h)
{
    free(h->kept);
    *h = (struct health){0};
}

static void forget(struct health *h, size_t index)
{
    h->count--;
    memmove(&h->kept[index], &h->kept[index + 1], (h->count - index) * sizeof(h->kept[0]));
}

static const struct health_transition *change(struct health *h, enum ipc_health_status status,
                                              int64_t at_ms, const char *reason)
{
    if (!h->kept)
        h->kept = xcalloc(HEALTH_KEPT, sizeof(h->kept[0]));
    if (h->count == HEALTH_KEPT) /* nobody took them for long: the newest matter */
        forget(h, 0);
    struct health_transition *t = &h->kept[h->count++];
    *t = (struct health_transition){
        .number = ++h->last_number, .status = status, .previous = h->status, .at_ms = at_ms};
    str_copy(t->reason, sizeof(t->reason), reason, strlen(reason));
    h->status = status;
    h->refusal_told = h->refusal_told && status == IPC_HEALTH_UNBOUND;
    return t;
}

const struct health_transition *health_set_able(struct health *h, bool able, bool failed,
                                                int64_t at_ms, const char *reason)
{
    if (able && h->status != IPC_HEALTH_BOUND && h->status != IPC_HEALTH_FAILBACK)
        return change(h, h->failed_over ? IPC_HEALTH_FAILBACK : IPC_HEALTH_BOUND, at_ms, reason);
    if (!able && h->status != IPC_HEALTH_UNBOUND && (h->status != IPC_HEALTH_NONE || failed))
        return change(h, IPC_HEALTH_UNBOUND, at_ms, reason);
    return NULL;
}

const struct health_transition *health_set_refused(struct health *h, int64_t at_ms,
                                                   const char *reason)
{
    if (h->refusal_told || h->status == IPC_HEALTH_BOUND || h->status == IPC_HEALTH_FAILBACK)
        return NULL;
    h->refusal_told = true;
    return change(h, IPC_HEALTH_UNBOUND, at_ms, reason);
}

const struct health_transition *health_set_failed_over(struct health *h, bool begin, int64_t at_ms)
{
    h->failed_over = begin;
    if (begin && h->status == IPC_HEALTH_BOUND)
        return change(h, IPC_HEALTH_FAILBACK, at_ms, "bound again while traffic is at the backup");
    if (!begin && h->status == IPC_HEALTH_FAILBACK)
        return change(h, IPC_HEALTH_BOUND, at_ms, "traffic has come back");
    return NULL;
}

void health_done(struct health *h, uint64_t number)
{
    for (size_t i = 0; i < h->count; i++) {
        if (h->kept[i].number != number)
            continue;
        forget(h, i);
        return;
    }
}
