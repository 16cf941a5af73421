/*
 * The agent's end of the IPC: who is attached, in which order records come and go, and when a pipe
 * must end. What the records mean is decided by those above (bridge_records.c).
 *
 * Records are collected in a batch and sent once at the end of the loop's turn. While nobody is
 * attached they go nowhere: all that matters is listed to whoever attaches next.
 */
#ifndef SESSION_AGENT_BRIDGE_LINK_H
#define SESSION_AGENT_BRIDGE_LINK_H

#include "common/loop.h"
#include "proto/ipc.h"

struct bridge_link;

struct bridge_link_events {
    /* A bridge introduced itself and was given its number: list everything, then LIST_END. */
    void (*attached)(void *arg);
    /* One record of the attached bridge, from the side that may send it. False, with a reason,
     * ends the pipe. The body is valid during the call. */
    bool (*record)(void *arg, unsigned type, struct bytes body, char *error_r, size_t error_size);
    /* It is gone, for whatever reason. */
    void (*detached)(void *arg);
    /* For IPC_PACE_LIFE_MS no attached bridge was heard. Said before anything of a later one. */
    void (*alone)(void *arg);
    void *arg;
};

struct bridge_link_options {
    const char *url;
    const uint32_t *peer_uids;
    size_t uid_count;
    uint32_t ledger_entries; /* told in ATTACHED */
    uint8_t instance[16];
};

/* −1 with a reason when it can't listen. */
int bridge_link_create(struct loop *loop, const struct bridge_link_options *options,
                       const struct bridge_link_events *events, struct bridge_link **link_r,
                       char *error_r, size_t error_size) MUST_CHECK;
/* No event runs after it returns. */
void bridge_link_destroy(struct bridge_link **link);

/* From now on bridges of these uids may attach; the one that is attached stays. */
void bridge_link_allow(struct bridge_link *link, const uint32_t *uids, size_t count);

bool bridge_link_is_attached(const struct bridge_link *link);
/* Says `alone` if it is time: for those who act before the link itself may have looked. */
void bridge_link_look(struct bridge_link *link, mono_t now);
/* Sends what was collected now; for a last word. */
void bridge_link_flush(struct bridge_link *link);

/* bridge_link_send_outcome(link, &record) and so on, one for each record that an agent sends: into
 * the batch when a bridge is attached, nowhere else. */
#define BRIDGE_LINK_DECLARE_AGENT(name)                                                            \
    void bridge_link_send_##name(struct bridge_link *link, const struct ipc_##name *record);
#define BRIDGE_LINK_DECLARE_EITHER(name) BRIDGE_LINK_DECLARE_AGENT(name)
#define BRIDGE_LINK_DECLARE_BRIDGE(name)
#define IPC_RECORD(NAME, name, sender) BRIDGE_LINK_DECLARE_##sender(name)
#include "proto/ipc_records.def"

#endif
