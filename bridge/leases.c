/* Asks the server for what each lease's state machine wants, and tells what came of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/str.h"

#include "bridge/lease_value.h"
#include "bridge/leases_bucket.h"

#define TICK_MS 50
#define READS_A_TICK 10 /* of leases that are not held; renewals are not counted */
/* Who holds more waits longer before it takes a free one, so that pods that start together share.
 */
#define WAIT_FOR_EACH_MS 50
#define WAIT_MAX_MS 1000

/* One key of the bucket. Lives until the last answer to it came. */
struct slot {
    struct leases *owner;
    struct mno *op; /* NULL: the operator is gone */
    char id_text[UUID_TEXT_SIZE];
    struct list link; /* among the orphans */
    uint8_t bind;
    struct lease lease;
    mono_t since;           /* held */
    mono_t not_bound_since; /* or taken since */
    bool offers;            /* held: given away because it is not bound */
    bool was_offered;       /* by whoever had it before */
    char holder[LEASES_HOLDER_SIZE];
};

struct operator_leases {
    struct slot **slots;
    size_t count;
};

struct leases {
    struct leases_options with;
    char *bucket_name, *instance_id;
    struct lease_times times;
    struct leases_bucket *bucket;
    uint8_t home[LEASES_HOME_SIZE];
    bool has_home;
    struct timer tick;
    size_t first; /* operator whose turn it is */
    size_t held;
    struct list orphans; /* slots without an operator: their last answer is awaited */
    char complaint[200];
};

/* --- news --- */

static void tell(struct slot *s, enum lease_news news)
{
    struct leases *l = s->owner;
    const struct leases_options *with = &l->with;
    if (!s->op)
        return;
    switch (news) {
    case LEASE_NO_NEWS:
        break;
    case LEASE_TAKEN:
        l->held++;
        s->since = s->not_bound_since = clock_boot();
        s->offers = false;
        with->taken(with->arg, s->op, s->bind);
        break;
    case LEASE_RENEWED:
        with->renewed(with->arg, s->op, s->bind);
        break;
    case LEASE_GIVEN:
    case LEASE_LOST:
        l->held--;
        with->ended(with->arg, s->op, s->bind, news == LEASE_GIVEN);
        break;
    }
}

static void complain(struct leases *l, const char *what, const char *reason)
{
    char text[sizeof(l->complaint)];
    snprintf(text, sizeof(text), "%.60s: %.120s", what, reason ? reason : "no answer");
    if (strcmp(text, l->complaint) != 0)
        log_warn("a lease can't be looked after", LOG_STR("reason", text));
    str_copy(l->complaint, sizeof(l->complaint), text, strlen(text));
}

/* --- reading --- */

static enum lease_owner owner_of(const struct leases *l, const struct lease_value *v)
{
    if (v->free)
        return LEASE_OWNER_NONE;
    return memcmp(v->home, l->home, sizeof(v->home)) == 0 ? LEASE_OWNER_US : LEASE_OWNER_OTHER;
}

static void end_orphan(struct slot *s, bool is_ours);

static void on_read(void *arg, const char *json, size_t len, const char *reason)
{
    struct slot *s = arg;
    struct leases *l = s->owner;
    struct lease_value v;
    uint64_t revision;
    char error[160] = "";
    enum lease_answer answer =
        json ? lease_value_read(json, len, &v, &revision, error, sizeof(error)) : LEASE_ANSWER_ODD;
    if (answer == LEASE_ANSWER_NO_BUCKET)
        leases_bucket_look(l->bucket);
    if (answer == LEASE_ANSWER_NO_BUCKET || answer == LEASE_ANSWER_ODD) {
        if (json)
            complain(l, "read", *error ? error : "the bucket is gone");
        lease_no_answer(&s->lease, clock_boot(), &l->times);
    } else {
        str_copy(s->holder, sizeof(s->holder), v.holder, v.free ? 0 : strlen(v.holder));
        s->was_offered = v.offered;
        tell(s, lease_was_read(&s->lease, clock_boot(), &l->times, owner_of(l, &v), revision,
                               v.ttl_ms));
    }
    (void)reason; /* what is wrong with the connection is said elsewhere */
    end_orphan(s, answer == LEASE_ANSWER_VALUE && owner_of(l, &v) == LEASE_OWNER_US);
}

