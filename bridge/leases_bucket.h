/* The bucket of the leases: looked for at each connection, made where that is allowed. */
#ifndef BRIDGE_LEASES_BUCKET_H
#define BRIDGE_LEASES_BUCKET_H

#include "bridge/jetstream.h"

struct leases_bucket;

/* `ready` is called whenever it is found to be there. `name` is copied. */
struct leases_bucket *leases_bucket_create(struct loop *loop, struct jetstream *js,
                                           const char *name, void (*ready)(void *arg),
                                           void *arg) MUST_CHECK;
void leases_bucket_destroy(struct leases_bucket **bucket);

/* Connected; or somebody found it missing. */
void leases_bucket_look(struct leases_bucket *bucket);
bool leases_bucket_is_ready(const struct leases_bucket *bucket);
/* Why not; NULL: it is. */
const char *leases_bucket_trouble(const struct leases_bucket *bucket);

#endif
