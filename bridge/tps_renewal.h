/* The one script that renews an instance's registration in Redis and reads the others'. */
#ifndef BRIDGE_TPS_RENEWAL_H
#define BRIDGE_TPS_RENEWAL_H

#include "bridge/redis.h"
#include "bridge/tps_share.h"

/* What one instance writes: itself, and those that Redis has forgotten, if they are not back. */
struct tps_renewal_entry {
    int64_t life_ms;
    uint32_t count;
    int64_t limit;
    bool gone;
    bool keeps_count; /* the first of a process: what a former one announced still holds */
    const struct tps_share *share; /* beat, set and others of it */
};

struct tps_renewal_answer {
    uint32_t own_count; /* what we had announced before; 0: nothing that still holds */
    uint64_t own_beat;  /* of that */
    struct tps_share_member others[TPS_SHARE_MAX_OTHERS + 1]; /* one more than can be told apart */
    size_t count;
};

/* Shared by all operators. Starts as {0}. */
struct tps_renewal {
    struct redis_script script;
    struct tps_renewal_answer answer;
};

/* False: Redis can't be asked now. `done` as redis_eval()'s. */
bool tps_renewal_send(struct tps_renewal *r, struct redis *redis, const char *operator_id,
                      const struct tps_renewal_entry *entry, mono_t now, redis_done *done,
                      void *arg) MUST_CHECK;
/* Valid until the next one is read; NULL: the reply is none. */
struct tps_renewal_answer *tps_renewal_read(struct tps_renewal *r, const struct redis_reply *reply);

#endif
