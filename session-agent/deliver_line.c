/* The short line in front of a bind's hold of deliver_sm. */
#include <stdlib.h>
#include <string.h>

#include "session-agent/deliver_line.h"

void deliver_line_init(struct deliver_line *l)
{
    list_init(&l->waiting);
    l->count = 0;
    l->octets = 0;
}

bool deliver_line_add(struct deliver_line *l, uint32_t max, uint32_t command_id, uint32_t sequence,
                      struct bytes body, int64_t received_ms, mono_t now)
{
    if (l->count >= max || l->octets + body.len > DELIVER_LINE_OCTETS)
        return false;
    struct deliver_waiting *w = xmalloc(sizeof(*w) + body.len);
    uint8_t *copy = (uint8_t *)(w + 1);
    *w = (struct deliver_waiting){.command_id = command_id,
                                  .sequence = sequence,
                                  .received_ms = received_ms,
                                  .until = mono_add_ms(now, DELIVER_LINE_MS),
                                  .body = {copy, body.len}};
    if (body.len)
        memcpy(copy, body.data, body.len);
    list_append(&l->waiting, &w->link);
    l->count++;
    l->octets += body.len;
    return true;
}

struct deliver_waiting *deliver_line_first(const struct deliver_line *l)
{
    return l->count ? LIST_ENTRY(l->waiting.next, struct deliver_waiting, link) : NULL;
}

void deliver_line_drop_first(struct deliver_line *l)
{
    struct deliver_waiting *w = deliver_line_first(l);
    INVARIANT(w);
    list_remove(&w->link);
    l->count--;
    l->octets -= w->body.len;
    free(w);
}

void deliver_line_clear(struct deliver_line *l)
{
    while (l->count)
        deliver_line_drop_first(l);
}
