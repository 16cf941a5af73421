/* connect_gate: the bound, the order, and what leaves while it waits. */
#include <stdlib.h>

#include "unit_test.h"

#include "session-agent/connect_gate.h"

enum { MANY = 5000 };

struct visitor {
    struct connect_gate *gate;
    struct connect_ticket ticket;
    unsigned place; /* in the order of admission; 0: not yet */
    bool leaves_at_once;
};

static unsigned admitted;

static void on_admitted(void *arg)
{
    struct visitor *v = arg;
    v->place = ++admitted;
    if (v->leaves_at_once)
        connect_gate_leave(v->gate, &v->ticket);
}

static void come(struct connect_gate *gate, struct visitor *v)
{
    v->gate = gate;
    connect_ticket_init(&v->ticket, on_admitted, v);
    connect_gate_enter(gate, &v->ticket);
}

static int reset(void **state)
{
    (void)state;
    admitted = 0;
    return 0;
}

static void first_come_first_served(void **state)
{
    (void)state;
    struct connect_gate gate;
    struct visitor v[6] = {0};
    connect_gate_init(&gate, 2);
    for (size_t i = 0; i < ARRAY_LEN(v); i++)
        come(&gate, &v[i]);
    assert_int_equal(admitted, 2);
    connect_gate_leave(&gate, &v[1].ticket);
    assert_int_equal(v[2].place, 3);
    connect_gate_leave(&gate, &v[3].ticket); /* gave up waiting */
    connect_gate_leave(&gate, &v[0].ticket);
    assert_int_equal(v[4].place, 4);
    assert_int_equal(v[3].place, 0);
    connect_gate_leave(&gate, &v[0].ticket); /* twice: harmless */
    assert_int_equal(gate.inside, 2);
    connect_gate_enter(&gate, &v[0].ticket); /* comes back: at the end */
    connect_gate_leave(&gate, &v[2].ticket);
    assert_int_equal(v[5].place, 5);
    connect_gate_leave(&gate, &v[4].ticket);
    assert_int_equal(v[0].place, 6);
}

static void a_long_queue_of_short_visits(void **state)
{
    (void)state;
    struct connect_gate gate;
    struct visitor first = {0};
    struct visitor *v = xcalloc(MANY, sizeof(*v));
    connect_gate_init(&gate, 1);
    come(&gate, &first);
    for (size_t i = 0; i < MANY; i++) {
        v[i].leaves_at_once = true;
        come(&gate, &v[i]);
    }
    assert_int_equal(admitted, 1);
    connect_gate_leave(&gate, &first.ticket);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(v[i].place, i + 2);
    assert_int_equal(gate.inside, 0);
    free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(first_come_first_served, reset),
        cmocka_unit_test_setup(a_long_queue_of_short_visits, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
