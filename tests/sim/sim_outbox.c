/* The sending side of receipts and MO messages: order, window, time-outs, repeats. */
#include <stdlib.h>
#include <string.h>

#include "common/base.h"
#include "common/list.h"

#include "tests/sim/sim_id.h"
#include "tests/sim/sim_outbox.h"
#include "tests/sim/sim_pool.h"

#define BODY_ROOM 1024u

struct sim_outbox {
    struct list pending; /* in sim.pending */
    struct sim *sim;
    struct sim_system *system;
    struct sim_pool pool;
    struct sim_delivery **ready; /* ring */
    size_t head;
    size_t count;
    size_t size;    /* a power of two */
    size_t waiting; /* taken and neither answered nor lost */
};

struct sim_outbox *sim_outbox_create(struct sim *sim, struct sim_system *system)
{
    struct sim_outbox *o = xcalloc(1, sizeof(*o));
    o->sim = sim;
    o->system = system;
    o->pool.object_size = sizeof(struct sim_delivery);
    list_init(&o->pending);
    return o;
}

static struct sim_delivery **slot(struct sim_outbox *o, size_t i)
{
    return &o->ready[(o->head + i) & (o->size - 1)];
}

void sim_outbox_destroy(struct sim_outbox **outbox)
{
    struct sim_outbox *o = *outbox;
    *outbox = NULL;
    if (!o)
        return;
    for (size_t i = 0; i < o->count; i++)
        free((*slot(o, i))->body);
    list_remove(&o->pending);
    sim_pool_free(&o->pool);
    free(o->ready);
    free(o);
}

struct sim_delivery *sim_outbox_new(struct sim_outbox *o)
{
    struct sim_delivery *d = sim_pool_take(&o->pool);
    d->outbox = o;
    list_init(&d->order);
    o->waiting++;
    return d;
}

static void done(struct sim_delivery *d)
{
    struct sim_outbox *o = d->outbox;
    free(d->body);
    o->waiting--;
    sim_pool_give(&o->pool, d);
}

size_t sim_outbox_waiting(const struct sim_outbox *o)
{
    return o->waiting;
}

struct sim_outbox *sim_outbox_of(struct list *pending)
{
    return LIST_ENTRY(pending, struct sim_outbox, pending);
}

void sim_outbox_wake(struct sim_outbox *o)
{
    if (o->count > 0 && o->pending.next == &o->pending)
        list_append(&o->sim->pending, &o->pending);
}

static void make_ready(struct sim_delivery *d)
{
    struct sim_outbox *o = d->outbox;
    if (o->count == o->size) {
        size_t size = o->size ? 2 * o->size : 16;
        struct sim_delivery **ready = xmalloc(size * sizeof(struct sim_delivery *));
        for (size_t i = 0; i < o->count; i++)
            ready[i] = *slot(o, i);
        free(o->ready);
        o->ready = ready;
        o->head = 0;
        o->size = size;
    }
    *slot(o, o->count++) = d;
    sim_outbox_wake(o);
}

static void on_due(void *owner, void *arg)
{
    (void)arg;
    make_ready(owner);
}

void sim_outbox_add(struct sim_delivery *d, uint64_t due_ns)
{
    struct sim *sim = d->outbox->sim;
    if (due_ns <= sim->now_ns)
        make_ready(d);
    else
        sim_timers_at(sim->timers, due_ns, on_due, d, NULL);
}

static void swap(struct sim_delivery **a, struct sim_delivery **b)
{
    struct sim_delivery *t = *a;
    *a = *b;
    *b = t;
}

static struct sim_delivery *take_ready(struct sim_outbox *o)
{
    int order = o->system->behaviour.receipt_order;
    if (order == SIM_ORDER_LIFO)
        return *slot(o, --o->count);
    if (order == SIM_ORDER_RANDOM)
        swap(slot(o, 0), slot(o, sim_random_between(&o->sim->random, 0, o->count - 1)));
    struct sim_delivery *d = *slot(o, 0);
    o->head = (o->head + 1) & (o->size - 1);
    o->count--;
    return d;
}

/* The next bind in turn that has room. */
static struct sim_session *pick_session(struct sim_outbox *o)
{
    LIST_FOREACH (it, &o->system->sessions) {
        struct sim_session *s = LIST_ENTRY(it, struct sim_session, bound);
        uint64_t window = max_u64(1, o->system->behaviour.deliver_window);
        if (!sim_session_can_receive(s) || s->inflight.count >= window)
            continue;
        list_remove(&s->bound);
        list_append(&o->system->sessions, &s->bound);
        return s;
    }
    return NULL;
}

