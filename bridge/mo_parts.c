/*
 * Parts of a long message from a phone of which others have not come yet: kept in Redis and then
 * answered, since an SMSC may send the next one only after that. Whoever adds the last one
 * publishes the whole. What is not whole after two minutes is published as it came, each part by
 * itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/str.h"

#include "bridge/crypto.h"
#include "bridge/dlr_private.h"
#include "bridge/due.h"

#define PREFIX "smpp:mo-parts:"
#define KEEP_S "86400" /* whoever is to tell it may be away for a while */

enum {
    DUE_MS = 2 * 60 * 1000,
    OCTETS_MAX = 300, /* of a short_message, unpacked */
    ADDRESS_MAX = SMPP_ADDRESS_SIZE + 64,
    VALUE_SIZE = 2 * OCTETS_MAX + 4 * ADDRESS_MAX + 128,
};

/* 0: another part has that place, of a message with the same reference. */
static const char gather_script[] =
    "local there = redis.call('HGET', KEYS[1], ARGV[1]) "
    "if there and there ~= ARGV[2] then return 0 end "
    "redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) redis.call('EXPIRE', KEYS[1], ARGV[3]) "
    "redis.call('ZADD', KEYS[2], 'NX', ARGV[4], ARGV[5]) redis.call('EXPIRE', KEYS[2], ARGV[3]) "
    "return redis.call('HVALS', KEYS[1])";

/* One part as it is kept. */
struct kept {
    unsigned number, total, data_coding, locking, single;
    struct uuid event_id;
    long long received_ms;
    char from[ADDRESS_MAX], to[ADDRESS_MAX];
    uint8_t octets[OCTETS_MAX];
    size_t len;
};

/* Those of one message, by number. */
struct kept_message {
    struct kept parts[1 + UINT8_MAX]; /* number 0: not there */
    unsigned present, total;
};

struct mo_parts {
    struct dlr *dlr;
    struct due *due;
    struct kept_message *message; /* that is being told; NULL: none */
    struct due_item item;
    unsigned next; /* part of it */
    struct jetstream_publish *publish;
};

/* --- values --- */

struct mo_piece mo_piece_of(const struct delivery *d, uint8_t *octets)
{
    size_t len = message_text_joinable(mo_event_alphabet(d->op), d->sm.data_coding,
                                       smpp_sm_message(&d->sm), d->udh.length, octets);
    return (struct mo_piece){
        .data_coding = d->sm.data_coding,
        .tables = d->udh.tables,
        .octets = {octets, len},
    };
}

static void put_hex(struct str_out *o, const void *data, size_t len)
{
    char hex[2 * (OCTETS_MAX > ADDRESS_MAX ? OCTETS_MAX : ADDRESS_MAX) + 1];
    str_hex_encode(data, len, hex);
    str_puts(o, " ");
    str_puts(o, len ? hex : "-");
}

/* "part parts eventId receivedMs dataCoding locking single from to octets", the last three in
 * hexadecimal, "-" for an empty one. False: it is too long to be kept. */
static bool pack(const struct delivery *d, char out[VALUE_SIZE])
{
    uint8_t octets[OCTETS_MAX];
    char id[UUID_TEXT_SIZE], head[128];
    if (message_text_joinable_max(smpp_sm_message(&d->sm).len) > sizeof(octets) ||
        strlen(d->sm.source) >= ADDRESS_MAX || strlen(d->sm.dest) >= ADDRESS_MAX)
        return false;
    struct mo_piece piece = mo_piece_of(d, octets);
    uuid_format(&d->event_id, id);
    snprintf(head, sizeof(head), "%u %u %s %lld %u %u %u", d->udh.part, d->udh.total, id,
             (long long)d->identity.received_ms, piece.data_coding, piece.tables.locking,
             piece.tables.single);
    struct str_out o = str_out(out, VALUE_SIZE);
    str_puts(&o, head);
    put_hex(&o, d->sm.source, strlen(d->sm.source));
    put_hex(&o, d->sm.dest, strlen(d->sm.dest));
    put_hex(&o, octets, piece.octets.len);
    return true;
}

static bool take_hex(const char *hex, void *out, size_t size, size_t *len_r)
{
    *len_r = 0;
    return strcmp(hex, "-") == 0 || str_hex_decode(hex, strlen(hex), out, size, len_r);
}

