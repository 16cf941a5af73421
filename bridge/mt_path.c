/* The way of the commands: its creation, what comes in from outside, and its gauges. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

#include "bridge/failover.h"
#include "bridge/mt_consumer.h"
#include "bridge/mt_encode.h"
#include "bridge/mt_fetch.h"
#include "bridge/mt_ledger.h"
#include "bridge/mt_references.h"
#include "bridge/mt_settle.h"
#include "bridge/mt_submit.h"

#define TICK_MS 500

/* --- what follows at a turn's end --- */

void mt_touch(struct mt_operator *mo)
{
    struct mt_path *path = mo->path;
    if (!list_empty(&mo->work))
        return;
    list_append(&path->work, &mo->work);
    loop_at_turn_end(path->with.loop, &path->hook);
}

/* The ledger is everybody's, and what makes room in it touches only its own operator. When it got
 * emptier each that waits has one try; if it finds no room again it waits at the end. */
static void serve_ledger_queue(struct mt_path *path)
{
    const struct list *last = path->ledger_queue.prev;
    bool more = !list_empty(&path->ledger_queue) && path->ledger_reserved < path->ledger_tried;
    while (more && path->ledger_reserved < path->ledger_entries) {
        struct list *first = path->ledger_queue.next;
        more = first != last;
        list_remove(first);
        mt_submit_work(LIST_ENTRY(first, struct mt_operator, ledger));
    }
    path->ledger_tried = path->ledger_reserved;
}

static void on_turn_end(void *arg)
{
    struct mt_path *path = arg;
    struct list round; /* who is touched meanwhile comes with the next turn */
    serve_ledger_queue(path);
    if (list_empty(&path->work))
        return;
    round = path->work;
    round.next->prev = round.prev->next = &round;
    list_init(&path->work);
    while (!list_empty(&round)) {
        struct mt_operator *mo = LIST_ENTRY(round.next, struct mt_operator, work);
        list_remove(&mo->work);
        mt_submit_work(mo);
        mt_settle_acks(mo);
        mt_fetch_work(mo);
    }
}

static void tick_operator(struct mt_operator *mo)
{
    failover_tick(mo);
    mt_submit_expire(mo);
    mt_settle_tick(mo);
    mt_settle_signs_of_life(mo);
    mt_fetch_tick(mo);
    if (mo->counts[MT_ACK_DUE] > 0)
        mt_touch(mo);
}

static void on_tick(void *arg)
{
    struct mt_path *path = arg;
    timer_start_ms(&path->tick, TICK_MS);
    if (!path->listed || (!path->agent_gone && !agent_link_check_alive(path->with.link)))
        return;
    for (size_t i = 0; i < operators_count(path->with.operators); i++)
        tick_operator(operators_at(path->with.operators, i)->mt);
    mt_consumer_tick(path);
    loop_at_turn_end(path->with.loop, &path->hook);
}

/* --- life --- */

struct mt_path *mt_path_create(const struct mt_path_options *options)
{
    struct mt_path *path = xcalloc(1, sizeof(*path));
    path->with = *options;
    list_init(&path->work);
    list_init(&path->ledger_queue);
    path->hook = (struct loop_hook){.fn = on_turn_end, .arg = path};
    timer_init(&path->tick, options->loop, on_tick, path);
    path->references = mt_references_create(clock_wall_ms());
    path->expected = xcalloc(MT_EXPECTED_SIZE, sizeof(uint16_t));
    path->encoder = mt_encoder_create();
    path->streams = mt_streams_create(path);
    timer_start_ms(&path->tick, TICK_MS);
    return path;
}

