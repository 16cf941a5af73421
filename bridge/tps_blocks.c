/* The script of an exchange, its arguments and its answer. */
#include <string.h>

#include "common/str.h"

#include "bridge/tps_blocks.h"

enum { KEY_SIZE = 72, NUMBER_SIZE = 24, BLOCK_SIZE = 72, KEYS = 2, FIXED_ARGUMENTS = KEYS + 3 };

/* KEYS: the list of blocks, a flag that some are wanted. ARGV: reset, wanted, want, then blocks. A
 * block ends within 200 ms, or it is not from this clock. */
static const char exchange_script[] =
    "local t = redis.call('TIME') "
    "local now = t[1] * 1000000 + t[2] "
    "local function tokens(block) "
    "  local by, n = string.match(block, '^%d+ (%d+) (%d+)$') "
    "  by = tonumber(by) "
    "  return by and by > now and by <= now + 200000 and tonumber(n) or 0 end "
    "if ARGV[1] == '1' then redis.call('DEL', KEYS[1]) end "
    "for i = 4, #ARGV do "
    "  if tokens(ARGV[i]) > 0 then redis.call('RPUSH', KEYS[1], ARGV[i]) end end "
    "if #ARGV > 3 then redis.call('PEXPIRE', KEYS[1], 1000) end "
    "local want = tonumber(ARGV[3]) "
    "if ARGV[2] == '1' then redis.call('SET', KEYS[2], '1', 'PX', 1000) end "
    "local answer = {string.format('%.0f', now), redis.call('EXISTS', KEYS[2])} "
    "while want > 0 and #answer < 26 do "
    "  local block = redis.call('LPOP', KEYS[1]) "
    "  if not block then break end "
    "  local n = tokens(block) "
    "  if n > 0 then want = want - n; answer[#answer + 1] = block end "
    "end "
    "return answer";
_Static_assert(TPS_BLOCKS_MAX + 2 == 26, "the script gives as many as are read");

static struct str_out put_key(char out[KEY_SIZE], const char *prefix, const char *operator_id)
{
    struct str_out k = str_out(out, KEY_SIZE);
    str_puts(&k, prefix);
    str_puts(&k, operator_id);
    str_puts(&k, "}");
    return k;
}

static size_t put_block(char out[BLOCK_SIZE], const struct tps_block *block)
{
    struct str_out o = str_out(out, BLOCK_SIZE);
    str_put_i64(&o, block->from_us);
    str_putc(&o, ' ');
    str_put_i64(&o, block->by_us);
    str_putc(&o, ' ');
    str_put_u64(&o, block->tokens);
    return o.len;
}

bool tps_blocks_send(struct redis_script *script, struct redis *redis, const char *operator_id,
                     const struct tps_blocks_order *order, redis_done *done, void *arg)
{
    char keys[KEYS][KEY_SIZE], want[NUMBER_SIZE], blocks[TPS_BLOCKS_MAX][BLOCK_SIZE];
    const char *argv[FIXED_ARGUMENTS + TPS_BLOCKS_MAX];
    size_t lens[ARRAY_LEN(argv)], argc = FIXED_ARGUMENTS;
    struct str_out w = str_out(want, sizeof(want));
    str_put_u64(&w, order->want);
    argv[0] = keys[0];
    lens[0] = put_key(keys[0], "smpp:tps-blocks:{", operator_id).len;
    argv[1] = keys[1];
    lens[1] = put_key(keys[1], "smpp:tps-wanted:{", operator_id).len;
    argv[2] = order->reset ? "1" : "0";
    lens[2] = 1;
    argv[3] = order->wanted ? "1" : "0";
    lens[3] = 1;
    argv[4] = want;
    lens[4] = w.len;
    for (size_t i = 0; i < order->lent_count; i++) {
        argv[argc] = blocks[i];
        lens[argc++] = put_block(blocks[i], &order->lent[i]);
    }
    script->text = exchange_script;
    return redis_eval(redis, script, done, arg, KEYS, argc, argv, lens);
}

/* The next blank-separated number of *text. */
static bool take_number(const char **text, const char *end, int64_t max, int64_t *out)
{
    const char *start = *text;
    while (*text < end && **text != ' ')
        (*text)++;
    bool ok = str_parse_i64(start, (size_t)(*text - start), 0, max, out);
    *text += *text < end ? 1 : 0;
    return ok;
}

static bool read_block(const struct redis_reply *r, struct tps_block *block_r)
{
    const char *pos = r->text, *end = r->text + r->len;
    int64_t tokens;
    if (r->type != REDIS_STRING || !take_number(&pos, end, INT64_MAX, &block_r->from_us) ||
        !take_number(&pos, end, INT64_MAX, &block_r->by_us) ||
        !take_number(&pos, end, UINT32_MAX, &tokens))
        return false;
    block_r->tokens = (uint32_t)tokens;
    return true;
}

bool tps_blocks_read(const struct redis_reply *reply, struct tps_blocks_answer *answer_r)
{
    *answer_r = (struct tps_blocks_answer){0};
    if (!reply || reply->type != REDIS_ARRAY || reply->count < 2)
        return false;
    const struct redis_reply *e = reply->elements;
    if (e[0].type != REDIS_STRING || e[1].type != REDIS_INTEGER ||
        !str_parse_i64(e[0].text, e[0].len, 1, INT64_MAX / 1000, &answer_r->now_us))
        return false;
    answer_r->wanted = e[1].integer != 0;
    for (size_t i = 2; i < reply->count && answer_r->taken_count < TPS_BLOCKS_MAX; i++) {
        if (!read_block(&e[i], &answer_r->taken[answer_r->taken_count++]))
            return false;
    }
    return true;
}
