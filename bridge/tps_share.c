/* The agreement of instances on their parts; tps_share.h says why it is safe. */
#include <string.h>

#include "common/str.h"

#include "bridge/tps_share.h"

static uint32_t hash(const char *id)
{
    uint32_t h = 2166136261u;
    for (; *id; id++)
        h = (h ^ (uint8_t)*id) * 16777619u;
    return h;
}

void tps_share_init(struct tps_share *s, const char *own_id, uint32_t agent, uint32_t start)
{
    *s = (struct tps_share){.beat = (uint64_t)agent << TPS_SHARE_BEAT_BITS | start};
    str_copy(s->own_id, sizeof(s->own_id), own_id, strlen(own_id));
    s->set = hash(s->own_id);
}

uint32_t tps_share_instances(const struct tps_share *s)
{
    return (uint32_t)s->count + 1;
}

static bool has_settled(mono_t since, mono_t now)
{
    return since.ns && mono_diff_ms(now, since) >= TPS_SHARE_SETTLE_MS;
}

/* All that we see left room for as many as we see, long enough; only then may more be sent. */
static bool may_take_more(const struct tps_share *s, mono_t now)
{
    return s->agreed_on == tps_share_instances(s) && has_settled(s->agreed_at, now) &&
           mono_reached(now, s->wait_until) && mono_diff_ms(now, s->renewed_at) <= TPS_SHARE_GAP_MS;
}

static bool wants_more(const struct tps_share *s)
{
    return !s->in_force || tps_share_instances(s) < s->in_force;
}

int64_t tps_share_settles_in_ms(const struct tps_share *s, mono_t now)
{
    if (!wants_more(s) || !s->agreed_at.ns)
        return 0;
    int64_t left = TPS_SHARE_SETTLE_MS - mono_diff_ms(now, s->agreed_at);
    return left > 0 ? left : 0;
}

uint32_t tps_share_announcement(const struct tps_share *s, mono_t now)
{
    uint32_t n = tps_share_instances(s);
    if (wants_more(s) && may_take_more(s, now))
        return n;
    return s->in_force ? s->in_force : TPS_SHARE_COUNT_UNKNOWN;
}

static struct tps_share_member *find(struct tps_share *s, const char *id)
{
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->others[i].id, id) == 0)
            return &s->others[i];
    }
    return NULL;
}

static void remove_other(struct tps_share *s, struct tps_share_member *m)
{
    *m = s->others[--s->count];
}

static void merge(struct tps_share *s, mono_t now, const struct tps_share_member *seen)
{
    struct tps_share_member *m = find(s, seen->id);
    if (seen->gone) {
        if (m)
            remove_other(s, m);
        return;
    }
    mono_t renewed_at = now;
    if (m && m->beat == seen->beat)
        renewed_at = m->renewed_at;
    else if (!m && seen->left_ms < TPS_SHARE_LIFE_MS)
        renewed_at = mono_add_ms(now, seen->left_ms - TPS_SHARE_LIFE_MS);
    if (!m && s->count == TPS_SHARE_MAX_OTHERS) {
        s->overflow = true;
        return;
    }
    bool known = m != NULL;
    if (!m)
        m = &s->others[s->count++];
    bool remembered = seen->remembered && (!known || m->remembered);
    *m = *seen;
    m->remembered = remembered;
    m->renewed_at = renewed_at;
    m->is_listed = true;
}

static void forget_expired(struct tps_share *s, mono_t now)
{
    for (size_t i = 0; i < s->count;) {
        if (mono_diff_ms(now, s->others[i].renewed_at) > TPS_SHARE_LIFE_MS)
            remove_other(s, &s->others[i]);
        else
            i++;
    }
}

/* Everybody else left room for all that we see. */
static bool is_agreed(const struct tps_share *s)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->others[i].count < tps_share_instances(s))
            return false;
    }
    return true;
}

static bool is_uniform(const struct tps_share *s)
{
    uint32_t n = tps_share_instances(s);
    for (size_t i = 0; i < s->count; i++) {
        if (s->others[i].count != n || s->others[i].set != s->set)
            return false;
    }
    return s->in_force == n;
}

static void note_since(mono_t *since, bool holds, mono_t now)
{
    if (!holds)
        since->ns = 0;
    else if (!since->ns)
        *since = now;
}

static void look_around(struct tps_share *s, mono_t now)
{
    uint32_t n = tps_share_instances(s);
    uint32_t set = hash(s->own_id);
    for (size_t i = 0; i < s->count; i++)
        set += hash(s->others[i].id);
    if (set != s->set)
        s->uniform_at.ns = 0;
    s->set = set;
    if (s->in_force && n > s->in_force)
        s->in_force = n;
    if (s->agreed_on != n)
        s->agreed_at.ns = 0;
    s->agreed_on = n;
    note_since(&s->agreed_at, is_agreed(s), now);
}

