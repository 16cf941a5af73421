/* Host name to numeric addresses without blocking the loop. */
#ifndef BRIDGE_REDIS_RESOLVE_H
#define BRIDGE_REDIS_RESOLVE_H

#include "common/loop.h"

#define REDIS_RESOLVE_MAX 8
#define REDIS_RESOLVE_SIZE 46 /* of a numeric address */

struct redis_resolve;
/* `count` 0: none, `error` says why. Not called from inside the call. */
typedef void redis_resolved(void *arg, char (*addresses)[REDIS_RESOLVE_SIZE], size_t count,
                            const char *error);

/* NULL: could not even be asked. */
struct redis_resolve *redis_resolve_start(struct loop *loop, const char *host, redis_resolved *done,
                                          void *arg) MUST_CHECK;
void redis_resolve_cancel(struct redis_resolve **resolve);

#endif
