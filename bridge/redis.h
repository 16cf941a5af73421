/*
 * Redis in our words; the only file that knows hiredis. One connection, pipelined, kept up with
 * jittered back-off; resolves without blocking, has time-outs of its own. Everything on the loop.
 */
#ifndef BRIDGE_REDIS_H
#define BRIDGE_REDIS_H

#include "common/loop.h"

struct redis;

enum redis_reply_type {
    REDIS_STRING,
    REDIS_INTEGER,
    REDIS_NIL,
    REDIS_STATUS,
    REDIS_ERROR,
    REDIS_ARRAY
};

/* Valid during the callback only. */
struct redis_reply {
    enum redis_reply_type type;
    int64_t integer;
    const char *text; /* string, status, error; NUL-terminated besides len */
    size_t len;
    const struct redis_reply *elements;
    size_t count;
};

/* NULL reply: no connection, or no answer within the time-out; whether the server did it is
 * unknown. */
typedef void redis_done(void *arg, const struct redis_reply *reply);

struct redis_events {
    /* Connected (authenticated, database selected, a master that has loaded its data). `run_id`
     * differs when it is another process or was promoted, and each time where INFO is not allowed:
     * what was in it may be gone. */
    void (*connected)(void *arg, const char *run_id);
    /* The connection was lost, or could not be made (told again only for another reason). The
     * callbacks of unanswered commands came before it. */
    void (*disconnected)(void *arg, const char *reason);
    void *arg;
};

/* redis://[user:password@]host:port/db; rediss:// where hiredis can. −1: the URL is wrong. */
int redis_create(struct loop *loop, const char *url, const struct redis_events *events,
                 struct redis **redis_r, char *error_r, size_t error_size) MUST_CHECK;
/* Outstanding callbacks run with NULL first. */
void redis_destroy(struct redis **redis);
bool redis_is_connected(const struct redis *redis);

/* Sends one command; callbacks come in order, never from inside the call. False: not connected, or
 * 100,000 commands outstanding; `done` is not called then. `done` NULL: the answer is not wanted.
 */
bool redis_command(struct redis *redis, redis_done *done, void *arg, size_t argc,
                   const char *const *argv, const size_t *lens) MUST_CHECK;

/* EVALSHA with its fallback to EVAL (which goes to the end of the line); `script` lives as long as
 * the process. Keys first, then arguments, in argv; at most 64 of them. */
struct redis_script {
    const char *text;
    char sha1[41]; /* filled at first use */
};
bool redis_eval(struct redis *redis, struct redis_script *script, redis_done *done, void *arg,
                size_t keys, size_t argc, const char *const *argv, const size_t *lens) MUST_CHECK;

size_t redis_outstanding(const struct redis *redis);
/* Round trip of the last answered command, nanoseconds; −1: none yet. */
int64_t redis_round_trip_ns(const struct redis *redis);

#endif
