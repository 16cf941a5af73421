/* Makes the parts in the order in which they need each other, runs them, takes them down again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/str.h"

#include "bridge/bridge_parts.h"

#define TICK_MS 200
#define LAG_TICK_MS 1000
#define LAST_WORD_MS 200 /* for DETACH to leave */
#define JOIN_MS 100      /* for the thread that speaks with NATS */

/* --- events of the parts --- */

static void on_attached(void *arg, const struct ipc_attached *attached)
{
    struct bridge *b = arg;
    b->refused[0] = 0;
    mt_path_attached(b->mt, attached);
    log_info("attached to the agent", LOG_UINT("attachment", attached->attachment),
             LOG_UINT("ledgerEntries", attached->ledger_entries));
}

static void on_listed(void *arg)
{
    struct bridge *b = arg;
    b->attached = true;
    bridge_operators_declare(b);
    tps_attached(b->tps);
    mt_path_listed(b->mt);
}

static void on_record(void *arg, unsigned type, struct bytes body)
{
    bridge_records_take(arg, type, body);
}

/* What is queued for NATS and Redis must not get out: the process ends here and now. After the
 * agent's GONE nobody else has the place, and what it left is settled. */
static void on_detached(void *arg, const char *reason)
{
    struct bridge *b = arg;
    b->attached = false;
    if (b->stopping && b->agent_gone)
        return;
    if (b->stopping) {
        bridge_drain_hurry(b);
        return;
    }
    log_warn("the place with the agent is lost: starting anew", LOG_STR("reason", reason));
    b->start_anew();
}

static void on_agent_turn(void *arg, int64_t worst_ms)
{
    struct bridge *b = arg;
    loop_lag_note(&b->agent_lag, worst_ms);
}

static void on_lag_tick(void *arg)
{
    struct bridge *b = arg;
    timer_start_ms(&b->lag_tick, LAG_TICK_MS);
    loop_lag_note(&b->lag, loop_take_worst_turn_ms(b->loop));
}

static void on_stood_still(void *arg, int64_t pause_ms)
{
    (void)arg;
    log_error("the process stood still: its place may be another's, so it ends",
              LOG_INT("pauseMs", pause_ms));
    _Exit(BRIDGE_EXIT_STOOD_STILL);
}

static void on_refused(void *arg, const char *reason)
{
    struct bridge *b = arg;
    str_copy(b->refused, sizeof(b->refused), reason, strlen(reason));
    log_error("the agent refuses this bridge; it is asked again every 30 s",
              LOG_STR("reason", reason));
}

static void on_js_connected(void *arg)
{
    struct bridge *b = arg;
    log_info("connected to NATS", LOG_STR("instance", b->settings.instance_id));
    mt_path_js_connected(b->mt);
    if (b->leases)
        leases_js_connected(b->leases);
    bridge_events_stream_look(b);
}

static void on_js_disconnected(void *arg, const char *reason)
{
    struct bridge *b = arg;
    log_warn("NATS is away", LOG_STR("reason", reason));
    mt_path_js_disconnected(b->mt);
}

static void on_js_message(void *arg, uint32_t tag, const struct jetstream_message *m)
{
    mt_path_message(((struct bridge *)arg)->mt, tag, m);
}

static void on_js_pull_ended(void *arg, uint32_t tag, enum jetstream_pull_end why, uint32_t missing,
                             const char *text)
{
    mt_path_pull_ended(((struct bridge *)arg)->mt, tag, why, missing, text);
}

static void on_js_heartbeat(void *arg, uint32_t tag)
{
    mt_path_heartbeat(((struct bridge *)arg)->mt, tag);
}

static void on_redis_connected(void *arg, const char *run_id)
{
    struct bridge *b = arg;
    log_info("connected to Redis", LOG_STR("runId", run_id));
    tps_redis_connected(b->tps, run_id);
    mt_path_redis_connected(b->mt);
}

static void on_redis_disconnected(void *arg, const char *reason)
{
    struct bridge *b = arg;
    log_warn("Redis is away", LOG_STR("reason", reason));
    tps_redis_disconnected(b->tps);
}

/* --- what people and files ask for --- */

static void reload(void *arg)
{
    struct bridge *b = arg;
    if (bridge_settings_reload(&b->settings)) {
        log_set_level((enum log_level)b->settings.log_level);
        credentials_set_refresh_ms(b->credentials, b->settings.credentials_refresh_ms);
        bridge_operators_declare(b);
    }
    bridge_operators_reload(b);
}

static void on_operators_file(void *arg)
{
    bridge_operators_reload(arg);
}

static void on_terminate(void *arg, unsigned count)
{
    struct bridge *b = arg;
    if (count == 1)
        bridge_drain_begin(b, BRIDGE_END_STOPPED);
    else
        bridge_drain_hurry(b);
}

static void on_tick(void *arg)
{
    struct bridge *b = arg;
    timer_start_ms(&b->tick, TICK_MS);
    bridge_operators_sweep(b);
    bridge_leases_look(b);
    bridge_drain_look(b); /* sooner again while it stops */
}

