/*
 * The renewal script. It drops registrations that have ended on the server's clock, writes ours and
 * answers with the server's time, what ours was before, and all others.
 */
#include <string.h>

#include "common/str.h"

#include "bridge/tps_renewal.h"

/* Of the forgotten ones some go with each renewal: redis_eval() takes 64 arguments. */
enum { NUMBER_SIZE = 24, VALUE_SIZE = 96, KEY_SIZE = 64, FIELDS = 5, MAX_ENTRIES = 20 };

#define STRINGIFY_(x) #x
#define STRINGIFY(x) STRINGIFY_(x)

/* KEYS[1]; ARGV: triples of instance, life in ms, the rest of the value; the first is ourselves,
 * the others are those that we remember. The key outlives its entries a little, and not the
 * operator. */
static const char renew_script[] =
    "local t = redis.call('TIME') "
    "local now = t[1] * 1000 + math.floor(t[2] / 1000) "
    "local function value(i) "
    "  return string.format('%.0f', now + ARGV[i + 1]) .. ' ' .. ARGV[i + 2] end "
    "for i = 4, #ARGV, 3 do redis.call('HSETNX', KEYS[1], ARGV[i], value(i)) end "
    "local all = redis.call('HGETALL', KEYS[1]) "
    "local answer = {string.format('%.0f', now), ''} "
    "for i = 1, #all, 2 do "
    "  local ends = tonumber(string.match(all[i + 1], '^%d+')) "
    "  if not ends or ends <= now or ends > now + " STRINGIFY(
        TPS_SHARE_LIFE_MS) " then "
                           "    redis.call('HDEL', KEYS[1], all[i]) "
                           "  elseif all[i] == ARGV[1] then answer[2] = all[i + 1] "
                           "  else answer[#answer + 1] = all[i]; answer[#answer + 1] = all[i + 1] "
                           "end "
                           "end "
                           "local mine = value(1) "
                           "local beat = string.match(ARGV[3], '^keep (%d+)') "
                           "if beat then "
                           "  local kept = string.match(answer[2], '^%d+ %d+ (%d+ %d+ %-?%d+)$') "
                           "  mine = string.gsub(mine, 'keep ', '') "
                           "  if kept then mine = string.match(mine, '^%d+ ') .. beat .. ' ' .. "
                           "kept end "
                           "end "
                           "redis.call('HSET', KEYS[1], ARGV[1], mine) "
                           "redis.call('PEXPIRE', KEYS[1], 600000) "
                           "return answer";

/* The arguments of one call: a key and triples. */
struct arguments {
    const char *argv[1 + 3 * MAX_ENTRIES];
    size_t lens[1 + 3 * MAX_ENTRIES];
    size_t count;
    char numbers[MAX_ENTRIES][NUMBER_SIZE + VALUE_SIZE];
};

static void add_argument(struct arguments *a, const char *text, size_t len)
{
    a->argv[a->count] = text;
    a->lens[a->count++] = len;
}

static void add_entry(struct arguments *a, const char *id, int64_t life_ms, bool keeps_count,
                      const struct tps_share_member *m)
{
    char *life = a->numbers[(a->count - 1) / 3];
    char *value = life + NUMBER_SIZE;
    struct str_out l = str_out(life, NUMBER_SIZE);
    str_put_i64(&l, life_ms);
    struct str_out v = str_out(value, VALUE_SIZE);
    str_puts(&v, keeps_count ? "keep " : "");
    str_put_u64(&v, m->beat);
    str_putc(&v, ' ');
    str_put_u64(&v, m->count);
    str_putc(&v, ' ');
    str_put_u64(&v, m->set);
    str_putc(&v, ' ');
    str_put_i64(&v, m->limit);
    str_puts(&v, m->gone ? " gone" : m->remembered ? " remembered" : "");
    add_argument(a, id, strlen(id));
    add_argument(a, life, l.len);
    add_argument(a, value, v.len);
}

bool tps_renewal_send(struct tps_renewal *r, struct redis *redis, const char *operator_id,
                      const struct tps_renewal_entry *entry, mono_t now, redis_done *done,
                      void *arg)
{
    const struct tps_share *share = entry->share;
    const struct tps_share_member own = {
        .beat = share->beat,
        .count = entry->count,
        .set = share->set,
        .limit = entry->limit,
        .gone = entry->gone,
    };
    char key[KEY_SIZE];
    struct str_out k = str_out(key, sizeof(key));
    str_puts(&k, "smpp:tps:{");
    str_puts(&k, operator_id);
    str_puts(&k, "}");
    struct arguments a;
    a.count = 0;
    add_argument(&a, key, k.len);
    add_entry(&a, share->own_id, entry->life_ms, entry->keeps_count, &own);
    for (size_t i = 0; i < share->count && a.count < ARRAY_LEN(a.argv); i++) {
        struct tps_share_member m = share->others[i];
        int64_t left_ms = tps_share_left_ms(&m, now);
        m.remembered = true;
        if (left_ms > 0)
            add_entry(&a, share->others[i].id, left_ms, false, &m);
    }
    r->script.text = renew_script;
    return redis_eval(redis, &r->script, done, arg, 1, a.count, a.argv, a.lens);
}

/* The next blank-separated number of *text. */
static bool take_number(const char **text, const char *end, int64_t min, int64_t *out)
{
    while (*text < end && **text == ' ')
        (*text)++;
    const char *start = *text;
    while (*text < end && **text != ' ')
        (*text)++;
    return str_parse_i64(start, (size_t)(*text - start), min, INT64_MAX, out);
}

static bool read_member(const struct redis_reply *value, int64_t server_now,
                        struct tps_share_member *m)
{
    const char *pos = value->text, *end = value->text + value->len;
    int64_t field[FIELDS];
    for (size_t i = 0; i < FIELDS; i++) {
        if (!take_number(&pos, end, i + 1 == FIELDS ? TPS_SHARE_LIMIT_UNKNOWN : 0, &field[i]))
            return false;
    }
    m->left_ms = field[0] - server_now;
    m->beat = (uint64_t)field[1];
    m->count = (uint32_t)field[2];
    m->set = (uint32_t)field[3];
    m->limit = field[4];
    m->gone = str_equal(pos, (size_t)(end - pos), " gone", 5);
    m->remembered = str_equal(pos, (size_t)(end - pos), " remembered", 11);
    return true;
}

struct tps_renewal_answer *tps_renewal_read(struct tps_renewal *r, const struct redis_reply *reply)
{
    struct tps_renewal_answer *answer = &r->answer;
    struct tps_share_member own;
    int64_t now;
    *answer = (struct tps_renewal_answer){0};
    if (!reply || reply->type != REDIS_ARRAY || reply->count < 2)
        return NULL;
    for (size_t i = 0; i < reply->count; i++) {
        if (reply->elements[i].type != REDIS_STRING)
            return NULL;
    }
    if (!str_parse_i64(reply->elements[0].text, reply->elements[0].len, 0, INT64_MAX, &now))
        return NULL;
    if (read_member(&reply->elements[1], now, &own) && !own.gone) {
        answer->own_count = own.count;
        answer->own_beat = own.beat;
    }
    for (size_t i = 2; i + 1 < reply->count && answer->count < ARRAY_LEN(answer->others); i += 2) {
        struct tps_share_member *m = &answer->others[answer->count];
        const struct redis_reply *id = &reply->elements[i];
        if (read_member(&reply->elements[i + 1], now, m) &&
            str_copy(m->id, sizeof(m->id), id->text, id->len))
            answer->count++;
    }
    return answer;
}
