/* enquire_link and enquire_link_resp: theirs is answered in any state with a socket, at once. */
#include "session-agent/session_internal.h"

void recv_enquire_link(struct session *s, const struct smpp_header *h, struct bytes body)
{
    (void)body;
    send_enquire_link_resp(s, h->sequence);
}

void recv_enquire_link_resp(struct session *s, const struct smpp_header *h, struct bytes body)
{
    (void)body; /* some append an octet */
    uint32_t rtt_us;
    if (!heartbeat_answered(&s->heartbeat, h->sequence, clock_mono(), &rtt_us)) {
        s->op->stats[IPC_STAT_STRAY_RESPONSES]++;
        return;
    }
    s->shown.enquire_rtt_us = rtt_us;
    session_changed(s);
    if (session_is_bound(s))
        timer_start_at(&s->heartbeat_timer, heartbeat_next(&s->heartbeat));
}
