/* The heap knows each timer's place (heap_index), so that stopping one costs O(log n). */
#include <stdlib.h>

#include "common/timer_heap.h"

enum { FIRST_SIZE = 64 };

static void heap_set(struct timer_heap *h, size_t index, struct timer *t)
{
    h->slots[index] = t;
    t->heap_index = index;
}

static bool heap_before(const struct timer *a, const struct timer *b)
{
    return a->due.ns < b->due.ns;
}

static void heap_sift_up(struct timer_heap *h, size_t index, struct timer *t)
{
    while (index > 1 && heap_before(t, h->slots[index / 2])) {
        heap_set(h, index, h->slots[index / 2]);
        index /= 2;
    }
    heap_set(h, index, t);
}

static void heap_sift_down(struct timer_heap *h, size_t index, struct timer *t)
{
    for (;;) {
        size_t child = index * 2;
        if (child > h->count)
            break;
        if (child < h->count && heap_before(h->slots[child + 1], h->slots[child]))
            child++;
        if (!heap_before(h->slots[child], t))
            break;
        heap_set(h, index, h->slots[child]);
        index = child;
    }
    heap_set(h, index, t);
}

void timer_heap_free(struct timer_heap *h)
{
    free(h->slots);
    *h = (struct timer_heap){0};
}

void timer_heap_add(struct timer_heap *h, struct timer *t)
{
    INVARIANT(t->heap_index == 0);
    if (h->count + 1 >= h->size) {
        h->size = h->size ? h->size * 2 : FIRST_SIZE;
        h->slots = xrealloc(h->slots, h->size * sizeof(struct timer *));
    }
    h->count++;
    heap_sift_up(h, h->count, t);
}

void timer_heap_remove(struct timer_heap *h, struct timer *t)
{
    size_t index = t->heap_index;
    INVARIANT(index > 0 && index <= h->count && h->slots[index] == t);
    struct timer *last = h->slots[h->count];
    h->count--;
    t->heap_index = 0;
    if (last == t)
        return;
    if (index > 1 && heap_before(last, h->slots[index / 2]))
        heap_sift_up(h, index, last);
    else
        heap_sift_down(h, index, last);
}

struct timer *timer_heap_first(const struct timer_heap *h)
{
    return h->count ? h->slots[1] : NULL;
}
