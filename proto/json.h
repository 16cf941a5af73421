/*
 * Strict JSON in: the only door to cJSON, which by itself takes ill-formed UTF-8, duplicate keys,
 * raw control characters, strings cut at \u0000, trailing garbage and numbers it cannot hold. All
 * of that is refused here.
 */
#ifndef PROTO_JSON_H
#define PROTO_JSON_H

#include "common/base.h"

#define JSON_SIZE_LIMIT 65536u /* bytes of a document, unless the caller says otherwise */
#define JSON_DEPTH_LIMIT 16
#define JSON_MEMBERS_LIMIT 256 /* of one object */

/* A value of a parsed document; all of them live as long as the document. */
struct json;

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* The document's root, any type. NULL with a reason, which tells the byte offset and never quotes
 * the text. `data` need not end with NUL and is not needed afterwards. */
struct json *json_parse(const char *data, size_t len, size_t limit, char *error,
                        size_t error_size) MUST_CHECK;
void json_destroy(struct json **root);
/* As json_destroy, after overwriting every string of the document: for what holds a secret. */
void json_wipe(struct json **root);
/* Makes everything that the parser frees be overwritten first, half-parsed documents included.
 * Process-wide: call it once in main(), before any parse. */
void json_wipe_always(void);

enum json_type json_type(const struct json *value);
/* The member with exactly this name; NULL when it is absent or null, which mean the same to us.
 * Also NULL when `object` is no object. */
const struct json *json_member(const struct json *object, const char *name);
/* Children of an array or object in order; `previous` NULL for the first. NULL at the end. */
const struct json *json_child(const struct json *parent, const struct json *previous);
const char *json_name(const struct json *member); /* of an object's child */
size_t json_count(const struct json *parent);

/* The value itself; false when it has another type or is out of bounds. `value` may be NULL (then
 * false). */
bool json_string(const struct json *value,
                 struct bytes *text_r) MUST_CHECK; /* well-formed UTF-8, no NUL */
bool json_bool(const struct json *value, bool *v_r) MUST_CHECK;
/* Whole numbers: a JSON number that a double holds exactly (up to 2^53), or a string of digits. */
bool json_int(const struct json *value, int64_t min, int64_t max, int64_t *v_r) MUST_CHECK;
/* An ISO 8601 string as milliseconds since 1970. */
bool json_time(const struct json *value, int64_t *unix_ms_r) MUST_CHECK;
/* A string as NUL-terminated text, as cJSON stores it: for wiping and for C libraries. NULL: no
 * string. */
const char *json_cstring(const struct json *value);

#endif
