/* Gathers messages until there are enough of them to destroy. */
#include "bridge/jetstream_trash.h"

void jetstream_trash_add(struct jetstream_trash *t, void *msg, size_t len)
{
    t->msgs[t->count++] = msg;
    t->bytes += len;
    if (t->count == JETSTREAM_TRASH_MESSAGES || t->bytes > JETSTREAM_TRASH_BYTES)
        jetstream_trash_empty(t);
}

void jetstream_trash_empty(struct jetstream_trash *t)
{
    for (size_t i = 0; i < t->count; i++)
        t->destroy(t->msgs[i]);
    t->count = t->bytes = 0;
}
