/* /health: does the event loop turn. /ready: is everything there that sending and receiving need.
 */
#include <stdio.h>

#include "proto/json_emit.h"

#include "bridge/health_events.h"
#include "bridge/management_page.h"
#include "bridge/report.h"

enum { STUCK_AFTER_MS = 10000, TEXT_SIZE = 320 };

/* Answered by the loop itself: a stuck one does not answer at all, and what it says after having
 * stood still is what a probe with a long time-out would see. */
void management_health(const struct management_options *m, struct http_answer *answer_r)
{
    int64_t since_ms = mono_diff_ms(clock_mono(), loop_last_turn(m->loop));
    bool ok = since_ms < STUCK_AFTER_MS;
    struct json_emit e = json_emit_growable();
    json_emit_object_begin(&e);
    json_emit_member_string(&e, "status", ok ? "ok" : "stuck");
    json_emit_member_int(&e, "lastTurnMsAgo", since_ms);
    json_emit_object_end(&e);
    management_json(&e, ok ? 200 : 503, answer_r);
}

/* A list of what is missing, in words. */
struct missing {
    struct json_emit *e;
    size_t count;
};

static void add(struct missing *missing, const char *what)
{
    json_emit_string(missing->e, what);
    missing->count++;
}

static void add_operator(struct missing *missing, const struct mno *op, const char *what)
{
    char text[TEXT_SIZE];
    snprintf(text, sizeof(text), "operator %s: %s", op->id_text, what);
    add(missing, text);
}

static void check_operator(const struct management_options *m, const struct mno *op,
                           struct missing *missing)
{
    if (!operators_is_configured(op))
        return;
    if (operators_is_served(op) && op->health != IPC_HEALTH_BOUND &&
        op->health != IPC_HEALTH_FAILBACK)
        add_operator(missing, op, "no session is bound");
    const char *rival = op->standby ? lease_rivals_of(m->rivals, op) : NULL;
    if (rival) {
        char text[128];
        snprintf(text, sizeof(text), "%.64s sends for it without a lease", rival);
        add_operator(missing, op, text);
    }
    struct management_mt mt = management_mt_of(m, op);
    if (mt.trouble)
        add_operator(missing, op, mt.trouble);
}

/* Receipts and health are told to others by these; commands are not fetched while receipts can't be
 * stored. */
static void check_events(const struct management_options *m, struct missing *missing)
{
    static const char *const subjects[] = {REPORT_SUBJECT, HEALTH_EVENTS_SUBJECT};
    for (size_t i = 0; i < ARRAY_LEN(subjects); i++) {
        char text[TEXT_SIZE];
        const char *trouble = jetstream_publish_trouble(m->js, subjects[i]);
        if (!trouble)
            continue;
        snprintf(text, sizeof(text), "events on %s can't be stored: %s", subjects[i], trouble);
        add(missing, text);
    }
}

void management_ready(const struct management_options *m, struct http_answer *answer_r)
{
    struct json_emit e = json_emit_growable();
    struct missing missing = {.e = &e};
    json_emit_object_begin(&e);
    json_emit_key(&e, "missing");
    json_emit_array_begin(&e);
    bool attached = agent_link_is_attached(m->link);
    if (!attached)
        add(&missing, "the session-agent is not attached");
    if (!jetstream_is_connected(m->js))
        add(&missing, "NATS is not connected");
    check_events(m, &missing);
    if (!redis_is_connected(m->redis))
        add(&missing, "Redis is not connected");
    const char *trouble = m->trouble ? m->trouble(m->arg) : NULL;
    if (trouble)
        add(&missing, trouble);
    /* Without the agent nothing is known of sessions. */
    for (size_t i = 0; attached && i < operators_count(m->operators); i++)
        check_operator(m, operators_at(m->operators, i), &missing);
    json_emit_array_end(&e);
    json_emit_member_bool(&e, "ready", missing.count == 0);
    json_emit_object_end(&e);
    management_json(&e, missing.count == 0 ? 200 : 503, answer_r);
}
