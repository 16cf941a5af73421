/* bind_transceiver_resp, bind_transmitter_resp, bind_receiver_resp: in, or why not. */
#include "common/log.h"
#include "proto/smpp_bind.h"
#include "proto/smpp_status.h"

#include "session-agent/session_internal.h"

static enum session_event refusal(const struct session *s, const struct smpp_status *status)
{
    if (s->mode == IPC_BIND_TRANSCEIVER && operator_config_pairs_on(s->op->config, status->code))
        return SESSION_EVENT_REFUSED_PAIR;
    switch (status->bind) {
    case SMPP_BIND_CREDENTIALS:
        return SESSION_EVENT_REFUSED_CREDENTIALS;
    case SMPP_BIND_ALREADY_BOUND:
        return SESSION_EVENT_REFUSED_ALREADY_BOUND;
    default:
        return SESSION_EVENT_REFUSED_TRANSIENT;
    }
}

void recv_bind_resp_refused(struct session *s, uint32_t code)
{
    struct smpp_status status = smpp_status_get(code);
    enum session_event event = refusal(s, &status);
    s->shown.refused_status = code;
    s->shown.refused_ms = clock_wall_ms();
    s->op->stats[IPC_STAT_BINDS_REFUSED]++;
    if (event == SESSION_EVENT_REFUSED_CREDENTIALS)
        session_attempt_note_refused(s);
    session_raise(s, event, "the MNO refused the bind with %s (0x%08x)", status.name, code);
}

void recv_bind_resp(struct session *s, const struct smpp_header *h, struct bytes body)
{
    if (s->state != SESSION_BINDING || h->sequence != s->bind_sequence) {
        session_io_protocol_error(s, "nobody waits for it", h);
        return;
    }
    if (h->status != SMPP_ROK) {
        recv_bind_resp_refused(s, h->status);
        return;
    }
    struct smpp_bind_resp resp;
    smpp_bind_resp_decode(body, &resp);
    s->shown.sc_interface_version = resp.has_version ? resp.version : 0;
    session_raise(s, SESSION_EVENT_BIND_OK, "bound with %s", transport_peer(s->transport));
}