static const char *do_pause(void *arg, struct mno *op, bool paused)
{
    struct bridge *b = arg;
    if (!b->attached)
        return "no agent is attached";
    op->paused = paused;
    if (operators_is_served(op))
        bridge_operators_declare_one(b, op);
    tps_limit_changed(b->tps, op);
    mt_path_session_changed(b->mt, op);
    return NULL;
}

static const char *do_rebind(void *arg, struct mno *op)
{
    static const char why[] = "asked for by ctl";
    struct bridge *b = arg;
    if (!b->attached)
        return "no agent is attached";
    struct ipc_rebind record = {.reason = {(const uint8_t *)why, sizeof(why) - 1}};
    memcpy(record.operator_id, op->id, sizeof(record.operator_id));
    ipc_put_rebind(agent_link_begin(b->link), &record);
    agent_link_end(b->link);
    return NULL;
}

static const char *do_release(void *arg, struct mno *op)
{
    struct bridge *b = arg;
    if (!b->attached)
        return "no agent is attached";
    if (op->dropping)
        return "it is being released";
    if (b->leases)
        return bridge_leases_release(b, op);
    bridge_operators_drop(b, op, "released by ctl");
    return NULL;
}

static const char *do_log_level(void *arg, enum log_level level)
{
    struct bridge *b = arg;
    b->settings.log_level = level;
    log_set_level(level);
    bridge_operators_declare(b);
    return NULL;
}

static const char *do_restart(void *arg)
{
    bridge_drain_begin(arg, BRIDGE_END_AGAIN);
    return NULL;
}

static const char *trouble(void *arg)
{
    const struct bridge *b = arg;
    if (*b->refused)
        return b->refused;
    if (b->agent_draining)
        return "the agent drains";
    if (b->leases && b->attached && leases_trouble(b->leases))
        return leases_trouble(b->leases);
    return b->stopping ? "it stops" : NULL;
}

/* --- making --- */

static int create_outside(struct bridge *b, char *error_r, size_t error_size)
{
    const struct bridge_settings *s = &b->settings;
    loop_lag_init(&b->lag);
    loop_lag_init(&b->agent_lag);
    b->https = https_client_create(b->loop); /* before there are threads */
    const struct jetstream_options nats = {
        .urls = s->nats_url,
        .creds_file = s->nats_creds_file,
        .ca_file = s->nats_ca_file,
        .cert_file = s->nats_cert_file,
        .key_file = s->nats_key_file,
        .domain = s->nats_js_domain,
        .client_name = s->instance_id,
    };
    const struct jetstream_events js_events = {
        .connected = on_js_connected,
        .disconnected = on_js_disconnected,
        .message = on_js_message,
        .pull_ended = on_js_pull_ended,
        .heartbeat = on_js_heartbeat,
        .arg = b,
    };
    const struct redis_events redis_events = {
        .connected = on_redis_connected, .disconnected = on_redis_disconnected, .arg = b};
    const struct agent_link_events link_events = {
        .attached = on_attached,
        .listed = on_listed,
        .record = on_record,
        .agent_turn = on_agent_turn,
        .detached = on_detached,
        .stood_still = on_stood_still,
        .refused = on_refused,
        .arg = b,
    };
    if (jetstream_create(b->loop, &nats, &js_events, &b->js, error_r, error_size) != 0 ||
        redis_create(b->loop, s->redis_url, &redis_events, &b->redis, error_r, error_size) != 0 ||
        agent_link_create(b->loop, s->ipc_url, &link_events, &b->link, error_r, error_size) != 0)
        return -1;
    return 0;
}

static void create_paths(struct bridge *b)
{
    const struct bridge_settings *s = &b->settings;
    b->operators = operators_create();
    b->correlations = correlations_create(b->redis, s->correlation_ttl_s);
    if (s->assignment == ASSIGNMENT_LEASE)
        bridge_leases_create(b);
    b->tps = tps_create(b->loop, b->redis, b->link, b->operators, s->instance_id);
    b->credentials = credentials_create(&(struct credentials_options){
        .loop = b->loop,
        .link = b->link,
        .client = b->https,
        .operators = b->operators,
        .tps = b->tps,
        .url = s->operator_mgmt_url,
        .ca_file = s->operator_mgmt_ca_file,
        .cert_file = s->operator_mgmt_cert_file,
        .key_file = s->operator_mgmt_key_file,
        .token = s->internal_service_token,
        .token_file = s->internal_service_token_file,
        .refresh_ms = s->credentials_refresh_ms,
    });
    b->mt = mt_path_create(&(struct mt_path_options){
        .loop = b->loop,
        .link = b->link,
        .js = b->js,
        .correlations = b->correlations,
        .tps = b->tps,
        .operators = b->operators,
        .settings = s,
    });
    b->dlr = dlr_create(&(struct dlr_options){
        .loop = b->loop,
        .link = b->link,
        .js = b->js,
        .redis = b->redis,
        .correlations = b->correlations,
        .operators = b->operators,
        .mo_subject = s->mo_subject,
        .expects = mt_path_expects,
        .arg = b->mt,
    });
    b->health_events = health_events_create(b->loop, b->link, b->js, b->operators);
}

