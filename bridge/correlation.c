/*
 * Storing correlations, and remembering those that Redis has not confirmed yet. Looking them up is
 * in correlation_find.c.
 */
#include <stdlib.h>
#include <string.h>

#include "common/str.h"

#include "bridge/correlation_codec.h"
#include "bridge/correlation_private.h"

/* Entries that failed and that nobody stored again; more than the agent's ledger can hold. */
enum { MAX_IDLE = 65536 };

struct correlations *correlations_create(struct redis *redis, int64_t ttl_s)
{
    struct correlations *c = xcalloc(1, sizeof(*c));
    c->redis = redis;
    c->pending = map_create();
    c->dialects = map_create();
    list_init(&c->free_pending);
    list_init(&c->free_lookups);
    correlations_set_ttl(c, ttl_s);
    return c;
}

static void free_value(void *value, void *arg)
{
    (void)arg;
    free(value);
}

static void free_list(struct list *head, size_t link_offset)
{
    LIST_FOREACH (it, head) {
        free((char *)it - link_offset);
    }
}

void correlations_destroy(struct correlations **correlations)
{
    struct correlations *c = *correlations;
    if (!c)
        return;
    map_each(c->pending, free_value, NULL);
    map_destroy(&c->pending);
    map_each(c->dialects, free_value, NULL);
    map_destroy(&c->dialects);
    free_list(&c->free_pending, offsetof(struct pending, link));
    free_list(&c->free_lookups, offsetof(struct lookup, link));
    free(c);
    *correlations = NULL;
}

void correlations_set_ttl(struct correlations *c, int64_t ttl_s)
{
    struct str_out o = str_out(c->ttl_text, sizeof(c->ttl_text));
    str_put_i64(&o, ttl_s);
    c->ttl_len = o.len;
}

const char *correlations_ttl(const struct correlations *c)
{
    return c->ttl_text;
}

void correlations_on_store(struct correlations *c, correlation_noted *fn, void *arg)
{
    c->on_store = fn;
    c->on_store_arg = arg;
}

size_t correlations_pending(const struct correlations *c)
{
    return map_count(c->pending);
}

size_t correlation_pending_key(const struct mno *op, const char *id, uint8_t out[PENDING_KEY_SIZE])
{
    size_t len = strnlen(id, SMPP_MESSAGE_ID_SIZE - 1);
    memcpy(out, op->id, IPC_OPERATOR_ID_SIZE);
    memcpy(out + IPC_OPERATOR_ID_SIZE, id, len);
    return IPC_OPERATOR_ID_SIZE + len;
}

static struct pending *pending_new(struct correlations *c)
{
    if (list_empty(&c->free_pending))
        return xmalloc(sizeof(struct pending));
    struct list *first = c->free_pending.next;
    list_remove(first);
    return LIST_ENTRY(first, struct pending, link);
}

static void pending_free(struct correlations *c, struct pending *p)
{
    list_append(&c->free_pending, &p->link);
}

/* The latest entry of an id is the one that is findable; an older one only waits for its answer. */
static void pending_put(struct correlations *c, struct pending *p)
{
    struct pending *former = map_put(c->pending, p->key, p->key_len, p);
    if (former && !former->under_way) {
        c->idle--;
        pending_free(c, former);
    }
}

static void pending_done(struct correlations *c, struct pending *p, bool ok)
{
    p->under_way = false;
    bool is_latest = map_get(c->pending, p->key, p->key_len) == p;
    if (is_latest && !ok && c->idle < MAX_IDLE) {
        c->idle++;
        return;
    }
    if (is_latest)
        map_remove(c->pending, p->key, p->key_len);
    pending_free(c, p);
}

static void on_stored(void *arg, const struct redis_reply *reply)
{
    struct pending *p = arg;
    bool ok = reply && reply->type == REDIS_STATUS;
    correlation_stored *done = p->done;
    void *done_arg = p->arg;
    pending_done(p->owner, p, ok);
    done(done_arg, ok);
}

/* SET key value EX ttl */
static bool set(struct correlations *c, const char *operator_id, const char *id, bool is_alias,
                struct bytes value, redis_done *done, void *arg)
{
    char key[CORRELATION_KEY_SIZE];
    size_t key_len = correlation_key(operator_id, id, is_alias, key);
    const char *argv[] = {"SET", key, (const char *)value.data, "EX", c->ttl_text};
    const size_t lens[] = {3, key_len, value.len, 2, c->ttl_len};
    return redis_command(c->redis, done, arg, ARRAY_LEN(argv), argv, lens);
}

/* Not for an operator that is known to spell its ids the same way twice; but where zeros in front
 * are dropped that is what most ids look like, so it says nothing about those that begin with one.
 */
static bool wants_alias(struct correlations *c, const struct mno *op, const char *id)
{
    enum message_id_format format = (enum message_id_format)op->settings.message_id_format;
    if (format == MESSAGE_ID_FORMAT_EXACT || !correlation_needs_alias(id))
        return false;
    if (format != MESSAGE_ID_FORMAT_AUTO || id[0] == '0')
        return true;
    const struct correlation_dialect *d = &correlation_dialect_get(c, op)->view;
    return !d->is_learnt || d->learnt != MESSAGE_ID_EXACT;
}

bool correlation_store(struct correlations *c, const struct mno *op,
                       const struct correlation *entry, correlation_stored *done, void *arg)
{
    INVARIANT(entry->operator_message_id[0] != 0);
    char packed[CORRELATION_VALUE_SIZE];
    struct bytes value = {.data = (const uint8_t *)packed, .len = correlation_pack(entry, packed)};

    /* The alias goes first, so that it is there when the id's own key is confirmed. */
    char alias[SMPP_MESSAGE_ID_SIZE];
    if (wants_alias(c, op, entry->operator_message_id) &&
        correlation_alias(entry->operator_message_id, alias) &&
        !set(c, op->id_text, alias, true, value, NULL, NULL))
        return false;

    struct pending *p = pending_new(c);
    *p = (struct pending){.owner = c, .entry = *entry, .done = done, .arg = arg};
    p->key_len = correlation_pending_key(op, entry->operator_message_id, p->key);
    p->under_way = true;
    list_init(&p->link);
    if (!set(c, op->id_text, entry->operator_message_id, false, value, on_stored, p)) {
        pending_free(c, p);
        return false;
    }
    pending_put(c, p);
    if (c->on_store)
        c->on_store(c->on_store_arg, op, &p->entry);
    return true;
}
