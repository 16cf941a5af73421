/* See fakes.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/list.h"
#include "common/map.h"

#include "tests/unit/bridge/fakes.h"

enum { MAX_ARGS = 64, MAX_KEPT = 4096 };

/* --- Redis --- */

struct asked {
    struct list link;
    redis_done *done;
    void *arg;
    size_t argc;
    char *argv[MAX_ARGS];
    size_t lens[MAX_ARGS];
};

struct redis {
    struct map *values; /* key → NUL-terminated text */
    struct list outstanding;
    bool down, refusing;
    unsigned count;
};

struct redis *fake_redis_create(void)
{
    struct redis *r = xcalloc(1, sizeof(*r));
    r->values = map_create();
    list_init(&r->outstanding);
    return r;
}

static void free_value(void *value, void *arg)
{
    (void)arg;
    free(value);
}

void fake_redis_destroy(struct redis *r)
{
    fake_redis_lose(r);
    map_each(r->values, free_value, NULL);
    map_destroy(&r->values);
    free(r);
}

void fake_redis_set_down(struct redis *r, bool down)
{
    r->down = down;
}

void fake_redis_set_refusing(struct redis *r, bool refusing)
{
    r->refusing = refusing;
}

const char *fake_redis_get(struct redis *r, const char *key)
{
    return map_get(r->values, key, strlen(key));
}

void fake_redis_put(struct redis *r, const char *key, const char *value)
{
    free(map_put(r->values, key, strlen(key), xstrdup(value)));
}

unsigned fake_redis_asked(const struct redis *r)
{
    return r->count;
}

bool redis_is_connected(const struct redis *r)
{
    return !r->down;
}

size_t redis_outstanding(const struct redis *r)
{
    return list_empty(&r->outstanding) ? 0 : 1;
}

int64_t redis_round_trip_ns(const struct redis *r)
{
    (void)r;
    return -1;
}

bool redis_command(struct redis *r, redis_done *done, void *arg, size_t argc,
                   const char *const *argv, const size_t *lens)
{
    assert_true(argc <= MAX_ARGS);
    if (r->down)
        return false;
    struct asked *a = xcalloc(1, sizeof(*a));
    a->done = done;
    a->arg = arg;
    a->argc = argc;
    for (size_t i = 0; i < argc; i++) {
        a->argv[i] = xcalloc(1, lens[i] + 1);
        a->lens[i] = lens[i];
        memcpy(a->argv[i], argv[i], lens[i]);
    }
    list_append(&r->outstanding, &a->link);
    r->count++;
    return true;
}

bool redis_eval(struct redis *r, struct redis_script *script, redis_done *done, void *arg,
                size_t keys, size_t argc, const char *const *argv, const size_t *lens)
{
    const char *with_name[MAX_ARGS] = {strstr(script->text, "HVALS") ? "GATHER" : "TOLD"};
    size_t with_lens[MAX_ARGS] = {strlen(with_name[0])};
    assert_int_equal(keys, 2);
    memcpy(with_name + 1, argv, argc * sizeof(argv[0]));
    memcpy(with_lens + 1, lens, argc * sizeof(lens[0]));
    return redis_command(r, done, arg, argc + 1, with_name, with_lens);
}

static void answer_set(struct redis *r, const struct asked *a, struct redis_reply *reply)
{
    assert_true(a->argc == 3 || strcmp(a->argv[3], "EX") == 0);
    if (r->refusing) {
        *reply = (struct redis_reply){.type = REDIS_ERROR, .text = "READONLY", .len = 8};
        return;
    }
    free(map_put(r->values, a->argv[1], a->lens[1], xstrdup(a->argv[2])));
    *reply = (struct redis_reply){.type = REDIS_STATUS, .text = "OK", .len = 2};
}

static struct redis_reply lookup(struct redis *r, const char *key, size_t len)
{
    const char *value = map_get(r->values, key, len);
    if (!value)
        return (struct redis_reply){.type = REDIS_NIL};
    return (struct redis_reply){.type = REDIS_STRING, .text = value, .len = strlen(value)};
}

