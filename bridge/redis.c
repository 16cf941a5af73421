/*
 * The connection to Redis: the only file that knows hiredis (0.14 and 1.x alike). Resolving, the
 * connect deadline, the deadline of the oldest command and the return after a loss are ours,
 * because hiredis 0.14 has none of them.
 *
 * Losing the connection happens in one place, lose(), which is never called from inside hiredis:
 * what a reply reveals (a replica, a refused login) is noted in `doomed` and done at the turn's
 * end.
 */
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#ifdef BRIDGE_REDIS_TLS
#include <hiredis/hiredis_ssl.h>
#include "bridge/crypto.h"
#endif
#include <stdlib.h>
#include <string.h>

#include "common/backoff.h"
#include "common/random.h"
#include "common/str.h"
#include "bridge/redis.h"
#include "bridge/redis_calls.h"
#include "bridge/redis_info.h"
#include "bridge/redis_io.h"
#include "bridge/redis_resolve.h"
#include "bridge/redis_url.h"

enum {
    CONNECT_TIMEOUT_MS = 2000, /* from the look-up of the name to the answer to INFO */
    COMMAND_TIMEOUT_MS = 2000,
    RECONNECT_MIN_MS = 100,
    RECONNECT_MAX_MS = 500, /* one connection a process; the share of a limit waits for it */
    MAX_OUTSTANDING = 100000,
    MAX_REASON = 256,
};

enum state { RESTING, RESOLVING, CONNECTING, GREETING, READY };

struct redis {
    struct loop *loop;
    struct redis_url url;
    struct redis_events events;
    enum state state;
    struct timer timer; /* of the state: rest, connect, oldest command */
    struct backoff backoff;

    struct redis_resolve *resolve;
    char addresses[REDIS_RESOLVE_MAX][REDIS_RESOLVE_SIZE];
    size_t address_count, next_address;
    redisAsyncContext *ac;
    struct redis_io *io;

    struct redis_calls calls;
    mono_t heard; /* when something came last */
    int64_t round_trip_ns;
    bool in_reply, ending; /* `ending`: the callbacks of a lost connection are running */

    struct loop_hook doom;
    char doomed[MAX_REASON]; /* why the connection shall be given up; "": it need not */
    char reason[MAX_REASON]; /* last told by disconnected() */

    struct redis_reply *nodes; /* for the elements of arrays */
    size_t node_size;
};

static void start_connecting(struct redis *redis);
static void connect_next(struct redis *redis);

/* --- losing it --- */

static void explain(const struct redis *redis, char *out, const char *why)
{
    struct str_out o = str_out(out, MAX_REASON);
    str_puts(&o, "Redis at ");
    str_puts(&o, redis->url.host);
    str_putc(&o, ':');
    str_put_u64(&o, redis->url.port);
    str_puts(&o, ": ");
    str_puts(&o, why);
}

/* The context is gone or going; the callbacks of its commands have run. */
static void lost(struct redis *redis, const char *why)
{
    char reason[MAX_REASON];
    bool was_ready = redis->state == READY;
    explain(redis, reason, why);
    redis->doomed[0] = '\0';
    loop_cancel_hook(redis->loop, &redis->doom);
    redis->state = RESTING;
    timer_start_ms(&redis->timer, backoff_next_ms(&redis->backoff, random_u32()));
    if (!was_ready && strcmp(reason, redis->reason) == 0)
        return;
    memcpy(redis->reason, reason, sizeof(reason));
    redis->events.disconnected(redis->events.arg, redis->reason);
}

static void drop_context(struct redis *redis)
{
    redisAsyncContext *ac = redis->ac;
    redis->ac = NULL; /* so that on_disconnected() knows that it was us */
    if (ac)
        redisAsyncFree(ac);
}

static void lose(struct redis *redis, const char *why)
{
    INVARIANT(!redis->in_reply);
    redis_resolve_cancel(&redis->resolve);
    drop_context(redis);
    lost(redis, why);
}

/* One address did not work; perhaps another does. */
static void attempt_failed(struct redis *redis, const char *why)
{
    if (redis->next_address < redis->address_count)
        connect_next(redis);
    else
        lost(redis, why);
}

