/*
 * --check-config --connect at NATS. A publish that is not allowed is not answered, and neither is
 * a pull from a consumer that does not exist; to the former the server objects. So what must be
 * allowed is sent as a request that can't do anything: with a revision that no stream has, a pull
 * that can't be, a creation without a body.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/str.h"

#include "proto/json.h"

#include "bridge/bridge_check.h"
#include "bridge/health_events.h"
#include "bridge/mt_consumer_rules.h"
#include "bridge/report.h"

#define NO_REVISION (INT64_MAX - 1)
#define NAMES_MAX (JSON_SIZE_LIMIT * 16)

struct nats_check {
    struct bridge_check *c;
    struct jetstream *js;
    bool allowed; /* the last probe was answered, or nobody objected to it */
    bool objected;
    const char *probed_stream; /* whose rights were looked at last */
    bool no_names;             /* which stream takes a subject is not answered */
    struct text json;          /* the last answer */
};

/* --- connection --- */

static void on_nats(void *arg)
{
    ((struct nats_check *)arg)->c->answered = true;
}

static void on_away(void *arg, const char *reason)
{
    bridge_check_on_away(((struct nats_check *)arg)->c, reason);
}

/* Nothing is pulled. */
static void on_message(void *arg, uint32_t tag, const struct jetstream_message *m)
{
    (void)arg, (void)tag, (void)m;
}

static void on_pull_ended(void *arg, uint32_t tag, enum jetstream_pull_end why, uint32_t missing,
                          const char *text)
{
    (void)arg, (void)tag, (void)why, (void)missing, (void)text;
}

static void on_heartbeat(void *arg, uint32_t tag)
{
    (void)arg, (void)tag;
}

static void on_objected(void *arg, const char *text)
{
    (void)text;
    ((struct nats_check *)arg)->objected = true;
}

static bool connect_nats(struct nats_check *n)
{
    struct bridge_check *c = n->c;
    const struct bridge_settings *s = c->settings;
    const struct jetstream_options options = {
        .urls = s->nats_url,
        .creds_file = s->nats_creds_file,
        .ca_file = s->nats_ca_file,
        .cert_file = s->nats_cert_file,
        .key_file = s->nats_key_file,
        .domain = s->nats_js_domain,
        .client_name = s->instance_id,
    };
    const struct jetstream_events events = {
        .connected = on_nats,
        .disconnected = on_away,
        .message = on_message,
        .pull_ended = on_pull_ended,
        .heartbeat = on_heartbeat,
        .objected = on_objected,
        .arg = n,
    };
    c->answered = false;
    c->reason[0] = '\0';
    bool up =
        jetstream_create(c->loop, &options, &events, &n->js, c->reason, sizeof(c->reason)) == 0 &&
        bridge_check_wait(c);
    bridge_check_say(c, up, "NATS%s%s", up ? "" : ": ", up ? "" : c->reason);
    return up;
}

/* --- what is asked --- */

static void on_answer(void *arg, const char *json, size_t len, const char *reason)
{
    struct nats_check *n = arg;
    text_free(&n->json);
    if (json)
        text_append(&n->json, json, len);
    else
        bridge_check_on_away(n->c, reason);
    n->c->answered = true;
}

/* False: no answer, said so. */
static bool ask(struct nats_check *n, const char *what, const char *json)
{
    struct bridge_check *c = n->c;
    c->answered = false;
    str_copy(c->reason, sizeof(c->reason), "not connected", 13);
    if (jetstream_api(n->js, what, json, on_answer, n) && bridge_check_wait(c) && n->json.len)
        return true;
    bridge_check_say(c, false, "%s: %s (a missing permission looks like no answer)", what,
                     c->reason);
    return false;
}

static void on_probed(void *arg, enum jetstream_set_end end, uint64_t revision, const char *reason)
{
    struct nats_check *n = arg;
    (void)revision, (void)reason;
    n->allowed = end != JETSTREAM_SET_UNKNOWN || (!n->objected && jetstream_is_connected(n->js));
    n->c->answered = true;
}

