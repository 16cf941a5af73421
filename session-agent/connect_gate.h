/*
 * Lets a bounded number of bind attempts run at a time, over all operators, first come first
 * served. A thousand MNOs that vanish together come back as a queue instead of a stampede: sockets,
 * handshakes and credential requests are all inside an attempt. Pure bookkeeping.
 */
#ifndef SESSION_AGENT_CONNECT_GATE_H
#define SESSION_AGENT_CONNECT_GATE_H

#include "common/list.h"

struct connect_gate {
    struct list waiting;
    unsigned limit;
    unsigned inside;
    bool admitting;
};

/* Embedded by whoever wants in. `admitted` runs from connect_gate_enter() itself when there is
 * room, else from somebody's connect_gate_leave(). */
struct connect_ticket {
    struct list link; /* in connect_gate.waiting */
    void (*admitted)(void *arg);
    void *arg;
    enum { CONNECT_TICKET_OUT, CONNECT_TICKET_WAITING, CONNECT_TICKET_INSIDE } state;
};

void connect_gate_init(struct connect_gate *gate, unsigned limit);
void connect_ticket_init(struct connect_ticket *ticket, void (*admitted)(void *arg), void *arg);
/* The ticket must be out. */
void connect_gate_enter(struct connect_gate *gate, struct connect_ticket *ticket);
/* The attempt is over, or no longer wanted; harmless when the ticket is out already. */
void connect_gate_leave(struct connect_gate *gate, struct connect_ticket *ticket);

#endif
