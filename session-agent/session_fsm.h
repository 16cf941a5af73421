/*
 * The life of one bind as a pure table: [state][event] → next state and what to do. session.c does
 * it, this file decides it, the README draws it, a test walks every cell.
 *
 * Order of the actions: the session carries them out from the lowest bit to the highest, then sets
 * the state, then (SESSION_DO_CHECK_WINDOW) raises WINDOW_EMPTY if nothing is unanswered.
 */
#ifndef SESSION_AGENT_SESSION_FSM_H
#define SESSION_AGENT_SESSION_FSM_H

#include <stdio.h>

#include "common/base.h"

#define SESSION_STATES(X)                                                                          \
    X(IDLE, "idle")                         /* made, not started */                                \
    X(WAIT_CREDENTIALS, "wait_credentials") /* asked the bridge (or waits for one) */              \
    X(CONNECTING, "connecting")             /* name resolution and TCP */                          \
    X(TLS_HANDSHAKE, "tls_handshake")                                                              \
    X(BINDING, "binding") /* bind_* written, no answer yet */                                      \
    X(BOUND, "bound")                                                                              \
    X(DRAINING, "draining")               /* to end: nothing new, window empties */                \
    X(UNBINDING, "unbinding")             /* to end: unbind written */                             \
    X(REBIND_DRAINING, "rebind_draining") /* the same two, to bind again */                        \
    X(REBIND_UNBINDING, "rebind_unbinding")                                                        \
    X(PEER_UNBINDING, "peer_unbinding") /* the MNO asked; window empties, then answer */           \
    X(BACKOFF, "backoff")               /* waits before the next attempt */                        \
    X(CLOSED, "closed")                 /* final */

#define SESSION_EVENTS(X)                                                                          \
    X(START, "start")                                                                              \
    X(CREDENTIALS, "credentials") /* a good answer from the bridge */                              \
    X(CREDENTIALS_FAILED, "credentials_failed")                                                    \
    X(CONNECTED, "connected")         /* TCP stands; plain */                                      \
    X(CONNECTED_TLS, "connected_tls") /* TCP stands; the handshake begins */                       \
    X(TLS_OK, "tls_ok")                                                                            \
    X(CONNECT_FAILED, "connect_failed") /* resolve, TCP or TLS */                                  \
    X(BIND_OK, "bind_ok")                                                                          \
    X(REFUSED_CREDENTIALS, "refused_credentials")     /* RINVPASWD, RINVSYSID, RBINDFAIL */        \
    X(REFUSED_ALREADY_BOUND, "refused_already_bound") /* RALYBND: patience */                      \
    X(REFUSED_TRANSIENT, "refused_transient")         /* any other status */                       \
    X(REFUSED_PAIR, "refused_pair") /* RINVCMDID or pairOn: transmitter + receiver */              \
    X(BIND_TIMEOUT, "bind_timeout") /* no answer to bind_* */                                      \
    X(ENQUIRE_TIMEOUT, "enquire_timeout")                                                          \
    X(DRAIN_TIMEOUT, "drain_timeout") /* the window did not empty in time */                       \
    X(UNBIND_TIMEOUT, "unbind_timeout")                                                            \
    X(BACKOFF_OVER, "backoff_over") /* or: credentials or declaration changed, try at once */      \
    X(UNBIND_RECEIVED, "unbind_received")                                                          \
    X(UNBIND_DONE, "unbind_done") /* unbind_resp */                                                \
    X(SOCKET_CLOSED, "socket_closed")                                                              \
    X(PROTOCOL_ERROR, "protocol_error") /* the stream can't be read further */                     \
    X(END_WANTED, "end_wanted")         /* DROP, SIGTERM: drain, unbind, end */                    \
    X(REBIND_WANTED, "rebind_wanted")   /* REBIND: drain, unbind, bind again */                    \
    X(CUT, "cut")                       /* at once: lease lost, second SIGTERM */                  \
    X(WINDOW_EMPTY, "window_empty")

enum session_state {
#define X(NAME, text) SESSION_##NAME,
    SESSION_STATES(X)
#undef X
        SESSION_STATE_COUNT
};

enum session_event {
#define X(NAME, text) SESSION_EVENT_##NAME,
    SESSION_EVENTS(X)
#undef X
        SESSION_EVENT_COUNT
};

/* Bits, in the order in which they are done. */
#define SESSION_ACTIONS(X)                                                                         \
    X(LEAVE_BOUND, "leave_bound") /* no submit is taken; heartbeat stops when closing */           \
    X(SEND_UNBIND_RESP, "send_unbind_resp")                                                        \
    X(SEND_NACK_LENGTH, "send_nack") /* generic_nack(RINVCMDLEN, 0) */                             \
    X(CLOSE_SOCKET, "close_socket")  /* flush, close; no more events of this connection */         \
    X(END_WINDOW, "end_window")      /* unanswered become UNKNOWN; held deliver_sm go */           \
    X(WIPE, "wipe_credentials")      /* the attempt is over: password and private key */           \
    X(USE_PAIR, "use_pair")          /* become a transmitter, make the receiver beside */          \
    X(STOP_TIMER, "stop_timer")                                                                    \
    X(ASK_CREDENTIALS, "ask_credentials")                                                          \
    X(CONNECT, "connect")                                                                          \
    X(SEND_BIND, "send_bind")                                                                      \
    X(ENTER_BOUND, "enter_bound") /* heartbeat starts, submits flow */                             \
    X(SEND_UNBIND, "send_unbind")                                                                  \
    X(TIME_BIND, "time_bind") /* starts the bind timer */                                          \
    X(TIME_DRAIN, "time_drain")                                                                    \
    X(TIME_UNBIND, "time_unbind")                                                                  \
    X(BACKOFF, "backoff")             /* RECONNECT_MIN … MAX */                                  \
    X(BACKOFF_AUTH, "backoff_auth")   /* AUTH_RETRY_MIN …; counted, told once */                 \
    X(BACKOFF_BOUND, "backoff_bound") /* the MNO holds our old session: 30 s and more */           \
    X(CHECK_WINDOW, "check_window")   /* after the state is set */                                 \
    X(GONE, "gone")                   /* after the state is set: the session may be freed */

enum session_action_bit {
#define X(NAME, text) SESSION_BIT_##NAME,
    SESSION_ACTIONS(X)
#undef X
        SESSION_ACTION_COUNT
};
enum session_action {
#define X(NAME, text) SESSION_DO_##NAME = 1 << SESSION_BIT_##NAME,
    SESSION_ACTIONS(X)
#undef X
};

struct session_step {
    enum session_state next;
    uint32_t actions; /* enum session_action, or'ed */
    bool ignored;     /* the event means nothing in this state: next is the same, no action */
};

/* What to do; panics only on values outside of the enums. */
struct session_step session_fsm_step(enum session_state state, enum session_event event);

const char *session_fsm_state_name(enum session_state state);
const char *session_fsm_event_name(enum session_event event);
/* The table in Markdown: state, event, next, actions; without the ignored cells. */
void session_fsm_print(FILE *out);

#endif
