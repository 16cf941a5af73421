/* One turn: for each operator its first due name, until there is none. */
#include <stdlib.h>
#include <string.h>

#include "common/str.h"

#include "bridge/due.h"

enum { PAUSE_MS = 5000, MAX_WORDS = 8 };

struct due {
    struct due_options options;
    struct timer timer;
    size_t next; /* operator */
    struct due_item item;
    size_t fields; /* of its hash, when it was read */
    struct redis_script told_script;
};

/* What came while the rest was told has not been told: it stays due. */
static const char told_script[] =
    "if redis.call('HLEN', KEYS[1]) > tonumber(ARGV[2]) then return 0 end "
    "if ARGV[3] == '1' then redis.call('DEL', KEYS[1]) end "
    "return redis.call('ZREM', KEYS[2], ARGV[1])";

static size_t put_key(const char *prefix, const char *what, const char *operator_text,
                      const char *name, char out[DUE_KEY_SIZE])
{
    struct str_out o = str_out(out, DUE_KEY_SIZE);
    str_puts(&o, prefix);
    str_puts(&o, what);
    str_puts(&o, "{");
    str_puts(&o, operator_text);
    str_puts(&o, name ? "}:" : "}");
    if (name)
        str_puts(&o, name);
    return o.len;
}

size_t due_hash_key(const char *prefix, const char *operator_text, const char *name,
                    char out[DUE_KEY_SIZE])
{
    return put_key(prefix, "", operator_text, name, out);
}

size_t due_set_key(const char *prefix, const char *operator_text, char out[DUE_KEY_SIZE])
{
    return put_key(prefix, "due:", operator_text, NULL, out);
}

static void look(struct due *due);

void due_later(struct due *due)
{
    due->next = 0;
    timer_start_ms(&due->timer, PAUSE_MS);
}

static bool ask(struct due *due, redis_done *done, size_t argc, const char *const *argv)
{
    size_t lens[MAX_WORDS];
    INVARIANT(argc <= MAX_WORDS);
    for (size_t i = 0; i < argc; i++)
        lens[i] = strlen(argv[i]);
    return redis_command(due->options.redis, done, due, argc, argv, lens);
}

static void on_removed(void *arg, const struct redis_reply *reply)
{
    struct due *due = arg;
    if (reply && reply->type == REDIS_INTEGER)
        look(due);
    else
        due_later(due);
}

void due_told(struct due *due, bool with_hash)
{
    const struct due_item *item = &due->item;
    char set[DUE_KEY_SIZE], hash[DUE_KEY_SIZE], fields[24];
    struct str_out fields_out = str_out(fields, sizeof(fields));
    str_put_u64(&fields_out, due->fields);
    const char *argv[] = {hash, set, item->name, fields, with_hash ? "1" : "0"};
    const size_t lens[] = {due_hash_key(due->options.prefix, item->operator_text, item->name, hash),
                           due_set_key(due->options.prefix, item->operator_text, set),
                           strlen(item->name), fields_out.len, 1};
    due->told_script.text = told_script;
    if (!redis_eval(due->options.redis, &due->told_script, on_removed, due, 2, ARRAY_LEN(argv),
                    argv, lens))
        due_later(due);
}

static void on_fields(void *arg, const struct redis_reply *reply)
{
    struct due *due = arg;
    due->fields = reply && reply->type == REDIS_ARRAY ? reply->count / 2 : 0;
    if (reply && reply->type == REDIS_ARRAY && agent_link_is_attached(due->options.link))
        due->options.tell(due->options.arg, &due->item, reply);
    else
        due_later(due);
}

static void on_due(void *arg, const struct redis_reply *reply)
{
    struct due *due = arg;
    struct due_item *item = &due->item;
    char hash[DUE_KEY_SIZE];
    if (!reply || reply->type != REDIS_ARRAY) {
        due_later(due);
        return;
    }
    if (reply->count == 0 || !str_copy(item->name, sizeof(item->name), reply->elements[0].text,
                                       reply->elements[0].len)) {
        due->next++;
        look(due);
        return;
    }
    (void)due_hash_key(due->options.prefix, item->operator_text, item->name, hash);
    if (!ask(due, on_fields, 2, (const char *const[]){"HGETALL", hash}))
        due_later(due);
}

/* From `next` on; NULL: it was the last one. */
static const struct mno *next_operator(struct due *due)
{
    struct operators *operators = due->options.operators;
    for (; due->next < operators_count(operators); due->next++) {
        const struct mno *op = operators_at(operators, due->next);
        if (operators_is_served(op) && due->options.applies(op))
            return op;
    }
    return NULL;
}

static void look(struct due *due)
{
    const struct mno *op = next_operator(due);
    if (!op || !agent_link_is_attached(due->options.link)) {
        due_later(due);
        return;
    }
    char set[DUE_KEY_SIZE], now[24];
    struct str_out o = str_out(now, sizeof(now));
    str_put_i64(&o, clock_wall_ms());
    memcpy(due->item.operator_id, op->id, sizeof(due->item.operator_id));
    memcpy(due->item.operator_text, op->id_text, sizeof(due->item.operator_text));
    (void)due_set_key(due->options.prefix, op->id_text, set);
    if (!ask(due, on_due, 7,
             (const char *const[]){"ZRANGEBYSCORE", set, "-inf", now, "LIMIT", "0", "1"}))
        due_later(due);
}

static void on_timer(void *arg)
{
    look(arg);
}

struct due *due_create(const struct due_options *options)
{
    struct due *due = xcalloc(1, sizeof(*due));
    due->options = *options;
    timer_init(&due->timer, options->loop, on_timer, due);
    timer_start_ms(&due->timer, PAUSE_MS);
    return due;
}

void due_destroy(struct due **due)
{
    if (!*due)
        return;
    timer_stop(&(*due)->timer);
    free(*due);
    *due = NULL;
}
