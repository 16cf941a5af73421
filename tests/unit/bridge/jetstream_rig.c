/* A server, an adapter, and counters for all that it tells. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/bridge/jetstream_rig.h"

enum { LATENCY_STEP_MS = 5 };

static void on_connected(void *arg)
{
    struct rig *r = arg;
    r->connects++;
}

static void on_disconnected(void *arg, const char *reason)
{
    struct rig *r = arg;
    r->disconnects++;
    snprintf(r->reason, sizeof(r->reason), "%s", reason);
}

static void on_message(void *arg, uint32_t tag, const struct jetstream_message *m)
{
    struct rig *r = arg;
    if (r->messages < ARRAY_LEN(r->acks))
        snprintf(r->acks[r->messages], sizeof(r->acks[0]), "%s", m->ack_subject);
    r->messages++;
    r->redelivered += m->delivered > 1;
    r->tag = tag;
    r->last_sequence = m->stream_sequence;
    assert_string_equal(m->stream, "WORK");
    assert_true(m->time_ns > 0);
    snprintf(r->last_ack, sizeof(r->last_ack), "%s", m->ack_subject);
    snprintf(r->last_data, sizeof(r->last_data), "%.*s", (int)m->len, (const char *)m->data);
    snprintf(r->last_traceparent, sizeof(r->last_traceparent), "%s",
             m->traceparent ? m->traceparent : "");
    if (r->ack_all)
        assert_true(jetstream_ack(r->js, m->ack_subject, JETSTREAM_ACK));
}

static void on_pull_ended(void *arg, uint32_t tag, enum jetstream_pull_end why, uint32_t missing,
                          const char *text)
{
    struct rig *r = arg;
    r->ended++;
    r->tag = tag;
    r->end = why;
    r->missing = missing;
    snprintf(r->end_text, sizeof(r->end_text), "%s", text);
}

static void on_heartbeat(void *arg, uint32_t tag)
{
    struct rig *r = arg;
    r->tag = tag;
    r->heartbeats++;
}

/* How long this thread wanted to run and was not let, nanoseconds: other work on the machine. */
static int64_t kept_waiting(void)
{
    long long ran = 0, waited = 0;
    FILE *f = fopen("/proc/thread-self/schedstat", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lld %lld", &ran, &waited), 2);
    fclose(f);
    return waited;
}

static void on_latency(void *arg)
{
    struct rig *r = arg;
    mono_t now = clock_mono();
    int64_t waited = kept_waiting();
    int64_t late = (mono_diff_ns(now, r->latency_due) - (waited - r->waited)) / NS_PER_MS;
    r->waited = waited;
    if (late > r->worst_ms)
        r->worst_ms = late;
    r->latency_due = mono_add_ms(now, LATENCY_STEP_MS);
    timer_start_at(&r->latency, r->latency_due);
}

void rig_start_latency(struct rig *r)
{
    timer_init(&r->latency, r->loop, on_latency, r);
    r->worst_ms = 0;
    r->waited = kept_waiting();
    r->latency_due = mono_add_ms(clock_mono(), LATENCY_STEP_MS);
    timer_start_at(&r->latency, r->latency_due);
}

void rig_run_for(struct rig *r, int64_t ms)
{
    mono_t until = mono_add_ms(clock_mono(), ms);
    while (!mono_reached(clock_mono(), until))
        loop_turn(r->loop, 10);
}

void rig_open(struct rig *r)
{
    char url[64], error[256];
    snprintf(url, sizeof(url), "nats://127.0.0.1:%u", r->server.port);
    struct jetstream_options options = r->options;
    options.client_name = "test";
    if (!options.urls)
        options.urls = url;
    const struct jetstream_events events = {.connected = on_connected,
                                            .disconnected = on_disconnected,
                                            .message = on_message,
                                            .pull_ended = on_pull_ended,
                                            .heartbeat = on_heartbeat,
                                            .arg = r};
    if (jetstream_create(r->loop, &options, &events, &r->js, error, sizeof(error)) != 0)
        fail_msg("%s", error);
}

void rig_on_answer(void *arg, const char *json, size_t len, const char *reason)
{
    struct rig *r = arg;
    if (json) {
        r->answers++;
        snprintf(r->answer, sizeof(r->answer), "%.*s", (int)len, json);
    } else {
        r->no_answers++;
        snprintf(r->answer, sizeof(r->answer), "%s", reason);
    }
}

void rig_api(struct rig *r, const char *what, const char *json)
{
    unsigned before = r->answers;
    assert_true(jetstream_api(r->js, what, json, rig_on_answer, r));
    UNTIL(r, r->answers > before);
}

void rig_make_stream(struct rig *r)
{
    rig_api(r, "STREAM.CREATE.WORK",
            "{\"name\":\"WORK\",\"subjects\":[\"work.>\"],\"storage\":\"file\"}");
    assert_null(strstr(r->answer, "\"error\""));
    rig_api(r, "CONSUMER.DURABLE.CREATE.WORK.one",
            "{\"stream_name\":\"WORK\",\"config\":{\"durable_name\":\"one\",\"ack_policy\":"
            "\"explicit\",\"ack_wait\":3000000000,\"max_ack_pending\":100000}}");
    assert_null(strstr(r->answer, "\"error\""));
}

uint64_t rig_number_in(const char *json, const char *name)
{
    const char *at = strstr(json, name);
    assert_non_null(at);
    return strtoull(at + strlen(name), NULL, 10);
}

int rig_setup(void **state)
{
    struct rig *r = calloc(1, sizeof(*r));
    server_init(&r->server);
    r->loop = loop_create();
    *state = r;
    return 0;
}

int rig_setup_running(void **state)
{
    rig_setup(state);
    struct rig *r = *state;
    server_start_nats(&r->server);
    rig_open(r);
    UNTIL(r, r->connects == 1);
    rig_make_stream(r);
    return 0;
}

int rig_teardown(void **state)
{
    struct rig *r = *state;
    jetstream_destroy(&r->js, 0, JETSTREAM_JOIN_MS);
    loop_destroy(&r->loop);
    server_free(&r->server);
    free(r);
    return 0;
}

static void on_stored(void *arg, bool duplicate)
{
    struct rig *r = arg;
    r->stored++;
    r->duplicates += duplicate;
}

struct jetstream_publish *rig_publish(struct rig *r, const char *subject, unsigned id)
{
    char msg_id[32], data[400];
    snprintf(msg_id, sizeof(msg_id), "id-%u", id);
    memset(data, 'x', sizeof(data));
    snprintf(data, sizeof(data), "message %u", id);
    const struct jetstream_header headers[] = {{"traceparent", "00-aa-bb-01"}};
    return jetstream_publish(r->js, subject, msg_id, headers, 1, data, sizeof(data), on_stored, r);
}

void rig_on_confirmed(void *arg, bool ok)
{
    struct rig *r = arg;
    r->confirmed += ok;
    r->unconfirmed += !ok;
}
