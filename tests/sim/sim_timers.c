/* A 4-ary heap of moments: flat, no allocation per moment, FIFO among equals. */
#include <stdlib.h>
#include <uv.h>

#include "common/base.h"

#include "tests/sim/sim_timers.h"

#define BRANCHES 4u

struct moment {
    uint64_t due_ns;
    uint64_t order;
    sim_timer_fn *fn;
    void *owner;
    void *arg;
};

struct sim_timers {
    uv_timer_t handle;
    struct moment *heap;
    size_t count;
    size_t size;
    uint64_t orders;
    uint64_t armed_ns; /* what the handle waits for; UINT64_MAX: for nothing */
};

static bool earlier(const struct moment *a, const struct moment *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static void sift_up(struct sim_timers *t, size_t i, struct moment m)
{
    while (i > 0) {
        size_t parent = (i - 1) / BRANCHES;
        if (!earlier(&m, &t->heap[parent]))
            break;
        t->heap[i] = t->heap[parent];
        i = parent;
    }
    t->heap[i] = m;
}

static size_t earliest_child(const struct sim_timers *t, size_t i)
{
    size_t first = i * BRANCHES + 1;
    size_t best = first;
    for (size_t c = first + 1; c < min_size(first + BRANCHES, t->count); c++) {
        if (earlier(&t->heap[c], &t->heap[best]))
            best = c;
    }
    return best;
}

static struct moment take_first(struct sim_timers *t)
{
    struct moment first = t->heap[0];
    struct moment last = t->heap[--t->count];
    size_t i = 0;
    while (i * BRANCHES + 1 < t->count) {
        size_t child = earliest_child(t, i);
        if (!earlier(&t->heap[child], &last))
            break;
        t->heap[i] = t->heap[child];
        i = child;
    }
    if (t->count > 0)
        t->heap[i] = last;
    return first;
}

static void arm(struct sim_timers *t);

static void on_timer(uv_timer_t *handle)
{
    struct sim_timers *t = handle->data;
    uint64_t now = uv_hrtime();
    t->armed_ns = UINT64_MAX;
    /* Bounded by `now`: what a moment adds for "at once" waits for the next turn of the loop. */
    uint64_t last_order = t->orders;
    while (t->count > 0 && t->heap[0].due_ns <= now && t->heap[0].order < last_order) {
        struct moment m = take_first(t);
        m.fn(m.owner, m.arg);
    }
    arm(t);
}

static void arm(struct sim_timers *t)
{
    if (t->count == 0 || t->heap[0].due_ns >= t->armed_ns)
        return;
    uint64_t now = uv_hrtime();
    uint64_t due = t->heap[0].due_ns;
    uint64_t wait_ms = due <= now ? 0 : (due - now + SIM_NS_PER_MS - 1) / SIM_NS_PER_MS;
    uv_update_time(t->handle.loop);
    uv_timer_start(&t->handle, on_timer, wait_ms, 0);
    t->armed_ns = due;
}

struct sim_timers *sim_timers_create(uv_loop_t *loop)
{
    struct sim_timers *t = xcalloc(1, sizeof(*t));
    uv_timer_init(loop, &t->handle);
    t->handle.data = t;
    t->armed_ns = UINT64_MAX;
    return t;
}

static void on_closed(uv_handle_t *handle)
{
    struct sim_timers *t = handle->data;
    free(t->heap);
    free(t);
}

void sim_timers_destroy(struct sim_timers **timers)
{
    struct sim_timers *t = *timers;
    *timers = NULL;
    if (!t)
        return;
    while (t->count > 0) {
        struct moment m = take_first(t);
        m.fn(m.owner, m.arg);
    }
    uv_close((uv_handle_t *)&t->handle, on_closed);
}

void sim_timers_at(struct sim_timers *t, uint64_t due_ns, sim_timer_fn *fn, void *owner, void *arg)
{
    if (t->count == t->size) {
        t->size = t->size ? 2 * t->size : 256;
        t->heap = xrealloc(t->heap, t->size * sizeof(*t->heap));
    }
    struct moment m = {due_ns, t->orders++, fn, owner, arg};
    sift_up(t, t->count++, m);
    arm(t);
}