void mt_path_destroy(struct mt_path **path_ptr)
{
    struct mt_path *path = *path_ptr;
    if (!path)
        return;
    timer_stop(&path->tick);
    loop_cancel_hook(path->with.loop, &path->hook);
    for (size_t i = 0; i < operators_count(path->with.operators); i++)
        mt_path_operator_gone(path, operators_at(path->with.operators, i));
    while (path->pool) {
        struct mt *mt = path->pool;
        path->pool = mt->index_next;
        free(mt);
    }
    mt_streams_destroy(&path->streams);
    mt_encoder_destroy(&path->encoder);
    free(path->index);
    mt_references_destroy(&path->references);
    free(path->expected);
    free(path);
    *path_ptr = NULL;
}

void mt_path_operator_added(struct mt_path *path, struct mno *op)
{
    struct mt_operator *mo = xcalloc(1, sizeof(*mo));
    mo->path = path;
    mo->op = op;
    mo->segments_x16 = 16;
    list_init(&mo->work);
    list_init(&mo->ledger);
    list_init(&mo->alive);
    for (size_t i = 0; i < MT_STAGES; i++)
        list_init(&mo->stages[i]);
    mt_fetch_timer_init(mo);
    mt_settle_barrier_timer_init(mo);
    op->mt = mo;
    mo->consumer = mt_consumer_create(mo);
    mt_consumer_check(mo);
}

void mt_path_operator_changed(struct mt_path *path, struct mno *op)
{
    (void)path;
    mt_consumer_settings_changed(op->mt);
    mt_touch(op->mt);
}

void mt_path_operator_dropping(struct mt_path *path, struct mno *op)
{
    (void)path;
    mt_submit_give_back(op->mt);
}

void mt_path_operator_taken(struct mt_path *path, struct mno *op, bool was_offered)
{
    (void)path;
    failover_taken(op->mt, was_offered);
}

bool mt_path_operator_is_idle(const struct mno *op)
{
    const struct mt_operator *mo = op->mt;
    return list_empty(&mo->alive) && !mo->barrier_out && !mt_consumer_is_asking(mo);
}

void mt_path_operator_gone(struct mt_path *path, struct mno *op)
{
    struct mt_operator *mo = op->mt;
    (void)path;
    if (!mo)
        return;
    LIST_FOREACH (item, &mo->alive) {
        struct mt *mt = LIST_ENTRY(item, struct mt, alive);
        mt_destroy(&mt);
    }
    list_remove(&mo->work);
    list_remove(&mo->ledger);
    timer_stop(&mo->pull_timer);
    timer_stop(&mo->barrier_timer);
    mt_consumer_destroy(&mo->consumer);
    free(mo);
    op->mt = NULL;
}

/* --- from the agent --- */

static struct mt_operator *find_operator(const struct mt_path *path, const uint8_t id[16])
{
    struct mno *op = operators_find(path->with.operators, id);
    return op ? op->mt : NULL;
}

void mt_path_attached(struct mt_path *path, const struct ipc_attached *a)
{
    path->ledger_entries = a->ledger_entries;
}

void mt_path_listed(struct mt_path *path)
{
    size_t adopted = path->count;
    path->listed = true;
    for (size_t i = 0; i < operators_count(path->with.operators); i++) {
        struct mt_operator *mo = operators_at(path->with.operators, i)->mt;
        LIST_FOREACH (item, &mo->stages[MT_AT_AGENT]) {
            mt_settle_advance(LIST_ENTRY(item, struct mt, link));
        }
        mt_touch(mo);
    }
    log_info("the agent has listed what it holds", LOG_UINT("messages", adopted),
             LOG_UINT("ledgerEntries", path->ledger_entries));
    mt_consumer_tick(path);
}

void mt_path_credit(struct mt_path *path, const struct ipc_credit *c)
{
    struct mt_operator *mo = find_operator(path, c->operator_id);
    if (!mo)
        return;
    mo->slots = c->slots;
    mt_touch(mo);
}

