/* The members of an operator in OPERATORS_FILE as a table; private to operator_settings*.c. */
#ifndef BRIDGE_OPERATOR_MEMBERS_H
#define BRIDGE_OPERATOR_MEMBERS_H

#include "proto/json.h"

#include "bridge/operator_settings.h"

enum operator_member_kind {
    MEMBER_INT,    /* int64_t within min … max */
    MEMBER_BOOL,   /* bool */
    MEMBER_STRING, /* char *, of min … max octets */
    MEMBER_WORD,   /* int64_t, index into `words` */
    MEMBER_READ,   /* whatever `read` makes of it; lives in fixed arrays of the struct */
};

struct operator_member {
    const char *name;
    enum operator_member_kind kind;
    size_t offset;
    int64_t initial, min, max;
    const char *const *words; /* ends with NULL */
    /* False with what is wrong in *wrong_r. */
    bool (*read)(const struct json *value, struct operator_settings *s, const char **wrong_r);
};

extern const struct operator_member operator_members[];
extern const size_t operator_members_count;
/* The members of "tls". */
extern const struct operator_member operator_tls_members[];
extern const size_t operator_tls_members_count;

static inline void *operator_member_field(const struct operator_member *m,
                                          const struct operator_settings *s)
{
    return (char *)s + m->offset;
}

#endif
