/* From a command to the bodies of its submit_sm. */
#ifndef BRIDGE_MT_ENCODE_H
#define BRIDGE_MT_ENCODE_H

#include "proto/commands.h"

#include "bridge/mt.h"

struct mt_encoder; /* holds one encoded command at a time */

struct mt_encoder *mt_encoder_create(void) MUST_CHECK;
void mt_encoder_destroy(struct mt_encoder **e);

/* Chooses alphabet and cuts; sets the message's segments when it has none yet. −1 with a reason
 * that quotes nothing: the command can never be sent. The command is needed by mt_encode_body(). */
int mt_encode_command(struct mt_encoder *e, struct mt *mt, const struct command *command,
                      char *error_r, size_t error_size) MUST_CHECK;
/* The body of segment k (1 … n) of what was encoded last; a view, until the next call. */
int mt_encode_body(struct mt_encoder *e, const struct mt *mt, const struct command *command,
                   unsigned k, struct bytes *body_r, char *error_r, size_t error_size) MUST_CHECK;

#endif
