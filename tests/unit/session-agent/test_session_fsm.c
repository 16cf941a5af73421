/* session_fsm: every cell of the table, and the laws that no cell may break. */
#include "unit_test.h"

#include <stdlib.h>
#include <string.h>

#include "session-agent/session_fsm.h"

#define DO(NAME) ((uint32_t)SESSION_DO_##NAME)
#define BACKOFFS (DO(BACKOFF) | DO(BACKOFF_AUTH) | DO(BACKOFF_BOUND))

static bool has_socket(enum session_state s)
{
    return s >= SESSION_CONNECTING && s <= SESSION_PEER_UNBINDING;
}

/* bind_resp was good on this connection. */
static bool was_bound(enum session_state s)
{
    return s >= SESSION_BOUND && s <= SESSION_PEER_UNBINDING;
}

static bool in_attempt(enum session_state s)
{
    return s >= SESSION_WAIT_CREDENTIALS && s <= SESSION_BINDING;
}

static bool has_timer(enum session_state s)
{
    return s == SESSION_BINDING || s == SESSION_BACKOFF ||
           (s >= SESSION_DRAINING && s <= SESSION_PEER_UNBINDING);
}

static int bits(uint32_t x)
{
    return __builtin_popcount(x);
}

static void check_cell(enum session_state from, enum session_event event, struct session_step step)
{
    uint32_t a = step.actions;
    enum session_state to = step.next;
    assert_true(to < SESSION_STATE_COUNT);
    if (step.ignored) {
        assert_int_equal(to, from);
        assert_int_equal(a, 0);
        return;
    }
    /* The end. */
    assert_int_not_equal(from, SESSION_CLOSED);
    assert_int_equal((a & DO(GONE)) != 0, to == SESSION_CLOSED);
    if (event == SESSION_EVENT_CUT)
        assert_int_equal(to, SESSION_CLOSED);
    if (event == SESSION_EVENT_END_WANTED)
        assert_true(to == SESSION_CLOSED || to == SESSION_DRAINING || to == SESSION_UNBINDING);
    /* A socket is closed when it is left, and on every new connection. */
    if (has_socket(from) && !has_socket(to))
        assert_true(a & DO(CLOSE_SOCKET));
    if (a & DO(CONNECT))
        assert_true(to == SESSION_CONNECTING && (!has_socket(from) || (a & DO(CLOSE_SOCKET))));
    /* What was bound gives its window up; what was not has none. */
    assert_int_equal((a & DO(END_WINDOW)) != 0, was_bound(from) && !was_bound(to));
    if (from == SESSION_BOUND)
        assert_true(a & DO(LEAVE_BOUND));
    assert_int_equal((a & DO(ENTER_BOUND)) != 0, to == SESSION_BOUND);
    /* The password lives as long as the attempt. */
    if (in_attempt(from) && (!in_attempt(to) || to == SESSION_WAIT_CREDENTIALS))
        assert_true(a & DO(WIPE));
    if (a & DO(USE_PAIR))
        assert_false(a & DO(WIPE));
    assert_int_equal((a & DO(ASK_CREDENTIALS)) != 0, to == SESSION_WAIT_CREDENTIALS);
    assert_int_equal((a & DO(SEND_BIND)) != 0, to == SESSION_BINDING);
    /* One backoff on the way into it. */
    assert_int_equal(bits(a & BACKOFFS), to == SESSION_BACKOFF ? 1 : 0);
    /* Timers: stopped when their state is left (but for the unbind timer that goes on). */
    bool unbind_goes_on = from == SESSION_REBIND_UNBINDING && to == SESSION_UNBINDING;
    if (has_timer(from) && to != from && !unbind_goes_on)
        assert_true(a & DO(STOP_TIMER));
    assert_int_equal((a & DO(TIME_BIND)) != 0, to == SESSION_BINDING);
    bool unbinds = to == SESSION_UNBINDING || to == SESSION_REBIND_UNBINDING;
    assert_int_equal((a & DO(SEND_UNBIND)) != 0, unbinds && !unbind_goes_on);
    assert_int_equal((a & DO(TIME_UNBIND)) != 0, unbinds && !unbind_goes_on);
    bool drains =
        to == SESSION_DRAINING || to == SESSION_REBIND_DRAINING || to == SESSION_PEER_UNBINDING;
    assert_int_equal((a & DO(TIME_DRAIN)) != 0, drains);
    assert_int_equal((a & DO(CHECK_WINDOW)) != 0, drains);
    /* What is said to the peer. */
    if (event == SESSION_EVENT_UNBIND_RECEIVED)
        assert_true((a & DO(SEND_UNBIND_RESP)) || to == SESSION_PEER_UNBINDING);
    if (event == SESSION_EVENT_PROTOCOL_ERROR)
        assert_true((a & DO(SEND_NACK_LENGTH)) && (a & DO(CLOSE_SOCKET)));
    if (event == SESSION_EVENT_SOCKET_CLOSED)
        assert_false(a & (DO(SEND_UNBIND_RESP) | DO(SEND_NACK_LENGTH) | DO(SEND_UNBIND)));
}

