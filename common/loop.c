/*
 * Turns libuv's phases into the order this project relies on: I/O, then due timers, then hooks.
 *
 * libuv runs: its own timers, pending writes, prepare, poll (I/O), check, close callbacks. Posts,
 * our timers and hooks run in check. prepare flushes what pending writes and the close callbacks of
 * the former turn scheduled, then arms the one uv_timer, which does nothing but end the poll; so
 * does the uv_async, which a post needs only between prepare and check.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <uv.h>

#include "common/loop.h"
#include "common/timer_heap.h"

struct post {
    void (*fn)(void *arg);
    void *arg;
};

struct post_queue {
    struct post *items;
    size_t count, size;
};

struct hook_list {
    struct loop_hook *first;
    struct loop_hook **tail;
};

struct loop {
    uv_loop_t uv;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_timer_t wake;
    uv_async_t posted;

    struct timer_heap timers;
    bool timers_running;
    mono_t batch_now; /* what counts as due in the batch that runs */

    struct hook_list hooks;       /* for the end of this turn */
    struct hook_list later_hooks; /* scheduled by hooks, having run: for the end of the next */
    bool hooks_running;

    bool turning;
    uint64_t turn;   /* number */
    int max_wait_ms; /* of loop_turn(); negative: none */
    mono_t now;
    uint64_t now_stamp; /* uv_now() when `now` was read; poll moves it on */
    _Atomic int64_t last_turn_ns;
    uint64_t work_began; /* uv_now() when the poll of this turn came back; 0: not yet */
    uint64_t worst_turn_ms;

    pthread_mutex_t lock;
    struct post_queue queue; /* under the lock, and so is: */
    bool needs_wake;         /* it waits, or is about to, and nobody has woken it */
    struct post_queue spare; /* the loop thread's: what it runs */
};

static void loop_read_clock(struct loop *loop)
{
    loop->now = clock_mono();
    loop->now_stamp = uv_now(&loop->uv);
    atomic_store_explicit(&loop->last_turn_ns, loop->now.ns, memory_order_relaxed);
}

mono_t loop_now(struct loop *loop)
{
    if (!loop->turning)
        return clock_mono();
    if (loop->now_stamp != uv_now(&loop->uv))
        loop_read_clock(loop); /* the poll has waited since */
    return loop->now;
}

mono_t loop_last_turn(const struct loop *loop)
{
    return (mono_t){atomic_load_explicit(&loop->last_turn_ns, memory_order_relaxed)};
}

/* --- timers --- */

void timer_init(struct timer *t, struct loop *loop, void (*fn)(void *arg), void *arg)
{
    *t = (struct timer){.loop = loop, .fn = fn, .arg = arg};
}

void timer_start_at(struct timer *t, mono_t due)
{
    struct loop *loop = t->loop;
    if (t->heap_index && t->due.ns == due.ns)
        return;
    timer_stop(t);
    /* One that is started already due by a timer waits for the next turn: I/O must not starve. */
    if (loop->timers_running && mono_reached(loop->batch_now, due))
        due = mono_add_ns(loop->batch_now, 1);
    t->due = due;
    timer_heap_add(&loop->timers, t);
}

void timer_start_ms(struct timer *t, int64_t delay_ms)
{
    timer_start_at(t, mono_add_ms(clock_mono(), delay_ms));
}

void timer_stop(struct timer *t)
{
    if (t->heap_index)
        timer_heap_remove(&t->loop->timers, t);
}

bool timer_is_active(const struct timer *t)
{
    return t->heap_index != 0;
}

static void loop_run_timers(struct loop *loop)
{
    struct timer *t;
    loop->batch_now = loop->now;
    loop->timers_running = true;
    while ((t = timer_heap_first(&loop->timers)) && mono_reached(loop->batch_now, t->due)) {
        timer_heap_remove(&loop->timers, t);
        t->fn(t->arg);
    }
    loop->timers_running = false;
}

