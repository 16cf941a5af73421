/* The ring of settled and closed keys. Its head moves past a record before that is written: after a
 * death between the two the record is an old one or none, and never a new one in the oldest's
 * place, which the next would overwrite. */
#include "session-agent/ledger_keys.h"

#include <stdlib.h>

struct ledger_keys {
    struct ledger_key_record *ring;
    _Atomic uint64_t *written;
    uint32_t size;
    uint32_t mask;     /* of the buckets */
    uint32_t *buckets; /* index + 1 of the newest record with this hash; 0: none */
    uint32_t *chains;  /* for each record, index + 1 of the next older one */
    uint32_t count;    /* records indexed */
};

uint32_t ledger_message_hash(const struct ipc_key *message)
{
    uint64_t stream = message->stream * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(message->sequence + (stream >> 32));
}

static uint32_t record_sum(const struct ledger_key_record *r)
{
    uint64_t sum = ledger_sum(0, r, offsetof(struct ledger_key_record, sum));
    return (uint32_t)(sum ^ (sum >> 32)) | 1;
}

static struct ipc_key record_key(const struct ledger_key_record *r)
{
    return (struct ipc_key){.stream = r->stream, .sequence = r->sequence, .time_ns = r->time_ns};
}

static uint32_t *bucket_of(const struct ledger_keys *k, const struct ipc_key *message)
{
    return &k->buckets[ledger_message_hash(message) & k->mask];
}

static void index_record(struct ledger_keys *k, uint32_t i)
{
    struct ipc_key key = record_key(&k->ring[i]);
    uint32_t *bucket = bucket_of(k, &key);
    k->chains[i] = *bucket;
    *bucket = i + 1;
    k->count++;
}

/* Harmless when the record is not indexed (never written, or damaged). */
static void unindex_record(struct ledger_keys *k, uint32_t i)
{
    struct ipc_key key = record_key(&k->ring[i]);
    uint32_t *link = bucket_of(k, &key);
    while (*link && *link != i + 1)
        link = &k->chains[*link - 1];
    if (!*link)
        return;
    *link = k->chains[i];
    k->count--;
}

struct ledger_keys *ledger_keys_create(struct ledger_file *file)
{
    struct ledger_keys *k = xcalloc(1, sizeof *k);
    k->ring = file->keys;
    k->written = &file->header->keys_written;
    k->size = file->header->keys;
    uint32_t buckets = 1;
    while (buckets < k->size)
        buckets *= 2;
    k->mask = buckets - 1;
    k->buckets = xcalloc(buckets, sizeof *k->buckets);
    k->chains = xcalloc(k->size, sizeof *k->chains);

    INVARIANT(k->size > 0);
    uint64_t written = atomic_load(k->written);
    for (uint64_t n = written > k->size ? written - k->size : 0; n < written; n++) {
        uint32_t i = (uint32_t)(n % k->size);
        if (k->ring[i].sum == record_sum(&k->ring[i]))
            index_record(k, i);
    }
    return k;
}

void ledger_keys_destroy(struct ledger_keys **k)
{
    if (!*k)
        return;
    free((*k)->buckets);
    free((*k)->chains);
    free(*k);
    *k = NULL;
}

void ledger_keys_add(struct ledger_keys *k, const struct ipc_key *message, enum ledger_state state,
                     uint32_t now_s)
{
    uint64_t written = atomic_load(k->written);
    uint32_t i = (uint32_t)(written % k->size);
    struct ledger_key_record *r = &k->ring[i];
    if (written >= k->size)
        unindex_record(k, i);
    atomic_store_explicit(k->written, written + 1, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
    *r = (struct ledger_key_record){
        .stream = message->stream,
        .sequence = message->sequence,
        .time_ns = message->time_ns,
        .stamp = now_s << 1 | (state == LEDGER_CLOSED),
    };
    r->sum = record_sum(r);
    index_record(k, i);
}

enum ledger_state ledger_keys_find(const struct ledger_keys *k, const struct ipc_key *message)
{
    for (uint32_t i = *bucket_of(k, message); i; i = k->chains[i - 1]) {
        const struct ledger_key_record *r = &k->ring[i - 1];
        struct ipc_key key = record_key(r);
        if (ipc_key_same_message(&key, message))
            return r->stamp & 1 ? LEDGER_CLOSED : LEDGER_SETTLED;
    }
    return LEDGER_NONE;
}

uint32_t ledger_keys_count(const struct ledger_keys *k)
{
    return k->count;
}
