/* Makes the parts in the order of their dependence, ticks, and drains at SIGTERM. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file_watch.h"
#include "common/log.h"
#include "common/random.h"
#include "common/signals.h"

#include "session-agent/agent.h"
#include "session-agent/agent_context.h"
#include "session-agent/bridge_records.h"
#include "session-agent/operators.h"
#include "session-agent/submits.h"

#define TICK_MS 1000
#define DRAIN_LOOK_MS 20
#define ATTEMPTS_AT_A_TIME 32
#define SETTLE_MS 3000 /* after the last unbind, for outcomes that came of it to be settled */
#define LAST_WORD_MS 200

struct agent {
    struct agent_context ctx;
    struct agent_settings *settings;
    struct operators *operators;
    struct bridge_records records;
    struct signals *signals;
    struct file_watch *settings_watch;
    struct timer tick;
    struct timer drain;
    mono_t drain_end; /* whatever is not over by then is cut */
    mono_t over_at;   /* when the last bind was gone; 0: not yet */
    bool hurry;       /* a second signal: nothing is waited for */
    bool said_gone;
};

/* --- every second --- */

static void tell_stats(struct agent_operator *op, void *arg)
{
    (void)arg;
    operator_tell_stats(op, false);
    for (uint32_t i = 0; i < op->slot_count; i++) {
        if (op->slots[i]->main)
            session_tell_gauges(op->slots[i]->main);
        if (op->slots[i]->receiver)
            session_tell_gauges(op->slots[i]->receiver);
    }
}

static void on_tick(void *arg)
{
    struct agent *a = arg;
    timer_start_ms(&a->tick, TICK_MS);
    ledger_beat(a->ctx.ledger, clock_mono().ns);
    if (bridge_link_is_attached(a->ctx.link))
        operators_each(a->operators, tell_stats, NULL);
}

/* --- the bridge --- */

static void say_draining(struct agent *a)
{
    int64_t left_ms = mono_diff_ms(a->drain_end, clock_mono());
    bridge_link_send_draining(
        a->ctx.link, &(struct ipc_draining){.left_ms = left_ms > 0 ? (uint32_t)left_ms : 0});
}

static void on_attached(void *arg)
{
    struct agent *a = arg;
    bridge_records_list(&a->records);
    if (a->ctx.draining)
        say_draining(a);
}

static bool on_record(void *arg, unsigned type, struct bytes body, char *error_r, size_t error_size)
{
    struct agent *a = arg;
    return bridge_records_handle(&a->records, type, body, error_r, error_size);
}

static void on_detached(void *arg)
{
    (void)arg; /* everything goes on: that is what the agent is for */
}

static void pause_one(struct agent_operator *op, void *arg)
{
    (void)arg;
    submits_pace(op->submits, 0);
}

/* No bridge renews our part of the limit, and others may take it soon. */
static void on_alone(void *arg)
{
    struct agent *a = arg;
    log_warn("no bridge was heard for long: nothing is sent until one tells the pace",
             LOG_INT("ms", IPC_PACE_LIFE_MS));
    operators_each(a->operators, pause_one, NULL);
}

/* --- the end --- */

static void cut_one(struct agent_operator *op, void *arg)
{
    operator_cut(op, arg);
}

static void end_one(struct agent_operator *op, void *arg)
{
    operator_end(op, arg);
}

static void look_one(struct agent_operator *op, void *arg)
{
    (void)arg;
    operator_check_drained(op);
}

static void say_gone(struct agent *a)
{
    uint32_t unsettled = ledger_used(a->ctx.ledger);
    log_info("all is unbound", LOG_UINT("unsettled", unsettled));
    bridge_link_send_gone(a->ctx.link, &(struct ipc_gone){.unsettled = unsettled});
    bridge_link_flush(a->ctx.link);
    a->said_gone = true;
    timer_start_ms(&a->drain, LAST_WORD_MS);
}

static void on_drain(void *arg)
{
    struct agent *a = arg;
    mono_t now = clock_mono();
    if (a->said_gone) {
        loop_stop(a->ctx.loop);
        return;
    }
    timer_start_ms(&a->drain, DRAIN_LOOK_MS);
    operators_each(a->operators, look_one, NULL);
    if (!operators_are_over(a->operators)) {
        if (mono_reached(now, a->drain_end))
            operators_each(a->operators, cut_one, "the time to drain is over");
        return;
    }
    if (!a->over_at.ns)
        a->over_at = now;
    bool nobody = a->hurry || !bridge_link_is_attached(a->ctx.link);
    if (nobody || ledger_used(a->ctx.ledger) == 0 || mono_diff_ms(now, a->over_at) >= SETTLE_MS)
        say_gone(a);
}