static void every_cell_keeps_the_laws(void **state)
{
    (void)state;
    for (unsigned s = 0; s < SESSION_STATE_COUNT; s++) {
        for (unsigned e = 0; e < SESSION_EVENT_COUNT; e++) {
            enum session_state from = (enum session_state)s;
            enum session_event event = (enum session_event)e;
            check_cell(from, event, session_fsm_step(from, event));
        }
    }
}

static void nothing_that_ends_a_connection_is_ignored(void **state)
{
    (void)state;
    static const enum session_event ends[] = {SESSION_EVENT_SOCKET_CLOSED, SESSION_EVENT_CUT};
    for (unsigned s = 0; s < SESSION_STATE_COUNT; s++) {
        if (!has_socket((enum session_state)s))
            continue;
        for (size_t i = 0; i < ARRAY_LEN(ends); i++)
            assert_false(session_fsm_step((enum session_state)s, ends[i]).ignored);
    }
    static const enum session_event while_bound[] = {
        SESSION_EVENT_ENQUIRE_TIMEOUT, SESSION_EVENT_UNBIND_RECEIVED, SESSION_EVENT_PROTOCOL_ERROR};
    for (unsigned s = SESSION_BOUND; s <= SESSION_PEER_UNBINDING; s++) {
        for (size_t i = 0; i < ARRAY_LEN(while_bound); i++)
            assert_false(session_fsm_step((enum session_state)s, while_bound[i]).ignored);
    }
}

static void every_state_is_reached_and_can_end(void **state)
{
    (void)state;
    bool reached[SESSION_STATE_COUNT] = {[SESSION_IDLE] = true};
    for (unsigned round = 0; round < SESSION_STATE_COUNT; round++) {
        for (unsigned s = 0; s < SESSION_STATE_COUNT; s++) {
            for (unsigned e = 0; reached[s] && e < SESSION_EVENT_COUNT; e++)
                reached[session_fsm_step((enum session_state)s, (enum session_event)e).next] = true;
        }
    }
    for (unsigned s = 0; s < SESSION_STATE_COUNT; s++) {
        assert_true(reached[s]);
        if (s != SESSION_CLOSED)
            assert_int_equal(session_fsm_step((enum session_state)s, SESSION_EVENT_CUT).next,
                             SESSION_CLOSED);
    }
}

struct story_step {
    enum session_event event;
    enum session_state next;
};

static void walk(const struct story_step *steps, size_t count)
{
    enum session_state s = SESSION_IDLE;
    for (size_t i = 0; i < count; i++) {
        s = session_fsm_step(s, steps[i].event).next;
        assert_string_equal(session_fsm_state_name(s), session_fsm_state_name(steps[i].next));
    }
}

#define S(EVENT, NEXT)                                                                             \
    {                                                                                              \
        SESSION_EVENT_##EVENT, SESSION_##NEXT                                                      \
    }
#define TO_BOUND                                                                                   \
    S(START, WAIT_CREDENTIALS), S(CREDENTIALS, CONNECTING), S(CONNECTED, BINDING), S(BIND_OK, BOUND)

