/*
 * Which part of an operator's limit is this instance's: limit / (instances that share it), agreed
 * by what each instance announces. Pure: the caller asks Redis and tells the time.
 *
 * Each instance announces a count k and then sends at most limit / k. It lowers its rate before it
 * announces a larger k, and announces a smaller k before it raises its rate. A newcomer, or one
 * that wants more, goes on only when everybody else announced at least the number of instances it
 * sees, for longer than the one-second window in which the MNO counts. So the sum of all rates is
 * never above the limit, however late Redis answers. Absent instances count until the life of their
 * registration has passed on our own clock; an instance that could not renew its own stops before.
 */
#ifndef BRIDGE_TPS_SHARE_H
#define BRIDGE_TPS_SHARE_H

#include "common/clock.h"

#define TPS_SHARE_ID_SIZE 65
#define TPS_SHARE_MAX_OTHERS 63
#define TPS_SHARE_LIFE_MS 60000       /* of a registration */
#define TPS_SHARE_MARGIN_MS 2000      /* before its end we stop, if there are others */
#define TPS_SHARE_SETTLE_MS 1200      /* the MNO's window, what is lent ahead, and a bit */
#define TPS_SHARE_FRESH_MS 3000       /* Redis knew nobody: until all who send are back there */
#define TPS_SHARE_LOOK_MS 800         /* in which another process of our name renews itself */
#define TPS_SHARE_GAP_MS 1500         /* without a renewal: what was agreed before is stale */
#define TPS_SHARE_BEAT_BITS 32        /* of a beat that count */
#define TPS_SHARE_COUNT_UNKNOWN 65535 /* announced by who sends nothing */
#define TPS_SHARE_LIMIT_UNKNOWN (-1)

/* An instance as Redis describes it. */
struct tps_share_member {
    char id[TPS_SHARE_ID_SIZE];
    uint64_t beat;     /* changes with each renewal; above TPS_SHARE_BEAT_BITS: of which agent */
    int64_t left_ms;   /* until its registration ends, on the server's clock */
    uint32_t count;    /* announced */
    uint32_t set;      /* digest of the instances it sees */
    int64_t limit;     /* the operator's limit as it knows it, or unknown */
    bool gone;         /* it said good-bye */
    bool remembered;   /* somebody else put it back: nobody does so on hearsay */
    mono_t renewed_at; /* ours: when we saw the beat change */
    bool is_listed;    /* ours: Redis has it */
};

struct tps_share {
    char own_id[TPS_SHARE_ID_SIZE];
    struct tps_share_member others[TPS_SHARE_MAX_OTHERS];
    size_t count;
    bool overflow;       /* more instances than we can tell apart: send nothing */
    uint32_t in_force;   /* our rate is limit / in_force; 0: nothing is sent */
    uint32_t set;        /* digest of own_id and others */
    uint32_t agreed_on;  /* the number of instances that everybody has room for … */
    mono_t agreed_at;    /* … since then; 0: they have not */
    mono_t uniform_at;   /* since then all see the same instances; 0: they don't */
    mono_t renewed_at;   /* when the last renewal that was confirmed was sent; 0: never */
    mono_t took_over_at; /* of who had our name before, the part; 0: of nobody */
    mono_t wait_until;   /* nothing is sent before: Redis may have forgotten somebody */
    uint64_t beat;
    uint64_t rival_beat; /* another's in our place; 0: none */
    uint64_t rival_seen; /* our own beat at the time */
    bool may_be_old;     /* Redis may be an older one, with a former process of ours */
};

/* `agent`: who obeys us, below 2^31 so that a beat fits a signed number. `start`: at random. */
void tps_share_init(struct tps_share *s, const char *own_id, uint32_t agent, uint32_t start);
/* The count to announce with the next renewal. */
uint32_t tps_share_announcement(const struct tps_share *s, mono_t now);
/* A renewal that was sent at `sent` with `announced` was confirmed with this list of instances.
 * `own_count`: what Redis had of ourselves before it, from a former process; 0: nothing. */
void tps_share_renewed(struct tps_share *s, mono_t now, mono_t sent, uint32_t announced,
                       uint32_t own_count, const struct tps_share_member *seen, size_t seen_count);
/* What Redis had in our place before a renewal (0: nothing). True: another process renews itself
 * there too, so that both take one part for theirs, and is the one of the two that shall stay. Told
 * when it did so twice: a single renewal may be one that was long under way. A process of our own
 * agent is a former bridge that woke; the agent obeys only one. */
bool tps_share_is_doubled(struct tps_share *s, uint64_t own_beat);
/* Our part is that of who had our name before, and it is too early to know that it is gone, or it
 * was seen a moment ago. */
bool tps_share_may_be_doubled(const struct tps_share *s);
/* Redis is another one than before, which may have forgotten what it held: nobody takes more before
 * all had the time to come back. */
void tps_share_redis_is_new(struct tps_share *s, mono_t now);
/* Milliseconds until all have left room for us long enough; 0: they have, or not at all. */
int64_t tps_share_settles_in_ms(const struct tps_share *s, mono_t now);
/* Milliseconds that an instance which Redis has forgotten still counts; 0: it is not to be put
 * back.
 */
int64_t tps_share_left_ms(const struct tps_share_member *m, mono_t now);
/* Time passes: gives up our part when it could not be renewed. True when that changed anything. */
bool tps_share_tick(struct tps_share *s, mono_t now);

uint32_t tps_share_instances(const struct tps_share *s);
/* The smallest limit that anybody knows. */
uint32_t tps_share_limit(const struct tps_share *s, uint32_t own_limit);
/* Submit_sm per second out of `limit`. What the division leaves over goes to the first ones by id,
 * as soon as all see the same instances. */
uint32_t tps_share_rate(const struct tps_share *s, uint32_t limit, mono_t now);

#endif
