/* uv_getaddrinfo that can be forgotten: a look-up that runs in libuv's pool can't be stopped. */
#include <netdb.h>
#include <stdlib.h>
#include <uv.h>

#include "bridge/redis_resolve.h"

struct redis_resolve {
    uv_getaddrinfo_t request;
    redis_resolved *done; /* NULL: nobody waits any more */
    void *arg;
};

static size_t to_text(const struct addrinfo *list, char (*addresses)[REDIS_RESOLVE_SIZE])
{
    size_t count = 0;
    for (const struct addrinfo *a = list; a && count < REDIS_RESOLVE_MAX; a = a->ai_next) {
        if (uv_ip_name(a->ai_addr, addresses[count], REDIS_RESOLVE_SIZE) == 0)
            count++;
    }
    return count;
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct redis_resolve *r = request->data;
    char addresses[REDIS_RESOLVE_MAX][REDIS_RESOLVE_SIZE];
    size_t count = status == 0 ? to_text(list, addresses) : 0;
    uv_freeaddrinfo(list);
    redis_resolved *done = r->done;
    void *arg = r->arg;
    free(r);
    if (done)
        done(arg, addresses, count, status == 0 ? "no address" : uv_strerror(status));
}

struct redis_resolve *redis_resolve_start(struct loop *loop, const char *host, redis_resolved *done,
                                          void *arg)
{
    struct redis_resolve *r = xcalloc(1, sizeof(*r));
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    r->request.data = r;
    r->done = done;
    r->arg = arg;
    if (uv_getaddrinfo(loop_uv(loop), &r->request, on_resolved, host, NULL, &hints) == 0)
        return r;
    free(r);
    return NULL;
}

void redis_resolve_cancel(struct redis_resolve **resolve)
{
    struct redis_resolve *r = *resolve;
    if (!r)
        return;
    *resolve = NULL;
    r->done = NULL;
    uv_cancel((uv_req_t *)&r->request); /* works while it is queued; else it ends unheard */
}
