/* --check-config --connect: Redis, NATS, and the credentials of each operator. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/str.h"

#include "bridge/bridge_check.h"

#define ANSWER_MS 8000

void bridge_check_say(struct bridge_check *c, bool ok, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs(ok ? "ok    " : "WRONG ", stdout);
    vprintf(fmt, ap);
    fputs("\n", stdout);
    va_end(ap);
    c->ok = c->ok && ok;
}

bool bridge_check_wait(struct bridge_check *c)
{
    mono_t until = mono_add_ms(clock_mono(), ANSWER_MS);
    while (!c->answered && !mono_reached(clock_mono(), until))
        loop_turn(c->loop, 50);
    if (!c->answered && !*c->reason)
        str_copy(c->reason, sizeof(c->reason), "no answer", 9);
    return c->answered;
}

void bridge_check_on_away(void *arg, const char *reason)
{
    struct bridge_check *c = arg;
    str_copy(c->reason, sizeof(c->reason), reason, strlen(reason));
}

static void begin(struct bridge_check *c)
{
    c->answered = false;
    c->reason[0] = '\0';
}

/* --- Redis --- */

static void on_redis(void *arg, const char *run_id)
{
    (void)run_id;
    ((struct bridge_check *)arg)->answered = true;
}

/* Every command that the bridge may use, on a key that is gone when the script ends: "", or the
 * first that is refused. */
static const char rights_script[] =
    "local k = KEYS[1] "
    "for _, c in ipairs({{'SET', k, '1', 'PX', 1000}, {'GET', k}, {'MGET', k}, {'EXISTS', k}, "
    "{'EXPIRE', k, 1}, {'PEXPIRE', k, 1000}, {'DEL', k}, {'RPUSH', k, '1'}, {'LPOP', k}, "
    "{'HSET', k, 'f', '1'}, {'HSETNX', k, 'f', '1'}, {'HGET', k, 'f'}, {'HGETALL', k}, "
    "{'HLEN', k}, {'HVALS', k}, {'HDEL', k, 'f'}, {'ZADD', k, 1, 'm'}, "
    "{'ZRANGEBYSCORE', k, 0, 1}, {'ZREM', k, 'm'}, {'TIME'}}) do "
    "local r = redis.pcall(unpack(c)) "
    "if type(r) == 'table' and r.err then redis.pcall('DEL', k) return c[1] .. ': ' .. r.err end "
    "end return ''";

static void on_rights(void *arg, const struct redis_reply *reply)
{
    struct bridge_check *c = arg;
    c->answered = true;
    if (!reply)
        str_copy(c->reason, sizeof(c->reason), "no answer", 9);
    else if (reply->len > 0)
        str_copy(c->reason, sizeof(c->reason), reply->text,
                 min_size(reply->len, sizeof(c->reason) - 1));
}

static void check_redis_rights(struct bridge_check *c, struct redis *redis)
{
    static struct redis_script script = {.text = rights_script};
    const char *key[] = {"smpp:check"};
    const size_t len[] = {10};
    begin(c);
    bool ok = redis_eval(redis, &script, on_rights, c, 1, 1, key, len) && bridge_check_wait(c) &&
              !*c->reason;
    bridge_check_say(c, ok, "Redis allows what is needed%s%s", ok ? "" : ", or not: ", c->reason);
}

static void check_redis(struct bridge_check *c)
{
    const struct redis_events events = {
        .connected = on_redis, .disconnected = bridge_check_on_away, .arg = c};
    struct redis *redis = NULL;
    begin(c);
    bool up = redis_create(c->loop, c->settings->redis_url, &events, &redis, c->reason,
                           sizeof(c->reason)) == 0 &&
              bridge_check_wait(c);
    bridge_check_say(c, up, "Redis%s%s", up ? "" : ": ", up ? "" : c->reason);
    if (up)
        check_redis_rights(c, redis);
    redis_destroy(&redis);
}

/* --- credentials --- */

static void on_credentials(void *arg, const char *error)
{
    struct bridge_check *c = arg;
    str_copy(c->reason, sizeof(c->reason), error ? error : "", error ? strlen(error) : 0);
    c->answered = true;
}

static void check_credentials(struct bridge_check *c)
{
    const struct bridge_settings *s = c->settings;
    struct https_client *client = https_client_create(c->loop);
    struct credentials *credentials = credentials_create(&(struct credentials_options){
        .loop = c->loop,
        .client = client,
        .operators = c->operators,
        .url = s->operator_mgmt_url,
        .ca_file = s->operator_mgmt_ca_file,
        .cert_file = s->operator_mgmt_cert_file,
        .key_file = s->operator_mgmt_key_file,
        .token = s->internal_service_token,
        .token_file = s->internal_service_token_file,
    });
    bool answers = true; /* a service that is silent is not asked for the next one */
    for (size_t i = 0; i < operators_count(c->operators) && answers; i++) {
        const struct mno *op = operators_at(c->operators, i);
        begin(c);
        credentials_check(credentials, op, on_credentials, c);
        answers = bridge_check_wait(c);
        bool ok = answers && !*c->reason;
        bridge_check_say(c, ok, "credentials of %s%s%s", op->id_text, ok ? "" : ": ", c->reason);
    }
    credentials_destroy(&credentials);
    https_client_destroy(&client);
}

static bool load_operators(struct bridge_check *c)
{
    struct operator_settings_list list;
    if (bridge_settings_operators(c->settings, &list, c->reason, sizeof(c->reason)) != 0)
        return false;
    for (size_t i = 0; i < list.count; i++)
        operators_put(c->operators, &list.items[i]);
    operator_settings_list_free(&list);
    return true;
}

bool bridge_check_connections(const struct bridge_settings *settings)
{
    struct bridge_check c = {.settings = settings, .ok = true};
    c.loop = loop_create();
    c.operators = operators_create();
    if (load_operators(&c)) {
        check_redis(&c);
        bridge_check_nats(&c);
        check_credentials(&c);
    } else {
        bridge_check_say(&c, false, "%s", c.reason);
    }
    operators_destroy(&c.operators);
    loop_destroy(&c.loop);
    return c.ok;
}
