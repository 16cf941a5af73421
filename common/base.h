/* Attributes, static checks and small arithmetic that every file may rely on. */
#ifndef COMMON_BASE_H
#define COMMON_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt_index, args_index) __attribute__((format(printf, fmt_index, args_index)))
#define NORETURN __attribute__((noreturn))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* A names array and its enum can't drift apart. */
#define ASSERT_ARRAY_LEN(a, n) _Static_assert(ARRAY_LEN(a) == (n), #a " needs one row per value")

#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Bytes owned by somebody else: a view. `data` may be NULL only when len is 0. */
struct bytes {
    const uint8_t *data;
    size_t len;
};

/* A broken invariant of ours: says where and aborts. Never for anything that a peer can cause. */
void panic_at(const char *file, int line, const char *fmt, ...) PRINTF_LIKE(3, 4) NORETURN;
#define panic(...) panic_at(__FILE__, __LINE__, __VA_ARGS__)
#define INVARIANT(cond)                                                                            \
    do {                                                                                           \
        if (!(cond))                                                                               \
            panic("broken invariant: %s", #cond);                                                  \
    } while (0)

/* Allocation that dies when there is no memory (out of memory is not survivable here). */
void *xmalloc(size_t size) MUST_CHECK __attribute__((malloc));
void *xcalloc(size_t count, size_t size) MUST_CHECK __attribute__((malloc));
void *xrealloc(void *ptr, size_t size) MUST_CHECK;
char *xstrdup(const char *s) MUST_CHECK __attribute__((malloc));

#endif
