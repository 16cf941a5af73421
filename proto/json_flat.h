/*
 * The quick way into a document that is one object of plain members, as a command nearly always
 * is: texts without escapes, whole numbers, true, false, null. Walked in place, without a tree.
 * It agrees with json_parse() or says nothing: what is not plain, or wrong, is that one's to judge.
 */
#ifndef PROTO_JSON_FLAT_H
#define PROTO_JSON_FLAT_H

#include "common/base.h"
#include "proto/json.h"

#define JSON_FLAT_MEMBERS_MAX 32
#define JSON_FLAT_SLOTS 64

struct json_flat_member {
    struct bytes name;
    enum json_type type; /* neither JSON_ARRAY nor JSON_OBJECT */
    struct bytes text;   /* of a string */
    int64_t number;      /* of a number; 1 for true, 0 for false */
};

/* In the document's order; names differ. Views point into the document. */
struct json_flat {
    size_t count;
    uint8_t
        first[JSON_FLAT_SLOTS]; /* by slot of the name: 1 + the first member that has it, or 0 */
    struct json_flat_member members[JSON_FLAT_MEMBERS_MAX];
};

/* True: json_parse() with JSON_SIZE_LIMIT takes the document too, and these are its members. False
 * means nothing but that json_parse() has to be asked. */
bool json_flat_read(const char *data, size_t len, struct json_flat *flat_r) MUST_CHECK;

/* As json_member(): NULL when it is absent or null. */
const struct json_flat_member *json_flat_member(const struct json_flat *flat, const char *name);
/* As json_string(), json_int() and json_time(); `member` may be NULL (then false). */
bool json_flat_string(const struct json_flat_member *member, struct bytes *text_r) MUST_CHECK;
bool json_flat_int(const struct json_flat_member *member, int64_t min, int64_t max,
                   int64_t *v_r) MUST_CHECK;
bool json_flat_time(const struct json_flat_member *member, int64_t *unix_ms_r) MUST_CHECK;

#endif
