/* One connection of an ESME: its bind, what it may do, and the PDUs that go to it. */
#ifndef SIM_SESSION_H
#define SIM_SESSION_H

#include "tests/sim/sim.h"
#include "tests/sim/sim_inflight.h"
#include "tests/sim/sim_link.h"

enum sim_bound { SIM_OPEN, SIM_BOUND_TX, SIM_BOUND_RX, SIM_BOUND_TRX, SIM_UNBOUND };

struct sim_session {
    struct list all;   /* in sim.sessions */
    struct list bound; /* in system.sessions */
    struct sim *sim;
    struct sim_link *link; /* NULL: the connection is gone, others still hold the session */
    struct sim_system *system;
    uint64_t number;
    enum sim_bound state;
    unsigned refs;
    uint32_t next_sequence;
    uint64_t submits;
    uint64_t unanswered;  /* submit_sm whose answer is still to come */
    uint64_t last_due_ns; /* of the answers of a latency range: they keep their order */
    struct sim_inflight inflight;
    uint64_t timed_out; /* deliver_sm whose answer would come too late */
    bool timeout_armed;
    uint32_t bind_command; /* the bind at hand; 0: none */
    uint32_t bind_sequence;
    uint32_t bind_status;
};

/* What the history tells of a PDU beyond its header; any of it may be NULL. */
struct sim_note {
    const char *id;
    const struct sim_submit *submit;
    const char *dest;
};

void sim_session_accept(struct sim *sim, uv_stream_t *listener);
/* Held: the memory stays until it is let go, even when the connection ends. */
void sim_session_hold(struct sim_session *s);
void sim_session_release(struct sim_session *s);
bool sim_session_alive(const struct sim_session *s);
bool sim_session_can_submit(const struct sim_session *s);
bool sim_session_can_receive(const struct sim_session *s);
const char *sim_session_state_name(const struct sim_session *s);

/* Room for a body of `size` octets; sim_session_send() then says how many it became. */
uint8_t *sim_session_body(struct sim_session *s, size_t size);
void sim_session_send(struct sim_session *s, uint32_t command, uint32_t status, uint32_t sequence,
                      size_t body_len, const struct sim_note *note);
/* A PDU that is only a header. */
void sim_session_send_header(struct sim_session *s, uint32_t command, uint32_t status,
                             uint32_t sequence);
/* Octets as they are. */
void sim_session_send_raw(struct sim_session *s, struct bytes octets);
uint32_t sim_session_next_sequence(struct sim_session *s);

/* Counts a mistake of the peer. */
void sim_session_problem(struct sim_session *s, enum sim_problem problem);
/* Belongs to `system` from now on and is bound as `state` says. */
void sim_session_bind(struct sim_session *s, struct sim_system *system, enum sim_bound state);
/* The behaviour that concerns the connection itself was changed. */
void sim_session_apply_behaviour(struct sim_session *s);
void sim_session_close(struct sim_session *s, enum sim_link_end end);

#endif
