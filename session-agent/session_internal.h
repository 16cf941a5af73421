/* The session's struct, for the files that are the session: session*.c, recv_*.c and send_*.c. */
#ifndef SESSION_AGENT_SESSION_INTERNAL_H
#define SESSION_AGENT_SESSION_INTERNAL_H

#include "common/backoff.h"
#include "proto/smpp_pdu.h"

#include "session-agent/agent_context.h"
#include "session-agent/bind_slot.h"
#include "session-agent/deliver_line.h"
#include "session-agent/framer.h"
#include "session-agent/heartbeat.h"
#include "session-agent/odd_pdus.h"
#include "session-agent/operator.h"
#include "session-agent/session.h"
#include "session-agent/tokens.h"
#include "session-agent/under_way.h"
#include "session-agent/window.h"

#define SESSION_REASON_SIZE 128

/* What /sessions and an engineer want to know. */
struct session_shown {
    enum ipc_session_state state;
    enum ipc_bind_mode mode; /* of the row that was told; 0: none yet */
    int64_t since_ms;        /* wall time, of the last change of `state` */
    int64_t last_bound_ms;
    uint32_t attempts;       /* since it was last bound */
    uint32_t refused_status; /* of the last refused bind; 0: none */
    int64_t refused_ms;
    uint64_t bytes_sent, bytes_received;
    uint32_t enquire_rtt_us;
    int64_t tls_expiry_ms; /* of the last connection that stood, also when it is gone; 0: none */
    char *tls_peer;        /* likewise; NULL: none */
    uint8_t sc_interface_version;
    uint32_t window_told; /* window_used of the last row */
    bool changed;
};

struct session {
    struct agent_context *ctx;
    struct agent_operator *op;
    struct bind_slot *slot;
    enum ipc_bind_mode mode; /* of this attempt or bind */
    enum session_state state;
    enum session_event event; /* the last one that changed the state */
    char reason[SESSION_REASON_SIZE];

    /* The attempt: session_attempt.c */
    struct connect_ticket ticket;
    struct credentials_request *request;
    struct credentials *credentials; /* only while the attempt lasts */
    uint32_t first_host, host;       /* index into: the credentials' own, then config->hosts */
    uint32_t bind_sequence;
    struct backoff reconnect, auth, already_bound;
    mono_t bound_at; /* 0: not since the last wait */
    bool looks;      /* the ticket is for a look at refused credentials, not for an attempt */
    uint8_t refused_digest[CRYPTO_DIGEST_SIZE];
    struct timer look_again; /* whether credentials that were refused have changed */

    /* The connection: session_io.c */
    struct transport *transport;
    bool over_tls;       /* it was begun so, whatever is declared since */
    uint64_t connection; /* counts them: tells a callback that its own is over */
    struct framer framer;
    struct odd_pdus odd;
    struct heartbeat heartbeat;
    struct timer heartbeat_timer;
    uint32_t unbind_sequence;      /* of ours */
    uint32_t peer_unbind_sequence; /* of the MNO's */
    bool submit_unflushed;         /* a submit_sm of this turn is in the output */
    mono_t path_looked_at;
    struct under_way under_way;
    uint32_t path_min_rtt_us;
    struct tokens_unsent unsent;
    bool path_held; /* the kernel held back what was flushed last */

    /* What is unanswered. */
    struct window *window;
    struct timer window_timer;
    struct deliver_bind held;
    struct timer hold_timer;
    uint64_t newest_deliver;  /* id of the last one held */
    uint64_t drain_mark;      /* a drain waits for those up to this id */
    mono_t answered_at;       /* at the end: nothing was left to be answered; 0: not yet */
    struct deliver_line line; /* in front of the hold */
    struct timer line_timer;

    struct timer clock; /* of the state machine; raises: */
    enum session_event clock_event;

    struct session_shown shown;
};

/* --- session.c --- */

