/*
 * A look at the stream that takes receipts, once per connection: how long it remembers event ids is
 * how long a repeated receipt is one event. Nothing is refused for it; it is said.
 */
#include <stdio.h>
#include <string.h>

#include "common/log.h"

#include "proto/json.h"

#include "bridge/bridge_parts.h"
#include "bridge/report.h"

#define WINDOW_WANTED_MS (30 * 60 * 1000)
#define NS_PER_MS_I64 INT64_C(1000000)
#define NS_MAX (INT64_C(1) << 53)

static void look_at(const struct json *config)
{
    int64_t window_ns = 0;
    struct bytes retention = {0};
    if (json_int(json_member(config, "duplicate_window"), 0, NS_MAX, &window_ns) &&
        window_ns / NS_PER_MS_I64 < WINDOW_WANTED_MS)
        log_warn("the stream of receipts forgets event ids early: a receipt that is repeated later "
                 "becomes a second event with the same id",
                 LOG_STR("subject", REPORT_SUBJECT),
                 LOG_INT("duplicateWindowMs", window_ns / NS_PER_MS_I64),
                 LOG_INT("recommendedMs", WINDOW_WANTED_MS));
    if (json_string(json_member(config, "retention"), &retention) &&
        memcmp(retention.data, "limits", min_size(retention.len, 6)) != 0)
        log_warn("the stream of receipts has no limits retention",
                 LOG_STR("subject", REPORT_SUBJECT));
}

static void on_info(void *arg, const char *json, size_t len, const char *reason)
{
    char error[200];
    struct json *root =
        json ? json_parse(json, len, JSON_SIZE_LIMIT * 16, error, sizeof(error)) : NULL;
    (void)arg;
    if (root && !json_member(root, "error"))
        look_at(json_member(root, "config"));
    else
        log_warn("the stream of receipts can't be looked at", LOG_STR("subject", REPORT_SUBJECT),
                 LOG_STR("reason", json ? "its INFO is refused" : reason));
    json_destroy(&root);
}

static void on_names(void *arg, const char *json, size_t len, const char *reason)
{
    struct bridge *b = arg;
    char error[200], what[300];
    struct bytes name;
    struct json *root = json ? json_parse(json, len, JSON_SIZE_LIMIT, error, sizeof(error)) : NULL;
    const struct json *streams = root ? json_member(root, "streams") : NULL;
    if (streams && json_string(json_child(streams, NULL), &name) && name.len < 256) {
        snprintf(what, sizeof(what), "STREAM.INFO.%.*s", (int)name.len, (const char *)name.data);
        if (!jetstream_api(b->js, what, "", on_info, b))
            log_debug("the stream of receipts is looked at later",
                      LOG_STR("subject", REPORT_SUBJECT));
    } else if (json) {
        log_error("no stream takes receipts: they are held, and then refused, until one does",
                  LOG_STR("subject", REPORT_SUBJECT));
    } else {
        log_warn("which stream takes receipts is not known", LOG_STR("subject", REPORT_SUBJECT),
                 LOG_STR("reason", reason));
    }
    json_destroy(&root);
}

void bridge_events_stream_look(struct bridge *b)
{
    static const char json[] = "{\"subject\":\"" REPORT_SUBJECT "\"}";
    if (!jetstream_api(b->js, "STREAM.NAMES", json, on_names, b))
        log_debug("the stream of receipts is looked at later", LOG_STR("subject", REPORT_SUBJECT));
}
