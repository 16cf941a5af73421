/* The table of a bind's life. Every cell is written out: a transition, or "ignored" on purpose. */
#include "session-agent/session_fsm.h"

/* A cell is 0 when nobody thought of it; the test finds those. */
#define DEFINED (UINT32_C(1) << 31)
#define IGNORED (UINT32_C(1) << 30)
#define ACTION_BITS (IGNORED - 1)
_Static_assert(SESSION_ACTION_COUNT <= 30, "the two highest bits are taken");

struct cell {
    uint8_t next;
    uint32_t bits;
};

#define D(NAME) SESSION_DO_##NAME
#define GO(EVENT, NEXT, ACTIONS)                                                                   \
    [SESSION_EVENT_##EVENT] = {SESSION_##NEXT, DEFINED | (uint32_t)(ACTIONS)}
#define SKIP(EVENT) [SESSION_EVENT_##EVENT] = {0, DEFINED | IGNORED}

/* An attempt fails before it was bound. */
#define FAIL (D(CLOSE_SOCKET) | D(WIPE) | D(STOP_TIMER))
/* A connection ends that was bound. */
#define LOSE (D(LEAVE_BOUND) | D(CLOSE_SOCKET) | D(END_WINDOW) | D(STOP_TIMER))
/* The attempt is called off, for good. */
#define END (FAIL | D(GONE))

/* Timers that can't run in a state, and answers to what was not asked. */
#define SKIP_BIND_ANSWERS                                                                          \
    SKIP(BIND_OK), SKIP(REFUSED_CREDENTIALS), SKIP(REFUSED_ALREADY_BOUND),                         \
        SKIP(REFUSED_TRANSIENT), SKIP(REFUSED_PAIR), SKIP(BIND_TIMEOUT)
#define SKIP_CONNECTION SKIP(CONNECTED), SKIP(CONNECTED_TLS), SKIP(TLS_OK), SKIP(CONNECT_FAILED)
#define SKIP_CREDENTIALS SKIP(CREDENTIALS), SKIP(CREDENTIALS_FAILED)
#define SKIP_SOCKET SKIP(SOCKET_CLOSED), SKIP(PROTOCOL_ERROR), SKIP(UNBIND_RECEIVED)
#define SKIP_GOOD_BYE                                                                              \
    SKIP(DRAIN_TIMEOUT), SKIP(UNBIND_TIMEOUT), SKIP(UNBIND_DONE), SKIP(WINDOW_EMPTY)

static const struct cell table[SESSION_STATE_COUNT][SESSION_EVENT_COUNT] =
    {
        [SESSION_IDLE] =
            {
                GO(START, WAIT_CREDENTIALS, D(ASK_CREDENTIALS)),
                SKIP_CREDENTIALS,
                SKIP_CONNECTION,
                SKIP_BIND_ANSWERS,
                SKIP(ENQUIRE_TIMEOUT),
                SKIP_GOOD_BYE,
                SKIP(BACKOFF_OVER),
                SKIP_SOCKET,
                GO(END_WANTED, CLOSED, END),
                SKIP(REBIND_WANTED),
                GO(CUT, CLOSED, END),
            },
        [SESSION_WAIT_CREDENTIALS] =
            {
                SKIP(START),
                GO(CREDENTIALS, CONNECTING, D(CONNECT)),
                GO(CREDENTIALS_FAILED, BACKOFF, D(WIPE) | D(BACKOFF)),
                SKIP_CONNECTION,
                SKIP_BIND_ANSWERS,
                SKIP(ENQUIRE_TIMEOUT),
                SKIP_GOOD_BYE,
                SKIP(BACKOFF_OVER),
                SKIP_SOCKET,
                GO(END_WANTED, CLOSED, END),
                SKIP(REBIND_WANTED), /* what comes next is fresh anyway */
                GO(CUT, CLOSED, END),
            },
        [SESSION_CONNECTING] =
            {
                SKIP(START),
                SKIP_CREDENTIALS,
                GO(CONNECTED, BINDING, D(SEND_BIND) | D(TIME_BIND)),
                GO(CONNECTED_TLS, TLS_HANDSHAKE, 0),
                SKIP(TLS_OK),
                GO(CONNECT_FAILED, BACKOFF, FAIL | D(BACKOFF)),
                SKIP_BIND_ANSWERS,
                SKIP(ENQUIRE_TIMEOUT),
                SKIP_GOOD_BYE,
                SKIP(BACKOFF_OVER),
                GO(SOCKET_CLOSED, BACKOFF, FAIL | D(BACKOFF)),
                SKIP(PROTOCOL_ERROR),
                SKIP(UNBIND_RECEIVED),
                GO(END_WANTED, CLOSED, END),
                GO(REBIND_WANTED, WAIT_CREDENTIALS, FAIL | D(ASK_CREDENTIALS)),
                GO(CUT, CLOSED, END),
            },
        [SESSION_TLS_HANDSHAKE] =
            {
                SKIP(START),
                SKIP_CREDENTIALS,
                SKIP(CONNECTED),
                SKIP(CONNECTED_TLS),
                GO(TLS_OK, BINDING, D(SEND_BIND) | D(TIME_BIND)),
                GO(CONNECT_FAILED, BACKOFF, FAIL | D(BACKOFF)),
                SKIP_BIND_ANSWERS,
                SKIP(ENQUIRE_TIMEOUT),
                SKIP_GOOD_BYE,
                SKIP(BACKOFF_OVER),
                GO(SOCKET_CLOSED, BACKOFF, FAIL | D(BACKOFF)),
                SKIP(PROTOCOL_ERROR),
                SKIP(UNBIND_RECEIVED),
                GO(END_WANTED, CLOSED, END),
                GO(REBIND_WANTED, WAIT_CREDENTIALS, FAIL | D(ASK_CREDENTIALS)),
                GO(CUT, CLOSED, END),
            },
        [SESSION_BINDING] =
            {
                SKIP(START),
                SKIP_CREDENTIALS,
                SKIP_CONNECTION,
                GO(BIND_OK, BOUND, D(WIPE) | D(STOP_TIMER) | D(ENTER_BOUND)),
                GO(REFUSED_CREDENTIALS, BACKOFF, FAIL | D(BACKOFF_AUTH)),
                GO(REFUSED_ALREADY_BOUND, BACKOFF, FAIL | D(BACKOFF_BOUND)),
                GO(REFUSED_TRANSIENT, BACKOFF, FAIL | D(BACKOFF)),
                /* On a new connection, within the same attempt: the credentials are kept. */
                GO(REFUSED_PAIR, CONNECTING,
                   D(CLOSE_SOCKET) | D(STOP_TIMER) | D(USE_PAIR) | D(CONNECT)),
                GO(BIND_TIMEOUT, BACKOFF, FAIL | D(BACKOFF)),
                SKIP(ENQUIRE_TIMEOUT),
                SKIP_GOOD_BYE,
                SKIP(BACKOFF_OVER),
                GO(UNBIND_RECEIVED, BACKOFF, D(SEND_UNBIND_RESP) | FAIL | D(BACKOFF)),
                GO(SOCKET_CLOSED, BACKOFF, FAIL | D(BACKOFF)),
                GO(PROTOCOL_ERROR, BACKOFF, D(SEND_NACK_LENGTH) | FAIL | D(BACKOFF)),
                GO(END_WANTED, CLOSED, END),
                GO(REBIND_WANTED, WAIT_CREDENTIALS, FAIL | D(ASK_CREDENTIALS)),
                GO(CUT, CLOSED, END),
            },
        [SESSION_BOUND] =
            {
                SKIP(START),
                SKIP_CREDENTIALS, /* refreshed for their limits; operators.c applies them */
                SKIP_CONNECTION,
                SKIP_BIND_ANSWERS,
                GO(ENQUIRE_TIMEOUT, BACKOFF, LOSE | D(BACKOFF)),
                SKIP_GOOD_BYE,
                SKIP(BACKOFF_OVER),
                GO(UNBIND_RECEIVED, PEER_UNBINDING,
                   D(LEAVE_BOUND) | D(TIME_DRAIN) | D(CHECK_WINDOW)),
                GO(SOCKET_CLOSED, BACKOFF, LOSE | D(BACKOFF)),
                GO(PROTOCOL_ERROR, BACKOFF, D(SEND_NACK_LENGTH) | LOSE | D(BACKOFF)),
                GO(END_WANTED, DRAINING, D(LEAVE_BOUND) | D(TIME_DRAIN) | D(CHECK_WINDOW)),
                GO(REBIND_WANTED, REBIND_DRAINING,
                   D(LEAVE_BOUND) | D(TIME_DRAIN) | D(CHECK_WINDOW)),
                GO(CUT, CLOSED, LOSE | D(GONE)),
            },
        [SESSION_DRAINING] =
            {
                SKIP(START),
                SKIP_CREDENTIALS,
                SKIP_CONNECTION,
                SKIP_BIND_ANSWERS,
                GO(ENQUIRE_TIMEOUT, CLOSED, LOSE | D(GONE)),
                GO(DRAIN_TIMEOUT, UNBINDING, D(STOP_TIMER) | D(SEND_UNBIND) | D(TIME_UNBIND)),
                SKIP(UNBIND_TIMEOUT),
                SKIP(UNBIND_DONE),
                GO(WINDOW_EMPTY, UNBINDING, D(STOP_TIMER) | D(SEND_UNBIND) | D(TIME_UNBIND)),
                SKIP(BACKOFF_OVER),
                GO(UNBIND_RECEIVED, CLOSED, D(SEND_UNBIND_RESP) | LOSE | D(GONE)),
                GO(SOCKET_CLOSED, CLOSED, LOSE | D(GONE)),
                GO(PROTOCOL_ERROR, CLOSED, D(SEND_NACK_LENGTH) | LOSE | D(GONE)),
                SKIP(END_WANTED),
                SKIP(REBIND_WANTED), /* to end is stronger */
                GO(CUT, CLOSED, LOSE | D(GONE)),
            },
        [SESSION_UNBINDING] =
            {
                SKIP(START),
                SKIP_CREDENTIALS,
                SKIP_CONNECTION,
                SKIP_BIND_ANSWERS,
                GO(ENQUIRE_TIMEOUT, CLOSED, LOSE | D(GONE)),
                SKIP(DRAIN_TIMEOUT),
                GO(UNBIND_TIMEOUT, CLOSED, LOSE | D(GONE)),
                GO(UNBIND_DONE, CLOSED, LOSE | D(GONE)),
                SKIP(WINDOW_EMPTY),
                SKIP(BACKOFF_OVER),
                GO(UNBIND_RECEIVED, CLOSED, D(SEND_UNBIND_RESP) | LOSE | D(GONE)),
                GO(SOCKET_CLOSED, CLOSED, LOSE | D(GONE)), /* as good as an unbind_resp */
                GO(PROTOCOL_ERROR, CLOSED, D(SEND_NACK_LENGTH) | LOSE | D(GONE)),
                SKIP(END_WANTED),
                SKIP(REBIND_WANTED),
                GO(CUT, CLOSED, LOSE | D(GONE)),
            },
        [SESSION_REBIND_DRAINING] =
            {
                SKIP(START),
                SKIP_CREDENTIALS,
                SKIP_CONNECTION,
                SKIP_BIND_ANSWERS,
                GO(ENQUIRE_TIMEOUT, BACKOFF, LOSE | D(BACKOFF)),
                GO(DRAIN_TIMEOUT, REBIND_UNBINDING,
                   D(STOP_TIMER) | D(SEND_UNBIND) | D(TIME_UNBIND)),
                SKIP(UNBIND_TIMEOUT),
                SKIP(UNBIND_DONE),
                GO(WINDOW_EMPTY, REBIND_UNBINDING, D(STOP_TIMER) | D(SEND_UNBIND) | D(TIME_UNBIND)),
                SKIP(BACKOFF_OVER),
                GO(UNBIND_RECEIVED, BACKOFF, D(SEND_UNBIND_RESP) | LOSE | D(BACKOFF)),
                GO(SOCKET_CLOSED, BACKOFF, LOSE | D(BACKOFF)),
                GO(PROTOCOL_ERROR, BACKOFF, D(SEND_NACK_LENGTH) | LOSE | D(BACKOFF)),
                GO(END_WANTED, DRAINING, D(STOP_TIMER) | D(TIME_DRAIN) | D(CHECK_WINDOW)),
                SKIP(REBIND_WANTED),
                GO(CUT, CLOSED, LOSE | D(GONE)),
            },
        [SESSION_REBIND_UNBINDING] =
            {
                SKIP(START),
                SKIP_CREDENTIALS,
                SKIP_CONNECTION,
                SKIP_BIND_ANSWERS,
                GO(ENQUIRE_TIMEOUT, BACKOFF, LOSE | D(BACKOFF)),
                SKIP(DRAIN_TIMEOUT),
                /* A clean good-bye still leaves RECONNECT_MIN before the next bind: some MNOs free
                 * the old one only then. */
                GO(UNBIND_TIMEOUT, BACKOFF, LOSE | D(BACKOFF)),
                GO(UNBIND_DONE, BACKOFF, LOSE | D(BACKOFF)),
                SKIP(WINDOW_EMPTY),
                SKIP(BACKOFF_OVER),
                GO(UNBIND_RECEIVED, BACKOFF, D(SEND_UNBIND_RESP) | LOSE | D(BACKOFF)),
                GO(SOCKET_CLOSED, BACKOFF, LOSE | D(BACKOFF)),
                GO(PROTOCOL_ERROR, BACKOFF, D(SEND_NACK_LENGTH) | LOSE | D(BACKOFF)),
                GO(END_WANTED, UNBINDING, 0), /* the unbind timer goes on */
                SKIP(REBIND_WANTED),
                GO(CUT, CLOSED, LOSE | D(GONE)),
            },
        [SESSION_PEER_UNBINDING] =
            {
                SKIP(START),
                SKIP_CREDENTIALS,
                SKIP_CONNECTION,
                SKIP_BIND_ANSWERS,
                GO(ENQUIRE_TIMEOUT, BACKOFF, LOSE | D(BACKOFF)),
                GO(DRAIN_TIMEOUT, BACKOFF, D(SEND_UNBIND_RESP) | LOSE | D(BACKOFF)),
                SKIP(UNBIND_TIMEOUT),
                SKIP(UNBIND_DONE),
                GO(WINDOW_EMPTY, BACKOFF, D(SEND_UNBIND_RESP) | LOSE | D(BACKOFF)),
                SKIP(BACKOFF_OVER),
                GO(UNBIND_RECEIVED, BACKOFF,
                   D(SEND_UNBIND_RESP) | LOSE | D(BACKOFF)), /* impatient */
                GO(SOCKET_CLOSED, BACKOFF, LOSE | D(BACKOFF)),
                GO(PROTOCOL_ERROR, BACKOFF, D(SEND_NACK_LENGTH) | LOSE | D(BACKOFF)),
                GO(END_WANTED, CLOSED, D(SEND_UNBIND_RESP) | LOSE | D(GONE)),
                SKIP(REBIND_WANTED),
                GO(CUT, CLOSED, LOSE | D(GONE)),
            },
        [SESSION_BACKOFF] =
            {
                SKIP(START),
                SKIP_CREDENTIALS,
                SKIP_CONNECTION,
                SKIP_BIND_ANSWERS,
                SKIP(ENQUIRE_TIMEOUT),
                SKIP_GOOD_BYE,
                GO(BACKOFF_OVER, WAIT_CREDENTIALS, D(STOP_TIMER) | D(ASK_CREDENTIALS)),
                SKIP_SOCKET,
                GO(END_WANTED, CLOSED, END),
                GO(REBIND_WANTED, WAIT_CREDENTIALS, D(STOP_TIMER) | D(ASK_CREDENTIALS)),
                GO(CUT, CLOSED, END),
            },
        [SESSION_CLOSED] =
            {
                SKIP(START),
                SKIP_CREDENTIALS,
                SKIP_CONNECTION,
                SKIP_BIND_ANSWERS,
                SKIP(ENQUIRE_TIMEOUT),
                SKIP_GOOD_BYE,
                SKIP(BACKOFF_OVER),
                SKIP_SOCKET,
                SKIP(END_WANTED),
                SKIP(REBIND_WANTED),
                SKIP(CUT),
            },
};

struct session_step session_fsm_step(enum session_state state, enum session_event event)
{
    INVARIANT(state < SESSION_STATE_COUNT && event < SESSION_EVENT_COUNT);
    const struct cell *cell = &table[state][event];
    INVARIANT(cell->bits & DEFINED);
    bool ignored = (cell->bits & IGNORED) != 0;
    return (struct session_step){
        .next = ignored ? state : (enum session_state)cell->next,
        .actions = cell->bits & ACTION_BITS,
        .ignored = ignored,
    };
}

static const char *const state_names[] = {
#define X(NAME, text) text,
    SESSION_STATES(X)
#undef X
};
static const char *const event_names[] = {
#define X(NAME, text) text,
    SESSION_EVENTS(X)
#undef X
};
static const char *const action_names[] = {
#define X(NAME, text) text,
    SESSION_ACTIONS(X)
#undef X
};

const char *session_fsm_state_name(enum session_state state)
{
    return state < SESSION_STATE_COUNT ? state_names[state] : "?";
}

const char *session_fsm_event_name(enum session_event event)
{
    return event < SESSION_EVENT_COUNT ? event_names[event] : "?";
}

static void print_actions(FILE *out, uint32_t actions)
{
    const char *separator = "";
    for (unsigned bit = 0; bit < SESSION_ACTION_COUNT; bit++) {
        if (!(actions & (UINT32_C(1) << bit)))
            continue;
        fprintf(out, "%s%s", separator, action_names[bit]);
        separator = ", ";
    }
}

void session_fsm_print(FILE *out)
{
    fputs("| state | event | next | does |\n|---|---|---|---|\n", out);
    for (unsigned s = 0; s < SESSION_STATE_COUNT; s++) {
        for (unsigned e = 0; e < SESSION_EVENT_COUNT; e++) {
            struct session_step step =
                session_fsm_step((enum session_state)s, (enum session_event)e);
            if (step.ignored)
                continue;
            fprintf(out, "| %s | %s | %s | ", state_names[s], event_names[e],
                    state_names[step.next]);
            print_actions(out, step.actions);
            fputs(" |\n", out);
        }
    }
}
