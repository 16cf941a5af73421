/*
 * Which subjects' publishes are not getting through: the last answer was a refusal, or none came in
 * time. One line of the log for each change. It is over when the server stores one, or with the
 * connection; when nobody tries any more it is forgotten after a while.
 */
#ifndef BRIDGE_JETSTREAM_TROUBLE_H
#define BRIDGE_JETSTREAM_TROUBLE_H

#include "common/clock.h"
#include "common/list.h"

void jetstream_trouble_note(struct list *troubles, const char *subject, const char *text,
                            mono_t now);
/* One was stored. */
void jetstream_trouble_over(struct list *troubles, const char *subject);
void jetstream_trouble_forget(struct list *troubles);
/* NULL: none. */
const char *jetstream_trouble_text(const struct list *troubles, const char *subject, mono_t now);
/* Since when; 0: none. */
mono_t jetstream_trouble_since(const struct list *troubles, const char *subject, mono_t now);

#endif
