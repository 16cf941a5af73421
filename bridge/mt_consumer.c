/*
 * Checks of the durables: STREAM.INFO (shared by the operators of a stream), CONSUMER.INFO, the
 * decision (mt_consumer_rules.c), creation where it is safe, and whether dead letters are taken.
 * At most CHECKS_MAX at a time, so that a thousand operators don't stampede.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/str.h"

#include "proto/json.h"

#include "bridge/mt_consumer.h"

#define CHECKS_MAX 32
#define CHECK_EVERY_MS 60000
#define CHECK_AGAIN_MS 5000  /* while there is trouble */
#define STREAM_FRESH_MS 5000 /* one STREAM.INFO serves all operators of the stream so long */

enum check_step { STEP_IDLE, STEP_QUEUED, STEP_STREAM, STEP_CONSUMER, STEP_CREATE, STEP_LETTERS };

struct mt_consumer {
    struct mt_operator *mo;
    struct list link; /* in the queue, or waiting for its stream */
    enum check_step step;
    bool ready;
    bool again; /* asked for while a check was under way */
    mono_t due;
    char name[64], subject[64];
    char stream_name[256]; /* that of the check under way, or of the last one */
    char trouble[400];
    char remark[400]; /* what is odd and can be lived with; logged once */
    struct mt_consumer_case facts;
    bool letters_known, letters;
    bool asking_backup;
    uint64_t floor_told;
};

/* One stream's last STREAM.INFO. */
struct stream {
    struct list link;
    struct mt_path *path;
    char *name;
    char *json;
    size_t len;
    mono_t at;
    bool asking;
    struct list waiting; /* consumers */
};

struct mt_streams {
    struct mt_path *path;
    struct list all;
    struct list queue; /* consumers to be checked */
    unsigned running;
    bool pumping; /* checks that end at once must not start others from inside */
};

static void next_check(struct mt_path *path);

static struct mt_streams *streams_of(const struct mt_consumer *c)
{
    return c->mo->path->streams;
}

static const char *id_of(const struct mt_consumer *c)
{
    return c->mo->op->id_text;
}

/* --- how a check ends --- */

static void finish(struct mt_consumer *c, int64_t again_ms)
{
    struct mt_path *path = c->mo->path;
    c->step = STEP_IDLE;
    c->due = mono_add_ms(loop_now(path->with.loop), c->again ? 0 : again_ms);
    c->again = false;
    streams_of(c)->running--;
    mt_touch(c->mo);
    next_check(path);
}

static void fail(struct mt_consumer *c, const char *why)
{
    if (strcmp(c->trouble, why) != 0)
        log_error("commands of an operator can't be fetched", LOG_STR("operatorId", id_of(c)),
                  LOG_STR("reason", why));
    str_copy(c->trouble, sizeof(c->trouble), why, strlen(why));
    c->ready = false;
    finish(c, CHECK_AGAIN_MS);
}

/* The server could not be asked: what was known before stays true. */
static void postpone(struct mt_consumer *c, const char *what, const char *reason)
{
    char why[300];
    snprintf(why, sizeof(why), "%s: %s", what, reason ? reason : "no answer");
    if (c->ready)
        finish(c, CHECK_AGAIN_MS);
    else
        fail(c, why);
}

static void tell_floor(struct mt_consumer *c)
{
    struct agent_link *link = c->mo->path->with.link;
    uint64_t floor = c->facts.consumer.ack_floor;
    if (floor == 0 || floor == c->floor_told)
        return;
    c->facts.floor_known = true;
    c->facts.floor = floor;
    struct ipc_ack_floor record = {.stream = ipc_stream_id(c->stream_name), .sequence = floor};
    memcpy(record.operator_id, c->mo->op->id, sizeof(record.operator_id));
    ipc_put_ack_floor(agent_link_begin(link), &record);
    agent_link_end(link);
    c->floor_told = floor;
}

static void succeed(struct mt_consumer *c)
{
    if (!c->ready)
        log_info("commands of an operator are fetched", LOG_STR("operatorId", id_of(c)),
                 LOG_STR("consumer", c->name), LOG_BOOL("deadLetters", c->letters),
                 LOG_INT("maxAckPending", c->facts.consumer.max_ack_pending));
    /* Unless the settings name another stream by now, which is looked at next. */
    c->ready = strcmp(c->stream_name, c->mo->op->settings.dispatch_stream) == 0;
    c->trouble[0] = 0;
    c->mo->ack_wait_ms = c->facts.consumer.ack_wait_ms;
    tell_floor(c);
    finish(c, CHECK_EVERY_MS);
}