/* A hash as one text: "field=value;…". The answer is its values. */
static size_t gather(struct redis *r, const struct asked *a, struct redis_reply *elements)
{
    static char values[MAX_ARGS][1024];
    struct text merged = {0};
    const char *before = fake_redis_get(r, a->argv[1]);
    size_t count = 0;
    for (const char *pos = before; pos && *pos; pos = strchr(pos, ';') + 1) {
        if ((size_t)(strchr(pos, '=') - pos) != a->lens[3] ||
            strncmp(pos, a->argv[3], a->lens[3]) != 0)
            text_append(&merged, pos, (size_t)(strchr(pos, ';') - pos) + 1);
    }
    text_printf(&merged, "%s=%s;", a->argv[3], a->argv[4]);
    fake_redis_put(r, a->argv[1], merged.data);
    fake_redis_put(r, a->argv[2], a->argv[7]); /* the set: the name that was put in last */
    for (const char *pos = merged.data; *pos; pos = strchr(pos, ';') + 1, count++) {
        const char *value = strchr(pos, '=') + 1;
        snprintf(values[count], sizeof(values[0]), "%.*s", (int)(strchr(value, ';') - value),
                 value);
        elements[count] = (struct redis_reply){
            .type = REDIS_STRING, .text = values[count], .len = strlen(values[count])};
    }
    text_free(&merged);
    return count;
}

/* Names and values in turn. */
static size_t get_all(struct redis *r, const char *key, struct redis_reply *elements)
{
    static char texts[MAX_ARGS][1024];
    size_t count = 0;
    for (const char *pos = fake_redis_get(r, key); pos && *pos; pos = strchr(pos, ';') + 1) {
        const char *value = strchr(pos, '=') + 1;
        snprintf(texts[count++], sizeof(texts[0]), "%.*s", (int)(value - 1 - pos), pos);
        snprintf(texts[count++], sizeof(texts[0]), "%.*s", (int)(strchr(value, ';') - value),
                 value);
    }
    for (size_t i = 0; i < count; i++)
        elements[i] =
            (struct redis_reply){.type = REDIS_STRING, .text = texts[i], .len = strlen(texts[i])};
    return count;
}

/* Both keys go if the hash has no more fields than were told. */
static int64_t told(struct redis *r, const struct asked *a)
{
    size_t fields = 0;
    for (const char *pos = fake_redis_get(r, a->argv[1]); pos && (pos = strchr(pos, ';')); pos++)
        fields++;
    if (fields > strtoul(a->argv[4], NULL, 10))
        return 0;
    free(map_remove(r->values, a->argv[2], a->lens[2]));
    if (strcmp(a->argv[5], "1") == 0)
        free(map_remove(r->values, a->argv[1], a->lens[1]));
    return 1;
}

static void answer_due(struct redis *r, const struct asked *a, struct redis_reply *reply,
                       struct redis_reply *elements)
{
    if (strcmp(a->argv[0], "HGETALL") == 0) {
        size_t count = get_all(r, a->argv[1], elements);
        *reply = (struct redis_reply){.type = REDIS_ARRAY, .elements = elements, .count = count};
    } else if (strcmp(a->argv[0], "ZRANGEBYSCORE") == 0) { /* whatever is in it is due */
        elements[0] = lookup(r, a->argv[1], a->lens[1]);
        *reply = (struct redis_reply){
            .type = REDIS_ARRAY, .elements = elements, .count = elements[0].type == REDIS_STRING};
    } else {
        assert_true(strcmp(a->argv[0], "DEL") == 0 || strcmp(a->argv[0], "ZREM") == 0);
        free(map_remove(r->values, a->argv[1], a->lens[1]));
        *reply = (struct redis_reply){.type = REDIS_INTEGER, .integer = 1};
    }
}

static void answer(struct redis *r, const struct asked *a, struct redis_reply *reply,
                   struct redis_reply *elements)
{
    if (strcmp(a->argv[0], "SET") == 0) {
        answer_set(r, a, reply);
    } else if (strcmp(a->argv[0], "GET") == 0) {
        *reply = lookup(r, a->argv[1], a->lens[1]);
    } else if (strcmp(a->argv[0], "MGET") == 0) {
        for (size_t i = 1; i < a->argc; i++)
            elements[i - 1] = lookup(r, a->argv[i], a->lens[i]);
        *reply =
            (struct redis_reply){.type = REDIS_ARRAY, .elements = elements, .count = a->argc - 1};
    } else if (strcmp(a->argv[0], "GATHER") == 0) {
        size_t count = gather(r, a, elements);
        *reply = (struct redis_reply){.type = REDIS_ARRAY, .elements = elements, .count = count};
    } else if (strcmp(a->argv[0], "TOLD") == 0) {
        *reply = (struct redis_reply){.type = REDIS_INTEGER, .integer = told(r, a)};
    } else {
        answer_due(r, a, reply, elements);
    }
}

static void end_first(struct redis *r, bool lost)
{
    struct asked *a = LIST_ENTRY(r->outstanding.next, struct asked, link);
    struct redis_reply reply, elements[MAX_ARGS];
    list_remove(&a->link);
    if (!lost)
        answer(r, a, &reply, elements);
    if (a->done)
        a->done(a->arg, lost ? NULL : &reply);
    for (size_t i = 0; i < a->argc; i++)
        free(a->argv[i]);
    free(a);
}