static void on_doom(void *arg)
{
    struct redis *redis = arg;
    char why[MAX_REASON];
    memcpy(why, redis->doomed, sizeof(why));
    lose(redis, why);
}

static void doom(struct redis *redis, const char *why)
{
    str_copy(redis->doomed, sizeof(redis->doomed), why, strlen(why));
    loop_at_turn_end(redis->loop, &redis->doom);
}

/* --- hiredis's event hooks (reading is redis_io_want_read itself) --- */

static void add_write(void *arg)
{
    redis_io_want_write(arg, true);
}

static void del_write(void *arg)
{
    redis_io_want_write(arg, false);
}

static void cleanup(void *arg)
{
    struct redis_io *io = arg;
    redis_io_close(&io);
}

static void on_readable(void *arg)
{
    struct redis *redis = arg;
    redis->heard = loop_now(redis->loop);
    redisAsyncHandleRead(redis->ac);
}

static void on_writable(void *arg)
{
    struct redis *redis = arg;
    redisAsyncHandleWrite(redis->ac);
}

/* hiredis finds out by itself what is wrong with the socket; if it finds nothing we do not wait. */
static void on_broken(void *arg)
{
    struct redis *redis = arg;
    redisAsyncContext *ac = redis->ac;
    if (redis->state == CONNECTING)
        redisAsyncHandleWrite(ac);
    else
        redisAsyncHandleRead(ac);
    if (redis->ac == ac) /* neither gone nor followed by another */
        doom(redis, "error on the socket");
}

/* --- replies --- */

static struct redis_call *take_call(struct redis *redis, redis_done *done, void *arg)
{
    struct redis_call *call = redis_calls_take(&redis->calls, done, arg, loop_now(redis->loop));
    call->redis = redis;
    return call;
}

static size_t count_nodes(const redisReply *r)
{
    size_t count = 0;
    for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i < r->elements; i++)
        count += 1 + count_nodes(r->element[i]);
    return count;
}

static enum redis_reply_type type_of(const redisReply *r)
{
    static const enum redis_reply_type types[] = {
        [REDIS_REPLY_STRING] = REDIS_STRING,   [REDIS_REPLY_ARRAY] = REDIS_ARRAY,
        [REDIS_REPLY_INTEGER] = REDIS_INTEGER, [REDIS_REPLY_NIL] = REDIS_NIL,
        [REDIS_REPLY_STATUS] = REDIS_STATUS,   [REDIS_REPLY_ERROR] = REDIS_ERROR,
    };
    return r->type > 0 && (size_t)r->type < ARRAY_LEN(types) ? types[r->type] : REDIS_NIL;
}

/* Elements go to *free_node and on; there is room for all. */
static struct redis_reply convert(const redisReply *r, struct redis_reply **free_node)
{
    struct redis_reply out = {
        .type = type_of(r), .integer = r->integer, .text = r->str, .len = r->str ? r->len : 0};
    struct redis_reply *elements = *free_node;
    out.count = out.type == REDIS_ARRAY ? r->elements : 0;
    out.elements = out.count > 0 ? elements : NULL;
    *free_node += out.count;
    for (size_t i = 0; i < out.count; i++)
        elements[i] = convert(r->element[i], free_node);
    return out;
}

static struct redis_reply convert_reply(struct redis *redis, const redisReply *r)
{
    size_t count = count_nodes(r);
    if (count > redis->node_size) {
        redis->nodes = xrealloc(redis->nodes, count * sizeof(*redis->nodes));
        redis->node_size = count;
    }
    struct redis_reply *free_node = redis->nodes;
    return convert(r, &free_node);
}

static bool error_begins(const struct redis_reply *reply, const char *word)
{
    return reply->type == REDIS_ERROR && strncmp(reply->text, word, strlen(word)) == 0;
}

static void start_command_timer(struct redis *redis);
static bool send_script_text(struct redis *redis, struct redis_call *call);

