/* submit_sm_resp: the outcome of a submit; its body is bytes here. */
#include "session-agent/session_internal.h"
#include "session-agent/submits.h"

void recv_submit_sm_resp(struct session *s, const struct smpp_header *h, struct bytes body)
{
    struct window_entry entry;
    if (!window_take(s->window, h->sequence, &entry)) {
        s->op->stats[IPC_STAT_STRAY_RESPONSES]++; /* twice, too late, or never asked */
        return;
    }
    submits_answered(&entry, s->slot->number, h->status, body, clock_mono());
    session_check_drained(s);
}
