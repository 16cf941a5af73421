/* STREAM.INFO, and STREAM.CREATE with three copies; with one where the server is no cluster. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/str.h"

#include "proto/json.h"

#include "bridge/leases_bucket.h"

#define AGAIN_MS 5000
#define ERR_NO_STREAM 10059
#define ERR_NO_CLUSTER 10074 /* replicas > 1 not supported in non-clustered mode */
#define REPLICAS 3

struct leases_bucket {
    struct jetstream *js;
    char *name;
    void (*on_ready)(void *arg);
    void *arg;
    struct timer again;
    bool ready, asking;
    unsigned replicas; /* of the last attempt to make it */
    char trouble[320];
};

static void look(struct leases_bucket *b);

static void on_again(void *arg)
{
    look(arg);
}

/* --- what was answered --- */

static void found(struct leases_bucket *b, const char *how, const char *weakness)
{
    if (!b->ready)
        log_info("the bucket of the leases is there", LOG_STR("bucket", b->name),
                 LOG_STR("how", how));
    if (!b->ready && weakness)
        log_warn("the leases are only as good as the bucket that keeps them",
                 LOG_STR("bucket", b->name), LOG_STR("weakness", weakness));
    b->ready = true;
    b->trouble[0] = 0;
    b->on_ready(b->arg);
}

static void refuse(struct leases_bucket *b, const char *text)
{
    if (strcmp(text, b->trouble) != 0)
        log_error("no leases can be taken", LOG_STR("reason", text));
    str_copy(b->trouble, sizeof(b->trouble), text, strlen(text));
    b->ready = false;
    timer_start_ms(&b->again, AGAIN_MS);
}

static void missing(struct leases_bucket *b, const char *reason)
{
    char text[sizeof(b->trouble)];
    snprintf(text, sizeof(text),
             "the key-value bucket %.60s of the leases is not there and can't be made (%.80s): "
             "nats kv add %.60s --replicas 3",
             b->name, reason, b->name);
    refuse(b, text);
}

/* What JetStream said about the bucket. */
struct answer {
    int64_t error; /* 0: none; −1: unreadable */
    char reason[160];
    int64_t max_age_ns, replicas;
    bool in_memory;
};

static void read_config(const struct json *config, struct answer *a)
{
    struct bytes storage;
    if (!json_int(json_member(config, "max_age"), 0, INT64_MAX, &a->max_age_ns))
        a->max_age_ns = 0;
    if (!json_int(json_member(config, "num_replicas"), 1, INT32_MAX, &a->replicas))
        a->replicas = 1;
    a->in_memory = json_string(json_member(config, "storage"), &storage) &&
                   str_equal((const char *)storage.data, storage.len, "memory", 6);
}

static struct answer read_answer(const char *json, size_t len, const char *reason)
{
    struct answer a = {.error = -1};
    struct bytes text;
    if (!json) {
        snprintf(a.reason, sizeof(a.reason), "%s", reason ? reason : "no answer");
        return a;
    }
    struct json *root = json_parse(json, len, JSON_SIZE_LIMIT * 16, a.reason, sizeof(a.reason));
    if (!root)
        return a;
    const struct json *error = json_member(root, "error");
    if (!error)
        a.error = 0;
    else if (!json_int(json_member(error, "err_code"), 1, INT32_MAX, &a.error))
        a.error = -1;
    if (error && json_string(json_member(error, "description"), &text))
        str_copy(a.reason, sizeof(a.reason), (const char *)text.data, text.len);
    read_config(json_member(root, "config"), &a);
    json_destroy(&root);
    return a;
}

/* A key that goes by itself is free, whoever holds it. */
static bool forgets(const struct leases_bucket *b, const struct answer *a, char *text, size_t size)
{
    snprintf(text, size,
             "the key-value bucket %.60s of the leases forgets its keys after %" PRId64
             " s (max_age), held or not: nats stream edit KV_%.60s --max-age 0s",
             b->name, a->max_age_ns / NS_PER_S, b->name);
    return a->max_age_ns != 0;
}

