/* Hash map from short byte keys to pointers. Keys are copied; values belong to the caller. */
#ifndef COMMON_MAP_H
#define COMMON_MAP_H

#include "common/base.h"

struct map;

struct map *map_create(void) MUST_CHECK;
void map_destroy(struct map **map);
/* Replaces and returns the former value, or NULL. `value` must not be NULL. */
void *map_put(struct map *map, const void *key, size_t len, void *value);
void *map_get(struct map *map, const void *key, size_t len);
/* The value taken out, or NULL. */
void *map_remove(struct map *map, const void *key, size_t len);
size_t map_count(const struct map *map);
/* Calls `fn` for each; `fn` may remove that very entry and nothing else. */
void map_each(struct map *map, void (*fn)(void *value, void *arg), void *arg);

#endif
