/*
 * --check-config --connect: connects as the bridge would and asks what it would ask, without
 * fetching, publishing or creating anything. One line for each thing that was looked at.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/str.h"

#include "proto/json.h"

#include "bridge/bridge_parts.h"
#include "bridge/health_events.h"
#include "bridge/mt_consumer_rules.h"
#include "bridge/report.h"

#define ANSWER_MS 8000

struct check {
    struct loop *loop;
    const struct bridge_settings *settings;
    struct jetstream *js;
    struct redis *redis;
    struct https_client *https;
    struct operators *operators;
    bool nats_up, redis_up;
    char reason[256]; /* of the last answer that did not come, or of a connection */
    bool answered;
    char json[65536]; /* the last answer; empty: there was none */
    size_t json_len;
    bool ok;
};

static void PRINTF_LIKE(3, 4) say(struct check *c, bool ok, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs(ok ? "ok    " : "WRONG ", stdout);
    vprintf(fmt, ap);
    fputs("\n", stdout);
    va_end(ap);
    c->ok = c->ok && ok;
}

static bool wait_until(struct check *c, const bool *flag)
{
    mono_t until = mono_add_ms(clock_mono(), ANSWER_MS);
    while (!*flag && !mono_reached(clock_mono(), until))
        loop_turn(c->loop, 50);
    return *flag;
}

/* --- connections --- */

static void on_nats(void *arg)
{
    ((struct check *)arg)->nats_up = true;
}

static void on_nats_away(void *arg, const char *reason)
{
    struct check *c = arg;
    str_copy(c->reason, sizeof(c->reason), reason, strlen(reason));
}

static void on_message(void *arg, uint32_t tag, const struct jetstream_message *m)
{
    (void)arg, (void)tag, (void)m; /* nothing is pulled */
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

static void on_redis(void *arg, const char *run_id)
{
    (void)run_id;
    ((struct check *)arg)->redis_up = true;
}

static bool connect_nats(struct check *c)
{
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
        .disconnected = on_nats_away,
        .message = on_message,
        .pull_ended = on_pull_ended,
        .heartbeat = on_heartbeat,
        .arg = c,
    };
    str_copy(c->reason, sizeof(c->reason), "no answer", 9);
    bool up =
        jetstream_create(c->loop, &options, &events, &c->js, c->reason, sizeof(c->reason)) == 0 &&
        wait_until(c, &c->nats_up);
    say(c, up, "NATS%s%s", up ? "" : ": ", up ? "" : c->reason);
    return up;
}

static void check_redis(struct check *c)
{
    const struct redis_events events = {
        .connected = on_redis, .disconnected = on_nats_away, .arg = c};
    str_copy(c->reason, sizeof(c->reason), "no answer", 9);
    bool up = redis_create(c->loop, c->settings->redis_url, &events, &c->redis, c->reason,
                           sizeof(c->reason)) == 0 &&
              wait_until(c, &c->redis_up);
    say(c, up, "Redis%s%s", up ? "" : ": ", up ? "" : c->reason);
}

/* --- streams and consumers --- */

static void on_answer(void *arg, const char *json, size_t len, const char *reason)
{
    struct check *c = arg;
    c->json_len = json && len < sizeof(c->json) ? len : 0;
    if (c->json_len)
        memcpy(c->json, json, len);
    if (!json)
        str_copy(c->reason, sizeof(c->reason), reason, strlen(reason));
    c->answered = true;
}

/* False: no answer, said so. */
static bool ask(struct check *c, const char *what, const char *json)
{
    c->answered = false;
    bool asked = jetstream_api(c->js, what, json, on_answer, c) && wait_until(c, &c->answered);
    if (asked && c->json_len)
        return true;
    say(c, false, "%s: %s (a missing permission looks like no answer)", what, c->reason);
    return false;
}

