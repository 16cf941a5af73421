/*
 * One JSON object a line on stdout: {"time":…,"level":…,"program":…,"msg":…, fields…}. Never
 * blocks: when stdout can't take a line it is dropped and counted, and the next line that gets
 * through says how many were lost. Any thread.
 *
 *     log_info("session is bound", LOG_STR("operatorId", id), LOG_INT("bind", 0));
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include "common/base.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log_field {
    const char *key;
    enum { LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_UINT, LOG_FIELD_BOOL } kind;
    union {
        const char *str; /* NULL prints null; made valid UTF-8 and escaped */
        int64_t i;
        uint64_t u;
        bool b;
    } value;
};

#define LOG_STR(k, v) ((struct log_field){.key = (k), .kind = LOG_FIELD_STR, .value.str = (v)})
#define LOG_INT(k, v) ((struct log_field){.key = (k), .kind = LOG_FIELD_INT, .value.i = (v)})
#define LOG_UINT(k, v) ((struct log_field){.key = (k), .kind = LOG_FIELD_UINT, .value.u = (v)})
#define LOG_BOOL(k, v) ((struct log_field){.key = (k), .kind = LOG_FIELD_BOOL, .value.b = (v)})

void log_init(const char *program, enum log_level level);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* "error", "warn", "info", "debug"; false: no such level. */
bool log_level_parse(const char *name, enum log_level *level_r) MUST_CHECK;
const char *log_level_name(enum log_level level);
uint64_t log_dropped_lines(void);

/* Tests: every finished line goes to `fn` instead of stdout; NULL restores. */
void log_capture_for_test(void (*fn)(const char *line));

void log_write(enum log_level level, const char *msg, const struct log_field *fields, size_t count);

#define LOG_FIELDS(...) ((const struct log_field[]){__VA_ARGS__})
#define LOG_AT(level, msg, ...)                                                                    \
    do {                                                                                           \
        if ((level) <= log_get_level())                                                            \
            log_write((level), (msg), LOG_FIELDS(__VA_ARGS__),                                     \
                      ARRAY_LEN(LOG_FIELDS(__VA_ARGS__)));                                         \
    } while (0)
/* Each needs at least one field. */
#define log_error(msg, ...) LOG_AT(LOG_ERROR, msg, __VA_ARGS__)
#define log_warn(msg, ...) LOG_AT(LOG_WARN, msg, __VA_ARGS__)
#define log_info(msg, ...) LOG_AT(LOG_INFO, msg, __VA_ARGS__)
#define log_debug(msg, ...) LOG_AT(LOG_DEBUG, msg, __VA_ARGS__)

#endif
