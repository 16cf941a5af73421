/*
 * One JSON line per call, built in a buffer of PIPE_BUF bytes: a pipe takes such a line whole or
 * not at all, and poll() calls a pipe writable only while it has room for that much. So a reader
 * that stands still costs lines, never time.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/str.h"

static const char *const level_names[] = {"error", "warn", "info", "debug"};
ASSERT_ARRAY_LEN(level_names, LOG_DEBUG + 1);

static _Atomic int current_level = LOG_INFO;
static _Atomic uint64_t dropped_total;
static pthread_mutex_t write_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t dropped_untold; /* under the lock, as is all below */
static char program_name[64];
static void (*capture)(const char *line);

/* What a cut line must still have room for. */
static const char cut_ending[] = ",\"truncated\":true}\n";
static const char ending[] = "}\n";
enum { ROOM_FOR_ENDING = sizeof(cut_ending) };

void log_init(const char *program, enum log_level level)
{
    pthread_mutex_lock(&write_lock);
    (void)str_copy(program_name, sizeof(program_name), program, strlen(program));
    pthread_mutex_unlock(&write_lock);
    log_set_level(level);
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
}

enum log_level log_get_level(void)
{
    return (enum log_level)atomic_load_explicit(&current_level, memory_order_relaxed);
}

bool log_level_parse(const char *name, enum log_level *level_r)
{
    for (int i = LOG_ERROR; i <= LOG_DEBUG; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *level_r = (enum log_level)i;
            return true;
        }
    }
    return false;
}

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

uint64_t log_dropped_lines(void)
{
    return atomic_load_explicit(&dropped_total, memory_order_relaxed);
}

void log_capture_for_test(void (*fn)(const char *line))
{
    pthread_mutex_lock(&write_lock);
    capture = fn;
    pthread_mutex_unlock(&write_lock);
}

/* One code point as it stands in a JSON string; returns its bytes. */
static size_t escape(uint32_t cp, char out[8])
{
    static const char hex[] = "0123456789abcdef";
    if (cp == '"' || cp == '\\') {
        out[0] = '\\';
        out[1] = (char)cp;
        return 2;
    }
    if (cp < 0x20 || cp == 0x7f) {
        memcpy(out, "\\u00", 4);
        out[4] = hex[cp >> 4];
        out[5] = hex[cp & 15];
        return 6;
    }
    return str_utf8_put(cp, out); /* STR_UTF8_BAD becomes U+FFFD */
}

/* Quoted and escaped, cut between two characters when the line is full; the quote always closes. */
static void put_string(struct str_out *o, const char *s)
{
    const char *end = s + strlen(s);
    str_putc(o, '"');
    while (s < end && !o->cut) {
        char piece[8];
        size_t len = escape(str_utf8_next(&s, end), piece);
        if (o->len + len + 2 > o->size) /* the quote, the NUL */
            o->cut = true;
        else
            str_put(o, piece, len);
    }
    if (!o->cut) {
        str_putc(o, '"');
        return;
    }
    o->data[o->len++] = '"';
    o->data[o->len] = 0;
}

static void put_value(struct str_out *o, const struct log_field *f)
{
    switch (f->kind) {
    case LOG_FIELD_STR:
        if (f->value.str)
            put_string(o, f->value.str);
        else
            str_puts(o, "null");
        return;
    case LOG_FIELD_INT:
        str_put_i64(o, f->value.i);
        return;
    case LOG_FIELD_UINT:
        str_put_u64(o, f->value.u);
        return;
    case LOG_FIELD_BOOL:
        str_puts(o, f->value.b ? "true" : "false");
        return;
    }
}

/* A field that does not fit is left out whole, unless it is a string: that is cut. */
static void put_field(struct str_out *o, const struct log_field *f)
{
    enum { KEY_OVERHEAD = 6, LONGEST_NUMBER = 24 }; /* ,"":" and the closing quote */
    if (o->cut || o->len + strlen(f->key) + KEY_OVERHEAD + LONGEST_NUMBER > o->size) {
        o->cut = true;
        return;
    }
    str_puts(o, ",\"");
    str_puts(o, f->key);
    str_puts(o, "\":");
    put_value(o, f);
}

/* The length of the line with its newline; `line` has PIPE_BUF bytes and ends with a NUL. */
static size_t build_line(char *line, enum log_level level, const char *msg,
                         const struct log_field *fields, size_t count)
{
    char time[STR_TIME_SIZE];
    str_time_format(clock_wall_ms(), time);
    struct str_out o = str_out(line, PIPE_BUF - ROOM_FOR_ENDING);
    str_puts(&o, "{\"time\":\"");
    str_puts(&o, time);
    str_puts(&o, "\",\"level\":\"");
    str_puts(&o, level_names[level]);
    str_puts(&o, "\",\"program\":");
    put_string(&o, program_name);
    str_puts(&o, ",\"msg\":");
    put_string(&o, msg);
    if (dropped_untold > 0)
        put_field(&o, &LOG_UINT("linesDropped", dropped_untold));
    for (size_t i = 0; i < count; i++)
        put_field(&o, &fields[i]);
    const char *end = o.cut ? cut_ending : ending;
    size_t end_len = strlen(end);
    memcpy(line + o.len, end, end_len + 1);
    return o.len + end_len;
}

static bool write_line(const char *line, size_t len)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    if (poll(&out, 1, 0) != 1 || !(out.revents & POLLOUT))
        return false;
    ssize_t n;
    do {
        n = write(STDOUT_FILENO, line, len);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)len;
}

void log_write(enum log_level level, const char *msg, const struct log_field *fields, size_t count)
{
    char line[PIPE_BUF];
    pthread_mutex_lock(&write_lock);
    size_t len = build_line(line, level, msg, fields, count);
    if (capture) {
        capture(line);
    } else if (write_line(line, len)) {
        dropped_untold = 0;
    } else {
        dropped_untold++;
        atomic_fetch_add_explicit(&dropped_total, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&write_lock);
}
