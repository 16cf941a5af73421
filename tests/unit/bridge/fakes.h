/*
 * Redis, JetStream and the agent's link as plain memory, for tests of what stands on them: nothing
 * is answered before the test says so. Linked instead of the adapters.
 */
#ifndef TESTS_UNIT_BRIDGE_FAKES_H
#define TESTS_UNIT_BRIDGE_FAKES_H

#include "bridge/agent_link.h"
#include "bridge/jetstream.h"
#include "bridge/operators.h"
#include "bridge/redis.h"

#define FAKE_OPERATOR_ID "11111111-2222-4333-8444-555555555555"

/* --- Redis: SET, GET, MGET of strings, and the scripts that gather segments and parts; what they
 * put into a sorted set is due at once --- */

struct redis *fake_redis_create(void);
void fake_redis_destroy(struct redis *redis);
/* Answers all that is outstanding, and what that asks in turn. */
void fake_redis_answer(struct redis *redis);
/* The same with NULL: the connection was lost. */
void fake_redis_lose(struct redis *redis);
void fake_redis_set_down(struct redis *redis, bool down);
void fake_redis_set_refusing(struct redis *redis, bool refusing); /* writes end in an error */
const char *fake_redis_get(struct redis *redis, const char *key); /* NULL: not there */
void fake_redis_put(struct redis *redis, const char *key, const char *value);
unsigned fake_redis_asked(const struct redis *redis); /* commands since the start */

/* --- JetStream: publishing --- */

struct fake_publish {
    char subject[64], msg_id[64], traceparent[64];
    char data[16384];
    size_t len;
    bool cancelled, stored;
};
struct jetstream *fake_js_create(void);
void fake_js_destroy(struct jetstream *js);
void fake_js_set_full(struct jetstream *js, bool full);
size_t fake_js_count(const struct jetstream *js);
const struct fake_publish *fake_js_at(const struct jetstream *js, size_t i);
/* The PubAck of the i-th. */
void fake_js_store(struct jetstream *js, size_t i, bool duplicate);

/* --- the agent --- */

struct agent_link *fake_link_create(void);
void fake_link_destroy(struct agent_link *link);
void fake_link_set_attached(struct agent_link *link, bool attached);
size_t fake_link_count(const struct agent_link *link);
/* The body of the i-th record sent; fails the test when it is of another type. */
struct bytes fake_link_at(const struct agent_link *link, size_t i, unsigned type);

/* --- operators --- */

struct mno *fake_operator(struct operators *operators, const char *id);

#endif