void fake_redis_answer(struct redis *r)
{
    while (!list_empty(&r->outstanding))
        end_first(r, false);
}

void fake_redis_lose(struct redis *r)
{
    r->down = true;
    while (!list_empty(&r->outstanding))
        end_first(r, true);
}

/* --- JetStream --- */

struct jetstream_publish {
    struct fake_publish view;
    jetstream_stored *stored;
    void *arg;
};

struct jetstream {
    struct jetstream_publish *kept[MAX_KEPT];
    size_t count;
    bool full;
};

struct jetstream *fake_js_create(void)
{
    return xcalloc(1, sizeof(struct jetstream));
}

void fake_js_destroy(struct jetstream *js)
{
    for (size_t i = 0; i < js->count; i++)
        free(js->kept[i]);
    free(js);
}

void fake_js_set_full(struct jetstream *js, bool full)
{
    js->full = full;
}

size_t fake_js_count(const struct jetstream *js)
{
    return js->count;
}

const struct fake_publish *fake_js_at(const struct jetstream *js, size_t i)
{
    assert_true(i < js->count);
    return &js->kept[i]->view;
}

void fake_js_store(struct jetstream *js, size_t i, bool duplicate)
{
    struct jetstream_publish *p = js->kept[i];
    assert_false(p->view.cancelled || p->view.stored);
    p->view.stored = true;
    p->stored(p->arg, duplicate);
}

struct jetstream_publish *jetstream_publish(struct jetstream *js, const char *subject,
                                            const char *msg_id,
                                            const struct jetstream_header *headers,
                                            size_t header_count, const void *data, size_t len,
                                            jetstream_stored *stored, void *arg)
{
    if (js->full)
        return NULL;
    assert_true(js->count < MAX_KEPT);
    struct jetstream_publish *p = xcalloc(1, sizeof(*p));
    assert_true(len < sizeof(p->view.data));
    snprintf(p->view.subject, sizeof(p->view.subject), "%s", subject);
    snprintf(p->view.msg_id, sizeof(p->view.msg_id), "%s", msg_id);
    if (header_count) {
        assert_string_equal(headers[0].name, "traceparent");
        snprintf(p->view.traceparent, sizeof(p->view.traceparent), "%s", headers[0].value);
    }
    memcpy(p->view.data, data, len);
    p->view.len = len;
    p->stored = stored;
    p->arg = arg;
    js->kept[js->count++] = p;
    return p;
}

void jetstream_publish_cancel(struct jetstream *js, struct jetstream_publish **p)
{
    (void)js;
    assert_false((*p)->view.stored);
    (*p)->view.cancelled = true;
    *p = NULL;
}

/* --- the agent --- */

struct agent_link {
    bool attached;
    uint8_t bytes[1 << 20];
    struct buf_writer writer;
};

struct agent_link *fake_link_create(void)
{
    struct agent_link *link = xcalloc(1, sizeof(*link));
    link->attached = true;
    link->writer = buf_writer(link->bytes, sizeof(link->bytes));
    return link;
}

void fake_link_destroy(struct agent_link *link)
{
    free(link);
}

void fake_link_set_attached(struct agent_link *link, bool attached)
{
    link->attached = attached;
}

bool agent_link_is_attached(const struct agent_link *link)
{
    return link->attached;
}

struct buf_writer *agent_link_begin(struct agent_link *link)
{
    assert_true(link->attached);
    return &link->writer;
}

void agent_link_end(struct agent_link *link)
{
    assert_false(link->writer.failed);
}

static struct ipc_batch records(const struct agent_link *link)
{
    return (struct ipc_batch){.records = buf_reader(link->bytes, buf_written(&link->writer))};
}

size_t fake_link_count(const struct agent_link *link)
{
    struct ipc_batch batch = records(link);
    struct bytes body;
    unsigned type;
    size_t count = 0;
    while (ipc_batch_next(&batch, &type, &body))
        count++;
    return count;
}

struct bytes fake_link_at(const struct agent_link *link, size_t i, unsigned type)
{
    struct ipc_batch batch = records(link);
    struct bytes body = {0};
    unsigned found = 0;
    for (size_t k = 0; k <= i; k++)
        assert_true(ipc_batch_next(&batch, &found, &body));
    assert_int_equal(found, type);
    return body;
}

/* --- operators --- */

struct mno *fake_operator(struct operators *operators, const char *id)
{
    struct operator_settings settings;
    operator_settings_init(&settings);
    assert_true(uuid_parse(id, strlen(id), &settings.id));
    settings.dispatch_stream = xstrdup("SMS_DISPATCH");
    return operators_put(operators, &settings);
}