/* Unanswered for too long. One moment per session: the oldest is always due first. */
static void on_timeout(void *owner, void *arg)
{
    (void)arg;
    struct sim_session *s = owner;
    struct sim *sim = s->sim;
    uint64_t now = uv_hrtime();
    uint64_t patience = s->system->behaviour.deliver_retry_ms * SIM_NS_PER_MS;
    struct sim_delivery *d;
    s->timeout_armed = false;
    while (s->link && (d = sim_inflight_oldest(&s->inflight)) != NULL) {
        if (d->sent_ns + patience > now) {
            s->timeout_armed = true;
            sim_session_hold(s);
            sim_timers_at(sim->timers, d->sent_ns + patience, on_timeout, s, NULL);
            break;
        }
        sim_inflight_take(&s->inflight, d->sequence);
        s->timed_out++;
        s->system->stats.receipts_timed_out++;
        make_ready(d);
    }
    sim_session_release(s);
}

static void arm_timeout(struct sim_session *s)
{
    if (s->timeout_armed)
        return;
    uint64_t patience = s->system->behaviour.deliver_retry_ms * SIM_NS_PER_MS;
    s->timeout_armed = true;
    sim_session_hold(s);
    sim_timers_at(s->sim->timers, uv_hrtime() + patience, on_timeout, s, NULL);
}

static void give_up(struct sim_delivery *d)
{
    struct sim_stats *stats = &d->outbox->system->stats;
    if (d->body)
        stats->mo_lost++;
    else
        stats->receipts_lost++;
    done(d);
}

static void write_ids(const struct sim_behaviour *b, uint64_t number, char text[SIM_ID_SIZE],
                      char tlv[SIM_ID_SIZE])
{
    int format = b->receipt_id_format == SIM_ID_SAME ? b->id_format : b->receipt_id_format;
    int tlv_format = b->receipt_tlv_id_format == SIM_ID_SAME ? format : b->receipt_tlv_id_format;
    sim_id_write(text, (enum sim_id_format)format, number);
    sim_id_write(tlv, (enum sim_id_format)tlv_format, number);
}

static void send_on(struct sim_session *s, struct sim_delivery *d)
{
    struct sim_system *system = d->outbox->system;
    char text_id[SIM_ID_SIZE] = "";
    char tlv_id[SIM_ID_SIZE];
    uint32_t command = PDU_DELIVER_SM;
    size_t len = d->body_len;
    uint8_t *body = sim_session_body(s, d->body ? len : BODY_ROOM);
    if (d->body) {
        memcpy(body, d->body, len);
    } else {
        write_ids(&system->behaviour, d->receipt.number, text_id, tlv_id);
        struct sim_receipt_ids ids = {text_id, tlv_id};
        len = sim_dialect_write(body, BODY_ROOM, d->dialect, &d->receipt, &ids);
        command = sim_dialect_command(d->dialect);
        system->stats.receipts_sent++;
    }
    d->sequence = sim_session_next_sequence(s);
    d->sent_ns = uv_hrtime();
    d->tries++;
    struct sim_note note = {.id = text_id, .dest = d->receipt.dest};
    sim_session_send(s, command, ESME_ROK, d->sequence, len, d->body ? NULL : &note);
    sim_inflight_add(&s->inflight, d);
    arm_timeout(s);
}

void sim_outbox_pump(struct sim_outbox *o)
{
    struct sim_session *s;
    while (o->count > 0 && (s = pick_session(o)) != NULL) {
        struct sim_delivery *d = take_ready(o);
        if (d->tries >= max_u64(1, o->system->behaviour.deliver_tries))
            give_up(d);
        else
            send_on(s, d);
    }
    list_remove(&o->pending);
}

static bool is_temporary(const struct sim_behaviour *b, uint32_t status)
{
    for (size_t i = 0; i < b->deliver_temporary.count; i++) {
        if (b->deliver_temporary.value[i] == status)
            return true;
    }
    return false;
}

void sim_outbox_answered(struct sim_session *s, struct sim_header h, struct bytes body)
{
    struct sim_stats *stats = &s->system->stats;
    struct sim_delivery *d = sim_inflight_take(&s->inflight, h.sequence);
    if (h.status == ESME_ROK && (body.len == 0 || body.data[0] != 0))
        sim_session_problem(s, SIM_BAD_DELIVER_RESP); /* §4.6.2: message_id is one NUL */
    if (!d && s->timed_out > 0 && h.sequence < s->next_sequence) {
        s->timed_out--;
        return;
    }
    if (!d) {
        sim_session_problem(s, SIM_UNKNOWN_RESPONSE);
        return;
    }
    sim_outbox_wake(d->outbox);
    if (h.status == ESME_ROK) {
        if (d->body)
            stats->mo_acked++;
        else
            stats->receipts_acked++;
        done(d);
    } else if (is_temporary(&s->system->behaviour, h.status)) {
        stats->receipts_refused++;
        uint64_t patience = s->system->behaviour.deliver_retry_ms * SIM_NS_PER_MS;
        sim_timers_at(s->sim->timers, uv_hrtime() + patience, on_due, d, NULL);
    } else {
        give_up(d);
    }
}

void sim_outbox_cut_off(struct sim_session *s)
{
    struct sim_delivery *d;
    while ((d = sim_inflight_oldest(&s->inflight)) != NULL) {
        sim_inflight_take(&s->inflight, d->sequence);
        s->system->stats.receipts_cut_off++;
        make_ready(d);
    }
}