static bool unpack(const char *text, struct kept *k)
{
    char id[UUID_TEXT_SIZE], from[2 * ADDRESS_MAX], to[2 * ADDRESS_MAX], octets[2 * OCTETS_MAX + 1];
    size_t len;
    *k = (struct kept){0};
    int got = sscanf(text, "%u %u %36s %lld %u %u %u %169s %169s %600s", &k->number, &k->total, id,
                     &k->received_ms, &k->data_coding, &k->locking, &k->single, from, to, octets);
    _Static_assert(sizeof(from) == 170 && sizeof(octets) == 601, "as the format says");
    return got == 10 && k->number > 0 && k->number <= k->total && k->total <= UINT8_MAX &&
           k->data_coding <= UINT8_MAX && k->locking <= GSM7_URDU && k->single <= GSM7_URDU &&
           uuid_parse(id, strlen(id), &k->event_id) &&
           take_hex(from, k->from, sizeof(k->from) - 1, &len) &&
           take_hex(to, k->to, sizeof(k->to) - 1, &len) &&
           take_hex(octets, k->octets, sizeof(k->octets), &k->len);
}

/* Every `step`-th element from `first` on; to be freed. */
static struct kept_message *unpack_all(const struct redis_reply *reply, size_t first, size_t step)
{
    struct kept_message *m = xcalloc(1, sizeof(*m));
    for (size_t i = first; i < reply->count; i += step) {
        struct kept k;
        if (reply->elements[i].type != REDIS_STRING || !unpack(reply->elements[i].text, &k))
            continue;
        m->present += m->parts[k.number].number ? 0 : 1;
        m->parts[k.number] = k;
        m->total = k.total;
    }
    return m;
}

static bool is_whole(const struct kept_message *m)
{
    return m->total > 0 && m->present == m->total;
}

/* --- events --- */

static struct mo_piece piece_of(const struct kept *k)
{
    return (struct mo_piece){
        .data_coding = (uint8_t)k->data_coding,
        .tables = {(enum gsm7_language)k->locking, (enum gsm7_language)k->single},
        .octets = {k->octets, k->len},
    };
}

/* Of the part, or of the whole message (part 0); says its id. */
static struct uuid emit(struct json_emit *json, const struct mno *op, const struct kept_message *m,
                        unsigned part)
{
    struct mo_piece pieces[UINT8_MAX];
    struct uuid ids[UINT8_MAX];
    struct text text = {0};
    unsigned count = 0;
    for (unsigned i = part ? part : 1; i <= (part ? part : m->total); i++, count++) {
        pieces[count] = piece_of(&m->parts[i]);
        ids[count] = m->parts[i].event_id;
    }
    mo_event_join(op, pieces, count, &text);
    const struct kept *one = &m->parts[part ? part : 1];
    struct mo_event event = {
        .event_id = part ? one->event_id : mo_event_whole_id(ids, count),
        .received_ms = one->received_ms,
        .op = op,
        .from = one->from,
        .to = one->to,
        .data_coding = (uint8_t)one->data_coding,
        .text = {(const uint8_t *)text.data, text.len},
        .part = part,
        .parts = m->total,
    };
    mo_event_emit(json, &event);
    text_free(&text);
    return event.event_id;
}

/* --- a part comes --- */

static void name_of(const struct delivery *d, char out[DUE_NAME_SIZE])
{
    uint8_t key[MO_MESSAGE_KEY_SIZE], digest[UUID_SHA1_SIZE];
    struct bytes input = {key, mo_message_key(d, key)};
    crypto_sha1(&input, 1, digest);
    str_hex_encode(digest, sizeof(digest), out);
}

static void on_whole_stored(void *arg, bool duplicate)
{
    struct delivery *d = arg;
    struct redis *redis = d->dlr->options.redis;
    char name[DUE_NAME_SIZE], hash[DUE_KEY_SIZE], set[DUE_KEY_SIZE];
    (void)duplicate;
    d->publish = NULL;
    d->op->counters.mo_published++;
    name_of(d, name);
    const char *del[] = {"DEL", hash}, *rem[] = {"ZREM", set, name};
    const size_t del_lens[] = {3, due_hash_key(PREFIX, d->op->id_text, name, hash)};
    const size_t rem_lens[] = {4, due_set_key(PREFIX, d->op->id_text, set), strlen(name)};
    /* If Redis does not hear it, it is due, whole, and the same event once more. */
    if (redis_command(redis, NULL, NULL, 3, rem, rem_lens))
        (void)!redis_command(redis, NULL, NULL, 2, del, del_lens);
    delivery_answer(d, SMPP_ROK);
}

