/* One of an operator's parallel binds, and the falling back to a pair and forth. */
#include <stdlib.h>

#include "common/log.h"

#include "session-agent/bind_slot.h"
#include "session-agent/operator.h"

struct bind_slot *bind_slot_create(struct agent_operator *op, uint8_t number)
{
    struct bind_slot *slot = xcalloc(1, sizeof(*slot));
    slot->op = op;
    slot->number = number;
    enum ipc_bind_mode mode =
        op->credentials.host ? op->credentials.bind_mode : IPC_BIND_TRANSCEIVER;
    slot->main = session_create(slot, mode);
    session_start(slot->main);
    return slot;
}

void bind_slot_destroy(struct bind_slot **slot_ptr)
{
    struct bind_slot *slot = *slot_ptr;
    if (!slot)
        return;
    INVARIANT(!slot->main && !slot->receiver);
    free(slot);
    *slot_ptr = NULL;
}

static void each(struct bind_slot *slot, void (*fn)(struct session *s, const char *reason),
                 const char *reason)
{
    if (slot->receiver)
        fn(slot->receiver, reason);
    if (slot->main)
        fn(slot->main, reason);
}

void bind_slot_end(struct bind_slot *slot, const char *reason)
{
    slot->ending = true;
    each(slot, session_end, reason);
}

void bind_slot_rebind(struct bind_slot *slot, const char *reason)
{
    each(slot, session_rebind, reason);
}

void bind_slot_cut(struct bind_slot *slot, const char *reason)
{
    slot->ending = true;
    each(slot, session_cut, reason);
}

void bind_slot_lapse(struct bind_slot *slot, const char *reason)
{
    slot->ending = true;
    each(slot, session_lapse, reason);
}

bool bind_slot_has_lease(const struct bind_slot *slot)
{
    const struct operator_leases *leases = slot->op->leases;
    return !leases_is_leased(leases) || leases_allows(leases, slot->number, clock_boot());
}

void bind_slot_retune(struct bind_slot *slot, bool binds_alike)
{
    if (slot->main)
        session_retune(slot->main, binds_alike);
    if (slot->receiver)
        session_retune(slot->receiver, binds_alike);
}

static void reap(struct session **session)
{
    if (!*session || !session_is_gone(*session))
        return;
    session_tell_gone(*session);
    session_destroy(session);
}

bool bind_slot_reap(struct bind_slot *slot)
{
    reap(&slot->receiver);
    reap(&slot->main);
    if (slot->pair && !slot->receiver && !slot->ending) {
        /* The one there was had to go when a transceiver was to be had. */
        slot->receiver = session_create(slot, IPC_BIND_RECEIVER);
        session_start(slot->receiver);
    }
    return !slot->main && !slot->receiver;
}

/* --- the pair --- */

static void end_receiver(struct bind_slot *slot, const char *reason)
{
    if (slot->receiver)
        session_end(slot->receiver, reason);
}

static bool probe_is_due(const struct bind_slot *slot)
{
    int64_t since_ms = mono_diff_ms(clock_mono(), slot->pair_since);
    return since_ms >= (int64_t)slot->op->config->pair_probe_ms;
}

bool bind_slot_is_probe(const struct bind_slot *slot, const struct session *session)
{
    return slot->pair && session == slot->main && session_mode(session) == IPC_BIND_TRANSCEIVER;
}

enum ipc_bind_mode bind_slot_choose_mode(struct bind_slot *slot, const struct session *session,
                                         enum ipc_bind_mode wanted)
{
    if (session == slot->receiver)
        return IPC_BIND_RECEIVER;
    if (wanted != IPC_BIND_TRANSCEIVER) {
        slot->pair = false;
        end_receiver(slot, "the credentials ask for another kind of bind");
        return wanted;
    }
    if (slot->pair && !probe_is_due(slot))
        return IPC_BIND_TRANSMITTER;
    slot->pair_since =
        clock_mono(); /* whatever becomes of it, the next probe is not the next try */
    return IPC_BIND_TRANSCEIVER;
}

void bind_slot_use_pair(struct bind_slot *slot, const struct credentials *credentials)
{
    log_info("the MNO offers no transceiver: transmitter and receiver from now on",
             LOG_STR("operatorId", slot->op->id_text), LOG_UINT("bind", slot->number));
    slot->pair = true;
    slot->pair_since = clock_mono();
    reap(&slot->receiver);
    if (slot->receiver)
        return; /* a probe failed and it stayed, or it ends: bind_slot_reap() makes another one then
                 */
    slot->receiver = session_create(slot, IPC_BIND_RECEIVER);
    session_start_with(slot->receiver, credentials);
}

void bind_slot_bound(struct bind_slot *slot, const struct session *session)
{
    if (!bind_slot_is_probe(slot, session))
        return;
    slot->pair = false;
    end_receiver(slot, "the MNO offers a transceiver again");
}

/* --- what it is good for --- */

/* Told by the mode, not by the window: a full window is no lost bind. */
static bool is_up(const struct session *s)
{
    return s && session_is_ready(s);
}

bool bind_slot_can_submit(const struct bind_slot *slot)
{
    if (!is_up(slot->main) || session_mode(slot->main) == IPC_BIND_RECEIVER)
        return false;
    return !slot->pair || is_up(slot->receiver);
}

bool bind_slot_is_able(const struct bind_slot *slot)
{
    return bind_slot_can_submit(slot) ||
           (is_up(slot->main) && session_mode(slot->main) == IPC_BIND_RECEIVER);
}

uint32_t bind_slot_room(const struct bind_slot *slot)
{
    return bind_slot_can_submit(slot) && bind_slot_has_lease(slot) ? session_room(slot->main) : 0;
}