static void check_operator(struct check *c, const struct mno *op)
{
    char what[400], text[400], error[256], subject[64], consumer[64];
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
    if (!ask(c, what, ""))
        return;
    if (mt_stream_info_parse(c->json, c->json_len, subject, &facts.stream, error, sizeof(error)) !=
        0) {
        say(c, false, "%s: %s", what, error);
        return;
    }
    snprintf(what, sizeof(what), "CONSUMER.INFO.%s.%s", s->dispatch_stream, consumer);
    if (facts.stream.exists && !ask(c, what, ""))
        return;
    if (facts.stream.exists && mt_consumer_info_parse(c->json, c->json_len, subject,
                                                      &facts.consumer, error, sizeof(error)) != 0) {
        say(c, false, "%s: %s", what, error);
        return;
    }
    enum mt_consumer_verdict verdict =
        mt_consumer_decide(&facts, mt_consumer_wanted_ack_pending(s), text, sizeof(text));
    bool create = verdict != MT_CONSUMER_USE && verdict != MT_CONSUMER_REFUSE;
    say(c, verdict != MT_CONSUMER_REFUSE, "operator %s: %s%s%s", op->id_text,
        create ? "its consumer will be created" : "consumer", *text ? ": " : "", text);
}

static void check_subject(struct check *c, const char *subject)
{
    char json[320], error[128];
    snprintf(json, sizeof(json), "{\"subject\":\"%s\"}", subject);
    if (!ask(c, "STREAM.NAMES", json))
        return;
    struct json *root = json_parse(c->json, c->json_len, sizeof(c->json), error, sizeof(error));
    const struct json *streams = root ? json_member(root, "streams") : NULL;
    bool taken = streams && json_count(streams) > 0;
    say(c, taken, "%s: %s", subject, taken ? "a stream takes it" : "no stream takes it");
    json_destroy(&root);
}

static void check_nats(struct check *c)
{
    if (!connect_nats(c))
        return;
    check_subject(c, REPORT_SUBJECT);
    check_subject(c, HEALTH_EVENTS_SUBJECT);
    if (c->settings->mo_subject)
        check_subject(c, c->settings->mo_subject);
    if (c->settings->deadletter == DEADLETTER_ON) {
        char subject[80];
        snprintf(subject, sizeof(subject), "smpp.deadletter.%s",
                 operators_at(c->operators, 0)->id_text);
        check_subject(c, subject);
    }
    for (size_t i = 0; i < operators_count(c->operators); i++)
        check_operator(c, operators_at(c->operators, i));
}

/* --- credentials --- */

static void on_credentials(void *arg, const char *error)
{
    struct check *c = arg;
    str_copy(c->reason, sizeof(c->reason), error ? error : "", error ? strlen(error) : 0);
    c->answered = true;
}

static void check_credentials(struct check *c)
{
    const struct bridge_settings *s = c->settings;
    struct credentials *credentials = credentials_create(&(struct credentials_options){
        .loop = c->loop,
        .client = c->https,
        .operators = c->operators,
        .url = s->operator_mgmt_url,
        .ca_file = s->operator_mgmt_ca_file,
        .cert_file = s->operator_mgmt_cert_file,
        .key_file = s->operator_mgmt_key_file,
        .token = s->internal_service_token,
        .token_file = s->internal_service_token_file,
    });
    const struct mno *op = operators_at(c->operators, 0);
    c->answered = false;
    str_copy(c->reason, sizeof(c->reason), "no answer", 9);
    credentials_check(credentials, op, on_credentials, c);
    bool ok = wait_until(c, &c->answered) && !*c->reason;
    say(c, ok, "credentials of %s%s%s", op->id_text, ok ? "" : ": ", ok ? "" : c->reason);
    credentials_destroy(&credentials);
}

static bool load_operators(struct check *c)
{
    struct operator_settings_list list;
    if (bridge_settings_operators(c->settings, &list, c->reason, sizeof(c->reason)) != 0)
        return false;
    for (size_t i = 0; i < list.count; i++)
        operators_put(c->operators, &list.items[i]);
    operator_settings_list_free(&list);
    return true;
}

bool bridge_check_connections(const struct bridge_settings *settings)
{
    struct check *c = xcalloc(1, sizeof(*c));
    c->settings = settings;
    c->ok = true;
    c->loop = loop_create();
    c->https = https_client_create(c->loop);
    c->operators = operators_create();
    if (load_operators(c)) {
        check_redis(c);
        check_nats(c);
        check_credentials(c);
    } else {
        say(c, false, "%s", c->reason);
    }
    bool ok = c->ok;
    jetstream_destroy(&c->js, 0, JETSTREAM_JOIN_MS);
    redis_destroy(&c->redis);
    operators_destroy(&c->operators);
    https_client_destroy(&c->https);
    loop_destroy(&c->loop);
    free(c);
    return ok;
}