/* --- dead letters --- */

static void on_letters(void *arg, const char *json, size_t len, const char *reason)
{
    struct mt_consumer *c = arg;
    char error[200];
    if (!json) {
        log_warn("whether dead letters are taken is not known", LOG_STR("operatorId", id_of(c)),
                 LOG_STR("reason", reason));
        succeed(c);
        return;
    }
    struct json *root = json_parse(json, len, JSON_SIZE_LIMIT * 16, error, sizeof(error));
    const struct json *streams = json_member(root, "streams");
    c->letters_known = root && !json_member(root, "error");
    c->letters = streams && json_count(streams) > 0;
    json_destroy(&root);
    succeed(c);
}

static void ask_letters(struct mt_consumer *c)
{
    char json[128];
    struct mt_path *path = c->mo->path;
    if (c->letters_known || path->with.settings->deadletter != DEADLETTER_AUTO) {
        succeed(c);
        return;
    }
    c->step = STEP_LETTERS;
    snprintf(json, sizeof(json), "{\"subject\":\"smpp.deadletter.%s\"}", id_of(c));
    if (!jetstream_api(path->with.js, "STREAM.NAMES", json, on_letters, c))
        succeed(c);
}

/* --- creation --- */

static void on_created(void *arg, const char *json, size_t len, const char *reason)
{
    struct mt_consumer *c = arg;
    char error[300];
    if (!json) {
        postpone(c, "CONSUMER.DURABLE.CREATE", reason);
        return;
    }
    if (mt_consumer_info_parse(json, len, c->subject, &c->facts.consumer, error, sizeof(error)) !=
        0) {
        fail(c, error);
        return;
    }
    log_info("the durable consumer is created", LOG_STR("operatorId", id_of(c)),
             LOG_STR("consumer", c->name));
    ask_letters(c);
}

static void create(struct mt_consumer *c, enum mt_consumer_verdict verdict)
{
    char json[1024], what[400];
    struct mt_path *path = c->mo->path;
    int64_t ack_pending = mt_consumer_wanted_ack_pending(&c->mo->op->settings);
    c->step = STEP_CREATE;
    snprintf(what, sizeof(what), "CONSUMER.DURABLE.CREATE.%s.%s", c->facts.stream_name, c->name);
    if (mt_consumer_create_json(&c->facts, verdict, ack_pending, json, sizeof(json)) == 0)
        fail(c, "the stream's name is too long");
    else if (!jetstream_api(path->with.js, what, json, on_created, c))
        postpone(c, "CONSUMER.DURABLE.CREATE", "not connected");
}

/* --- the consumer --- */

static void decide(struct mt_consumer *c)
{
    char text[400];
    enum mt_consumer_verdict verdict = mt_consumer_decide(
        &c->facts, mt_consumer_wanted_ack_pending(&c->mo->op->settings), text, sizeof(text));
    switch (verdict) {
    case MT_CONSUMER_REFUSE:
        fail(c, text);
        return;
    case MT_CONSUMER_USE:
        if (*text && strcmp(text, c->remark) != 0)
            log_warn("a consumer is not as recommended", LOG_STR("operatorId", id_of(c)),
                     LOG_STR("reason", text));
        memcpy(c->remark, text, sizeof(c->remark));
        ask_letters(c);
        return;
    default:
        create(c, verdict);
        return;
    }
}

static void on_consumer(void *arg, const char *json, size_t len, const char *reason)
{
    struct mt_consumer *c = arg;
    char error[300];
    if (!json)
        postpone(c, "CONSUMER.INFO", reason);
    else if (mt_consumer_info_parse(json, len, c->subject, &c->facts.consumer, error,
                                    sizeof(error)) != 0)
        fail(c, error);
    else
        decide(c);
}

static void ask_consumer(struct mt_consumer *c)
{
    char what[400];
    c->step = STEP_CONSUMER;
    snprintf(what, sizeof(what), "CONSUMER.INFO.%s.%s", c->facts.stream_name, c->name);
    if (!jetstream_api(c->mo->path->with.js, what, "", on_consumer, c))
        postpone(c, "CONSUMER.INFO", "not connected");
}

/* --- the stream --- */

static void use_stream(struct mt_consumer *c, const struct stream *s)
{
    char error[300];
    if (mt_stream_info_parse(s->json, s->len, c->subject, &c->facts.stream, error, sizeof(error)) !=
        0)
        fail(c, error);
    else if (!c->facts.stream.exists)
        decide(c);
    else
        ask_consumer(c);
}

