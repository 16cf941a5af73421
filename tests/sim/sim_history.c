/* Writes the lines by hand: at several 100,000 PDUs a second printf would be the bottleneck. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/base.h"

#include "tests/sim/sim_buffer.h"
#include "tests/sim/sim_history.h"

#define FLUSH_NS (100 * SIM_NS_PER_MS)
#define FLUSH_BYTES (1024u * 1024)

struct sim_history {
    int fd;
    bool on;
    bool with_text;
    bool armed;
    struct bytes only_to; /* ending; empty: all */
    struct sim_timers *timers;
    struct sim_buffer lines;
};

static void put_text(struct sim_buffer *b, const char *text, size_t len)
{
    memcpy(sim_buffer_room(b, len), text, len);
    b->len += len;
}

#define PUT(b, literal) put_text(b, literal, sizeof(literal) - 1)

static void put_number(struct sim_buffer *b, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    put_text(b, digits + at, sizeof(digits) - at);
}

static void put_bytes(struct sim_buffer *b, struct bytes text)
{
    PUT(b, "\"");
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c == '"' || c == '\\' || c < 0x20 || c > 0x7e)
            sim_buffer_printf(b, "\\u%04x", c);
        else
            *sim_buffer_room(b, 1) = c, b->len++;
    }
    PUT(b, "\"");
}

static void put_string(struct sim_buffer *b, const char *text)
{
    put_bytes(b, (struct bytes){(const uint8_t *)text, strlen(text)});
}

static void on_flush(void *owner, void *arg)
{
    (void)arg;
    struct sim_history *h = owner;
    h->armed = false;
    sim_history_flush(h);
}

struct sim_history *sim_history_open(const char *path, bool with_text, const char *only_to,
                                     struct sim_timers *timers, char *error, size_t error_size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0) {
        snprintf(error, error_size, "cannot open history file %s: %s", path, strerror(errno));
        return NULL;
    }
    struct sim_history *h = xcalloc(1, sizeof(*h));
    struct timeval wall;
    gettimeofday(&wall, NULL);
    h->fd = fd;
    h->on = true;
    h->with_text = with_text;
    if (only_to)
        h->only_to = (struct bytes){(const uint8_t *)only_to, strlen(only_to)};
    h->timers = timers;
    PUT(&h->lines, "{\"t\":");
    put_number(&h->lines, uv_hrtime());
    PUT(&h->lines, ",\"d\":\"event\",\"c\":\"started\",\"wall\":");
    put_number(&h->lines, (uint64_t)wall.tv_sec * 1000000 + (uint64_t)wall.tv_usec);
    PUT(&h->lines, "}\n");
    sim_history_flush(h);
    return h;
}

void sim_history_close(struct sim_history **history)
{
    struct sim_history *h = *history;
    *history = NULL;
    if (!h)
        return;
    sim_history_flush(h);
    close(h->fd);
    sim_buffer_free(&h->lines);
    free(h);
}

void sim_history_switch(struct sim_history *h, bool on)
{
    if (h)
        h->on = on;
}

void sim_history_flush(struct sim_history *h)
{
    size_t at = 0;
    while (h && at < h->lines.len) {
        ssize_t n = write(h->fd, h->lines.data + at, h->lines.len - at);
        if (n < 0 && errno != EINTR) {
            fprintf(stderr, "mno-sim: history ends here: %s\n", strerror(errno));
            h->on = false;
            break;
        }
        at += n > 0 ? (size_t)n : 0;
    }
    if (h)
        h->lines.len = 0;
}

static void begin(struct sim_history *h, uint64_t now_ns, const struct sim_session *s)
{
    struct sim_buffer *b = &h->lines;
    PUT(b, "{\"t\":");
    put_number(b, now_ns);
    PUT(b, ",\"n\":");
    put_number(b, s->number);
    PUT(b, ",\"s\":");
    put_string(b, s->system->name);
}

static void finish(struct sim_history *h)
{
    PUT(&h->lines, "}\n");
    if (h->lines.len > FLUSH_BYTES)
        sim_history_flush(h);
    if (h->armed)
        return;
    h->armed = true;
    sim_timers_at(h->timers, uv_hrtime() + FLUSH_NS, on_flush, h, NULL);
}

static void put_submit(struct sim_history *h, const struct sim_submit *m)
{
    struct sim_buffer *b = &h->lines;
    PUT(b, ",\"from\":");
    put_bytes(b, m->source);
    PUT(b, ",\"to\":");
    put_bytes(b, m->dest);
    if (m->part > 0) {
        PUT(b, ",\"ref\":");
        put_number(b, m->reference);
        PUT(b, ",\"part\":");
        put_number(b, m->part);
        PUT(b, ",\"parts\":");
        put_number(b, m->parts);
    }
    if (h->with_text) {
        PUT(b, ",\"text\":\"");
        sim_buffer_hex(b, m->message);
        PUT(b, "\"");
    }
}

static bool ends_with(struct bytes text, struct bytes ending)
{
    return text.len >= ending.len &&
           memcmp(text.data + text.len - ending.len, ending.data, ending.len) == 0;
}

/* A PDU that names no handset (an answer, a bind) is none of a sample. */
static bool is_in_sample(const struct sim_history *h, const struct sim_note *note)
{
    if (h->only_to.len == 0)
        return true;
    if (note && note->submit)
        return ends_with(note->submit->dest, h->only_to);
    if (note && note->dest)
        return ends_with((struct bytes){(const uint8_t *)note->dest, strlen(note->dest)},
                         h->only_to);
    return false;
}

void sim_history_pdu(struct sim_history *h, uint64_t now_ns, const struct sim_session *s, bool out,
                     const struct sim_header *header, const struct sim_note *note)
{
    if (!h || !h->on || !is_in_sample(h, note))
        return;
    struct sim_buffer *b = &h->lines;
    const char *name = sim_pdu_name(header->command);
    begin(h, now_ns, s);
    if (out)
        PUT(b, ",\"d\":\"out\",\"c\":");
    else
        PUT(b, ",\"d\":\"in\",\"c\":");
    put_string(b, name ? name : "unknown");
    PUT(b, ",\"q\":");
    put_number(b, header->sequence);
    PUT(b, ",\"r\":");
    put_number(b, header->status);
    if (note && note->id) {
        PUT(b, ",\"id\":");
        put_string(b, note->id);
    }
    if (note && note->submit)
        put_submit(h, note->submit);
    if (note && note->dest) {
        PUT(b, ",\"to\":");
        put_string(b, note->dest);
    }
    finish(h);
}

void sim_history_event(struct sim_history *h, uint64_t now_ns, const struct sim_session *s,
                       const char *event)
{
    if (!h || !h->on)
        return;
    begin(h, now_ns, s);
    PUT(&h->lines, ",\"d\":\"event\",\"c\":");
    put_string(&h->lines, event);
    finish(h);
}
