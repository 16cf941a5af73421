/*
 * JSON out, without printf and without a tree: values are appended as they come. The output is
 * always valid JSON in valid UTF-8 (ill-formed bytes and NUL, which many readers refuse, become
 * U+FFFD), provided keys and values alternate as they must.
 */
#ifndef PROTO_JSON_EMIT_H
#define PROTO_JSON_EMIT_H

#include <string.h>

#include "common/base.h"

struct json_emit {
    char *data; /* not NUL-terminated */
    size_t len;
    size_t size;
    bool growable;
    bool failed; /* a fixed array was too small: what is in it is no document */
    bool comma;  /* the next value needs one before it */
};

struct json_emit json_emit_fixed(char *data, size_t size);
struct json_emit json_emit_growable(void);
void json_emit_free(struct json_emit *e);  /* of a growable one; a no-op on the other */
void json_emit_reset(struct json_emit *e); /* from the start again, keeping the memory */

void json_emit_object_begin(struct json_emit *e);
void json_emit_object_end(struct json_emit *e);
void json_emit_array_begin(struct json_emit *e);
void json_emit_array_end(struct json_emit *e);
/* Keys are our own ASCII constants and are written as they are. Inline, so that their lengths are
 * constants too. */
void json_emit_key_of_length(struct json_emit *e, const char *key, size_t len);
static inline void json_emit_key(struct json_emit *e, const char *key)
{
    json_emit_key_of_length(e, key, strlen(key));
}

void json_emit_null(struct json_emit *e);
void json_emit_bool(struct json_emit *e, bool v);
void json_emit_int(struct json_emit *e, int64_t v);
void json_emit_uint(struct json_emit *e, uint64_t v);
void json_emit_fixed3(struct json_emit *e, int64_t thousandths); /* 1234 is written 1.234 */
void json_emit_text(struct json_emit *e, const char *s, size_t len);
/* The same for what is known to be printable ASCII without quotes and backslashes. */
void json_emit_plain(struct json_emit *e, const char *s, size_t len);
void json_emit_string(struct json_emit *e, const char *cstr); /* NULL is written null */
void json_emit_hex(struct json_emit *e, struct bytes b);      /* a string of lower-case digits */
void json_emit_time(struct json_emit *e, int64_t unix_ms);    /* "2026-04-18T10:00:00.000Z" */
/* A finished JSON value made elsewhere. */
void json_emit_raw(struct json_emit *e, const char *json, size_t len);

/* Key and value in one. */
static inline void json_emit_member_string(struct json_emit *e, const char *key, const char *cstr)
{
    json_emit_key(e, key);
    json_emit_string(e, cstr);
}

static inline void json_emit_member_text(struct json_emit *e, const char *key, const char *s,
                                         size_t len)
{
    json_emit_key(e, key);
    json_emit_text(e, s, len);
}

static inline void json_emit_member_int(struct json_emit *e, const char *key, int64_t v)
{
    json_emit_key(e, key);
    json_emit_int(e, v);
}

static inline void json_emit_member_uint(struct json_emit *e, const char *key, uint64_t v)
{
    json_emit_key(e, key);
    json_emit_uint(e, v);
}

static inline void json_emit_member_bool(struct json_emit *e, const char *key, bool v)
{
    json_emit_key(e, key);
    json_emit_bool(e, v);
}

static inline void json_emit_member_time(struct json_emit *e, const char *key, int64_t unix_ms)
{
    json_emit_key(e, key);
    json_emit_time(e, unix_ms);
}

static inline void json_emit_member_null(struct json_emit *e, const char *key)
{
    json_emit_key(e, key);
    json_emit_null(e);
}

#endif
