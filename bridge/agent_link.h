/*
 * This end of the IPC (proto/README.md): attachment, listing, batches, heartbeats. Knows the bytes'
 * order of events and nothing of what the records mean; those go to the handlers in bridge.c's
 * table.
 */
#ifndef BRIDGE_AGENT_LINK_H
#define BRIDGE_AGENT_LINK_H

#include "common/loop.h"
#include "proto/ipc.h"

struct agent_link;

struct agent_link_events {
    /* ATTACHED came; the listing's records follow through `record`. */
    void (*attached)(void *arg, const struct ipc_attached *attached);
    /* LIST_END: the whole picture is there; declare now. */
    void (*listed)(void *arg);
    /* Any record from the agent but HELLO, HEARTBEAT, ATTACHED, LIST_END, REFUSED. */
    void (*record)(void *arg, unsigned type, struct bytes body);
    /* Each second: the longest turn of the agent's loop in it. */
    void (*agent_turn)(void *arg, int64_t worst_ms);
    /* The agent, or our place with it, is lost: nothing that is queued may be sent any more. */
    void (*detached)(void *arg, const char *reason);
    /* The loop stood still for more than 5 s: the place may be another's by now, and what is queued
     * must not be sent. Said before anything of that turn is acted on. */
    void (*stood_still)(void *arg, int64_t pause_ms);
    /* The agent speaks another major version; dialled again every 30 s. */
    void (*refused)(void *arg, const char *reason);
    void *arg;
};

int agent_link_create(struct loop *loop, const char *ipc_url,
                      const struct agent_link_events *events, struct agent_link **link_r,
                      char *error_r, size_t error_size) MUST_CHECK;
void agent_link_destroy(struct agent_link **link);
bool agent_link_is_attached(const struct agent_link *link); /* and listed */
/* How long nothing was heard from the agent. */
int64_t agent_link_silent_ms(const struct agent_link *link);
unsigned agent_link_agent_minor(const struct agent_link *link);          /* of its IPC version */
const uint8_t *agent_link_agent_instance(const struct agent_link *link); /* 16 octets; NULL: none */

/* Records are appended between begin and end; batches are flushed at the turn's end, sooner when
 * one grows beyond 64 KiB. ipc_put_submit(agent_link_begin(link), &submit); agent_link_end(link);
 * While there is no place with an agent they go nowhere. */
struct buf_writer *agent_link_begin(struct agent_link *link);
void agent_link_end(struct agent_link *link);

/* For those who are called by others than the link: false, and stood_still() or detached() was
 * called, when nothing may be acted on any more. */
bool agent_link_check_alive(struct agent_link *link);

/* What came from the agent makes no sense: the place is given up. */
void agent_link_drop(struct agent_link *link, const char *reason);
/* DETACH; nothing is said or heard after it. agent_link_idle(): it has left. */
void agent_link_detach(struct agent_link *link);
bool agent_link_idle(const struct agent_link *link);

#endif