static bool read_it(struct slot *s)
{
    struct leases *l = s->owner;
    char what[192], json[256];
    snprintf(what, sizeof(what), "STREAM.MSG.GET.KV_%s", l->bucket_name);
    snprintf(json, sizeof(json), "{\"last_by_subj\":\"$KV.%s.%s.%u\"}", l->bucket_name, s->id_text,
             s->bind);
    return jetstream_api(l->with.js, what, json, on_read, s);
}

/* --- writing --- */

static void on_set(void *arg, enum jetstream_set_end end, uint64_t revision, const char *reason)
{
    struct slot *s = arg;
    struct leases *l = s->owner;
    mono_t now = clock_boot();
    bool gave = s->lease.under_way == LEASE_ASK_GIVE;
    switch (end) {
    case JETSTREAM_SET_DONE:
        tell(s, lease_was_written(&s->lease, now, &l->times, revision));
        break;
    case JETSTREAM_SET_CONFLICT:
        tell(s, lease_was_refused(&s->lease, now));
        break;
    case JETSTREAM_SET_REFUSED:
        complain(l, "write", reason);
        leases_bucket_look(l->bucket);
        lease_no_answer(&s->lease, now, &l->times);
        break;
    case JETSTREAM_SET_UNKNOWN:
        lease_no_answer(&s->lease, now, &l->times);
        break;
    }
    end_orphan(s, end == JETSTREAM_SET_DONE && !gave);
}

static bool write_it(struct slot *s, bool is_free)
{
    struct leases *l = s->owner;
    char subject[256], text[LEASE_VALUE_MAX];
    struct lease_value v = {
        .free = is_free, .offered = is_free && s->offers, .ttl_ms = l->times.ttl_ms};
    str_copy(v.holder, sizeof(v.holder), l->instance_id, strlen(l->instance_id));
    memcpy(v.home, l->home, sizeof(v.home));
    snprintf(subject, sizeof(subject), "$KV.%s.%s.%u", l->bucket_name, s->id_text, s->bind);
    size_t len = lease_value_encode(&v, text);
    return jetstream_set(l->with.js, subject, s->lease.revision, text, len, on_set, s);
}

/* What came of the last question about a lease whose operator is gone: what is ours is given away,
 * so that others need not wait for its end. */
static void end_orphan(struct slot *s, bool is_ours)
{
    if (s->op)
        return;
    if (is_ours && write_it(s, true)) {
        s->lease.under_way = LEASE_ASK_GIVE;
        return;
    }
    list_remove(&s->link);
    free(s);
}

/* --- whose turn it is --- */

static const struct slot *first_of(const struct mno *op)
{
    return op->leases && op->leases->count ? op->leases->slots[0] : NULL;
}

static bool others_hold_some(const struct mno *op)
{
    for (size_t i = 0; i < op->leases->count; i++) {
        if (op->leases->slots[i]->lease.state == LEASE_OTHERS)
            return true;
    }
    return false;
}

/* The binds beyond the first follow it, so that one instance has an operator as a whole. */
static bool may_take(const struct slot *s, mono_t now, bool in_general)
{
    const struct leases *l = s->owner;
    if (!in_general || (s->bind > 0 && !lease_is_held(&first_of(s->op)->lease, now)))
        return false;
    if (s->lease.state != LEASE_FREE || s->lease.is_ours || s->bind > 0)
        return true;
    int64_t wait_ms = (int64_t)l->held * WAIT_FOR_EACH_MS;
    if (mono_diff_ms(now, s->lease.seen_at) < (wait_ms < WAIT_MAX_MS ? wait_ms : WAIT_MAX_MS))
        return false;
    return others_hold_some(s->op) || l->with.nobody_sends(l->with.arg, s->op);
}