/* The only way that anything happens to a session: looks the event up, does the actions, sets the
 * state, logs one line. */
void session_raise(struct session *s, enum session_event event, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void session_start_clock(struct session *s, int64_t delay_ms, enum session_event event);
/* Its row changed. */
void session_changed(struct session *s);

/* --- session_attempt.c --- */

void session_attempt_init(struct session *s);
void session_attempt_ask(struct session *s);
void session_attempt_connect(struct session *s);
/* TCP could not be made: is there another host? Then it is being tried. */
bool session_attempt_try_next_host(struct session *s);
void session_attempt_wipe(struct session *s);
void session_attempt_use_pair(struct session *s);
void session_attempt_back_off(struct session *s);
void session_attempt_back_off_auth(struct session *s);
void session_attempt_back_off_already_bound(struct session *s);
void session_attempt_succeeded(struct session *s);
void session_attempt_note_refused(struct session *s);
void session_attempt_stop(struct session *s);

/* --- session_io.c --- */

extern const struct transport_events session_io_events; /* without arg */
void session_io_write(struct session *s, const void *data, size_t len);
/* The same for what must not lie about in memory; the connection must stand. */
void session_io_write_secret(struct session *s, const void *data, size_t len);
/* The same for a whole PDU, with its line in the trace. */
void session_io_write_pdu(struct session *s, const uint8_t *pdu, size_t len);
void session_io_close(struct session *s);
/* Is everything read that the peer has sent so far? */
bool session_io_read_empty(const struct session *s);
/* Counts a PDU that should not have come, with a line in the log; too many of them end the
 * connection: answer it before. */
void session_io_protocol_error(struct session *s, const char *what, const struct smpp_header *h);
/* A line about a PDU, when the operator's trace is on; never its body. */
void session_io_trace(const struct session *s, const char *direction, const struct smpp_header *h);

/* --- session_timers.c --- */

void session_timers_init(struct session *s);
void session_timers_stop(struct session *s);
void session_timers_start_heartbeat(struct session *s);
/* The declaration changed. */
void session_timers_tune_heartbeat(struct session *s);
void session_timers_plan_window(struct session *s);
void session_timers_plan_hold(struct session *s);
void session_timers_plan_line(struct session *s);

/* --- recv_*.c: one per PDU, found through the table in session_pdus.c ------------------------- */

void session_pdus_receive(struct session *s, struct bytes pdu);

void recv_bind_resp(struct session *s, const struct smpp_header *h, struct bytes body);
void recv_submit_sm_resp(struct session *s, const struct smpp_header *h, struct bytes body);
void recv_deliver_sm(struct session *s, const struct smpp_header *h, struct bytes body);
void recv_enquire_link(struct session *s, const struct smpp_header *h, struct bytes body);
void recv_enquire_link_resp(struct session *s, const struct smpp_header *h, struct bytes body);
void recv_unbind(struct session *s, const struct smpp_header *h, struct bytes body);
void recv_unbind_resp(struct session *s, const struct smpp_header *h, struct bytes body);
void recv_generic_nack(struct session *s, const struct smpp_header *h, struct bytes body);
void recv_alert_notification(struct session *s, const struct smpp_header *h, struct bytes body);
/* The status of a refused bind, by bind_*_resp or generic_nack. */
void recv_bind_resp_refused(struct session *s, uint32_t status);

/* --- send_*.c --------------------------------------------------------------------------------- */

void send_bind(struct session *s);
void send_deliver_sm_resp(struct session *s, uint32_t request, uint32_t sequence, uint32_t status);
void send_enquire_link(struct session *s);
void send_enquire_link_resp(struct session *s, uint32_t sequence);
void send_unbind(struct session *s);
void send_unbind_resp(struct session *s, uint32_t sequence);
void send_submit_sm(struct session *s, struct submit *submit);
void send_generic_nack(struct session *s, uint32_t status, uint32_t sequence);

#endif
