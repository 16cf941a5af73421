/* generic_nack: ends the request whose sequence_number it carries; never answered, since a nack for
 * a nack makes storms. With the number 0 requests are left to their time-out. */
#include "session-agent/session_internal.h"
#include "session-agent/submits.h"

static bool ends_enquire_link(struct session *s, const struct smpp_header *h)
{
    uint32_t rtt_us; /* somebody is there, whatever he thinks of enquire_link */
    if (!heartbeat_answered(&s->heartbeat, h->sequence, clock_mono(), &rtt_us))
        return false;
    if (session_is_bound(s))
        timer_start_at(&s->heartbeat_timer, heartbeat_next(&s->heartbeat));
    return true;
}

void recv_generic_nack(struct session *s, const struct smpp_header *h, struct bytes body)
{
    struct window_entry entry;
    if (s->state == SESSION_BINDING && h->sequence == s->bind_sequence) {
        recv_bind_resp_refused(s, h->status ? h->status : SMPP_RINVCMDID);
        return;
    }
    if (h->sequence && window_take(s->window, h->sequence, &entry)) {
        submits_answered(&entry, s->slot->number, h->status ? h->status : SMPP_RUNKNOWNERR, body,
                         clock_mono());
        session_check_drained(s);
        return;
    }
    if (h->sequence && h->sequence == s->unbind_sequence) {
        session_raise(s, SESSION_EVENT_UNBIND_DONE, "the MNO answered unbind with generic_nack");
        return;
    }
    if (!ends_enquire_link(s, h))
        session_io_protocol_error(s, "it answers nothing that was asked", h);
}
