/* A session's connection: transport events in, whole PDUs to their receivers, octets out. */
#include <stdlib.h>

#include "common/log.h"

#include "session-agent/session_internal.h"
#include "session-agent/submits.h"

static void count_sent(struct session *s, size_t len)
{
    s->op->stats[IPC_STAT_BYTES_SENT] += len;
    s->shown.bytes_sent += len;
}

void session_io_write(struct session *s, const void *data, size_t len)
{
    if (!s->transport)
        return;
    transport_write(s->transport, data, len);
    count_sent(s, len);
}

void session_io_write_secret(struct session *s, const void *data, size_t len)
{
    transport_write_secret(s->transport, data, len);
    count_sent(s, len);
}

void session_io_write_pdu(struct session *s, const uint8_t *pdu, size_t len)
{
    struct smpp_header h = smpp_pdu_get_header(pdu);
    session_io_trace(s, "out", &h);
    session_io_write(s, pdu, len);
}

/* The one place where a connection ends. No callback of it runs any more. */
void session_io_close(struct session *s)
{
    timer_stop(&s->heartbeat_timer);
    framer_reset(&s->framer);
    odd_pdus_new_connection(&s->odd);
    transport_destroy(&s->transport);
    s->submit_unflushed = s->path_held = false;
    submits_flushed(s->op->submits, &s->unsent, clock_mono());
    under_way_free(&s->under_way);
}

bool session_io_read_empty(const struct session *s)
{
    return !s->transport || transport_read_empty(s->transport);
}

void session_io_protocol_error(struct session *s, const char *what, const struct smpp_header *h)
{
    uint64_t left_out;
    s->op->stats[IPC_STAT_PROTOCOL_ERRORS]++;
    operator_touch(s->op);
    if (odd_pdus_note(&s->odd, clock_mono(), &left_out))
        log_warn("a PDU of the MNO's is out of order", LOG_STR("operatorId", s->op->id_text),
                 LOG_UINT("bind", s->slot->number), LOG_STR("reason", what),
                 LOG_STR("pdu", smpp_pdu_name(h->id)), LOG_UINT("commandId", h->id),
                 LOG_UINT("commandStatus", h->status), LOG_UINT("sequence", h->sequence),
                 LOG_UINT("leftOut", left_out));
    if (odd_pdus_are_too_many(&s->odd))
        session_raise(s, SESSION_EVENT_PROTOCOL_ERROR, "%d PDUs out of order within a minute",
                      ODD_PDUS_MINUTE_LIMIT);
}

void session_io_trace(const struct session *s, const char *direction, const struct smpp_header *h)
{
    if (!s->op->config->trace_text)
        return;
    log_info("pdu", LOG_STR("operatorId", s->op->id_text), LOG_UINT("bind", s->slot->number),
             LOG_STR("direction", direction), LOG_STR("pdu", smpp_pdu_name(h->id)),
             LOG_UINT("commandStatus", h->status), LOG_UINT("sequence", h->sequence),
             LOG_UINT("octets", h->length));
}

/* --- transport events --- */

static void on_connected(void *arg)
{
    struct session *s = arg;
    if (s->over_tls)
        session_raise(s, SESSION_EVENT_CONNECTED_TLS, "TCP stands with %s",
                      transport_peer(s->transport));
}

/* An alert about a certificate that ends is needed most when it has ended: it is known as long as
 * there is no newer one. */
static void note_certificate(struct session *s)
{
    const char *peer = transport_tls_peer(s->transport);
    free(s->shown.tls_peer);
    s->shown.tls_peer = *peer ? xstrdup(peer) : NULL;
    s->shown.tls_expiry_ms = transport_tls_expiry_ms(s->transport);
}

static void on_ready(void *arg)
{
    struct session *s = arg;
    note_certificate(s);
    if (s->state == SESSION_TLS_HANDSHAKE)
        session_raise(s, SESSION_EVENT_TLS_OK, "%s with %s", transport_tls(s->transport),
                      transport_peer(s->transport));
    else
        session_raise(s, SESSION_EVENT_CONNECTED, "TCP stands with %s",
                      transport_peer(s->transport));
}

static bool on_pdu(void *arg, struct bytes pdu)
{
    struct session *s = arg;
    uint64_t connection = s->connection;
    session_pdus_receive(s, pdu);
    return s->transport && s->connection == connection;
}

static void on_read(void *arg, const uint8_t *data, size_t len)
{
    struct session *s = arg;
    s->op->stats[IPC_STAT_BYTES_RECEIVED] += len;
    s->shown.bytes_received += len;
    if (framer_feed(&s->framer, data, len, on_pdu, s) == FRAMER_BAD_LENGTH) {
        s->op->stats[IPC_STAT_PROTOCOL_ERRORS]++;
        session_raise(s, SESSION_EVENT_PROTOCOL_ERROR, "the MNO sent a command_length of %u",
                      s->framer.bad_length);
    }
    operator_touch(s->op);
    submits_pump(s->op->submits); /* answers made room */
}

static void on_writable(void *arg)
{
    struct session *s = arg;
    submits_pump(s->op->submits);
}

/* The last look before the socket: the turn may have lasted longer than the lease. */
static bool may_flush(void *arg)
{
    const struct session *s = arg;
    return !s->submit_unflushed || bind_slot_has_lease(s->slot);
}

static void on_flushed(void *arg, mono_t now)
{
    struct session *s = arg;
    s->path_held = (s->submit_unflushed || s->path_held) && transport_unsent(s->transport) > 0;
    s->submit_unflushed = false;
    under_way_flushed(&s->under_way, transport_handed(s->transport));
    if (s->path_held)
        submits_held(s->op->submits, &s->unsent);
    else
        submits_flushed(s->op->submits, &s->unsent, now);
}

static void on_closed(void *arg, const char *reason)
{
    struct session *s = arg;
    if (s->state == SESSION_CONNECTING) {
        log_info("no connection with a host of the MNO", LOG_STR("operatorId", s->op->id_text),
                 LOG_UINT("bind", s->slot->number), LOG_STR("reason", reason));
        if (session_attempt_try_next_host(s))
            return;
    }
    bool connecting = s->state == SESSION_CONNECTING || s->state == SESSION_TLS_HANDSHAKE;
    uint64_t connection = s->connection;
    session_raise(s, connecting ? SESSION_EVENT_CONNECT_FAILED : SESSION_EVENT_SOCKET_CLOSED, "%s",
                  reason);
    /* Every state with a socket closes it here; there may be a new one. */
    INVARIANT(!s->transport || s->connection != connection);
}

const struct transport_events session_io_events = {
    .connected = on_connected,
    .ready = on_ready,
    .read = on_read,
    .writable = on_writable,
    .may_flush = may_flush,
    .flushed = on_flushed,
    .closed = on_closed,
};