static bool has_sender(const struct tps_share *s)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->others[i].count != TPS_SHARE_COUNT_UNKNOWN)
            return true;
    }
    return false;
}

void tps_share_redis_is_new(struct tps_share *s, mono_t now)
{
    s->agreed_at.ns = s->uniform_at.ns = 0;
    s->wait_until = mono_add_ms(now, TPS_SHARE_FRESH_MS);
    s->may_be_old = true;
}

int64_t tps_share_left_ms(const struct tps_share_member *m, mono_t now)
{
    int64_t left = TPS_SHARE_LIFE_MS - mono_diff_ms(now, m->renewed_at);
    return m->is_listed || m->remembered || left < 0 ? 0 : left;
}

void tps_share_renewed(struct tps_share *s, mono_t now, mono_t sent, uint32_t announced,
                       uint32_t own_count, const struct tps_share_member *seen, size_t seen_count)
{
    bool is_first = !s->renewed_at.ns;
    bool is_gap = !is_first && mono_diff_ms(sent, s->renewed_at) > TPS_SHARE_GAP_MS;
    s->renewed_at = sent;
    s->overflow = false;
    for (size_t i = 0; i < s->count; i++)
        s->others[i].is_listed = false;
    for (size_t i = 0; i < seen_count; i++)
        merge(s, now, &seen[i]);
    forget_expired(s, now);
    /* A former process of ours held a part, and the others have counted it all the time. */
    if (is_first && own_count && own_count != TPS_SHARE_COUNT_UNKNOWN) {
        s->in_force = own_count;
        s->took_over_at = now;
    } else if (is_gap || (is_first && !has_sender(s))) {
        tps_share_redis_is_new(s, now);
    }
    look_around(s, now);
    uint32_t n = tps_share_instances(s);
    if (announced == n && may_take_more(s, now))
        s->in_force = n;
    note_since(&s->uniform_at, is_uniform(s), now);
}

static bool is_of_one_agent(uint64_t beat, uint64_t other)
{
    return beat >> TPS_SHARE_BEAT_BITS == other >> TPS_SHARE_BEAT_BITS;
}

/* Renewals of ours, in which who lives renews itself too. */
static bool was_rival_seen(const struct tps_share *s)
{
    enum { SOON = 24 };
    return s->rival_beat && s->beat - s->rival_seen <= SOON;
}

bool tps_share_is_doubled(struct tps_share *s, uint64_t own_beat)
{
    bool may_be_old = s->may_be_old || !s->renewed_at.ns; /* a former process of ours */
    s->may_be_old = false;
    if (!own_beat || is_of_one_agent(own_beat, s->beat) || may_be_old)
        return false;
    bool lives =
        was_rival_seen(s) && own_beat != s->rival_beat && is_of_one_agent(own_beat, s->rival_beat);
    s->rival_beat = own_beat;
    s->rival_seen = s->beat;
    return lives && own_beat < s->beat;
}

bool tps_share_may_be_doubled(const struct tps_share *s)
{
    bool is_early = mono_diff_ms(s->renewed_at, s->took_over_at) < TPS_SHARE_LOOK_MS;
    return s->took_over_at.ns && (is_early || was_rival_seen(s));
}

bool tps_share_tick(struct tps_share *s, mono_t now)
{
    /* Alone, there is nobody who would take our part meanwhile. */
    if (s->in_force <= 1 ||
        mono_diff_ms(now, s->renewed_at) < TPS_SHARE_LIFE_MS - TPS_SHARE_MARGIN_MS)
        return false;
    s->in_force = 0;
    s->agreed_at.ns = s->uniform_at.ns = 0;
    return true;
}

uint32_t tps_share_limit(const struct tps_share *s, uint32_t own_limit)
{
    uint32_t limit = own_limit;
    for (size_t i = 0; i < s->count; i++) {
        int64_t other = s->others[i].limit;
        if (other >= 0 && other < limit)
            limit = (uint32_t)other;
    }
    return limit;
}

uint32_t tps_share_rate(const struct tps_share *s, uint32_t limit, mono_t now)
{
    if (!s->in_force || s->overflow)
        return 0;
    uint32_t rate = limit / s->in_force, left_over = limit % s->in_force;
    if (!has_settled(s->uniform_at, now))
        return rate;
    uint32_t rank = 0;
    for (size_t i = 0; i < s->count; i++)
        rank += strcmp(s->others[i].id, s->own_id) < 0 ? 1 : 0;
    return rate + (rank < left_over ? 1 : 0);
}
