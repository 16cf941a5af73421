/* From a message's bytes to a command, or to the reason why it can never be sent. */
#ifndef BRIDGE_MT_COMMAND_H
#define BRIDGE_MT_COMMAND_H

#include "proto/commands.h"

#include "bridge/mt.h"

/* Fills what the message has to know of its command. True: *command_r is to be cleared by the
 * caller. False: mt->end and mt->reason say why it ends; its bytes are kept for the dead letter. */
bool mt_command_read(struct mt *mt, const void *data, size_t len,
                     struct command *command_r) MUST_CHECK;

#endif