static void on_reply(redisAsyncContext *ac, void *r, void *privdata)
{
    struct redis_call *call = privdata;
    struct redis *redis = call->redis;
    redis_done *done = call->done;
    void *arg = call->arg;
    (void)ac;
    if (!r) {
        redis->ending = true;
        redis_calls_give_back(&redis->calls, call);
        if (done)
            done(arg, NULL);
        return;
    }
    struct redis_reply reply = convert_reply(redis, r);
    redis->round_trip_ns = mono_diff_ns(loop_now(redis->loop), call->sent);
    if (call->script && error_begins(&reply, "NOSCRIPT") && send_script_text(redis, call))
        return;
    if (error_begins(&reply, "READONLY"))
        doom(redis, "became a read-only replica");
    redis_calls_give_back(&redis->calls, call);
    redis->in_reply = true;
    if (done)
        done(arg, &reply);
    redis->in_reply = false;
}

/* --- commands --- */

static bool issue(struct redis *redis, struct redis_call *call, size_t argc,
                  const char *const *argv, const size_t *lens)
{
    struct bytes wire = redis_calls_format(&redis->calls, argc, argv, lens);
    const char *text = (const char *)wire.data;
    if (redisAsyncFormattedCommand(redis->ac, on_reply, call, text, wire.len) != REDIS_OK)
        return false;
    if (redis->state == READY)
        start_command_timer(redis);
    return true;
}

static bool send_call(struct redis *redis, struct redis_call *call, size_t argc,
                      const char *const *argv, const size_t *lens)
{
    if (issue(redis, call, argc, argv, lens))
        return true;
    redis_calls_give_back(&redis->calls, call);
    return false;
}

static bool may_send(const struct redis *redis)
{
    return redis_is_connected(redis) && redis->calls.outstanding < MAX_OUTSTANDING;
}

bool redis_command(struct redis *redis, redis_done *done, void *arg, size_t argc,
                   const char *const *argv, const size_t *lens)
{
    if (!may_send(redis))
        return false;
    return send_call(redis, take_call(redis, done, arg), argc, argv, lens);
}

/* The server does not know the script: the same call once more, with the text. */
static bool send_script_text(struct redis *redis, struct redis_call *call)
{
    struct redis_eval_command c;
    redis_calls_eval(call, "EVAL", call->script->text, &c);
    redis_calls_renew(&redis->calls, call, loop_now(redis->loop));
    return issue(redis, call, c.argc, c.argv, c.lens);
}

bool redis_eval(struct redis *redis, struct redis_script *script, redis_done *done, void *arg,
                size_t keys, size_t argc, const char *const *argv, const size_t *lens)
{
    if (!may_send(redis))
        return false;
    redis_calls_digest(script);
    struct redis_call *call = take_call(redis, done, arg);
    call->script = script;
    redis_calls_save(call, keys, argc, argv, lens);
    struct redis_eval_command c;
    redis_calls_eval(call, "EVALSHA", script->sha1, &c);
    return send_call(redis, call, c.argc, c.argv, c.lens);
}

/* --- the deadline of the oldest command --- */

/* Counted from the last octet that came where that is later: one that answers is not gone. */
static mono_t oldest_deadline(const struct redis *redis)
{
    mono_t sent = redis_calls_oldest(&redis->calls)->sent;
    return mono_add_ms(mono_reached(redis->heard, sent) ? redis->heard : sent, COMMAND_TIMEOUT_MS);
}

/* Not restarted at each reply: it looks at what is the oldest when it fires. */
static void start_command_timer(struct redis *redis)
{
    if (!timer_is_active(&redis->timer))
        timer_start_at(&redis->timer, oldest_deadline(redis));
}

static void on_command_timer(struct redis *redis)
{
    if (!redis_calls_oldest(&redis->calls))
        return;
    mono_t deadline = oldest_deadline(redis);
    if (!mono_reached(clock_mono(), deadline))
        timer_start_at(&redis->timer, deadline);
    else if (redis_io_has_unread(redis->io))
        timer_start_ms(&redis->timer, 1); /* perhaps it was us who were away */
    else
        lose(redis, "no answer within 2 s");
}

/* --- connecting --- */