static void probe(struct nats_check *n, const char *subject, const char *body)
{
    struct bridge_check *c = n->c;
    c->answered = n->allowed = n->objected = false;
    bool ok = jetstream_set(n->js, subject, NO_REVISION, body, strlen(body), on_probed, n) &&
              bridge_check_wait(c) && n->allowed;
    bridge_check_say(c, ok, "%s to %s", ok ? "allowed to publish" : "NOT allowed to publish",
                     subject);
}

static void probe_api(struct nats_check *n, const char *what, const char *body)
{
    char subject[512];
    const char *domain = n->c->settings->nats_js_domain;
    snprintf(subject, sizeof(subject), "$JS.%s%sAPI.%s", domain ? domain : "", domain ? "." : "",
             what);
    probe(n, subject, body);
}

/* --- streams and consumers --- */

/* A consumer that is to be made, and what is done with it then. */
static void probe_consumer(struct nats_check *n, const struct mt_consumer_case *facts, bool create)
{
    char what[400];
    if (n->probed_stream && strcmp(n->probed_stream, facts->stream_name) == 0)
        return;
    n->probed_stream = facts->stream_name;
    if (create) {
        snprintf(what, sizeof(what), "CONSUMER.DURABLE.CREATE.%s.%s", facts->stream_name,
                 facts->consumer_name);
        probe_api(n, what, "-");
    }
    snprintf(what, sizeof(what), "CONSUMER.MSG.NEXT.%s.%s", facts->stream_name,
             facts->consumer_name);
    probe_api(n, what, "{\"batch\":1,\"expires\":1000000000,\"idle_heartbeat\":900000000}");
    snprintf(what, sizeof(what), "$JS.ACK.%s.smpp-connector-check", facts->stream_name);
    probe(n, what, "");
}

static void check_consumer(struct nats_check *n, struct mt_consumer_case *facts,
                           const struct operator_settings *s, const char *id)
{
    struct bridge_check *c = n->c;
    char text[400];
    enum mt_consumer_verdict verdict =
        mt_consumer_decide(facts, mt_consumer_wanted_ack_pending(s), text, sizeof(text));
    bool refuse = verdict == MT_CONSUMER_REFUSE;
    bool create = verdict != MT_CONSUMER_USE && !refuse;
    bridge_check_say(c, !refuse, "operator %s: %s%s%s", id,
                     create ? "its consumer will be created" : "consumer", *text ? ": " : "", text);
    if (!refuse)
        probe_consumer(n, facts, create);
}

static void check_operator(struct nats_check *n, const struct mno *op)
{
    struct bridge_check *c = n->c;
    char what[400], error[256], subject[64], consumer[64];
    const struct operator_settings *s = &op->settings;
    snprintf(subject, sizeof(subject), "smpp.operator.%s", op->id_text);
    snprintf(consumer, sizeof(consumer), "smpp-connector-%s", op->id_text);
    struct mt_consumer_case facts = {
        .stream_name = s->dispatch_stream,
        .consumer_name = consumer,
        .subject = subject,
        .start = c->settings->consumer_start,
    };
    snprintf(what, sizeof(what), "STREAM.INFO.%s", s->dispatch_stream);
    if (!ask(n, what, ""))
        return;
    if (mt_stream_info_parse(n->json.data, n->json.len, subject, &facts.stream, error,
                             sizeof(error)) != 0) {
        bridge_check_say(c, false, "%s: %s", what, error);
        return;
    }
    snprintf(what, sizeof(what), "CONSUMER.INFO.%s.%s", s->dispatch_stream, consumer);
    if (facts.stream.exists && !ask(n, what, ""))
        return;
    if (facts.stream.exists && mt_consumer_info_parse(n->json.data, n->json.len, subject,
                                                      &facts.consumer, error, sizeof(error)) != 0) {
        bridge_check_say(c, false, "%s: %s", what, error);
        return;
    }
    check_consumer(n, &facts, s, op->id_text);
}

