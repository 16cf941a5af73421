/* What stands in the bucket: {"holder","home","state","ttlMs"} and perhaps "offered", and
 * JetStream's answers about it.
 */
#ifndef BRIDGE_LEASE_VALUE_H
#define BRIDGE_LEASE_VALUE_H

#include "bridge/leases.h"

struct lease_value {
    char holder[LEASES_HOLDER_SIZE]; /* INSTANCE_ID, for people and for the share of the limit */
    uint8_t home[LEASES_HOME_SIZE];
    bool free;
    bool offered;   /* free: because its holder could not be bound */
    int64_t ttl_ms; /* after which the holder expects others to take it */
};

#define LEASE_VALUE_MAX 1024 /* an instance id of which each character is escaped fits */
size_t lease_value_encode(const struct lease_value *v, char out[LEASE_VALUE_MAX]);

enum lease_answer {
    LEASE_ANSWER_VALUE,
    LEASE_ANSWER_NONE,      /* the key has no value, or was deleted */
    LEASE_ANSWER_NO_BUCKET, /* there is no such stream */
    LEASE_ANSWER_ODD,       /* not to be understood: `error` */
};
/* The answer to STREAM.MSG.GET. A deleted key has a revision too. */
enum lease_answer lease_value_read(const char *json, size_t len, struct lease_value *v_r,
                                   uint64_t *revision_r, char *error_r, size_t error_size);

#endif
