/* Admission of bind attempts: a counter and a queue. */
#include "session-agent/connect_gate.h"

void connect_gate_init(struct connect_gate *gate, unsigned limit)
{
    *gate = (struct connect_gate){.limit = limit};
    list_init(&gate->waiting);
}

void connect_ticket_init(struct connect_ticket *ticket, void (*admitted)(void *arg), void *arg)
{
    *ticket = (struct connect_ticket){.admitted = admitted, .arg = arg};
    list_init(&ticket->link);
}

/* `admitted` may leave at once, which comes back here: the outer loop goes on, so that a long queue
 * of such attempts is no deep recursion. */
static void admit_waiting(struct connect_gate *gate)
{
    if (gate->admitting)
        return;
    gate->admitting = true;
    while (gate->inside < gate->limit && !list_empty(&gate->waiting)) {
        struct connect_ticket *next = LIST_ENTRY(gate->waiting.next, struct connect_ticket, link);
        list_remove(&next->link);
        next->state = CONNECT_TICKET_INSIDE;
        gate->inside++;
        next->admitted(next->arg);
    }
    gate->admitting = false;
}

void connect_gate_enter(struct connect_gate *gate, struct connect_ticket *ticket)
{
    INVARIANT(ticket->state == CONNECT_TICKET_OUT);
    ticket->state = CONNECT_TICKET_WAITING;
    list_append(&gate->waiting, &ticket->link);
    admit_waiting(gate);
}

void connect_gate_leave(struct connect_gate *gate, struct connect_ticket *ticket)
{
    if (ticket->state == CONNECT_TICKET_WAITING)
        list_remove(&ticket->link);
    if (ticket->state == CONNECT_TICKET_INSIDE)
        gate->inside--;
    ticket->state = CONNECT_TICKET_OUT;
    admit_waiting(gate);
}