/* The message a listed submit belongs to, made from its context where nobody here knows it. */
static struct mt_segment *adopt(struct mt_path *path, const uint8_t operator_id[16],
                                const struct ipc_key *key, struct bytes packed)
{
    struct mt_operator *mo = find_operator(path, operator_id);
    struct mt *mt = mt_find(path, key);
    struct context context;
    if (!mo)
        return NULL;
    if (!mt || !path->listed) {
        if (!context_decode(packed, &context) || context.segments == 0 ||
            context.segment != key->segment || context.segment > context.segments) {
            log_error("a submit has a context that can't be read: it stays in the ledger",
                      LOG_STR("operatorId", mo->op->id_text),
                      LOG_UINT("streamSequence", key->sequence));
            return NULL;
        }
        if (!mt)
            mt = mt_create(mo, key, MT_AT_AGENT);
        mt_adopt_context(mt, &context);
    }
    return key->segment >= 1 && key->segment <= mt->segment_count ? &mt->segments[key->segment - 1]
                                                                  : NULL;
}

void mt_path_in_flight(struct mt_path *path, const struct ipc_in_flight *r)
{
    struct mt_segment *s = adopt(path, r->operator_id, &r->key, r->context);
    if (!s)
        return;
    s->attempt = r->key.attempt;
    mt_set_segment_state(s, SEGMENT_OUT);
    mt_submit_expect(s->mt);
    mt_ledger_count(s->mt);
}

void mt_path_outcome(struct mt_path *path, const struct ipc_outcome *r)
{
    bool listing = !path->listed;
    struct mt_segment *s = adopt(path, r->operator_id, &r->key, r->context);
    if (!s)
        return;
    struct mt_operator *mo = s->mt->owner;
    if (listing) {
        mt_ledger_count(s->mt);
        mt_submit_expect(s->mt); /* its correlation may not be written yet */
    }
    mt_settle_outcome(s, r); /* it may be gone now */
    mt_touch(mo);
}

void mt_path_closed(struct mt_path *path, const struct ipc_closed *r)
{
    struct mt *mt = mt_find(path, &r->key);
    if (mt)
        mt_settle_closed(mt, r->verdict);
}

void mt_path_ack_floor(struct mt_path *path, const struct ipc_ack_floor *r)
{
    struct mt_operator *mo = find_operator(path, r->operator_id);
    if (mo)
        mt_consumer_note_floor(mo, r->stream, r->sequence);
}

void mt_path_session_changed(struct mt_path *path, struct mno *op)
{
    (void)path;
    failover_look(op->mt);
    mt_touch(op->mt);
}

/* --- from JetStream and Redis --- */

void mt_path_js_connected(struct mt_path *path)
{
    mt_consumer_connected(path);
    for (size_t i = 0; i < operators_count(path->with.operators); i++)
        mt_touch(operators_at(path->with.operators, i)->mt);
}

void mt_path_js_disconnected(struct mt_path *path)
{
    for (size_t i = 0; i < operators_count(path->with.operators); i++)
        mt_fetch_forget(operators_at(path->with.operators, i)->mt);
}

static struct mt_operator *by_tag(const struct mt_path *path, uint32_t tag)
{
    struct mno *op = operators_by_tag(path->with.operators, tag);
    return op ? op->mt : NULL;
}

void mt_path_message(struct mt_path *path, uint32_t tag, const struct jetstream_message *m)
{
    struct mt_operator *mo = by_tag(path, tag);
    if (mo && agent_link_check_alive(path->with.link))
        mt_fetch_message(mo, m);
}

void mt_path_pull_ended(struct mt_path *path, uint32_t tag, enum jetstream_pull_end why,
                        uint32_t missing, const char *text)
{
    struct mt_operator *mo = by_tag(path, tag);
    if (mo)
        mt_fetch_pull_ended(mo, why, missing, text);
}

void mt_path_heartbeat(struct mt_path *path, uint32_t tag)
{
    struct mt_operator *mo = by_tag(path, tag);
    if (mo)
        mt_fetch_heartbeat(mo);
}

void mt_path_redis_connected(struct mt_path *path)
{
    if (!path->listed)
        return;
    for (size_t i = 0; i < operators_count(path->with.operators); i++)
        mt_settle_store_again(operators_at(path->with.operators, i)->mt);
}

