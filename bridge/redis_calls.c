/* Keeps the calls in lists and reuses them, with the room for a script's arguments. */
#include <stdlib.h>
#include <string.h>

#include "common/str.h"
#include "bridge/crypto.h"
#include "bridge/redis_calls.h"

void redis_calls_init(struct redis_calls *calls)
{
    list_init(&calls->by_age);
    list_init(&calls->free);
    calls->outstanding = 0;
    calls->wire = NULL;
    calls->wire_size = 0;
}

void redis_calls_free(struct redis_calls *calls)
{
    INVARIANT(list_empty(&calls->by_age));
    LIST_FOREACH (it, &calls->free) {
        struct redis_call *call = LIST_ENTRY(it, struct redis_call, link);
        free(call->saved);
        free(call);
    }
    list_init(&calls->free);
    if (calls->wire)
        explicit_bzero(calls->wire, calls->wire_size); /* it may be AUTH */
    free(calls->wire);
    calls->wire = NULL;
}

struct redis_call *redis_calls_take(struct redis_calls *calls, redis_done *done, void *arg,
                                    mono_t now)
{
    struct redis_call *call;
    if (list_empty(&calls->free)) {
        call = xcalloc(1, sizeof(*call));
    } else {
        call = LIST_ENTRY(calls->free.next, struct redis_call, link);
        list_remove(&call->link);
    }
    call->done = done;
    call->arg = arg;
    call->sent = now;
    call->script = NULL;
    list_append(&calls->by_age, &call->link);
    calls->outstanding++;
    return call;
}

void redis_calls_give_back(struct redis_calls *calls, struct redis_call *call)
{
    list_remove(&call->link);
    list_prepend(&calls->free, &call->link);
    calls->outstanding--;
}

void redis_calls_renew(struct redis_calls *calls, struct redis_call *call, mono_t now)
{
    list_remove(&call->link);
    list_append(&calls->by_age, &call->link);
    call->sent = now;
    call->script = NULL;
}

const struct redis_call *redis_calls_oldest(const struct redis_calls *calls)
{
    return list_empty(&calls->by_age) ? NULL
                                      : LIST_ENTRY(calls->by_age.next, struct redis_call, link);
}

void redis_calls_save(struct redis_call *call, size_t keys, size_t argc, const char *const *argv,
                      const size_t *lens)
{
    INVARIANT(argc <= REDIS_CALLS_MAX_ARGUMENTS && keys <= argc);
    size_t need = argc * sizeof(size_t);
    for (size_t i = 0; i < argc; i++)
        need += lens[i];
    if (call->saved_size < need) {
        call->saved = xrealloc(call->saved, need);
        call->saved_size = need;
    }
    char *at = call->saved + argc * sizeof(size_t);
    for (size_t i = 0; i < argc; i++) {
        memcpy(call->saved + i * sizeof(size_t), &lens[i], sizeof(size_t));
        memcpy(at, argv[i], lens[i]);
        at += lens[i];
    }
    call->keys = keys;
    call->argc = argc;
}

/* "$3\r\n" */
static char *put_length(char *at, char mark, size_t len)
{
    *at++ = mark;
    at += str_format_u64(len, at);
    *at++ = '\r';
    *at++ = '\n';
    return at;
}

struct bytes redis_calls_format(struct redis_calls *calls, size_t argc, const char *const *argv,
                                const size_t *lens)
{
    enum { LENGTH_SIZE = 1 + 20 + 2, END_SIZE = 2 };
    size_t most = LENGTH_SIZE;
    for (size_t i = 0; i < argc; i++)
        most += LENGTH_SIZE + lens[i] + END_SIZE;
    if (calls->wire_size < most) {
        calls->wire = xrealloc(calls->wire, most * 2);
        calls->wire_size = most * 2;
    }
    char *at = put_length(calls->wire, '*', argc);
    for (size_t i = 0; i < argc; i++) {
        at = put_length(at, '$', lens[i]);
        if (lens[i] > 0)
            memcpy(at, argv[i], lens[i]);
        at += lens[i];
        *at++ = '\r';
        *at++ = '\n';
    }
    return (struct bytes){(const uint8_t *)calls->wire, (size_t)(at - calls->wire)};
}

void redis_calls_digest(struct redis_script *script)
{
    uint8_t digest[20];
    const struct bytes text = {(const uint8_t *)script->text, strlen(script->text)};
    if (script->sha1[0] != '\0')
        return;
    crypto_sha1(&text, 1, digest);
    str_hex_encode(digest, sizeof(digest), script->sha1);
}

static void add(struct redis_eval_command *c, const char *text, size_t len)
{
    c->argv[c->argc] = text;
    c->lens[c->argc++] = len;
}

void redis_calls_eval(const struct redis_call *call, const char *verb, const char *script,
                      struct redis_eval_command *command_r)
{
    command_r->argc = 0;
    add(command_r, verb, strlen(verb));
    add(command_r, script, strlen(script));
    add(command_r, command_r->keys, str_format_u64(call->keys, command_r->keys));
    const char *at = call->saved + call->argc * sizeof(size_t);
    for (size_t i = 0; i < call->argc; i++) {
        size_t len;
        memcpy(&len, call->saved + i * sizeof(size_t), sizeof(size_t));
        add(command_r, at, len);
        at += len;
    }
}
