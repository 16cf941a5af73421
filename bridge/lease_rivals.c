/* Asks Redis who is registered under `smpp:tps:{operatorId}` (tps.c). */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/str.h"

#include "bridge/lease_rivals.h"
#include "bridge/tps_share.h"

#define FRESH_MS 1000    /* an answer is good for so long */
#define ASK_EVERY_MS 200 /* while there is one */
#define PATIENCE_MS                                                                                \
    3000 /* a former holder's good-bye may come a moment after it gave the lease away */

/* The first one whose registration has not ended, and who did not say good-bye. */
static const char script_text[] =
    "local t = redis.call('TIME') "
    "local now = t[1] * 1000 + math.floor(t[2] / 1000) "
    "local all = redis.call('HGETALL', KEYS[1]) "
    "for i = 1, #all, 2 do "
    "  local ends = tonumber(string.match(all[i + 1], '^%d+')) "
    "  if all[i] ~= ARGV[1] and ends and ends > now and not string.find(all[i + 1], 'gone') then "
    "    return all[i] end "
    "end "
    "return ''";

struct lease_rival {
    struct lease_rivals *owner;
    struct mno *op; /* NULL: gone, Redis still has to answer */
    bool asking;
    mono_t asked_at, answered_at;
    mono_t seen_at; /* first; 0: there is none */
    bool told;
    char id[TPS_SHARE_ID_SIZE]; /* empty: none */
};

struct lease_rivals {
    struct loop *loop;
    struct redis *redis;
    struct operators *operators;
    char own_id[TPS_SHARE_ID_SIZE];
    struct redis_script script;
};

static void note(struct lease_rival *r, const struct redis_reply *reply, mono_t now)
{
    str_copy(r->id, sizeof(r->id), reply->text, reply->len);
    r->answered_at = now;
    if (!*r->id) {
        r->seen_at = (mono_t){0};
        r->told = false;
        return;
    }
    if (!r->seen_at.ns)
        r->seen_at = now;
    if (r->told || mono_diff_ms(now, r->seen_at) < PATIENCE_MS)
        return;
    log_warn("an operator's lease is not taken: another instance sends for it without one",
             LOG_STR("operatorId", r->op->id_text), LOG_STR("otherInstance", r->id));
    r->told = true;
}

static void on_answer(void *arg, const struct redis_reply *reply)
{
    struct lease_rival *r = arg;
    r->asking = false;
    if (!r->op)
        free(r);
    else if (reply && reply->type == REDIS_STRING)
        note(r, reply, loop_now(r->owner->loop));
    else if (reply && reply->type == REDIS_ERROR)
        log_warn("who sends for an operator can't be asked", LOG_STR("operatorId", r->op->id_text),
                 LOG_STR("reason", reply->text));
}

static void ask(struct lease_rivals *rivals, struct lease_rival *r, mono_t now)
{
    char key[64];
    struct str_out out = str_out(key, sizeof(key));
    str_puts(&out, "smpp:tps:{");
    str_puts(&out, r->op->id_text);
    str_puts(&out, "}");
    const char *const argv[] = {key, rivals->own_id};
    const size_t lens[] = {out.len, strlen(rivals->own_id)};
    r->asked_at = now;
    r->asking =
        redis_eval(rivals->redis, &rivals->script, on_answer, r, 1, ARRAY_LEN(argv), argv, lens);
}

bool lease_rivals_none(struct lease_rivals *rivals, struct mno *op)
{
    mono_t now = loop_now(rivals->loop);
    struct lease_rival *r = op->rival;
    if (!r) {
        r = op->rival = xcalloc(1, sizeof(*r));
        *r = (struct lease_rival){.owner = rivals, .op = op};
    }
    bool fresh = r->answered_at.ns && mono_diff_ms(now, r->answered_at) < FRESH_MS;
    if (fresh && !*r->id)
        return true;
    if (!r->asking && (!r->asked_at.ns || mono_diff_ms(now, r->asked_at) >= ASK_EVERY_MS))
        ask(rivals, r, now);
    return false;
}

const char *lease_rivals_of(const struct lease_rivals *rivals, const struct mno *op)
{
    const struct lease_rival *r = op->rival;
    mono_t now = loop_now(rivals->loop);
    if (!r || !*r->id || mono_diff_ms(now, r->answered_at) >= PATIENCE_MS)
        return NULL;
    return mono_diff_ms(now, r->seen_at) >= PATIENCE_MS ? r->id : NULL;
}

void lease_rivals_operator_gone(struct mno *op)
{
    struct lease_rival *r = op->rival;
    op->rival = NULL;
    if (!r)
        return;
    r->op = NULL;
    if (!r->asking)
        free(r);
}

struct lease_rivals *lease_rivals_create(struct loop *loop, struct redis *redis,
                                         struct operators *operators, const char *instance_id)
{
    struct lease_rivals *rivals = xcalloc(1, sizeof(*rivals));
    rivals->loop = loop;
    rivals->redis = redis;
    rivals->operators = operators;
    rivals->script.text = script_text;
    str_copy(rivals->own_id, sizeof(rivals->own_id), instance_id, strlen(instance_id));
    return rivals;
}

void lease_rivals_destroy(struct lease_rivals **rivals_ptr)
{
    struct lease_rivals *rivals = *rivals_ptr;
    if (!rivals)
        return;
    for (size_t i = 0; i < operators_count(rivals->operators); i++)
        lease_rivals_operator_gone(operators_at(rivals->operators, i));
    free(rivals);
    *rivals_ptr = NULL;
}