static void on_gathered(void *arg, const struct redis_reply *reply)
{
    struct delivery *d = arg;
    if (!delivery_redis_answered(d))
        return;
    if (reply && reply->type == REDIS_INTEGER) {
        mo_publish_single(d);
        return;
    }
    if (!reply || reply->type != REDIS_ARRAY) {
        delivery_wait(d, mo_lay_aside);
        return;
    }
    struct kept_message *m = unpack_all(reply, 0, 1);
    if (is_whole(m)) {
        d->event_id = emit(&d->dlr->json, d->op, m, 0);
        dlr_publish_json(d, d->dlr->mo_subject, on_whole_stored);
        if (!d->publish)
            delivery_wait(d, mo_lay_aside);
    } else {
        delivery_answer(d, SMPP_ROK);
    }
    free(m);
}

void mo_lay_aside(struct delivery *d)
{
    char value[VALUE_SIZE], name[DUE_NAME_SIZE], due[24], part[4];
    char hash[DUE_KEY_SIZE], set[DUE_KEY_SIZE];
    mo_event_id(d);
    if (delivery_hold_left_ms(d) <= DLR_MARGIN_MS || !pack(d, value)) {
        mo_publish_single(d);
        return;
    }
    struct str_out due_out = str_out(due, sizeof(due)), part_out = str_out(part, sizeof(part));
    str_put_i64(&due_out, clock_wall_ms() + DUE_MS);
    str_put_u64(&part_out, d->udh.part);
    name_of(d, name);
    const char *argv[] = {hash, set, part, value, KEEP_S, due, name};
    const size_t lens[] = {due_hash_key(PREFIX, d->op->id_text, name, hash),
                           due_set_key(PREFIX, d->op->id_text, set),
                           part_out.len,
                           strlen(value),
                           strlen(KEEP_S),
                           due_out.len,
                           strlen(name)};
    d->dlr->parts_script.text = gather_script;
    d->phase = DLR_GATHERING;
    timer_start_at(&d->timer, d->hold_until);
    d->awaits_redis = redis_eval(d->dlr->options.redis, &d->dlr->parts_script, on_gathered, d, 2,
                                 ARRAY_LEN(argv), argv, lens);
    if (!d->awaits_redis)
        delivery_wait(d, mo_lay_aside);
}

/* --- their time is up --- */

static void end_telling(struct mo_parts *p)
{
    free(p->message);
    p->message = NULL;
}

static void tell_next(struct mo_parts *p);

static void on_part_stored(void *arg, bool duplicate)
{
    struct mo_parts *p = arg;
    struct mno *op = operators_find(p->dlr->options.operators, p->item.operator_id);
    (void)duplicate;
    p->publish = NULL;
    if (op)
        op->counters.mo_published++;
    p->next = is_whole(p->message) ? p->message->total + 1 : p->next + 1;
    tell_next(p);
}

static void tell_next(struct mo_parts *p)
{
    const struct mno *op = operators_find(p->dlr->options.operators, p->item.operator_id);
    struct kept_message *m = p->message;
    while (p->next <= m->total && !m->parts[p->next].number)
        p->next++;
    if (p->next > m->total) {
        end_telling(p);
        due_told(p->due, true);
        return;
    }
    if (op) {
        char msg_id[UUID_TEXT_SIZE];
        struct json_emit *json = &p->dlr->json;
        struct uuid id = emit(json, op, m, is_whole(m) ? 0 : p->next);
        uuid_format(&id, msg_id);
        p->publish = jetstream_publish(p->dlr->options.js, p->dlr->mo_subject, msg_id, NULL, 0,
                                       json->data, json->len, on_part_stored, p);
    }
    if (!p->publish) {
        end_telling(p);
        due_later(p->due);
    }
}

static void tell(void *arg, const struct due_item *item, const struct redis_reply *fields)
{
    struct mo_parts *p = arg;
    p->item = *item;
    p->message = unpack_all(fields, 1, 2);
    p->next = 1;
    tell_next(p);
}

static bool any_operator(const struct mno *op)
{
    (void)op;
    return true;
}

/* --- life --- */

struct mo_parts *mo_parts_create(struct dlr *dlr)
{
    struct mo_parts *p = xcalloc(1, sizeof(*p));
    p->dlr = dlr;
    p->due = due_create(&(struct due_options){
        .loop = dlr->options.loop,
        .redis = dlr->options.redis,
        .operators = dlr->options.operators,
        .link = dlr->options.link,
        .prefix = PREFIX,
        .applies = any_operator,
        .tell = tell,
        .arg = p,
    });
    return p;
}

void mo_parts_forget(struct mo_parts *p)
{
    if (!p || !p->publish)
        return;
    jetstream_publish_cancel(p->dlr->options.js, &p->publish);
    end_telling(p);
    due_later(p->due);
}

void mo_parts_destroy(struct mo_parts **p_ref)
{
    struct mo_parts *p = *p_ref;
    if (!p)
        return;
    mo_parts_forget(p);
    due_destroy(&p->due);
    free(p);
    *p_ref = NULL;
}
