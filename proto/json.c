/* The strict door to cJSON: json_check.c looks at the bytes first, cJSON builds the tree, duplicate
 * keys are sought in it afterwards. */
#include <malloc.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "common/str.h"
#include "proto/json.h"
#include "proto/json_check.h"

/* The largest whole number up to which every other one has a double of its own. */
#define EXACT_MAX 9007199254740992.0

/* struct json is cJSON under the name that our own headers may speak. */
static const cJSON *node(const struct json *value)
{
    return (const cJSON *)(const void *)value;
}

static const struct json *value_of(const cJSON *item)
{
    return (const struct json *)(const void *)item;
}

/* Keys mostly differ in their first letters: a call for each would be the dearest part of reading.
 */
static bool is_named(const cJSON *member, const char *name)
{
    return member->string[0] == name[0] && strcmp(member->string, name) == 0;
}

static bool has_twin(const cJSON *member)
{
    for (const cJSON *other = member->next; other; other = other->next) {
        if (is_named(other, member->string))
            return true;
    }
    return false;
}

/* NULL when every object's keys differ. Depth is bounded by json_check. */
static const char *duplicates_in(const cJSON *parent)
{
    size_t members = 0;
    for (const cJSON *child = parent->child; child; child = child->next) {
        if (cJSON_IsObject(parent) && ++members > JSON_MEMBERS_LIMIT)
            return "an object has too many members";
        if (cJSON_IsObject(parent) && has_twin(child))
            return "an object has the same key twice";
        const char *wrong = duplicates_in(child);
        if (wrong)
            return wrong;
    }
    return NULL;
}

static void refuse(char *error, size_t error_size, const char *why)
{
    (void)str_copy(error, error_size, why, strlen(why));
}

struct json *json_parse(const char *data, size_t len, size_t limit, char *error, size_t error_size)
{
    if (len > limit) {
        refuse(error, error_size, "the document is too large");
        return NULL;
    }
    size_t at;
    const char *wrong = json_check(data, len, JSON_DEPTH_LIMIT, &at);
    if (wrong) {
        snprintf(error, error_size, "%s at byte %zu", wrong, at);
        return NULL;
    }
    const char *end;
    cJSON *root = cJSON_ParseWithLengthOpts(data, len, &end, 0);
    if (!root) {
        refuse(error, error_size, "not JSON");
        return NULL;
    }
    struct json *json = (struct json *)(void *)root;
    while (end < data + len && strchr(" \t\r\n", *end))
        end++;
    wrong = end == data + len ? duplicates_in(root) : "something follows the document";
    if (!wrong)
        return json;
    refuse(error, error_size, wrong);
    json_wipe(&json);
    return NULL;
}

void json_destroy(struct json **root)
{
    cJSON_Delete((cJSON *)(void *)*root);
    *root = NULL;
}

static void wipe(const cJSON *item)
{
    for (; item; item = item->next) {
        if (item->valuestring)
            explicit_bzero(item->valuestring, strlen(item->valuestring));
        wipe(item->child);
    }
}

void json_wipe(struct json **root)
{
    wipe(node(*root));
    json_destroy(root);
}

/* Documents are small and short-lived, and mostly there is one at a time: their nodes come out of
 * one block, front to back, which is empty again when the last of them is freed. What does not fit
 * comes from malloc. Each piece is wiped when it is freed. */
static struct {
    _Alignas(max_align_t) uint8_t memory[2 * JSON_SIZE_LIMIT];
    size_t used, pieces;
} block;

union piece {
    size_t size;
    max_align_t aligned; /* what follows is */
};

static bool is_in_block(const void *p)
{
    const uint8_t *at = p;
    return at >= block.memory && at < block.memory + sizeof(block.memory);
}

static void *allocate(size_t size)
{
    size_t whole = sizeof(union piece) +
                   (size + sizeof(union piece) - 1) / sizeof(union piece) * sizeof(union piece);
    if (size > sizeof(block.memory) || whole > sizeof(block.memory) - block.used)
        return xmalloc(size);
    union piece *piece = (union piece *)(void *)(block.memory + block.used);
    piece->size = size;
    block.used += whole;
    block.pieces++;
    return piece + 1;
}

static void wipe_and_free(void *p)
{
    if (!p)
        return;
    if (!is_in_block(p)) {
        explicit_bzero(p, malloc_usable_size(p));
        free(p);
        return;
    }
    explicit_bzero(p, ((union piece *)p - 1)->size);
    if (--block.pieces == 0)
        block.used = 0;
}

void json_wipe_always(void)
{
    cJSON_Hooks hooks = {.malloc_fn = allocate, .free_fn = wipe_and_free};
    cJSON_InitHooks(&hooks);
}

enum json_type json_type(const struct json *value)
{
    const cJSON *item = node(value);
    if (cJSON_IsString(item))
        return JSON_STRING;
    if (cJSON_IsNumber(item))
        return JSON_NUMBER;
    if (cJSON_IsObject(item))
        return JSON_OBJECT;
    if (cJSON_IsArray(item))
        return JSON_ARRAY;
    return cJSON_IsBool(item) ? JSON_BOOL : JSON_NULL;
}

const struct json *json_member(const struct json *object, const char *name)
{
    if (!cJSON_IsObject(node(object)))
        return NULL;
    for (const cJSON *item = node(object)->child; item; item = item->next) {
        if (is_named(item, name))
            return cJSON_IsNull(item) ? NULL : value_of(item);
    }
    return NULL;
}

const struct json *json_child(const struct json *parent, const struct json *previous)
{
    return value_of(previous ? node(previous)->next : node(parent)->child);
}

const char *json_name(const struct json *member)
{
    return node(member)->string;
}

size_t json_count(const struct json *parent)
{
    return (size_t)cJSON_GetArraySize(node(parent));
}

const char *json_cstring(const struct json *value)
{
    return cJSON_GetStringValue(node(value));
}

bool json_string(const struct json *value, struct bytes *text_r)
{
    const char *s = json_cstring(value);
    if (!s)
        return false;
    *text_r = (struct bytes){.data = (const uint8_t *)s, .len = strlen(s)};
    return true;
}

bool json_bool(const struct json *value, bool *v_r)
{
    if (!cJSON_IsBool(node(value)))
        return false;
    *v_r = cJSON_IsTrue(node(value));
    return true;
}

bool json_int(const struct json *value, int64_t min, int64_t max, int64_t *v_r)
{
    const char *s = json_cstring(value);
    if (s)
        return str_parse_i64(s, strlen(s), min, max, v_r);
    if (!cJSON_IsNumber(node(value)))
        return false;
    double d = node(value)->valuedouble;
    /* Written so that a NaN is refused as well. */
    if (!(d >= -EXACT_MAX && d <= EXACT_MAX) || trunc(d) != d) /* exact: whole numbers only */
        return false;
    int64_t v = (int64_t)d;
    if (v < min || v > max)
        return false;
    *v_r = v;
    return true;
}

bool json_time(const struct json *value, int64_t *unix_ms_r)
{
    struct bytes text;
    return json_string(value, &text) &&
           str_time_parse((const char *)text.data, text.len, unix_ms_r);
}