/* How long the poll may wait: rounded up to libuv's milliseconds, so that no timer is early. */
static int64_t loop_wait_ms(const struct loop *loop, bool has_posts)
{
    if (loop->later_hooks.first || has_posts)
        return 0;
    int64_t wait = loop->max_wait_ms;
    const struct timer *t = timer_heap_first(&loop->timers);
    if (!t)
        return wait;
    int64_t left_ns = mono_diff_ns(t->due, loop->now);
    int64_t left_ms = left_ns > 0 ? (left_ns + NS_PER_MS - 1) / NS_PER_MS : 0;
    return wait >= 0 && wait < left_ms ? wait : left_ms;
}

static void loop_on_wake(uv_timer_t *wake)
{
    (void)wake; /* it has ended the poll, and that is all */
}

static void loop_arm_wake(struct loop *loop, bool has_posts)
{
    int64_t wait = loop_wait_ms(loop, has_posts);
    if (wait < 0)
        uv_timer_stop(&loop->wake);
    else
        uv_timer_start(&loop->wake, loop_on_wake, (uint64_t)wait, 0);
}

/* --- hooks --- */

static void hooks_init(struct hook_list *list)
{
    list->first = NULL;
    list->tail = &list->first;
}

static void hooks_append(struct hook_list *list, struct loop_hook *hook)
{
    hook->next = NULL;
    *list->tail = hook;
    list->tail = &hook->next;
}

static bool hooks_remove(struct hook_list *list, struct loop_hook *hook)
{
    for (struct loop_hook **at = &list->first; *at; at = &(*at)->next) {
        if (*at != hook)
            continue;
        *at = hook->next;
        if (list->tail == &hook->next)
            list->tail = at;
        return true;
    }
    return false;
}

void loop_at_turn_end(struct loop *loop, struct loop_hook *hook)
{
    if (hook->scheduled)
        return;
    hook->scheduled = true;
    bool later = loop->hooks_running && hook->turn == loop->turn;
    hooks_append(later ? &loop->later_hooks : &loop->hooks, hook);
}

void loop_cancel_hook(struct loop *loop, struct loop_hook *hook)
{
    if (!hook->scheduled)
        return;
    hook->scheduled = false;
    if (!hooks_remove(&loop->hooks, hook) && !hooks_remove(&loop->later_hooks, hook))
        panic("a hook is scheduled and on no list");
}

static void loop_run_hooks(struct loop *loop)
{
    loop->hooks_running = true;
    while (loop->hooks.first) {
        struct loop_hook *hook = loop->hooks.first;
        hooks_remove(&loop->hooks, hook);
        hook->scheduled = false;
        hook->turn = loop->turn;
        hook->fn(hook->arg);
    }
    loop->hooks_running = false;
}

static void loop_take_later_hooks(struct loop *loop)
{
    struct loop_hook *first = loop->later_hooks.first;
    if (!first)
        return;
    *loop->hooks.tail = first;
    loop->hooks.tail = loop->later_hooks.tail;
    hooks_init(&loop->later_hooks);
}

/* --- posts from other threads --- */

void loop_post(struct loop *loop, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&loop->lock);
    struct post_queue *q = &loop->queue;
    if (q->count == q->size) {
        q->size = q->size ? q->size * 2 : 64;
        q->items = xrealloc(q->items, q->size * sizeof(struct post));
    }
    q->items[q->count++] = (struct post){fn, arg};
    if (loop->needs_wake && uv_async_send(&loop->posted) != 0)
        panic("uv_async_send failed");
    loop->needs_wake = false;
    pthread_mutex_unlock(&loop->lock);
}

static bool loop_run_posts(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    struct post_queue batch = loop->queue;
    loop->queue = loop->spare;
    loop->needs_wake = false;
    pthread_mutex_unlock(&loop->lock);

    for (size_t i = 0; i < batch.count; i++)
        batch.items[i].fn(batch.items[i].arg);
    bool ran = batch.count > 0;
    batch.count = 0;
    loop->spare = batch;
    return ran;
}

/* False: from now on a post wakes the loop. */
static bool loop_has_posts(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    bool has_posts = loop->queue.count > 0;
    loop->needs_wake = !has_posts;
    pthread_mutex_unlock(&loop->lock);
    return has_posts;
}