static void stories(void **state)
{
    (void)state;
    static const struct story_step tls_and_end[] = {
        S(START, WAIT_CREDENTIALS),
        S(CREDENTIALS_FAILED, BACKOFF),
        S(BACKOFF_OVER, WAIT_CREDENTIALS),
        S(CREDENTIALS, CONNECTING),
        S(CONNECTED_TLS, TLS_HANDSHAKE),
        S(TLS_OK, BINDING),
        S(BIND_OK, BOUND),
        S(END_WANTED, DRAINING),
        S(WINDOW_EMPTY, UNBINDING),
        S(UNBIND_DONE, CLOSED),
        S(START, CLOSED),
    };
    static const struct story_step pair[] = {
        S(START, WAIT_CREDENTIALS),  S(CREDENTIALS, CONNECTING), S(CONNECTED, BINDING),
        S(REFUSED_PAIR, CONNECTING), S(CONNECTED, BINDING),      S(BIND_OK, BOUND),
    };
    static const struct story_step rebind[] = {
        TO_BOUND,
        S(REBIND_WANTED, REBIND_DRAINING),
        S(WINDOW_EMPTY, REBIND_UNBINDING),
        S(UNBIND_TIMEOUT, BACKOFF),
        S(BACKOFF_OVER, WAIT_CREDENTIALS),
    };
    static const struct story_step peer_unbinds[] = {
        TO_BOUND,
        S(UNBIND_RECEIVED, PEER_UNBINDING),
        S(WINDOW_EMPTY, BACKOFF),
        S(REBIND_WANTED, WAIT_CREDENTIALS),
    };
    static const struct story_step dead_peer[] = {
        TO_BOUND,
        S(ENQUIRE_TIMEOUT, BACKOFF),
        S(END_WANTED, CLOSED),
    };
    static const struct story_step end_beats_rebind[] = {
        TO_BOUND,
        S(REBIND_WANTED, REBIND_DRAINING),
        S(END_WANTED, DRAINING),
        S(REBIND_WANTED, DRAINING),
        S(DRAIN_TIMEOUT, UNBINDING),
        S(SOCKET_CLOSED, CLOSED),
    };
    walk(tls_and_end, ARRAY_LEN(tls_and_end));
    walk(pair, ARRAY_LEN(pair));
    walk(rebind, ARRAY_LEN(rebind));
    walk(peer_unbinds, ARRAY_LEN(peer_unbinds));
    walk(dead_peer, ARRAY_LEN(dead_peer));
    walk(end_beats_rebind, ARRAY_LEN(end_beats_rebind));
}

static void refusals_wait_as_their_class_says(void **state)
{
    (void)state;
    assert_true(session_fsm_step(SESSION_BINDING, SESSION_EVENT_REFUSED_CREDENTIALS).actions &
                DO(BACKOFF_AUTH));
    assert_true(session_fsm_step(SESSION_BINDING, SESSION_EVENT_REFUSED_ALREADY_BOUND).actions &
                DO(BACKOFF_BOUND));
    assert_true(session_fsm_step(SESSION_BINDING, SESSION_EVENT_REFUSED_TRANSIENT).actions &
                DO(BACKOFF));
}

static void prints_the_table(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len = 0, rows = 0, cells = 0;
    FILE *out = open_memstream(&text, &len);
    session_fsm_print(out);
    fclose(out);
    for (const char *p = text; (p = strchr(p, '\n')); p++)
        rows++;
    for (unsigned s = 0; s < SESSION_STATE_COUNT; s++) {
        for (unsigned e = 0; e < SESSION_EVENT_COUNT; e++)
            cells += !session_fsm_step((enum session_state)s, (enum session_event)e).ignored;
    }
    assert_int_equal(rows, cells + 2);
    assert_non_null(
        strstr(text, "| bound | socket_closed | backoff | leave_bound, close_socket, end_window, "
                     "stop_timer, backoff |"));
    free(text);
    assert_string_equal(session_fsm_event_name(SESSION_EVENT_COUNT), "?");
    assert_string_equal(session_fsm_state_name(SESSION_STATE_COUNT), "?");
}

static void the_readme_has_the_table(void **state)
{
    (void)state;
    char *text = NULL, *readme = NULL;
    size_t len = 0, readme_len = 0;
    FILE *out = open_memstream(&text, &len);
    fputs("<!-- state machine -->\n", out);
    session_fsm_print(out);
    fputs("<!-- end -->\n", out);
    fclose(out);
    FILE *in = fopen(README_PATH, "r");
    assert_non_null(in);
    assert_true(getdelim(&readme, &readme_len, 0, in) > 0);
    fclose(in);
    char *table = strstr(readme, text);
    assert_non_null(table);
    *table = 0; /* the drawing is above it */
    char *drawing = strstr(readme, "## The life of a bind");
    assert_non_null(drawing);
    for (unsigned s = 0; s < SESSION_STATE_COUNT; s++)
        assert_non_null(strstr(drawing, session_fsm_state_name((enum session_state)s)));
    free(text);
    free(readme);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_keeps_the_laws),
        cmocka_unit_test(nothing_that_ends_a_connection_is_ignored),
        cmocka_unit_test(every_state_is_reached_and_can_end),
        cmocka_unit_test(stories),
        cmocka_unit_test(refusals_wait_as_their_class_says),
        cmocka_unit_test(prints_the_table),
        cmocka_unit_test(the_readme_has_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
