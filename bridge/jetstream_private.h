/*
 * Inside the JetStream adapter: jetstream.c owns nats.c, its threads and the connection;
 * jetstream_calls.c turns calls into commands; jetstream_arrivals.c turns what came into callbacks.
 * The last two run on the loop and never touch nats.c.
 */
#ifndef BRIDGE_JETSTREAM_PRIVATE_H
#define BRIDGE_JETSTREAM_PRIVATE_H

#include "common/list.h"
#include "common/map.h"
#include "bridge/jetstream_slots.h"

enum {
    JETSTREAM_MAX_UNSTORED = 65536,
    JETSTREAM_MAX_REQUESTS = 4096, /* confirmed acks and API requests under way */
    JETSTREAM_API_TIMEOUT_MS = 5000,
    JETSTREAM_CONFIRM_TIMEOUT_MS = 2000,
};

/* Whoever pulls: found by "<stream>.<consumer>", which a message's ack subject contains. */
struct jetstream_puller {
    char *key;
    char *stream;
    uint32_t tag;
};

struct jetstream_link; /* the thread side, jetstream.c */

struct jetstream {
    struct loop *loop;
    struct jetstream_events events;
    struct jetstream_link *link;
    struct jetstream_queue *queue;
    struct loop_hook hand_over;
    char api_prefix[80]; /* "$JS.API." or "$JS.<domain>.API." */

    bool connected;
    uint32_t link_number; /* counts connections; commands meant for an older one are void */
    char down_reason[256];

    struct map *pullers;
    uint32_t pull_number;

    struct jetstream_slots *slots;
    struct list publishes, requests; /* by age */
    size_t unstored, request_count;
    struct list unsent;   /* publishes to be sent as soon as there is a connection and room */
    struct timer tick;    /* runs while any slot is taken */
    struct list troubles; /* jetstream_trouble.h */
    char complaint[256];  /* the last that was logged; it comes with each repeat of a publish */
};

/* A message as the connection delivered it; header() asks nats.c. */
struct jetstream_arrival {
    void *msg;
    const char *subject;
    const char *reply; /* NULL: none */
    const uint8_t *data;
    size_t len;
    bool is_answer; /* it came on our inbox; `tail` is what follows "<inbox>." */
    const char *tail;
};
const char *jetstream_arrival_header(const struct jetstream_arrival *a, const char *name);

/* jetstream_calls.c */
int jetstream_calls_init(struct jetstream *js, const char *domain, char *error_r,
                         size_t error_size) MUST_CHECK;
void jetstream_calls_free(struct jetstream *js);
void jetstream_calls_connected(struct jetstream *js);
void jetstream_calls_disconnected(struct jetstream *js);
/* A publish was refused, by the server or by the library: it rests and goes out again. */
void jetstream_calls_refused(struct jetstream *js, struct jetstream_slot *slot,
                             const char *trouble);
/* Gives the slot back and says what came of it; NULL reason: it went well. */
void jetstream_calls_stored(struct jetstream *js, struct jetstream_slot *slot, bool duplicate);
void jetstream_calls_set(struct jetstream *js, struct jetstream_slot *slot,
                         enum jetstream_set_end end, uint64_t revision, const char *reason);
void jetstream_calls_answered(struct jetstream *js, struct jetstream_slot *slot, const char *json,
                              size_t len, const char *reason);

/* jetstream_arrivals.c */
void jetstream_arrivals_take(struct jetstream *js, const struct jetstream_arrival *a);
/* Something the server or the library objects to, such as a missing permission. */
void jetstream_arrivals_complaint(struct jetstream *js, const char *text);
/* The library does not take a publish: index and generation of its slot. */
void jetstream_arrivals_refused(struct jetstream *js, const uint32_t numbers[2], const char *text);

#endif