static void on_terminate(void *arg, unsigned count)
{
    struct agent *a = arg;
    if (count > 1) {
        log_warn("a second signal: everything is cut", LOG_UINT("signals", count));
        operators_each(a->operators, cut_one, "the agent was told to hurry");
        a->hurry = true;
        return;
    }
    log_info("the agent drains", LOG_INT("drainMs", a->settings->drain_ms));
    a->ctx.draining = true;
    a->drain_end =
        mono_add_ms(clock_mono(),
                    a->settings->drain_ms - SETTLE_MS > 0 ? a->settings->drain_ms - SETTLE_MS : 0);
    say_draining(a);
    operators_each(a->operators, end_one, "the agent ends");
    on_drain(a);
}

/* --- settings --- */

static void on_reload(void *arg)
{
    struct agent *a = arg;
    uint32_t uids[AGENT_SETTINGS_MAX_UIDS];
    size_t count;
    if (!agent_settings_reload(a->settings))
        return;
    log_set_level((enum log_level)a->settings->log_level);
    if (agent_settings_peer_uids(a->settings, uids, &count))
        bridge_link_allow(a->ctx.link, uids, count);
}

/* --- life --- */

static void log_recovery(const struct ledger *l, const struct ledger_recovery *r)
{
    if (r->note[0])
        log_warn("the ledger's file", LOG_STR("note", r->note));
    log_info("the ledger is open", LOG_UINT("entries", ledger_capacity(l)),
             LOG_BOOL("fresh", r->fresh), LOG_UINT("outcomes", r->outcomes),
             LOG_UINT("unknown", r->unknown), LOG_UINT("forgotten", r->forgotten),
             LOG_UINT("corrupt", r->corrupt), LOG_UINT("keys", r->keys));
}

static int open_ledger(struct agent *a, char *error_r, size_t error_size)
{
    char path[4096];
    struct ledger_recovery recovery;
    if (!agent_settings_ledger_path(a->settings, path, sizeof(path))) {
        snprintf(error_r, error_size, "LEDGER_FILE is too long");
        return -1;
    }
    if (ledger_open(path, (size_t)a->settings->ledger_bytes, clock_wall_ms(), &a->ctx.ledger,
                    &recovery, error_r, error_size) != 0)
        return -1;
    memcpy(a->ctx.home, recovery.home, sizeof(a->ctx.home));
    log_recovery(a->ctx.ledger, &recovery);
    return 0;
}

static int open_link(struct agent *a, char *error_r, size_t error_size)
{
    uint32_t uids[AGENT_SETTINGS_MAX_UIDS];
    struct bridge_link_options options = {.url = a->settings->ipc_url,
                                          .peer_uids = uids,
                                          .ledger_entries = ledger_capacity(a->ctx.ledger)};
    struct bridge_link_events events = {.attached = on_attached,
                                        .record = on_record,
                                        .detached = on_detached,
                                        .alone = on_alone,
                                        .arg = a};
    if (!agent_settings_peer_uids(a->settings, uids, &options.uid_count)) {
        snprintf(error_r, error_size, "IPC_PEER_UIDS is malformed");
        return -1;
    }
    memcpy(options.instance, a->ctx.instance, sizeof(options.instance));
    return bridge_link_create(a->ctx.loop, &options, &events, &a->ctx.link, error_r, error_size);
}

int agent_create(struct loop *loop, struct agent_settings *settings, struct agent **agent_r,
                 char *error_r, size_t error_size)
{
    struct agent *a = xcalloc(1, sizeof(*a));
    *agent_r = a;
    a->settings = settings;
    a->ctx.loop = loop;
    a->ctx.drain_ms = settings->drain_ms;
    random_bytes(a->ctx.instance, sizeof(a->ctx.instance));
    timer_init(&a->tick, loop, on_tick, a);
    timer_init(&a->drain, loop, on_drain, a);
    connect_gate_init(&a->ctx.gate, ATTEMPTS_AT_A_TIME);
    a->ctx.leases = leases_create();
    a->ctx.credentials_requests = map_create();
    a->ctx.holds = deliver_hold_create();
    a->ctx.hub = transport_hub_create(loop);
    a->operators = operators_create(&a->ctx);
    a->records = (struct bridge_records){.ctx = &a->ctx, .operators = a->operators};
    if (open_ledger(a, error_r, error_size) != 0 || open_link(a, error_r, error_size) != 0)
        return -1;
    a->signals = signals_create(loop, on_terminate, on_reload, a);
    if (settings->settings_file)
        a->settings_watch = file_watch_create(loop, settings->settings_file, on_reload, a);
    on_tick(a);
    return 0;
}

void agent_destroy(struct agent **agent)
{
    struct agent *a = *agent;
    if (!a)
        return;
    timer_stop(&a->tick);
    timer_stop(&a->drain);
    file_watch_destroy(&a->settings_watch);
    signals_destroy(&a->signals);
    bridge_link_destroy(&a->ctx.link);
    operators_destroy(&a->operators);
    ledger_close_file(&a->ctx.ledger);
    transport_hub_destroy(&a->ctx.hub);
    deliver_hold_destroy(&a->ctx.holds);
    map_destroy(&a->ctx.credentials_requests);
    leases_destroy(&a->ctx.leases);
    free(a);
    *agent = NULL;
}