static void view_mt(void *arg, const struct mno *op, struct management_mt *mt_r)
{
    mt_path_view(((struct bridge *)arg)->mt, op, mt_r);
}

static int create_inside(struct bridge *b, char *error_r, size_t error_size)
{
    const struct management_options management = {
        .loop = b->loop,
        .operators = b->operators,
        .link = b->link,
        .js = b->js,
        .redis = b->redis,
        .correlations = b->correlations,
        .credentials = b->credentials,
        .dlr = b->dlr,
        .health_events = b->health_events,
        .tps = b->tps,
        .leases = b->leases,
        .rivals = b->rivals,
        .lag = &b->lag,
        .agent_lag = &b->agent_lag,
        .instance_id = b->settings.instance_id,
        .mt = view_mt,
        .trouble = trouble,
        .arg = b,
    };
    const struct ctl_actions actions = {
        .pause = do_pause,
        .rebind = do_rebind,
        .release = do_release,
        .log_level = do_log_level,
        .restart = do_restart,
        .arg = b,
    };
    if (management_create(&management, b->settings.mgmt_listen, &b->management, error_r,
                          error_size) != 0)
        return -1;
    if (!b->settings.ctl_socket)
        return 0;
    return ctl_create(&management, b->settings.ctl_socket, &actions, &b->ctl, error_r, error_size);
}

static void watch_files(struct bridge *b)
{
    b->signals = signals_create(b->loop, on_terminate, reload, b);
    if (b->settings.settings_file)
        b->settings_watch = file_watch_create(b->loop, b->settings.settings_file, reload, b);
    if (b->settings.operators_file)
        b->operators_watch =
            file_watch_create(b->loop, b->settings.operators_file, on_operators_file, b);
    timer_init(&b->tick, b->loop, on_tick, b);
    timer_start_ms(&b->tick, TICK_MS);
    timer_init(&b->lag_tick, b->loop, on_lag_tick, b);
    timer_start_ms(&b->lag_tick, LAG_TICK_MS);
}

static int start(struct bridge *b, char *error_r, size_t error_size)
{
    if (create_outside(b, error_r, error_size) != 0)
        return -1;
    create_paths(b);
    if (bridge_operators_load(b, error_r, error_size) != 0 ||
        create_inside(b, error_r, error_size) != 0)
        return -1;
    watch_files(b);
    return 0;
}

/* --- and taking down --- */

/* DETACH to the agent, and to those who share the limit what a gone agent leaves to them. */
static void say_good_bye(struct bridge *b)
{
    if (!b->link)
        return;
    agent_link_detach(b->link);
    mono_t until = mono_add_ms(clock_mono(), LAST_WORD_MS);
    while ((!agent_link_idle(b->link) || (b->agent_gone && redis_outstanding(b->redis) > 0)) &&
           !mono_reached(clock_mono(), until))
        loop_turn(b->loop, 10);
}

static void destroy(struct bridge *b)
{
    timer_stop(&b->tick);
    timer_stop(&b->lag_tick);
    file_watch_destroy(&b->settings_watch);
    file_watch_destroy(&b->operators_watch);
    signals_destroy(&b->signals);
    ctl_destroy(&b->ctl);
    management_destroy(&b->management);
    redis_destroy(&b->redis); /* those who wait for it still hear that it failed */
    health_events_destroy(&b->health_events);
    dlr_destroy(&b->dlr);
    mt_path_destroy(&b->mt);
    credentials_destroy(&b->credentials);
    tps_destroy(&b->tps);
    correlations_destroy(&b->correlations);
    /* After those who take back their publishes; what they queued is sent all the same. */
    jetstream_destroy(&b->js, bridge_drain_linger_ms(b), JOIN_MS);
    leases_destroy(&b->leases);
    lease_rivals_destroy(&b->rivals);
    operators_destroy(&b->operators);
    agent_link_destroy(&b->link);
    https_client_destroy(&b->https);
    loop_destroy(&b->loop);
    bridge_settings_free(&b->settings);
}

enum bridge_end bridge_run(struct bridge_settings *settings, void (*start_anew)(void))
{
    char error[512];
    struct bridge b = {.settings = *settings, .start_anew = start_anew, .end = BRIDGE_END_FAILED};
    b.loop = loop_create();
    if (start(&b, error, sizeof(error)) != 0) {
        log_error("the bridge can't start", LOG_STR("reason", error));
    } else {
        log_info("the bridge starts", LOG_STR("version", SMPP_CONNECTOR_VERSION),
                 LOG_STR("instance", b.settings.instance_id),
                 LOG_UINT("operators", operators_count(b.operators)));
        loop_run(b.loop);
        say_good_bye(&b);
    }
    destroy(&b);
    log_info("the bridge ends", LOG_INT("end", b.end));
    return b.end;
}
