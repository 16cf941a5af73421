/* Two heaps of packed entries: when the newer one is two seconds old it replaces the older one. */
#include <stdlib.h>
#include <string.h>

#include "bridge/jetstream_ack_log.h"

enum { HEAP_MS = 2000, HEAP_MAX_BYTES = 8 * 1024 * 1024 };

/* Entries: one octet `what`, the subject, NUL. */
struct heap {
    char *data;
    size_t len, size;
    mono_t started;
};

struct jetstream_ack_log {
    struct heap older, newer;
};

struct jetstream_ack_log *jetstream_ack_log_create(void)
{
    return xcalloc(1, sizeof(struct jetstream_ack_log));
}

void jetstream_ack_log_destroy(struct jetstream_ack_log **log)
{
    if (!*log)
        return;
    free((*log)->older.data);
    free((*log)->newer.data);
    free(*log);
    *log = NULL;
}

static void rotate(struct jetstream_ack_log *log)
{
    struct heap emptied = log->older;
    log->older = log->newer;
    emptied.len = 0;
    log->newer = emptied;
}

void jetstream_ack_log_add(struct jetstream_ack_log *log, mono_t now, enum jetstream_ack what,
                           const char *subject)
{
    size_t need = strlen(subject) + 2;
    if (log->newer.len > 0 && (mono_diff_ms(now, log->newer.started) >= HEAP_MS ||
                               log->newer.len + need > HEAP_MAX_BYTES))
        rotate(log);
    struct heap *heap = &log->newer;
    if (heap->len == 0)
        heap->started = now;
    if (heap->size - heap->len < need) {
        heap->size = heap->size * 2 + need + 4096;
        heap->data = xrealloc(heap->data, heap->size);
    }
    heap->data[heap->len] = (char)what;
    memcpy(heap->data + heap->len + 1, subject, need - 1);
    heap->len += need;
}

static bool replay_heap(const struct heap *heap,
                        bool (*send)(void *arg, enum jetstream_ack what, const char *subject),
                        void *arg)
{
    const char *end = heap->data ? heap->data + heap->len : NULL;
    for (const char *at = heap->data; at < end; at += strlen(at + 1) + 2) {
        if (!send(arg, (enum jetstream_ack)at[0], at + 1))
            return false;
    }
    return true;
}

bool jetstream_ack_log_replay(const struct jetstream_ack_log *log,
                              bool (*send)(void *arg, enum jetstream_ack what, const char *subject),
                              void *arg)
{
    return replay_heap(&log->older, send, arg) && replay_heap(&log->newer, send, arg);
}
