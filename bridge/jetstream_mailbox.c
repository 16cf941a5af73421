/* Two arrays: one is filled under the lock while the loop works through the other. */
#include <pthread.h>
#include <stdlib.h>

#include "bridge/jetstream_mailbox.h"

enum {
    DELIVER_AT_ONCE = 512,
    GATHER_MS = 1, /* while mail comes it is looked for this often, and nobody wakes the loop */
};

struct mails {
    struct jetstream_mail *items;
    size_t count, size;
};

struct jetstream_mailbox {
    struct loop *loop;
    void (*deliver)(void *arg, const struct jetstream_mail *mail);
    void (*discard)(void *arg, void *msg);
    void *arg;

    pthread_mutex_t lock;
    struct mails incoming; /* under the lock, and so are: */
    bool expected;         /* work() will run, by a post or by the timer */
    bool posted;           /* by a post */

    struct mails working; /* the loop's */
    size_t done;
    struct timer gather;
    bool closed; /* only kept because of a post */
};

static void on_gathered(void *arg);

struct jetstream_mailbox *
jetstream_mailbox_create(struct loop *loop,
                         void (*deliver)(void *arg, const struct jetstream_mail *mail),
                         void (*discard)(void *arg, void *msg), void *arg)
{
    struct jetstream_mailbox *box = xcalloc(1, sizeof(*box));
    box->loop = loop;
    box->deliver = deliver;
    box->discard = discard;
    box->arg = arg;
    timer_init(&box->gather, loop, on_gathered, box);
    if (pthread_mutex_init(&box->lock, NULL) != 0)
        panic("a lock can't be made");
    return box;
}

static void discard_all(struct jetstream_mailbox *box, struct jetstream_mail *first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (first[i].msg)
            box->discard(box->arg, first[i].msg);
        free(first[i].text);
    }
}

static void mailbox_free(struct jetstream_mailbox *box)
{
    free(box->working.items);
    free(box->incoming.items);
    pthread_mutex_destroy(&box->lock);
    free(box);
}

static void take_incoming(struct jetstream_mailbox *box)
{
    struct mails emptied = box->working;
    emptied.count = box->done = 0;
    pthread_mutex_lock(&box->lock);
    box->working = box->incoming;
    box->incoming = emptied;
    pthread_mutex_unlock(&box->lock);
}

static void on_post(void *arg);

/* Says whether there is more; if so it is posted, so that other I/O has its turn. */
static bool work_goes_on(struct jetstream_mailbox *box, bool worked)
{
    pthread_mutex_lock(&box->lock);
    bool more = box->done < box->working.count || box->incoming.count > 0;
    box->posted = more;
    box->expected = more || worked;
    pthread_mutex_unlock(&box->lock);
    if (more)
        loop_post(box->loop, on_post, box);
    return more;
}

static void work(struct jetstream_mailbox *box)
{
    if (box->done == box->working.count)
        take_incoming(box);
    struct jetstream_mail *first = box->working.items + box->done;
    size_t count = min_size(box->working.count - box->done, DELIVER_AT_ONCE);
    for (size_t i = 0; i < count; i++)
        box->deliver(box->arg, &first[i]);
    discard_all(box, first, count);
    box->done += count;
    if (!work_goes_on(box, count > 0) && count > 0)
        timer_start_ms(&box->gather, GATHER_MS);
}

static void on_gathered(void *arg)
{
    work(arg);
}

static void on_post(void *arg)
{
    struct jetstream_mailbox *box = arg;
    if (box->closed)
        mailbox_free(box);
    else
        work(box);
}

void jetstream_mailbox_put(struct jetstream_mailbox *box, struct jetstream_mail mail)
{
    pthread_mutex_lock(&box->lock);
    struct mails *in = &box->incoming;
    if (in->count == in->size) {
        in->size = in->size ? in->size * 2 : 256;
        in->items = xrealloc(in->items, in->size * sizeof(*in->items));
    }
    in->items[in->count++] = mail;
    bool wake = !box->expected;
    if (wake)
        box->expected = box->posted = true;
    pthread_mutex_unlock(&box->lock);
    if (wake)
        loop_post(box->loop, on_post, box);
}

void jetstream_mailbox_destroy(struct jetstream_mailbox **box_ptr)
{
    struct jetstream_mailbox *box = *box_ptr;
    if (!box)
        return;
    *box_ptr = NULL;
    discard_all(box, box->working.items + box->done, box->working.count - box->done);
    discard_all(box, box->incoming.items, box->incoming.count);
    box->closed = true;
    timer_stop(&box->gather);
    if (!box->posted)
        mailbox_free(box);
}
