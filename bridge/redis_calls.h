/* Commands without an answer, by age, and what a script call must remember in case the server does
 * not know the script. Knows no hiredis. */
#ifndef BRIDGE_REDIS_CALLS_H
#define BRIDGE_REDIS_CALLS_H

#include "common/clock.h"
#include "common/list.h"
#include "bridge/redis.h"

#define REDIS_CALLS_MAX_ARGUMENTS 64
#define REDIS_CALLS_MAX_EVAL (REDIS_CALLS_MAX_ARGUMENTS + 3)

struct redis_call {
    struct list link; /* by age, or on the free list */
    struct redis *redis;
    redis_done *done; /* NULL: the answer is not wanted */
    void *arg;
    mono_t sent;
    const struct redis_script *script; /* sent by its digest; NULL: no script */
    size_t keys, argc;
    char *saved; /* a script's arguments: argc lengths, then the bytes; reused */
    size_t saved_size;
};

struct redis_calls {
    struct list by_age, free;
    size_t outstanding;
    char *wire; /* the last command that was formatted */
    size_t wire_size;
};

void redis_calls_init(struct redis_calls *calls);
/* All must have been given back. */
void redis_calls_free(struct redis_calls *calls);
struct redis_call *redis_calls_take(struct redis_calls *calls, redis_done *done, void *arg,
                                    mono_t now) MUST_CHECK;
void redis_calls_give_back(struct redis_calls *calls, struct redis_call *call);
/* It is sent again, for the last time: the youngest now. */
void redis_calls_renew(struct redis_calls *calls, struct redis_call *call, mono_t now);
/* NULL: none is outstanding. */
const struct redis_call *redis_calls_oldest(const struct redis_calls *calls);

/* Keeps a copy of the arguments of a script. */
void redis_calls_save(struct redis_call *call, size_t keys, size_t argc, const char *const *argv,
                      const size_t *lens);

/* The command as it is sent (an array of bulk strings). Valid until the next call. hiredis's own
 * formatter costs ten times as much, once for each submit_sm. */
struct bytes redis_calls_format(struct redis_calls *calls, size_t argc, const char *const *argv,
                                const size_t *lens);

/* Fills in the digest at the first use. */
void redis_calls_digest(struct redis_script *script);

/* A whole EVALSHA or EVAL command, from what was saved. Points into the call. */
struct redis_eval_command {
    size_t argc;
    const char *argv[REDIS_CALLS_MAX_EVAL];
    size_t lens[REDIS_CALLS_MAX_EVAL];
    char keys[20];
};
void redis_calls_eval(const struct redis_call *call, const char *verb, const char *script,
                      struct redis_eval_command *command_r);

#endif
