/* What the submit path asks of a session: room, a path that drains, and a place in the window. */
#include "session-agent/session_internal.h"
#include "session-agent/submits.h"

/* What lies unacknowledged in TCP would, after a stall, reach the MNO as one burst that breaks
 * the limit there: at most the path's round trip and this much more may be under way. It is more
 * than the 40 ms for which a peer's TCP may put off an acknowledgement. */
#define PATH_SLACK_US 50000
#define PATH_LOOK_NS (NS_PER_MS / 2) /* the kernel is asked at most that often */
#define PATH_UNASKED_MAX 64          /* that may be under way without asking it */

uint32_t session_room(const struct session *s)
{
    if (s->state != SESSION_BOUND || s->mode == IPC_BIND_RECEIVER ||
        !transport_is_writable(s->transport))
        return 0;
    return window_room(s->window);
}

uint32_t session_window_used(const struct session *s)
{
    return window_used(s->window);
}

struct tokens_unsent *session_unsent(struct session *s)
{
    return &s->unsent;
}

bool session_is_held(struct session *s, mono_t now)
{
    if (s->path_held && transport_unsent(s->transport) == 0) {
        s->path_held = false;
        submits_flushed(s->op->submits, &s->unsent, now);
    }
    return s->path_held;
}

static uint64_t under_way_max(const struct session *s, uint32_t per_second)
{
    uint64_t us = s->path_min_rtt_us + (uint64_t)PATH_SLACK_US;
    return max_u64((us * per_second + 999999) / 1000000, 1);
}

bool session_path_is_clear(struct session *s, uint32_t per_second, mono_t now)
{
    if (s->path_held)
        return false;
    /* Fewer than what needs no round trip: the kernel need not be asked. */
    uint64_t unasked = min_u64(PATH_SLACK_US * (uint64_t)per_second / 1000000, PATH_UNASKED_MAX);
    if (under_way_count(&s->under_way) < unasked)
        return true;
    if (mono_diff_ns(now, s->path_looked_at) >= PATH_LOOK_NS) {
        under_way_acked(&s->under_way, transport_acked(s->transport));
        s->path_min_rtt_us = transport_min_rtt_us(s->transport);
        s->path_looked_at = now;
    }
    return under_way_count(&s->under_way) < under_way_max(s, per_second);
}

void session_send_submit(struct session *s, struct submit *submit)
{
    under_way_wrote(&s->under_way);
    s->submit_unflushed = true;
    send_submit_sm(s, submit);
}

void session_forget_submit(struct session *s, struct submit *submit)
{
    struct window_entry entry;
    if (window_take(s->window, submit->sequence, &entry))
        INVARIANT(entry.owner == submit);
    submit->session = NULL;
    session_check_drained(s);
}