static const char *weakness_of(const struct answer *a)
{
    if (a->in_memory)
        return "it is in memory: a restarted server has forgotten who holds what";
    return a->replicas < REPLICAS
               ? "fewer than three replicas: a server that is lost takes it along"
               : NULL;
}

static void use(struct leases_bucket *b, const struct answer *a, const char *how)
{
    char text[sizeof(b->trouble)];
    if (forgets(b, a, text, sizeof(text)))
        refuse(b, text);
    else
        found(b, how, weakness_of(a));
}

/* --- asking --- */

static void make(struct leases_bucket *b, unsigned replicas);

static void on_made(void *arg, const char *json, size_t len, const char *reason)
{
    struct leases_bucket *b = arg;
    struct answer a = read_answer(json, len, reason);
    b->asking = false;
    if (a.error == 0)
        use(b, &a, "made");
    else if (a.error == ERR_NO_CLUSTER && b->replicas > 1)
        make(b, 1);
    else
        missing(b, a.reason);
}

static void make(struct leases_bucket *b, unsigned replicas)
{
    char what[192], json[768];
    snprintf(what, sizeof(what), "STREAM.CREATE.KV_%s", b->name);
    snprintf(
        json, sizeof(json),
        "{\"name\":\"KV_%s\",\"subjects\":[\"$KV.%s.>\"],\"max_msgs_per_subject\":1,"
        "\"retention\":\"limits\",\"discard\":\"new\",\"storage\":\"file\",\"num_replicas\":%u,"
        "\"max_msgs\":-1,\"max_bytes\":-1,\"max_age\":0,\"max_msg_size\":-1,"
        "\"max_consumers\":-1,\"duplicate_window\":120000000000,\"allow_direct\":true,"
        "\"allow_rollup_hdrs\":true,\"deny_delete\":true}",
        b->name, b->name, replicas);
    b->replicas = replicas;
    b->asking = jetstream_api(b->js, what, json, on_made, b);
    if (!b->asking)
        timer_start_ms(&b->again, AGAIN_MS);
}

static void on_info(void *arg, const char *json, size_t len, const char *reason)
{
    struct leases_bucket *b = arg;
    struct answer a = read_answer(json, len, reason);
    b->asking = false;
    if (a.error == 0)
        use(b, &a, "found");
    else if (a.error == ERR_NO_STREAM)
        make(b, REPLICAS);
    else if (!b->ready)
        missing(b, a.reason);
}

static void look(struct leases_bucket *b)
{
    char what[192];
    if (b->asking)
        return;
    snprintf(what, sizeof(what), "STREAM.INFO.KV_%s", b->name);
    b->asking = jetstream_api(b->js, what, "", on_info, b);
    if (!b->asking && jetstream_is_connected(b->js))
        timer_start_ms(&b->again, AGAIN_MS);
}

void leases_bucket_look(struct leases_bucket *b)
{
    look(b);
}

/* --- life --- */

struct leases_bucket *leases_bucket_create(struct loop *loop, struct jetstream *js,
                                           const char *name, void (*ready)(void *arg), void *arg)
{
    struct leases_bucket *b = xcalloc(1, sizeof(*b));
    b->js = js;
    b->name = xstrdup(name);
    b->on_ready = ready;
    b->arg = arg;
    timer_init(&b->again, loop, on_again, b);
    snprintf(b->trouble, sizeof(b->trouble), "the bucket of the leases was not asked for yet");
    return b;
}

void leases_bucket_destroy(struct leases_bucket **bucket)
{
    struct leases_bucket *b = *bucket;
    if (!b)
        return;
    timer_stop(&b->again);
    free(b->name);
    free(b);
    *bucket = NULL;
}

bool leases_bucket_is_ready(const struct leases_bucket *b)
{
    return b->ready;
}

const char *leases_bucket_trouble(const struct leases_bucket *b)
{
    return b->ready ? NULL : b->trouble;
}
