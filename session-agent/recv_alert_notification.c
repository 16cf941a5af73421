/* alert_notification: a phone can be reached again. Counted; it has no answer (SMPP 3.4 §4.12). */
#include "session-agent/session_internal.h"

void recv_alert_notification(struct session *s, const struct smpp_header *h, struct bytes body)
{
    (void)h;
    (void)body;
    s->op->stats[IPC_STAT_ALERT_NOTIFICATIONS]++;
    operator_touch(s->op);
}