static void on_timer(void *arg)
{
    struct redis *redis = arg;
    switch (redis->state) {
    case RESTING:
        start_connecting(redis);
        break;
    case RESOLVING:
    case CONNECTING:
    case GREETING:
        lose(redis, "not connected within 2 s");
        break;
    case READY:
        on_command_timer(redis);
        break;
    }
}

static void on_info(void *arg, const struct redis_reply *reply)
{
    struct redis *redis = arg;
    struct redis_info info = {0};
    if (!reply || redis->doomed[0] != '\0')
        return;
    if (reply->type == REDIS_STRING)
        redis_info_parse(reply->text, reply->len, &info);
    if (info.loading || info.replica) {
        doom(redis, info.loading ? "is still loading its data" : "is a read-only replica");
        return;
    }
    if (info.run_id[0] == '\0') { /* not told, perhaps not allowed: each time counts as another */
        struct str_out out = str_out(info.run_id, sizeof(info.run_id));
        str_puts(&out, "unknown-");
        str_put_u64(&out, random_u64());
    }
    timer_stop(&redis->timer);
    backoff_reset(&redis->backoff);
    redis->state = READY;
    redis->reason[0] = '\0';
    redis->events.connected(redis->events.arg, info.run_id);
}

static void on_greeting(void *arg, const struct redis_reply *reply)
{
    struct redis *redis = arg;
    if (reply && reply->type == REDIS_ERROR && redis->doomed[0] == '\0')
        doom(redis, reply->text);
}

static void greet_with(struct redis *redis, redis_done *done, size_t argc, const char **argv)
{
    size_t lens[3];
    for (size_t i = 0; i < argc; i++)
        lens[i] = strlen(argv[i]);
    if (!send_call(redis, take_call(redis, done, redis), argc, argv, lens))
        doom(redis, "the connection takes no command");
}

static void greet(struct redis *redis)
{
    char database[20 + 1] = "";
    redis->state = GREETING;
    if (redis->url.user[0] != '\0')
        greet_with(redis, on_greeting, 3,
                   (const char *[]){"AUTH", redis->url.user, redis->url.password});
    else if (redis->url.password[0] != '\0')
        greet_with(redis, on_greeting, 2, (const char *[]){"AUTH", redis->url.password});
    if (redis->url.database > 0) {
        str_format_u64(redis->url.database, database);
        greet_with(redis, on_greeting, 2, (const char *[]){"SELECT", database});
    }
    greet_with(redis, on_info, 1, (const char *[]){"INFO"});
}

static void copy_error(const redisAsyncContext *ac, const char *otherwise, char why[MAX_REASON])
{
    const char *text = ac && ac->errstr && *ac->errstr ? ac->errstr : otherwise;
    str_copy(why, MAX_REASON, text, strlen(text));
}

/* hiredis frees the context by itself after a failure: it is only forgotten here. */
static void on_connected(const redisAsyncContext *ac, int status)
{
    struct redis *redis = ac->data;
    if (ac != redis->ac)
        return; /* given up by us */
    if (status == REDIS_OK) {
        redis_io_gather_writes(redis->io);
        greet(redis);
        return;
    }
    char why[MAX_REASON];
    copy_error(ac, "can't be reached", why);
    redis->ac = NULL;
    attempt_failed(redis, why);
}

static void on_disconnected(const redisAsyncContext *ac, int status)
{
    struct redis *redis = ac->data;
    (void)status;
    if (ac != redis->ac)
        return;
    char why[MAX_REASON];
    copy_error(ac, "connection lost", why);
    redis->ac = NULL;
    lost(redis, redis->doomed[0] != '\0' ? redis->doomed : why);
}

static bool attach(struct redis *redis, redisAsyncContext *ac)
{
    const struct redis_io_events events = {
        .readable = on_readable, .writable = on_writable, .broken = on_broken, .arg = redis};
    redis->io = redis_io_create(redis->loop, ac->c.fd, &events);
    if (!redis->io)
        return false;
    ac->ev.data = redis->io;
    ac->ev.addRead = redis_io_want_read;
    ac->ev.addWrite = add_write;
    ac->ev.delWrite = del_write;
    ac->ev.cleanup = cleanup;
    ac->data = redis;
    return redisAsyncSetConnectCallback(ac, on_connected) == REDIS_OK &&
           redisAsyncSetDisconnectCallback(ac, on_disconnected) == REDIS_OK;
}

