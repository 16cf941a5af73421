/*
 * One of an operator's BINDS: a transceiver, a lone transmitter or receiver, or a pair of them when
 * the MNO does not offer transceivers. The pair is remembered while one of its sessions lives, and
 * bind_transceiver is tried again at a reconnect after pair_probe_ms.
 */
#ifndef SESSION_AGENT_BIND_SLOT_H
#define SESSION_AGENT_BIND_SLOT_H

#include "common/clock.h"
#include "session-agent/credentials_request.h"
#include "session-agent/session.h"

struct agent_operator;

struct bind_slot {
    struct agent_operator *op;
    uint8_t number;           /* 0 … BINDS − 1 */
    struct session *main;     /* transceiver, transmitter or lone receiver; NULL: over */
    struct session *receiver; /* of a pair; NULL: none */
    bool pair;
    mono_t pair_since;
    bool ending;
};

struct bind_slot *bind_slot_create(struct agent_operator *op, uint8_t number) MUST_CHECK;
/* Its sessions must be gone. */
void bind_slot_destroy(struct bind_slot **slot);

void bind_slot_end(struct bind_slot *slot, const char *reason);
void bind_slot_rebind(struct bind_slot *slot, const char *reason);
void bind_slot_cut(struct bind_slot *slot, const char *reason);
/* The same for one whose lease ended: what TCP has not delivered yet is not delivered any more. */
void bind_slot_lapse(struct bind_slot *slot, const char *reason);
/* May it be open, and write submit_sm? */
bool bind_slot_has_lease(const struct bind_slot *slot);
/* The declaration changed, as in session_retune(). */
void bind_slot_retune(struct bind_slot *slot, bool binds_alike);
/* Frees sessions that are closed for good and tells the bridge; true: none is left. A pair that has
 * lost its receiver so gets a new one. */
bool bind_slot_reap(struct bind_slot *slot);

/* Which kind of bind the session shall try next, given what the credentials ask for. Ends the
 * receiver beside it when it is no longer wanted. */
enum ipc_bind_mode bind_slot_choose_mode(struct bind_slot *slot, const struct session *session,
                                         enum ipc_bind_mode wanted);
/* Does the session try whether the MNO offers transceivers by now? The receiver of the pair is
 * still bound, so that the MNO may refuse it in any way. */
bool bind_slot_is_probe(const struct bind_slot *slot, const struct session *session);
/* The MNO refused a transceiver: from now on a pair. Starts the receiver with these credentials. */
void bind_slot_use_pair(struct bind_slot *slot, const struct credentials *credentials);
/* The main session is bound. */
void bind_slot_bound(struct bind_slot *slot, const struct session *session);

/* Can messages go out over it (of a pair: both halves are bound)? */
bool bind_slot_can_submit(const struct bind_slot *slot);
/* The same, or it is what bindMode RECEIVER asks for. */
bool bind_slot_is_able(const struct bind_slot *slot);
/* Room in its window; 0 when nothing can go out just now. */
uint32_t bind_slot_room(const struct bind_slot *slot);

#endif
