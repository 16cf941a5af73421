/*
 * Acks. A confirmed one is a barrier: when the server answers it, it has every plain one that was
 * sent before it for the same consumer. So a batch costs one answer, and what it covers is settled.
 */
#include "common/log.h"

#include "bridge/mt_consumer.h"
#include "bridge/mt_settle.h"

#define BARRIER_REST_MS 4 /* after one: then a full batch goes, … */
#define BARRIER_FULL 64
#define BARRIER_WAIT_MS 21 /* … and after this as well whatever is due */
#define BARRIER_AGAIN_MS 250

static struct jetstream *js_of(const struct mt_operator *mo)
{
    return mo->path->with.js;
}

static enum jetstream_ack kind_of(const struct mt *mt)
{
    return mt->terminate ? JETSTREAM_TERM : JETSTREAM_ACK;
}

/* --- the barrier --- */

static void send_settled(struct mt *mt)
{
    struct agent_link *link = mt->owner->path->with.link;
    ipc_put_settled(agent_link_begin(link), &(struct ipc_settled){.key = mt->key});
    agent_link_end(link);
}

/* Acking twice is harmless, so all of a batch goes again. */
static void take_back(struct mt_operator *mo)
{
    LIST_FOREACH (item, &mo->stages[MT_ACK_SENT]) {
        mt_move(LIST_ENTRY(item, struct mt, link), MT_ACK_DUE);
    }
    mo->barrier_rests = true;
    timer_start_ms(&mo->barrier_timer, BARRIER_AGAIN_MS);
}

static void on_barrier(void *arg, bool ok)
{
    struct mt_operator *mo = arg;
    mo->barrier_out = false;
    if (!ok) {
        take_back(mo);
        return;
    }
    LIST_FOREACH (item, &mo->stages[MT_ACK_SENT]) {
        struct mt *mt = LIST_ENTRY(item, struct mt, link);
        send_settled(mt);
        mo->op->counters.commands_settled++;
        mt_destroy(&mt);
    }
    mt_touch(mo);
}

static bool send_batch(struct mt_operator *mo)
{
    struct mt *last = LIST_ENTRY(mo->stages[MT_ACK_DUE].prev, struct mt, link);
    LIST_FOREACH (item, &mo->stages[MT_ACK_DUE]) {
        struct mt *mt = LIST_ENTRY(item, struct mt, link);
        if (mt != last && !jetstream_ack(js_of(mo), mt->ack_subject, kind_of(mt)))
            return false;
        mt_move(mt, MT_ACK_SENT);
    }
    return jetstream_ack_confirmed(js_of(mo), last->ack_subject, kind_of(last), on_barrier, mo);
}

/* The server counts those that wait as unacknowledged, and may be told to allow only few. */
static uint32_t full_batch(const struct mt_operator *mo)
{
    int64_t most = mt_consumer_max_ack_pending(mo) / 4;
    return most > 0 && most < BARRIER_FULL ? (uint32_t)most : BARRIER_FULL;
}

static bool waits(const struct mt_operator *mo)
{
    return timer_is_active(&mo->barrier_timer) &&
           (mo->barrier_rests || mo->counts[MT_ACK_DUE] < full_batch(mo));
}

void mt_settle_acks(struct mt_operator *mo)
{
    if (mo->barrier_out || mo->counts[MT_ACK_DUE] == 0 || waits(mo) ||
        !jetstream_is_connected(js_of(mo)))
        return;
    mo->barrier_out = send_batch(mo);
    if (!mo->barrier_out) {
        take_back(mo);
        return;
    }
    mo->barrier_rests = true;
    timer_start_ms(&mo->barrier_timer, BARRIER_REST_MS);
}

static void on_barrier_timer(void *arg)
{
    struct mt_operator *mo = arg;
    if (mo->barrier_rests)
        timer_start_ms(&mo->barrier_timer, BARRIER_WAIT_MS);
    mo->barrier_rests = false;
    mt_touch(mo);
}

void mt_settle_barrier_timer_init(struct mt_operator *mo)
{
    timer_init(&mo->barrier_timer, mo->path->with.loop, on_barrier_timer, mo);
}

/* --- signs of life --- */

int64_t mt_ack_wait_ms(const struct mt_operator *mo)
{
    return mo->ack_wait_ms ? mo->ack_wait_ms : MT_ACK_WAIT_MS;
}

void mt_settle_signs_of_life(struct mt_operator *mo)
{
    mono_t now = loop_now(mo->path->with.loop);
    int64_t every_ms = mt_ack_wait_ms(mo) / 3;
    const struct list *last = mo->alive.prev; /* what is put behind it has had its turn */
    LIST_FOREACH (item, &mo->alive) {
        struct mt *mt = LIST_ENTRY(item, struct mt, alive);
        if (mono_diff_ms(now, mt->sign_of_life) < every_ms)
            return;
        /* What was recalled is JetStream's to deliver again. */
        if (mt->stage != MT_RECALLED) {
            if (!jetstream_ack(js_of(mo), mt->ack_subject, JETSTREAM_PROGRESS))
                return;
            mt->sign_of_life = now;
        }
        list_remove(&mt->alive);
        list_append(&mo->alive, &mt->alive);
        if (item == last)
            return;
    }
}