static void on_stream(void *arg, const char *json, size_t len, const char *reason)
{
    struct stream *s = arg;
    s->asking = false;
    s->path->streams->pumping = true;
    free(s->json);
    s->json = NULL;
    if (json) {
        s->json = xmalloc(len + 1);
        memcpy(s->json, json, len);
        s->len = len;
        s->at = loop_now(s->path->with.loop);
    }
    while (!list_empty(&s->waiting)) {
        struct mt_consumer *c = LIST_ENTRY(s->waiting.next, struct mt_consumer, link);
        list_remove(&c->link);
        if (s->json)
            use_stream(c, s);
        else
            postpone(c, "STREAM.INFO", reason);
    }
    s->path->streams->pumping = false;
    next_check(s->path);
}

static struct stream *find_stream(struct mt_streams *streams, const char *name)
{
    LIST_FOREACH (item, &streams->all) {
        struct stream *s = LIST_ENTRY(item, struct stream, link);
        if (strcmp(s->name, name) == 0)
            return s;
    }
    struct stream *s = xcalloc(1, sizeof(*s));
    s->path = streams->path;
    s->name = xstrdup(name);
    list_init(&s->waiting);
    list_append(&streams->all, &s->link);
    return s;
}

static void ask_stream(struct mt_consumer *c)
{
    struct mt_path *path = c->mo->path;
    struct stream *s = find_stream(path->streams, c->facts.stream_name);
    char what[300];
    c->step = STEP_STREAM;
    if (s->json && mono_diff_ms(loop_now(path->with.loop), s->at) < STREAM_FRESH_MS) {
        use_stream(c, s);
        return;
    }
    list_append(&s->waiting, &c->link);
    if (s->asking)
        return;
    snprintf(what, sizeof(what), "STREAM.INFO.%s", s->name);
    s->asking = jetstream_api(path->with.js, what, "", on_stream, s);
    if (s->asking)
        return;
    list_remove(&c->link);
    postpone(c, "STREAM.INFO", "not connected");
}

/* --- when --- */

/* What was known of the former stream says nothing of another one. */
static void use_stream_name(struct mt_consumer *c, const char *name)
{
    if (strcmp(c->stream_name, name) == 0)
        return;
    if (!str_copy(c->stream_name, sizeof(c->stream_name), name, strlen(name)))
        panic("the settings let a longer name of a stream pass");
    c->facts.floor_known = false;
    c->facts.floor = c->floor_told = 0;
}

static void next_check(struct mt_path *path)
{
    struct mt_streams *streams = path->streams;
    if (streams->pumping)
        return;
    streams->pumping = true;
    while (streams->running < CHECKS_MAX && !list_empty(&streams->queue) &&
           jetstream_is_connected(path->with.js)) {
        struct mt_consumer *c = LIST_ENTRY(streams->queue.next, struct mt_consumer, link);
        list_remove(&c->link);
        streams->running++;
        use_stream_name(c, c->mo->op->settings.dispatch_stream);
        c->facts.start = path->with.settings->consumer_start;
        ask_stream(c);
    }
    streams->pumping = false;
}

static void enqueue(struct mt_consumer *c)
{
    c->step = STEP_QUEUED;
    list_append(&streams_of(c)->queue, &c->link);
}

void mt_consumer_check(struct mt_operator *mo)
{
    struct mt_consumer *c = mo->consumer;
    c->again = c->step > STEP_QUEUED;
    if (c->step == STEP_IDLE && operators_is_configured(mo->op))
        enqueue(c);
    if (mo->path->listed)
        next_check(mo->path);
}

void mt_consumer_tick(struct mt_path *path)
{
    mono_t now = loop_now(path->with.loop);
    if (!path->listed || path->stopping)
        return;
    for (size_t i = 0; i < operators_count(path->with.operators); i++) {
        struct mt_consumer *c = operators_at(path->with.operators, i)->mt->consumer;
        if (c->step == STEP_IDLE && mono_reached(now, c->due) && operators_is_configured(c->mo->op))
            enqueue(c);
    }
    next_check(path);
}

void mt_consumer_connected(struct mt_path *path)
{
    LIST_FOREACH (item, &path->streams->all) {
        LIST_ENTRY(item, struct stream, link)->at = (mono_t){0};
    }
    for (size_t i = 0; i < operators_count(path->with.operators); i++)
        mt_consumer_check(operators_at(path->with.operators, i)->mt);
}

