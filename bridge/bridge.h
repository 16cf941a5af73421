/* The bridge as a whole: everything made in order, run, and ended in one of four ways. */
#ifndef BRIDGE_BRIDGE_H
#define BRIDGE_BRIDGE_H

#include "bridge/bridge_settings.h"

/* Exit code when the loop stood still for so long that our place may be another's (EX_TEMPFAIL). */
#define BRIDGE_EXIT_STOOD_STILL 75

enum bridge_end {
    BRIDGE_END_STOPPED, /* SIGTERM: exit 0 */
    BRIDGE_END_AGAIN,   /* ctl restart: start anew */
    BRIDGE_END_FAILED,  /* it could not start; a line said why: exit 1 */
};

/* Runs until it has ended; takes over the settings. When the place with the agent is lost it does
 * not return: `start_anew` is called at once, so that nothing queued for NATS or Redis gets out. */
enum bridge_end bridge_run(struct bridge_settings *settings, void (*start_anew)(void));

/* --check-config --connect: streams, consumers, permissions, Redis, one credentials answer. Prints
 * a line for each; false when any is wrong. */
bool bridge_check_connections(const struct bridge_settings *settings);

#endif