static void ask(struct slot *s, mono_t now, bool take, bool renew, size_t *reads)
{
    struct leases *l = s->owner;
    bool is_held = s->lease.state == LEASE_HELD;
    if (!is_held && *reads == 0)
        return;
    bool sent = true;
    switch (lease_next(&s->lease, now, &l->times, may_take(s, now, take), renew)) {
    case LEASE_ASK_NOTHING:
        return;
    case LEASE_ASK_READ:
        sent = read_it(s);
        break;
    case LEASE_ASK_TAKE:
    case LEASE_ASK_RENEW:
        sent = write_it(s, false);
        break;
    case LEASE_ASK_GIVE:
        sent = write_it(s, true);
        break;
    }
    *reads -= !is_held;
    if (!sent)
        lease_not_sent(&s->lease, now, &l->times);
}

static void look_after(struct leases *l, struct mno *op, bool take, bool renew, size_t *reads)
{
    bool can_ask = l->has_home && leases_bucket_is_ready(l->bucket);
    for (size_t i = 0; op->leases && i < op->leases->count; i++) {
        struct slot *s = op->leases->slots[i];
        mono_t now = clock_boot();
        tell(s, lease_tick(&s->lease, now));
        if (can_ask)
            ask(s, now, take, renew, reads);
    }
}

static void on_tick(void *arg)
{
    struct leases *l = arg;
    size_t reads = READS_A_TICK, count = operators_count(l->with.operators);
    timer_start_ms(&l->tick, TICK_MS);
    bool take = l->with.may_take(l->with.arg), renew = l->with.may_renew(l->with.arg);
    for (size_t i = 0; i < count; i++) {
        size_t index = (l->first + i) % count;
        look_after(l, operators_at(l->with.operators, index), take, renew, &reads);
        if (reads == 0 && i < READS_A_TICK * 2)
            l->first = index; /* goes on there next time */
    }
}

/* --- from outside --- */

static void each_slot(struct leases *l, void (*fn)(struct slot *s))
{
    for (size_t i = 0; i < operators_count(l->with.operators); i++) {
        struct mno *op = operators_at(l->with.operators, i);
        for (size_t k = 0; op->leases && k < op->leases->count; k++)
            fn(op->leases->slots[k]);
    }
}

static void hurry(struct slot *s)
{
    lease_hurry(&s->lease, clock_boot());
}

static void on_bucket_ready(void *arg)
{
    each_slot(arg, hurry);
}

void leases_set_home(struct leases *l, const uint8_t home[LEASES_HOME_SIZE])
{
    memcpy(l->home, home, sizeof(l->home));
    l->has_home = true;
}

void leases_js_connected(struct leases *l)
{
    leases_bucket_look(l->bucket);
    each_slot(l, hurry);
}

void leases_give(struct mno *op, uint8_t bind, bool offered)
{
    if (bind >= op->leases->count)
        return;
    op->leases->slots[bind]->offers = offered;
    lease_give(&op->leases->slots[bind]->lease, clock_boot());
}

bool leases_was_offered(const struct mno *op, uint8_t bind)
{
    return op->leases->slots[bind]->was_offered;
}

int64_t leases_note_bound(struct mno *op, uint8_t bind, bool is_bound)
{
    struct slot *s = op->leases->slots[bind];
    mono_t now = clock_boot();
    if (is_bound)
        s->not_bound_since = now;
    bool counts = s->lease.state == LEASE_HELD && !s->lease.giving;
    return counts ? mono_diff_ms(now, s->not_bound_since) : 0;
}

const char *leases_former_holder(const struct mno *op, uint8_t bind)
{
    return op->leases->slots[bind]->holder;
}

/* What is held of it is given away, once the answer to what is under way tells its revision. */
static void abandon(struct slot *s)
{
    struct leases *l = s->owner;
    bool was_held = s->lease.state == LEASE_HELD;
    l->held -= was_held;
    s->op = NULL;
    s->lease.state = LEASE_UNKNOWN;
    list_append(&l->orphans, &s->link);
    if (!s->lease.under_way)
        end_orphan(s, was_held);
}

