/* A set of 64-bit hashes, open addressing. */
#include <stdlib.h>
#include <string.h>

#include "common/base.h"

#include "tests/sim/sim_seen.h"

struct sim_seen {
    uint64_t *slots; /* 0: free */
    size_t size;     /* a power of two */
    size_t count;
};

struct sim_seen *sim_seen_create(void)
{
    return xcalloc(1, sizeof(struct sim_seen));
}

void sim_seen_destroy(struct sim_seen **seen)
{
    if (*seen)
        free((*seen)->slots);
    free(*seen);
    *seen = NULL;
}

void sim_seen_clear(struct sim_seen *seen)
{
    free(seen->slots);
    *seen = (struct sim_seen){0};
}

/* FNV-1a over one field and its end; finished in spread(). */
static uint64_t mix(uint64_t hash, struct bytes field)
{
    for (size_t i = 0; i < field.len; i++)
        hash = (hash ^ field.data[i]) * 0x100000001b3ull;
    return (hash ^ 0x1ff) * 0x100000001b3ull;
}

static uint64_t spread(uint64_t hash)
{
    hash ^= hash >> 32;
    hash *= 0xd6e8feb86659fd93ull;
    hash ^= hash >> 32;
    return hash ? hash : 1;
}

/* The text as one octet per character, as far as a token needs it. */
static size_t flatten(char *out, size_t size, const struct sim_submit *m)
{
    size_t step = m->data_coding == SIM_CODING_UCS2 ? 2 : 1;
    size_t len = 0;
    for (size_t i = step - 1; i < m->text.len && len + 1 < size; i += step)
        out[len++] = m->text.data[i] ? (char)m->text.data[i] : ' ';
    out[len] = 0;
    return len;
}

static bool find_token(const char *text, const char *prefix, struct bytes *token_r)
{
    const char *at = text;
    size_t prefix_len = strlen(prefix);
    while (*at) {
        at += strspn(at, " \t\r\n");
        size_t len = strcspn(at, " \t\r\n");
        if (len > prefix_len && strncmp(at, prefix, prefix_len) == 0) {
            *token_r = (struct bytes){(const uint8_t *)at, len};
            return true;
        }
        at += len;
    }
    return false;
}

static uint64_t hash_of(const struct sim_behaviour *b, const struct sim_submit *m)
{
    char text[1024];
    struct bytes token;
    uint64_t hash = 0xcbf29ce484222325ull;
    if (b->detect_duplicates == SIM_DUPLICATES_TOKEN && flatten(text, sizeof(text), m) > 0 &&
        find_token(text, b->duplicate_token, &token))
        return spread(mix(hash, token));
    uint8_t part[2] = {m->part, m->parts};
    hash = mix(hash, m->source);
    hash = mix(hash, m->dest);
    hash = mix(hash, m->text);
    return spread(mix(hash, (struct bytes){part, sizeof(part)}));
}

/* True if it was there. */
static bool insert(uint64_t *slots, size_t size, uint64_t hash)
{
    size_t i = (size_t)hash & (size - 1);
    while (slots[i] != 0 && slots[i] != hash)
        i = (i + 1) & (size - 1);
    bool was_there = slots[i] == hash;
    slots[i] = hash;
    return was_there;
}

static void grow(struct sim_seen *seen)
{
    size_t size = seen->size ? 2 * seen->size : 1024;
    uint64_t *slots = xcalloc(size, sizeof(*slots));
    for (size_t i = 0; i < seen->size; i++) {
        if (seen->slots[i] != 0)
            insert(slots, size, seen->slots[i]);
    }
    free(seen->slots);
    seen->slots = slots;
    seen->size = size;
}

bool sim_seen_add(struct sim_seen *seen, const struct sim_behaviour *b, const struct sim_submit *m)
{
    if (seen->count * 2 >= seen->size)
        grow(seen);
    bool was_there = insert(seen->slots, seen->size, hash_of(b, m));
    seen->count += !was_there;
    return was_there;
}
