/* The enquire_link schedule of one bind, as arithmetic on times. */
#include "session-agent/heartbeat.h"

void heartbeat_start(struct heartbeat *hb, int64_t interval_ms, int64_t timeout_ms, mono_t now)
{
    *hb = (struct heartbeat){
        .interval_ms = interval_ms,
        .timeout_ms = timeout_ms,
        .next = mono_add_ms(now, interval_ms),
        .sent = now,
        .drained = now,
    };
}

void heartbeat_tune(struct heartbeat *hb, int64_t interval_ms, int64_t timeout_ms)
{
    hb->next = mono_add_ms(hb->next, interval_ms - hb->interval_ms);
    hb->interval_ms = interval_ms;
    hb->timeout_ms = timeout_ms;
}

static mono_t deadline_of(const struct heartbeat *hb)
{
    return mono_add_ms(hb->sent, hb->timeout_ms);
}

enum heartbeat_verdict heartbeat_check(const struct heartbeat *hb, mono_t now)
{
    if (!hb->waiting)
        return mono_reached(now, hb->next) ? HEARTBEAT_SEND : HEARTBEAT_FINE;
    if (!mono_reached(now, deadline_of(hb)))
        return HEARTBEAT_FINE;
    return mono_reached(hb->drained, deadline_of(hb)) ? HEARTBEAT_SILENT : HEARTBEAT_LOOK;
}

mono_t heartbeat_next(const struct heartbeat *hb)
{
    return hb->waiting ? deadline_of(hb) : hb->next;
}

void heartbeat_sent(struct heartbeat *hb, uint32_t sequence, mono_t now)
{
    hb->waiting = true;
    hb->sequence = sequence;
    hb->sent = now;
    /* On the grid, so that a few milliseconds of delay each don't add up; but never two in a row to
     * make good for a pause. */
    hb->next = mono_add_ms(hb->next, hb->interval_ms);
    if (mono_reached(now, hb->next))
        hb->next = mono_add_ms(now, hb->interval_ms);
}

bool heartbeat_answered(struct heartbeat *hb, uint32_t sequence, mono_t now, uint32_t *rtt_us_r)
{
    if (!hb->waiting || hb->sequence != sequence)
        return false;
    hb->waiting = false;
    int64_t us = mono_diff_ns(now, hb->sent) / 1000;
    *rtt_us_r = us < 0 ? 0 : (uint32_t)min_u64((uint64_t)us, UINT32_MAX);
    return true;
}

void heartbeat_socket_drained(struct heartbeat *hb, mono_t now)
{
    hb->drained = now;
}