static struct slot *make_slot(struct leases *l, struct mno *op, size_t bind)
{
    struct slot *s = xcalloc(1, sizeof(*s));
    s->owner = l;
    s->op = op;
    memcpy(s->id_text, op->id_text, sizeof(s->id_text));
    list_init(&s->link);
    s->bind = (uint8_t)bind;
    lease_init(&s->lease);
    return s;
}

void leases_operator_changed(struct leases *l, struct mno *op)
{
    size_t wanted = (size_t)op->settings.binds;
    if (!op->leases)
        op->leases = xcalloc(1, sizeof(*op->leases));
    struct operator_leases *o = op->leases;
    while (o->count > wanted)
        abandon(o->slots[--o->count]);
    o->slots = xrealloc(o->slots, (wanted + 1) * sizeof(struct slot *));
    for (; o->count < wanted; o->count++)
        o->slots[o->count] = make_slot(l, op, o->count);
}

void leases_operator_gone(struct leases *l, struct mno *op)
{
    (void)l;
    if (!op->leases)
        return;
    while (op->leases->count > 0)
        abandon(op->leases->slots[--op->leases->count]);
    free(op->leases->slots);
    free(op->leases);
    op->leases = NULL;
}

/* --- life --- */

struct leases *leases_create(const struct leases_options *options)
{
    struct leases *l = xcalloc(1, sizeof(*l));
    l->with = *options;
    list_init(&l->orphans);
    l->bucket_name = xstrdup(options->bucket);
    l->instance_id = xstrdup(options->instance_id);
    l->times = lease_times(options->ttl_ms, options->deadline_ms);
    l->bucket =
        leases_bucket_create(options->loop, options->js, options->bucket, on_bucket_ready, l);
    timer_init(&l->tick, options->loop, on_tick, l);
    timer_start_ms(&l->tick, TICK_MS);
    return l;
}

static void free_slots(struct mno *op)
{
    if (!op->leases)
        return;
    for (size_t i = 0; i < op->leases->count; i++)
        free(op->leases->slots[i]);
    free(op->leases->slots);
    free(op->leases);
    op->leases = NULL;
}

void leases_destroy(struct leases **leases)
{
    struct leases *l = *leases;
    if (!l)
        return;
    timer_stop(&l->tick);
    for (size_t i = 0; i < operators_count(l->with.operators); i++)
        free_slots(operators_at(l->with.operators, i));
    LIST_FOREACH (item, &l->orphans) {
        free(LIST_ENTRY(item, struct slot, link));
    }
    leases_bucket_destroy(&l->bucket);
    free(l->bucket_name);
    free(l->instance_id);
    free(l);
    *leases = NULL;
}

/* --- questions --- */

size_t leases_count(const struct mno *op)
{
    return op->leases ? op->leases->count : 0;
}

struct leases_view leases_view(const struct leases *l, const struct mno *op, uint8_t bind)
{
    const struct slot *s = op->leases->slots[bind];
    struct leases_view v = {
        .state = s->lease.state,
        .taken_from = s->lease.taken_from,
        .holder = s->holder,
        .since = s->since,
        .unbind_ms = l->times.unbind_ms,
    };
    if (v.state == LEASE_HELD) {
        v.holder = l->instance_id;
        v.until = s->lease.giving ? (mono_t){0} : s->lease.until;
    } else if (v.state == LEASE_OTHERS) {
        v.until = mono_add_ms(s->lease.seen_at, s->lease.ttl_ms);
    }
    return v;
}

size_t leases_held(const struct mno *op)
{
    size_t held = 0;
    for (size_t i = 0; i < leases_count(op); i++)
        held += op->leases->slots[i]->lease.state == LEASE_HELD;
    return held;
}

size_t leases_held_all(const struct leases *l)
{
    return l->held;
}

const char *leases_trouble(const struct leases *l)
{
    if (!l->has_home)
        return "the session-agent knows no leases: IPC 1.2 is wanted";
    return leases_bucket_trouble(l->bucket);
}
