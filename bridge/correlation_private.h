/* What correlation.c, correlation_find.c and correlation_dialect.c share. */
#ifndef BRIDGE_CORRELATION_PRIVATE_H
#define BRIDGE_CORRELATION_PRIVATE_H

#include "common/list.h"
#include "common/map.h"

#include "bridge/correlation.h"

#define PENDING_KEY_SIZE (IPC_OPERATOR_ID_SIZE + SMPP_MESSAGE_ID_SIZE)

/* A correlation that Redis has not confirmed. */
struct pending {
    struct list link; /* while free */
    struct correlations *owner;
    struct correlation entry;
    uint8_t key[PENDING_KEY_SIZE];
    size_t key_len;
    bool under_way; /* Redis was asked and has not answered */
    correlation_stored *done;
    void *arg;
};

/* One operator's dialect. Lives as long as the correlations: an operator that comes back goes on
 * where it was. */
struct dialect {
    char operator_id[37];
    struct correlation_dialect view;
    enum message_id_dialect candidate; /* what the last matches were */
    unsigned in_a_row;
    bool loading, loaded; /* from Redis */
};

/* One spelling that is looked for. */
struct candidate {
    enum message_id_dialect dialect;
    bool is_alias;
    char id[SMPP_MESSAGE_ID_SIZE];
};
/* Both ids in all their forms, each with its alias; and as many as most operators ever need. */
#define CANDIDATES_MAX (4 * MESSAGE_ID_FORMS_MAX)
#define CANDIDATES_INLINE 4

/* A query under way. */
struct lookup {
    struct list link; /* while free */
    struct correlations *owner;
    struct dialect *dialect;
    char operator_id[37];
    enum message_id_format format;
    char ids[2][SMPP_MESSAGE_ID_SIZE];
    uint64_t digests[2];
    bool wide;                    /* the second question: every form */
    struct candidate *candidates; /* the inline ones, or CANDIDATES_MAX of its own */
    struct candidate few[CANDIDATES_INLINE];
    size_t count;
    size_t asked; /* of these, in the first question already */
    correlation_found *done;
    void *arg;
};

struct correlations {
    struct redis *redis;
    char ttl_text[24];
    size_t ttl_len;
    struct map *pending;  /* operator and id → struct pending */
    struct map *dialects; /* operator → struct dialect */
    size_t idle;          /* pending ones that failed and wait to be stored again */
    struct list free_pending, free_lookups;
    correlation_noted *on_store;
    void *on_store_arg;
};

size_t correlation_pending_key(const struct mno *op, const char *id, uint8_t out[PENDING_KEY_SIZE]);

/* The operator's, made when new and asked of Redis when that was not done yet. */
struct dialect *correlation_dialect_get(struct correlations *c, const struct mno *op);
/* A receipt was matched under it, its destination checked; learnt after a few in a row. */
void correlation_dialect_note(struct correlations *c, struct dialect *d,
                              enum message_id_dialect dialect);

#endif