static void loop_on_posted(uv_async_t *posted)
{
    (void)posted; /* it has ended the poll, and that is all */
}

/* --- the turn --- */

static void loop_measure_turn(struct loop *loop)
{
    uint64_t now = uv_now(&loop->uv);
    if (loop->work_began && now - loop->work_began > loop->worst_turn_ms)
        loop->worst_turn_ms = now - loop->work_began;
}

int64_t loop_take_worst_turn_ms(struct loop *loop)
{
    uint64_t worst = loop->worst_turn_ms;
    loop->worst_turn_ms = 0;
    return (int64_t)worst;
}

static void loop_on_prepare(uv_prepare_t *prepare)
{
    struct loop *loop = prepare->data;
    loop_run_hooks(loop);
    uv_update_time(&loop->uv);
    loop_measure_turn(loop);
    loop_read_clock(loop);
    loop_arm_wake(loop, loop_has_posts(loop));
}

static void loop_on_check(uv_check_t *check)
{
    struct loop *loop = check->data;
    loop->work_began = uv_now(&loop->uv);
    loop_read_clock(loop);
    loop->turn++;
    loop_run_posts(loop);
    loop_run_timers(loop);
    loop_take_later_hooks(loop);
    loop_run_hooks(loop);
}

static void must(int uv_status, const char *what)
{
    if (uv_status != 0)
        panic("%s: %s", what, uv_strerror(uv_status));
}

struct loop *loop_create(void)
{
    struct loop *loop = xcalloc(1, sizeof(*loop));
    must(uv_loop_init(&loop->uv), "uv_loop_init");
    must(uv_prepare_init(&loop->uv, &loop->prepare), "uv_prepare_init");
    must(uv_check_init(&loop->uv, &loop->check), "uv_check_init");
    must(uv_timer_init(&loop->uv, &loop->wake), "uv_timer_init");
    must(uv_async_init(&loop->uv, &loop->posted, loop_on_posted), "uv_async_init");
    loop->prepare.data = loop->check.data = loop;
    must(uv_prepare_start(&loop->prepare, loop_on_prepare), "uv_prepare_start");
    must(uv_check_start(&loop->check, loop_on_check), "uv_check_start");
    if (pthread_mutex_init(&loop->lock, NULL) != 0)
        panic("pthread_mutex_init failed");
    hooks_init(&loop->hooks);
    hooks_init(&loop->later_hooks);
    loop->max_wait_ms = -1;
    loop->turn = 1; /* a new hook has run in none */
    loop_read_clock(loop);
    return loop;
}

static void loop_refuse_open(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        panic("a %s handle is open when its loop is destroyed",
              uv_handle_type_name(uv_handle_get_type(handle)));
}

void loop_destroy(struct loop **loop_ptr)
{
    struct loop *loop = *loop_ptr;
    if (!loop)
        return;
    while (loop_run_posts(loop)) {
        /* what other threads handed over is given back by the functions they posted */
    }
    uv_close((uv_handle_t *)&loop->prepare, NULL);
    uv_close((uv_handle_t *)&loop->check, NULL);
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_close((uv_handle_t *)&loop->posted, NULL);
    uv_walk(&loop->uv, loop_refuse_open, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    must(uv_loop_close(&loop->uv), "uv_loop_close");
    timer_heap_free(&loop->timers);
    free(loop->queue.items);
    free(loop->spare.items);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
    *loop_ptr = NULL;
}

struct uv_loop_s *loop_uv(struct loop *loop)
{
    return &loop->uv;
}

void loop_run(struct loop *loop)
{
    INVARIANT(!loop->turning);
    loop->turning = true;
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    loop->turning = false;
}

void loop_turn(struct loop *loop, int max_wait_ms)
{
    INVARIANT(!loop->turning);
    loop->turning = true;
    loop->max_wait_ms = max_wait_ms;
    uv_run(&loop->uv, UV_RUN_ONCE);
    loop->max_wait_ms = -1;
    loop->turning = false;
}

void loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}