void mt_consumer_settings_changed(struct mt_operator *mo)
{
    struct mt_consumer *c = mo->consumer;
    if (strcmp(c->stream_name, mo->op->settings.dispatch_stream) != 0)
        c->ready = false; /* nothing is pulled from the new one before it is checked */
    mt_consumer_check(mo);
}

void mt_consumer_note_floor(struct mt_operator *mo, uint64_t stream, uint64_t sequence)
{
    struct mt_consumer *c = mo->consumer;
    if (stream != ipc_stream_id(mo->op->settings.dispatch_stream))
        return;
    c->facts.floor_known = true;
    c->facts.floor = sequence;
}

/* --- life --- */

struct mt_streams *mt_streams_create(struct mt_path *path)
{
    struct mt_streams *s = xcalloc(1, sizeof(*s));
    s->path = path;
    list_init(&s->all);
    list_init(&s->queue);
    return s;
}

void mt_streams_destroy(struct mt_streams **streams)
{
    LIST_FOREACH (item, &(*streams)->all) {
        struct stream *s = LIST_ENTRY(item, struct stream, link);
        free(s->name);
        free(s->json);
        free(s);
    }
    free(*streams);
    *streams = NULL;
}

struct mt_consumer *mt_consumer_create(struct mt_operator *mo)
{
    struct mt_consumer *c = xcalloc(1, sizeof(*c));
    c->mo = mo;
    list_init(&c->link);
    snprintf(c->name, sizeof(c->name), "smpp-connector-%s", mo->op->id_text);
    snprintf(c->subject, sizeof(c->subject), "smpp.operator.%s", mo->op->id_text);
    str_copy(c->trouble, sizeof(c->trouble), "its consumer is not checked yet", 31);
    use_stream_name(c, mo->op->settings.dispatch_stream);
    c->facts.stream_name = c->stream_name;
    c->facts.consumer_name = c->name;
    c->facts.subject = c->subject;
    return c;
}

void mt_consumer_destroy(struct mt_consumer **c)
{
    list_remove(&(*c)->link);
    free(*c);
    *c = NULL;
}

/* --- the backup's --- */

static void on_backup(void *arg, const char *json, size_t len, const char *reason)
{
    struct mt_consumer *c = arg;
    struct mt_consumer_info info;
    char error[200];
    (void)reason; /* asked again at the next tick */
    c->asking_backup = false;
    c->mo->backup_has_pulls =
        json && mt_consumer_info_parse(json, len, "", &info, error, sizeof(error)) == 0 &&
        info.exists && info.waiting > 0;
}

void mt_consumer_ask_backup(struct mt_operator *mo)
{
    struct mt_consumer *c = mo->consumer;
    const struct mno *backup = operators_find(mo->path->with.operators, mo->op->backup_id);
    const struct mno *op = mo->op;
    struct uuid id;
    char text[UUID_TEXT_SIZE];
    char what[400];
    if (c->asking_backup)
        return;
    memcpy(id.octets, op->backup_id, sizeof(id.octets));
    uuid_format(&id, text);
    snprintf(what, sizeof(what), "CONSUMER.INFO.%s.smpp-connector-%s",
             backup ? backup->settings.dispatch_stream : op->settings.dispatch_stream, text);
    c->asking_backup = jetstream_api(mo->path->with.js, what, "", on_backup, c);
}

/* --- what others ask --- */

bool mt_consumer_is_asking(const struct mt_operator *mo)
{
    return mo->consumer->step > STEP_QUEUED || mo->consumer->asking_backup;
}

bool mt_consumer_is_ready(const struct mt_operator *mo)
{
    return mo->consumer->ready;
}

const char *mt_consumer_name(const struct mt_operator *mo)
{
    return mo->consumer->name;
}

const char *mt_consumer_trouble(const struct mt_operator *mo)
{
    return *mo->consumer->trouble && operators_is_configured(mo->op) ? mo->consumer->trouble : NULL;
}

bool mt_consumer_has_dead_letters(const struct mt_operator *mo)
{
    const struct mt_consumer *c = mo->consumer;
    return c->letters || (!c->letters_known && !c->ready);
}

int64_t mt_consumer_max_ack_pending(const struct mt_operator *mo)
{
    return mo->consumer->facts.consumer.max_ack_pending;
}

uint32_t mt_consumer_max_batch(const struct mt_operator *mo)
{
    int64_t batch = mo->consumer->facts.consumer.max_batch;
    return batch > 0 ? (uint32_t)batch : 0;
}
