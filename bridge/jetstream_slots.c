/* Slots in one array (untouched pages cost nothing), the free ones reused last in, first out. */
#include <stdlib.h>

#include "bridge/jetstream_slots.h"

enum {
    STEP_MS = 100,
    WHEEL_STEPS = 128,
    KEEP_RECORDS = 8192,     /* slots beyond keep no buffer when free */
    KEEP_RECORD_SIZE = 4096, /* and none keeps a larger one */
};

struct jetstream_slots {
    struct jetstream_slot *all;
    uint32_t capacity, used;
    uint32_t fresh; /* all[fresh…] were never taken */
    uint32_t *free_stack;
    uint32_t free_count;
    struct list wheel[WHEEL_STEPS];
    int64_t step; /* the last one that was expired */
};

struct jetstream_slots *jetstream_slots_create(uint32_t capacity)
{
    struct jetstream_slots *s = xcalloc(1, sizeof(*s));
    s->capacity = capacity;
    s->all = xcalloc(capacity, sizeof(*s->all));
    s->free_stack = xcalloc(capacity, sizeof(*s->free_stack));
    for (size_t i = 0; i < WHEEL_STEPS; i++)
        list_init(&s->wheel[i]);
    return s;
}

void jetstream_slots_destroy(struct jetstream_slots **slots)
{
    struct jetstream_slots *s = *slots;
    if (!s)
        return;
    for (uint32_t i = 0; i < s->fresh; i++)
        free(s->all[i].record);
    free(s->all);
    free(s->free_stack);
    free(s);
    *slots = NULL;
}

struct jetstream_slot *jetstream_slots_take(struct jetstream_slots *s,
                                            enum jetstream_slot_kind kind)
{
    if (s->free_count == 0 && s->fresh == s->capacity)
        return NULL;
    uint32_t index = s->free_count > 0 ? s->free_stack[--s->free_count] : s->fresh++;
    struct jetstream_slot *slot = &s->all[index];
    list_init(&slot->link);
    list_init(&slot->age);
    slot->index = index;
    slot->kind = kind;
    slot->attempts = 0;
    slot->resting = false;
    slot->troubled_since = (mono_t){0};
    s->used++;
    return slot;
}

void jetstream_slots_release(struct jetstream_slots *s, struct jetstream_slot *slot)
{
    INVARIANT(slot->kind != JETSTREAM_SLOT_FREE);
    list_remove(&slot->link);
    list_remove(&slot->age);
    slot->kind = JETSTREAM_SLOT_FREE;
    slot->generation++;
    if (slot->index >= KEEP_RECORDS || slot->record_size > KEEP_RECORD_SIZE) {
        free(slot->record);
        slot->record = NULL;
        slot->record_size = 0;
    }
    s->free_stack[s->free_count++] = slot->index;
    s->used--;
}

struct jetstream_slot *jetstream_slots_find(struct jetstream_slots *s, uint32_t index,
                                            uint32_t generation)
{
    if (index >= s->fresh)
        return NULL;
    struct jetstream_slot *slot = &s->all[index];
    return slot->kind != JETSTREAM_SLOT_FREE && slot->generation == generation ? slot : NULL;
}

uint32_t jetstream_slots_used(const struct jetstream_slots *s)
{
    return s->used;
}

struct jetstream_command *jetstream_slots_record(struct jetstream_slot *slot, size_t size)
{
    if (slot->record_size < size) {
        free(slot->record);
        slot->record_size = (size + 511) & ~(size_t)511;
        slot->record = xmalloc(slot->record_size);
    }
    slot->record->size = (uint32_t)size;
    return slot->record;
}

static int64_t step_of(mono_t t)
{
    return t.ns / (STEP_MS * NS_PER_MS);
}

void jetstream_slots_due_at(struct jetstream_slots *s, struct jetstream_slot *slot, mono_t due)
{
    list_remove(&slot->link);
    int64_t step = step_of(due) + 1; /* not before its time */
    if (step <= s->step)
        step = s->step + 1;
    slot->due_step = step;
    list_append(&s->wheel[step % WHEEL_STEPS], &slot->link);
}

static void expire_step(struct list *bucket, int64_t step, struct list *expired)
{
    LIST_FOREACH (it, bucket) {
        struct jetstream_slot *slot = LIST_ENTRY(it, struct jetstream_slot, link);
        if (slot->due_step > step)
            continue; /* of a later round */
        list_remove(it);
        list_append(expired, it);
    }
}

void jetstream_slots_expire(struct jetstream_slots *s, mono_t now, struct list *expired)
{
    int64_t until = step_of(now);
    int64_t from = s->step + 1;
    if (from + WHEEL_STEPS <= until)
        from = until - WHEEL_STEPS + 1; /* after a long pause each bucket once is enough */
    for (int64_t step = from; step <= until; step++)
        expire_step(&s->wheel[step % WHEEL_STEPS], until, expired);
    if (until > s->step)
        s->step = until;
}
