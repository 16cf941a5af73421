/*
 * --check-config --connect, shared by the bridge_check*.c files: connects as the bridge would and
 * asks what it would ask. One line for each thing that was looked at; nothing is fetched, and
 * nothing stays that was not there before.
 */
#ifndef BRIDGE_BRIDGE_CHECK_H
#define BRIDGE_BRIDGE_CHECK_H

#include "common/text.h"

#include "bridge/bridge_parts.h"

struct bridge_check {
    struct loop *loop;
    const struct bridge_settings *settings;
    struct operators *operators;
    bool answered;    /* what is waited for has come */
    char reason[256]; /* why an answer is none, or a connection is not made; "": it is */
    bool ok;          /* nothing was wrong so far */
};

void PRINTF_LIKE(3, 4) bridge_check_say(struct bridge_check *c, bool ok, const char *fmt, ...);
/* Until c->answered; false with a reason when nothing comes. */
bool bridge_check_wait(struct bridge_check *c);
/* For `disconnected`. */
void bridge_check_on_away(void *arg, const char *reason);

/* Streams, consumers, and the rights that README lists. */
void bridge_check_nats(struct bridge_check *c);

#endif