static bool start_tls(struct redis *redis, redisAsyncContext *ac)
{
    if (!redis->url.tls)
        return true;
#ifdef BRIDGE_REDIS_TLS
    struct ssl_st *ssl = crypto_tls_client(redis->url.host);
    if (ssl && redisInitiateSSL(&ac->c, ssl) == REDIS_OK)
        return true;
    crypto_tls_free(ssl); /* hiredis takes it only when it goes well */
    return false;
#else
    (void)ac;
    return false; /* redis_create() has refused the URL */
#endif
}

static void connect_next(struct redis *redis)
{
    const char *address = redis->addresses[redis->next_address++];
    redisAsyncContext *ac = redisAsyncConnect(address, redis->url.port);
    redis->state = CONNECTING;
    redis->ending = false;
    redis->ac = ac;
    char why[MAX_REASON];
    if (ac && !ac->err && attach(redis, ac) && start_tls(redis, ac))
        return;
    copy_error(ac, "can't be reached", why);
    drop_context(redis);
    attempt_failed(redis, why);
}

static void on_resolved(void *arg, char (*addresses)[REDIS_RESOLVE_SIZE], size_t count,
                        const char *error)
{
    struct redis *redis = arg;
    redis->resolve = NULL;
    if (count == 0) {
        lost(redis, error);
        return;
    }
    memcpy(redis->addresses, addresses, count * sizeof(*addresses));
    redis->address_count = count;
    redis->next_address = 0;
    connect_next(redis);
}

static void start_connecting(struct redis *redis)
{
    redis->state = RESOLVING;
    timer_start_ms(&redis->timer, CONNECT_TIMEOUT_MS);
    redis->resolve = redis_resolve_start(redis->loop, redis->url.host, on_resolved, redis);
    if (!redis->resolve)
        lost(redis, "the name can't be looked up");
}

/* --- create and destroy --- */

int redis_create(struct loop *loop, const char *url, const struct redis_events *events,
                 struct redis **redis_r, char *error_r, size_t error_size)
{
    struct redis_url parsed;
    if (redis_url_parse(url, &parsed, error_r, error_size) != 0)
        return -1;
    const char *unusable = redis_url_unusable(&parsed);
    if (unusable) {
        str_copy(error_r, error_size, unusable, strlen(unusable));
        return -1;
    }
    struct redis *redis = xcalloc(1, sizeof(*redis));
    redis->loop = loop;
    redis->url = parsed;
    redis->events = *events;
    redis->round_trip_ns = -1;
    redis->backoff = (struct backoff){.min_ms = RECONNECT_MIN_MS, .max_ms = RECONNECT_MAX_MS};
    redis_calls_init(&redis->calls);
    redis->doom = (struct loop_hook){.fn = on_doom, .arg = redis};
    timer_init(&redis->timer, loop, on_timer, redis);
    timer_start_ms(&redis->timer, 0); /* no callback from inside this call */
    *redis_r = redis;
    return 0;
}

void redis_destroy(struct redis **redis_ptr)
{
    struct redis *redis = *redis_ptr;
    if (!redis)
        return;
    INVARIANT(!redis->in_reply);
    redis_resolve_cancel(&redis->resolve);
    redis->state = RESTING;
    drop_context(redis);
    timer_stop(&redis->timer);
    loop_cancel_hook(redis->loop, &redis->doom);
    redis_calls_free(&redis->calls);
    free(redis->nodes);
    explicit_bzero(redis, sizeof(*redis));
    free(redis);
    *redis_ptr = NULL;
}

bool redis_is_connected(const struct redis *redis)
{
    return redis->state == READY && redis->ac && !redis->ending && redis->doomed[0] == '\0';
}

size_t redis_outstanding(const struct redis *redis)
{
    return redis->calls.outstanding;
}

int64_t redis_round_trip_ns(const struct redis *redis)
{
    return redis->round_trip_ns;
}
