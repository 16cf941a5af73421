/* The unanswered requests of one bind: slots in a growing array, found by sequence_number through
 * hash chains, lined up oldest first in two lists (live and late). */
#include "session-agent/window.h"

#include <stdlib.h>

#define NONE UINT32_MAX
#define SLOTS_MIN 8u

struct slot {
    struct window_entry entry;
    uint32_t chain;      /* next slot of the same bucket, or of the free list */
    uint32_t prev, next; /* in its line */
};

struct line {
    uint32_t first, last, count;
};

struct window {
    struct slot *slots;
    uint32_t *buckets; /* as many as slots; a power of two */
    uint32_t size;     /* 0 until the first add: an idle window costs nothing */
    uint32_t free;
    uint32_t limit, late_max;
    uint32_t next_sequence;
    struct line live, late;
};

struct window *window_create(uint32_t limit, uint32_t late_max)
{
    INVARIANT(limit > 0);
    struct window *w = xcalloc(1, sizeof *w);
    w->limit = limit;
    w->late_max = late_max;
    w->next_sequence = 1;
    w->free = NONE;
    w->live = w->late = (struct line){.first = NONE, .last = NONE};
    return w;
}

void window_destroy(struct window **w)
{
    if (!*w)
        return;
    free((*w)->slots);
    free((*w)->buckets);
    free(*w);
    *w = NULL;
}

void window_set_limit(struct window *w, uint32_t limit, uint32_t late_max)
{
    INVARIANT(limit > 0);
    w->limit = limit;
    w->late_max = late_max;
}

uint32_t window_limit(const struct window *w)
{
    return w->limit;
}

uint32_t window_used(const struct window *w)
{
    return w->live.count;
}

uint32_t window_late(const struct window *w)
{
    return w->late.count;
}

uint32_t window_room(const struct window *w)
{
    return w->live.count < w->limit ? w->limit - w->live.count : 0;
}

/* --- lines --- */

static void line_append(struct window *w, struct line *line, uint32_t i)
{
    w->slots[i].prev = line->last;
    w->slots[i].next = NONE;
    if (line->last == NONE)
        line->first = i;
    else
        w->slots[line->last].next = i;
    line->last = i;
    line->count++;
}

static void line_remove(struct window *w, struct line *line, uint32_t i)
{
    const struct slot *s = &w->slots[i];
    if (s->prev == NONE)
        line->first = s->next;
    else
        w->slots[s->prev].next = s->next;
    if (s->next == NONE)
        line->last = s->prev;
    else
        w->slots[s->next].prev = s->prev;
    line->count--;
}

/* --- slots --- */

static uint32_t *bucket_of(struct window *w, uint32_t sequence)
{
    /* Numbers follow each other, so their low bits spread by themselves. */
    return &w->buckets[sequence & (w->size - 1)];
}

static uint32_t find(const struct window *w, uint32_t sequence)
{
    if (!w->size)
        return NONE;
    uint32_t i = w->buckets[sequence & (w->size - 1)];
    while (i != NONE && w->slots[i].entry.sequence != sequence)
        i = w->slots[i].chain;
    return i;
}

static void hash_in(struct window *w, uint32_t i)
{
    uint32_t *bucket = bucket_of(w, w->slots[i].entry.sequence);
    w->slots[i].chain = *bucket;
    *bucket = i;
}

static void rehash_line(struct window *w, const struct line *line)
{
    for (uint32_t i = line->first; i != NONE; i = w->slots[i].next)
        hash_in(w, i);
}

static void grow(struct window *w)
{
    uint32_t old = w->size;
    w->size = old ? old * 2 : SLOTS_MIN;
    w->slots = xrealloc(w->slots, w->size * sizeof *w->slots);
    w->buckets = xrealloc(w->buckets, w->size * sizeof *w->buckets);
    for (uint32_t i = 0; i < w->size; i++)
        w->buckets[i] = NONE;
    rehash_line(w, &w->live);
    rehash_line(w, &w->late);
    for (uint32_t i = w->size; i-- > old;) {
        w->slots[i].chain = w->free;
        w->free = i;
    }
}

static void remove_slot(struct window *w, uint32_t i, struct window_entry *entry_r)
{
    *entry_r = w->slots[i].entry;
    line_remove(w, entry_r->late ? &w->late : &w->live, i);
    uint32_t *link = bucket_of(w, entry_r->sequence);
    while (*link != i)
        link = &w->slots[*link].chain;
    *link = w->slots[i].chain;
    w->slots[i].chain = w->free;
    w->free = i;
}

/* --- the verbs --- */

uint32_t window_sequence(struct window *w)
{
    uint32_t sequence;
    do {
        sequence = w->next_sequence;
        w->next_sequence = sequence == WINDOW_SEQUENCE_MAX ? 1 : sequence + 1;
    } while (find(w, sequence) != NONE);
    return sequence;
}

void window_set_sequence_for_test(struct window *w, uint32_t next)
{
    w->next_sequence = next;
}

uint32_t window_add(struct window *w, void *owner, uint64_t tag, mono_t written, mono_t deadline)
{
    INVARIANT(window_room(w) > 0);
    if (w->free == NONE)
        grow(w);
    if (w->live.last != NONE && mono_reached(w->slots[w->live.last].entry.deadline, deadline))
        deadline = w->slots[w->live.last].entry.deadline;
    uint32_t i = w->free;
    w->free = w->slots[i].chain;
    w->slots[i].entry = (struct window_entry){
        .owner = owner,
        .tag = tag,
        .written = written,
        .deadline = deadline,
        .sequence = window_sequence(w),
    };
    hash_in(w, i);
    line_append(w, &w->live, i);
    return w->slots[i].entry.sequence;
}

bool window_take(struct window *w, uint32_t sequence, struct window_entry *entry_r)
{
    uint32_t i = find(w, sequence);
    if (i == NONE)
        return false;
    remove_slot(w, i, entry_r);
    return true;
}

bool window_next_deadline(const struct window *w, mono_t *deadline_r)
{
    if (w->live.first == NONE)
        return false;
    *deadline_r = w->slots[w->live.first].entry.deadline;
    return true;
}

bool window_expire(struct window *w, mono_t now, struct window_entry *entry_r)
{
    uint32_t i = w->live.first;
    if (i == NONE || !mono_reached(now, w->slots[i].entry.deadline))
        return false;
    line_remove(w, &w->live, i);
    w->slots[i].entry.late = true;
    line_append(w, &w->late, i);
    *entry_r = w->slots[i].entry;
    return true;
}

static mono_t forget_at(const struct window *w, uint32_t i)
{
    return mono_add_ms(w->slots[i].entry.deadline, WINDOW_LATE_MS);
}

bool window_next_forget(const struct window *w, mono_t *at_r)
{
    if (w->late.first == NONE)
        return false;
    *at_r = forget_at(w, w->late.first);
    return true;
}

bool window_forget(struct window *w, mono_t now, struct window_entry *entry_r)
{
    uint32_t i = w->late.first;
    if (i == NONE || (w->late.count <= w->late_max && !mono_reached(now, forget_at(w, i))))
        return false;
    remove_slot(w, i, entry_r);
    return true;
}

bool window_drain(struct window *w, struct window_entry *entry_r)
{
    uint32_t i = w->live.first != NONE ? w->live.first : w->late.first;
    if (i == NONE)
        return false;
    remove_slot(w, i, entry_r);
    return true;
}
