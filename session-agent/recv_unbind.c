/* unbind and unbind_resp: good-byes of both sides. */
#include "session-agent/session_internal.h"

void recv_unbind(struct session *s, const struct smpp_header *h, struct bytes body)
{
    (void)body;
    s->peer_unbind_sequence = h->sequence;
    session_raise(s, SESSION_EVENT_UNBIND_RECEIVED, "the MNO said unbind");
}

void recv_unbind_resp(struct session *s, const struct smpp_header *h, struct bytes body)
{
    (void)body;
    if (h->sequence != s->unbind_sequence) {
        session_io_protocol_error(s, "nobody waits for it", h);
        return;
    }
    session_raise(s, SESSION_EVENT_UNBIND_DONE, "the MNO answered unbind");
}