/* `look`: the bridge reads the stream's configuration too. */
static void check_subject(struct nats_check *n, const char *subject, bool look)
{
    char json[320], error[128], what[300];
    struct bytes name = {0};
    snprintf(json, sizeof(json), "{\"subject\":\"%s\"}", subject);
    n->no_names = n->no_names || !ask(n, "STREAM.NAMES", json);
    if (n->no_names)
        return;
    struct json *root = json_parse(n->json.data, n->json.len, NAMES_MAX, error, sizeof(error));
    const struct json *streams = root ? json_member(root, "streams") : NULL;
    bool taken = streams && json_string(json_child(streams, NULL), &name);
    bridge_check_say(n->c, taken, "%s: %s", subject,
                     taken ? "a stream takes it" : "no stream takes it");
    snprintf(what, sizeof(what), "STREAM.INFO.%.*s", (int)min_size(name.len, 255),
             (const char *)name.data);
    json_destroy(&root);
    if (taken && look)
        ask(n, what, "");
    probe(n, subject, "");
}

static bool says_no_such_stream(const struct text *answer)
{
    enum { NO_SUCH_STREAM = 10059 };
    char why[128];
    int64_t code = 0;
    struct json *root = json_parse(answer->data, answer->len, NAMES_MAX, why, sizeof(why));
    const struct json *error = root ? json_member(root, "error") : NULL;
    bool missing = error && json_int(json_member(error, "err_code"), 0, INT32_MAX, &code) &&
                   code == NO_SUCH_STREAM;
    json_destroy(&root);
    return missing;
}

static void check_leases(struct nats_check *n)
{
    char what[192], json[320], subject[256];
    const char *bucket = n->c->settings->lease_bucket;
    snprintf(what, sizeof(what), "STREAM.INFO.KV_%s", bucket);
    if (!ask(n, what, ""))
        return;
    bool missing = says_no_such_stream(&n->json);
    bridge_check_say(n->c, true, "bucket %s: %s", bucket, missing ? "will be made" : "is there");
    if (missing) {
        snprintf(what, sizeof(what), "STREAM.CREATE.KV_%s", bucket);
        probe_api(n, what, "-");
    }
    snprintf(subject, sizeof(subject), "$KV.%s.%s.0", bucket,
             operators_at(n->c->operators, 0)->id_text);
    probe(n, subject, "");
    snprintf(what, sizeof(what), "STREAM.MSG.GET.KV_%s", bucket);
    snprintf(json, sizeof(json), "{\"last_by_subj\":\"%s\"}", subject);
    probe_api(n, what, json);
}

void bridge_check_nats(struct bridge_check *c)
{
    struct nats_check n = {.c = c};
    const struct bridge_settings *s = c->settings;
    const char *first = operators_at(c->operators, 0)->id_text;
    char subject[80];
    if (connect_nats(&n)) {
        check_subject(&n, REPORT_SUBJECT, true);
        check_subject(&n, HEALTH_EVENTS_SUBJECT, false);
        if (s->mo_subject)
            check_subject(&n, s->mo_subject, false);
        snprintf(subject, sizeof(subject), "smpp.deadletter.%s", first);
        if (s->deadletter == DEADLETTER_ON)
            check_subject(&n, subject, false);
        else if (s->deadletter == DEADLETTER_AUTO)
            probe(&n, subject, "");
        snprintf(subject, sizeof(subject), "smpp.operator.%s", first);
        probe(&n, subject, "");
        for (size_t i = 0; i < operators_count(c->operators); i++)
            check_operator(&n, operators_at(c->operators, i));
        if (s->assignment == ASSIGNMENT_LEASE)
            check_leases(&n);
    }
    jetstream_destroy(&n.js, 0, JETSTREAM_JOIN_MS);
    text_free(&n.json);
}
