/*
 * deliver_sm that found the hold of their bind full: they wait a moment for a place in it, because
 * an MNO without a window of its own sends a burst of receipts faster than they can be stored, and
 * some never repeat what was answered busy. First in, first out; bounded in number, octets and
 * time.
 */
#ifndef SESSION_AGENT_DELIVER_LINE_H
#define SESSION_AGENT_DELIVER_LINE_H

#include "common/clock.h"
#include "common/list.h"

#define DELIVER_LINE_MS 500            /* each waits at most this long */
#define DELIVER_LINE_FACTOR 10         /* of the hold's own bound */
#define DELIVER_LINE_OCTETS (4u << 20) /* of bodies; a receipt has about 200 */

struct deliver_line {
    struct list waiting; /* struct deliver_waiting, oldest first */
    uint32_t count;
    size_t octets;
};

struct deliver_waiting {
    struct list link;
    uint32_t command_id, sequence;
    int64_t received_ms; /* wall time */
    mono_t until;
    struct bytes body; /* a copy, behind the struct */
};

void deliver_line_init(struct deliver_line *l);
/* False: `max` wait already, or too many octets. */
bool deliver_line_add(struct deliver_line *l, uint32_t max, uint32_t command_id, uint32_t sequence,
                      struct bytes body, int64_t received_ms, mono_t now) MUST_CHECK;
/* The oldest; NULL: none. */
struct deliver_waiting *deliver_line_first(const struct deliver_line *l);
void deliver_line_drop_first(struct deliver_line *l);
void deliver_line_clear(struct deliver_line *l);

#endif