/* --- the end, and gauges --- */

void mt_path_stop(struct mt_path *path)
{
    path->stopping = true;
    for (size_t i = 0; i < operators_count(path->with.operators); i++)
        mt_submit_give_back(operators_at(path->with.operators, i)->mt);
}

void mt_path_agent_gone(struct mt_path *path)
{
    path->agent_gone = true;
}

size_t mt_path_without_outcome(const struct mt_path *path)
{
    size_t sum = 0;
    for (size_t i = 0; i < operators_count(path->with.operators); i++)
        sum += operators_at(path->with.operators, i)->mt->without_outcome;
    return sum;
}

size_t mt_path_unsettled(const struct mt_path *path)
{
    static const enum mt_stage by_itself[] = {MT_STORING, MT_REPORTING, MT_ACK_DUE, MT_ACK_SENT};
    static const enum mt_stage with_agent[] = {MT_AT_AGENT, MT_WAITING, MT_CLOSING};
    size_t sum = 0;
    for (size_t i = 0; i < operators_count(path->with.operators); i++) {
        const struct mt_operator *mo = operators_at(path->with.operators, i)->mt;
        for (size_t k = 0; k < ARRAY_LEN(by_itself); k++)
            sum += mo->counts[by_itself[k]];
        for (size_t k = 0; k < ARRAY_LEN(with_agent) && !path->agent_gone; k++)
            sum += mo->counts[with_agent[k]];
    }
    return sum;
}

bool mt_path_expects(void *arg, const struct mno *op, uint64_t destination_digest)
{
    return *mt_submit_expected(arg, op, destination_digest) > 0;
}

/* More is in the stream, and JetStream delivers no more before some of what is here is settled. */
static bool is_fetch_blocked(const struct mt_operator *mo)
{
    return mo->pending > 0 && mt_fetch_ack_pending_room(mo) == 0;
}

static enum limiter limiter_of(const struct mt_operator *mo)
{
    const struct mno *op = mo->op;
    struct tps_view tps = tps_view(mo->path->with.tps, op);
    uint64_t here = mo->counts[MT_READY] + mo->counts[MT_READY_PRIORITY] + mo->counts[MT_SENDING];
    bool backlog = here + op->stats[IPC_STAT_QUEUED] > 0;
    uint64_t window_used = op->stats[IPC_STAT_WINDOW_USED];
    if (op->paused || (tps.limit_known && tps.limit == 0))
        return LIMITER_PAUSED;
    if (!operators_can_transmit(op))
        return LIMITER_UNBOUND;
    if (!tps.share_known)
        return LIMITER_REDIS;
    if (!backlog && is_fetch_blocked(mo))
        return mo->counts[MT_STORING] > mo->without_outcome ? LIMITER_REDIS : LIMITER_WINDOW;
    if (!backlog && mo->without_outcome == 0)
        return LIMITER_EMPTY;
    bool credit_used = window_used > 0 && mo->without_outcome >= mo->slots;
    bool window_full = window_used > 0 && 2 * window_used >= mo->slots; /* credit is two windows */
    if (credit_used || (window_full && backlog))
        return LIMITER_WINDOW;
    if (tps.throttled)
        return LIMITER_THROTTLED;
    return backlog ? LIMITER_TOKENS : LIMITER_EMPTY;
}

void mt_path_view(void *arg, const struct mno *op, struct management_mt *mt_r)
{
    (void)arg;
    const struct mt_operator *mo = op->mt;
    uint64_t unsettled = 0;
    for (size_t i = MT_SENDING; i < MT_STAGES; i++)
        unsettled += mo->counts[i];
    *mt_r = (struct management_mt){
        .trouble = mt_consumer_trouble(mo),
        .limiter = limiter_of(mo),
        .fetched = mo->counts[MT_READY] + mo->counts[MT_READY_PRIORITY],
        .in_flight = mo->without_outcome,
        .unsettled = unsettled,
        .pending = mo->pending,
    };
}
