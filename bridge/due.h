/*
 * What Redis keeps until a time, and what is told then: a sorted set of names per operator (Unix ms
 * → name), and a hash for each name. The operators are looked at in turn, one name at a time, every
 * 5 s, by whoever serves them; so it outlives the process that put it there.
 */
#ifndef BRIDGE_DUE_H
#define BRIDGE_DUE_H

#include "bridge/agent_link.h"
#include "bridge/operators.h"
#include "bridge/redis.h"

#define DUE_NAME_SIZE 41
#define DUE_KEY_SIZE 128

struct due;

struct due_item {
    uint8_t operator_id[IPC_OPERATOR_ID_SIZE];
    char operator_text[37];
    char name[DUE_NAME_SIZE];
};

struct due_options {
    struct loop *loop;
    struct redis *redis;
    struct operators *operators;
    struct agent_link *link; /* nothing is told while the agent is away */
    const char *prefix;      /* of both keys; constant */
    bool (*applies)(const struct mno *op);
    /* Its time has come. `fields` is the hash: names and values in turn, valid during the call,
     * none when Redis has forgotten it. Ends with due_told() or due_later(), in the call or
     * afterwards. */
    void (*tell)(void *arg, const struct due_item *item, const struct redis_reply *fields);
    void *arg;
};

struct due *due_create(const struct due_options *options) MUST_CHECK;
/* After redis_destroy(), whose last callbacks still come here. */
void due_destroy(struct due **due);

/* "<prefix>{operatorId}:<name>" and "<prefix>due:{operatorId}". */
size_t due_hash_key(const char *prefix, const char *operator_text, const char *name,
                    char out[DUE_KEY_SIZE]);
size_t due_set_key(const char *prefix, const char *operator_text, char out[DUE_KEY_SIZE]);

/* It is due no more; `with_hash`: and forgotten. What came into its hash meanwhile is told next. */
void due_told(struct due *due, bool with_hash);
/* It stays due: after a pause it is told again. */
void due_later(struct due *due);

#endif
