/* STREAM.INFO, and STREAM.CREATE with three copies, else with one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/str.h"

#include "proto/json.h"

#include "bridge/leases_bucket.h"

#define AGAIN_MS 5000
#define ERR_NO_STREAM 10059

struct leases_bucket {
    struct jetstream *js;
    char *name;
    void (*on_ready)(void *arg);
    void *arg;
    struct timer again;
    bool ready, asking;
    unsigned replicas; /* of the attempt to make it; 0: none is under way */
    char trouble[320];
};

static void look(struct leases_bucket *b);

static void on_again(void *arg)
{
    look(arg);
}

/* --- what was answered --- */

static void found(struct leases_bucket *b, const char *how)
{
    if (!b->ready)
        log_info("the bucket of the leases is there", LOG_STR("bucket", b->name),
                 LOG_STR("how", how));
    b->ready = true;
    b->trouble[0] = 0;
    b->replicas = 0;
    b->on_ready(b->arg);
}

static void missing(struct leases_bucket *b, const char *reason)
{
    char text[sizeof(b->trouble)];
    snprintf(text, sizeof(text),
             "the key-value bucket %.60s of the leases is not there and can't be made (%.80s): "
             "nats kv add %.60s --replicas 3",
             b->name, reason, b->name);
    if (strcmp(text, b->trouble) != 0)
        log_error("no leases can be taken", LOG_STR("reason", text));
    str_copy(b->trouble, sizeof(b->trouble), text, strlen(text));
    b->ready = false;
    b->replicas = 0;
    timer_start_ms(&b->again, AGAIN_MS);
}

/* 0: no error; −1: unreadable, with the reason. */
static int64_t error_of(const char *json, size_t len, char *reason, size_t size)
{
    int64_t code = -1;
    struct bytes text;
    struct json *root = json_parse(json, len, JSON_SIZE_LIMIT * 16, reason, size);
    if (!root)
        return -1;
    const struct json *error = json_member(root, "error");
    if (!error)
        code = 0;
    else if (!json_int(json_member(error, "err_code"), 1, INT32_MAX, &code))
        code = -1;
    if (error && json_string(json_member(error, "description"), &text))
        str_copy(reason, size, (const char *)text.data, text.len);
    json_destroy(&root);
    return code;
}

/* --- asking --- */

static void make(struct leases_bucket *b, unsigned replicas);

static void on_made(void *arg, const char *json, size_t len, const char *reason)
{
    struct leases_bucket *b = arg;
    char why[160] = "";
    b->asking = false;
    int64_t error = json ? error_of(json, len, why, sizeof(why)) : -1;
    if (error == 0)
        found(b, b->replicas > 1 ? "made, with three replicas" : "made, with one replica");
    else if (json && b->replicas > 1)
        make(b, 1);
    else
        missing(b, json ? why : reason);
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
    char why[160] = "";
    b->asking = false;
    int64_t error = json ? error_of(json, len, why, sizeof(why)) : -1;
    if (error == 0)
        found(b, "found");
    else if (error == ERR_NO_STREAM)
        make(b, 3);
    else if (!b->ready)
        missing(b, json ? why : reason);
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
