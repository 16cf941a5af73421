/*
 * /metrics. First the contract's families under its names, in its order, every label value from the
 * start; then ours, which only add. What the agent counts came with its STATS.
 */
#include <stdio.h>

#include "common/log.h"

#include "proto/events.h"

#include "bridge/management_page.h"

#define PREFIX "smpp_connector_"

/* The page being written. */
struct page {
    const struct management_options *m;
    struct text *out;
};

static void family(struct page *p, const char *name, const char *type, const char *help)
{
    metrics_family(p->out, name, type, help);
}

static struct metrics_label operator_label(const struct mno *op)
{
    return (struct metrics_label){.name = "operator_id", .value = op->id_text};
}

static void sample(struct page *p, const char *name, const struct mno *op, uint64_t value)
{
    const struct metrics_label labels[] = {operator_label(op)};
    metrics_u64(p->out, name, labels, ARRAY_LEN(labels), value);
}

static void labelled(struct page *p, const char *name, const struct mno *op, const char *label,
                     const char *label_value, uint64_t value)
{
    const struct metrics_label labels[] = {operator_label(op), {label, label_value}};
    metrics_u64(p->out, name, labels, ARRAY_LEN(labels), value);
}

static void each_operator(struct page *p, const char *name, const char *type, const char *help,
                          void (*write)(struct page *p, const char *name, const struct mno *op))
{
    family(p, name, type, help);
    for (size_t i = 0; i < operators_count(p->m->operators); i++)
        write(p, name, operators_at(p->m->operators, i));
}

/* --- the contract's --- */

static void write_sessions(struct page *p, const char *name, const struct mno *op)
{
    uint64_t rows[IPC_SESSION_FAILBACK + 1] = {0};
    for (size_t i = 0; i < OPERATOR_MAX_ROWS; i++) {
        if (op->rows[i].present && op->rows[i].state <= IPC_SESSION_FAILBACK)
            rows[op->rows[i].state]++;
    }
    for (unsigned state = IPC_SESSION_DISCONNECTED; state <= IPC_SESSION_FAILBACK; state++)
        labelled(p, name, op, "state", ipc_session_state_name(state), rows[state]);
}

static void write_submits(struct page *p, const char *name, const struct mno *op)
{
    labelled(p, name, op, "status", "success", op->counters.submit_success);
    labelled(p, name, op, "status", "error", op->counters.submit_error);
    labelled(p, name, op, "status", "throttled", op->counters.submit_throttled);
}

static void write_duration(struct page *p, const char *name, const struct mno *op)
{
    const struct metrics_label labels[] = {operator_label(op)};
    metrics_histogram(p->out, name, labels, ARRAY_LEN(labels), &op->submit_duration);
}

static void write_receipts(struct page *p, const char *name, const struct mno *op)
{
    for (int i = 0; i < DLR_STATUS_COUNT; i++) {
        labelled(p, name, op, "status", dlr_status_name((enum dlr_status)i),
                 op->counters.dlr_received[i]);
    }
}

/* A backlog is throttled by the limit for as long as it lasts, and that is no event of each of its
 * messages: it counts once a second, so that only an operator that refuses makes more of it. */
static void write_throttle(struct page *p, const char *name, const struct mno *op)
{
    sample(p, name, op, op->counters.submit_throttled + op->stats[IPC_STAT_PACER_WAITS]);
}

static void write_segments(struct page *p, const char *name, const struct mno *op)
{
    labelled(p, name, op, "strategy", "csms", op->counters.segments_csms);
    labelled(p, name, op, "strategy", "tlv", op->counters.segments_tlv);
}

/* A number that one scrape reads out of the operator. */
struct scalar {
    const char *name, *type, *help;
    enum { FROM_COUNTERS, FROM_STATS } from;
    size_t at; /* offset in struct operator_counters, or enum ipc_stat */
};
#define COUNTER(name, field, help)                                                                 \
    {                                                                                              \
        PREFIX name, "counter", help, FROM_COUNTERS, offsetof(struct operator_counters, field)     \
    }
#define AGENT_COUNTER(name, stat, help)                                                            \
    {                                                                                              \
        PREFIX name, "counter", help, FROM_STATS, stat                                             \
    }
#define AGENT_GAUGE(name, stat, help)                                                              \
    {                                                                                              \
        PREFIX name, "gauge", help, FROM_STATS, stat                                               \
    }

static uint64_t scalar_value(const struct scalar *s, const struct mno *op)
{
    if (s->from == FROM_STATS)
        return op->stats[s->at];
    return *(const uint64_t *)(const void *)((const char *)&op->counters + s->at);
}

static void write_scalars(struct page *p, const struct scalar *scalars, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        const struct scalar *s = &scalars[k];
        family(p, s->name, s->type, s->help);
        for (size_t i = 0; i < operators_count(p->m->operators); i++) {
            const struct mno *op = operators_at(p->m->operators, i);
            sample(p, s->name, op, scalar_value(s, op));
        }
    }
}

static const struct scalar not_found[] = {
    COUNTER("dlr_correlation_not_found_total", dlr_correlation_not_found,
            "Receipts published with messageId null"),
};
static const struct scalar contract_scalars[] = {
    AGENT_GAUGE("tps_current", IPC_STAT_TPS_CURRENT, "submit_sm written in the last full second"),
    AGENT_COUNTER("reconnect_attempts_total", IPC_STAT_RECONNECT_ATTEMPTS,
                  "Attempts to bind again"),
    AGENT_COUNTER("enquire_link_timeout_total", IPC_STAT_ENQUIRE_LINK_TIMEOUTS,
                  "enquire_link without an answer in time"),
    AGENT_COUNTER("pdu_bytes_sent_total", IPC_STAT_BYTES_SENT, "Octets sent to the MNO"),
    AGENT_COUNTER("pdu_bytes_received_total", IPC_STAT_BYTES_RECEIVED,
                  "Octets received from the MNO"),
};

static void write_contract(struct page *p)
{
    each_operator(p, PREFIX "sessions_total", "gauge", "Binds by state", write_sessions);
    each_operator(p, PREFIX "submit_sm_total", "counter", "Answered submit_sm by result",
                  write_submits);
    each_operator(p, PREFIX "submit_sm_duration_seconds", "histogram",
                  "From writing a submit_sm to its response", write_duration);
    each_operator(p, PREFIX "dlr_received_total", "counter", "Receipts by status", write_receipts);
    write_scalars(p, not_found, ARRAY_LEN(not_found));
    each_operator(p, PREFIX "tps_throttle_total", "counter",
                  "submit_sm refused for the rate, and seconds in which one waited for its token",
                  write_throttle);
    write_scalars(p, contract_scalars, ARRAY_LEN(contract_scalars));
    each_operator(p, PREFIX "long_message_segments_total", "counter",
                  "Segments of long messages by strategy", write_segments);
}

/* --- ours: per operator --- */

static const struct scalar our_scalars[] = {
    COUNTER("submit_unknown_total", submit_unknown,
            "submit_sm whose outcome is unknown: timed out, or the connection died under it"),
    COUNTER("submit_retries_total", retries, "submit_sm sent once more"),
    COUNTER("commands_fetched_total", commands_fetched, "Commands taken from the stream"),
    COUNTER("commands_redelivered_total", commands_redelivered,
            "Of these, delivered before as the server says"),
    COUNTER("commands_settled_total", commands_settled, "Commands acknowledged and confirmed"),
    COUNTER("commands_invalid_total", commands_invalid, "Commands that can never be sent"),
    COUNTER("commands_expired_total", commands_expired, "Commands that expired unsent"),
    COUNTER("commands_rejected_total", commands_rejected, "Commands refused by the MNO for good"),
    COUNTER("commands_dead_lettered_total", commands_dead_lettered,
            "Commands kept as dead letters"),
    COUNTER("dead_letters_lost_total", commands_dead_letters_lost,
            "Dead letters given up: not stored for 10 s, or their text was gone"),
    COUNTER("commands_failed_over_total", commands_failed_over, "Commands given to the backup"),
    COUNTER("dlr_published_total", dlr_published, "Receipt events stored by JetStream"),
    COUNTER("dlr_duplicate_total", dlr_duplicate, "Of these, known to JetStream already"),
    COUNTER("dlr_parked_total", dlr_parked, "Receipts that waited for their correlation"),
    COUNTER("dlr_given_up_total", dlr_given_up,
            "deliver_sm whose hold ended before they could be stored; the MNO repeats them"),
    COUNTER("mo_published_total", mo_published, "Mobile-originated messages published"),
    COUNTER("mo_refused_total", mo_refused, "deliver_sm refused: no receipt, or not readable"),
    COUNTER("credentials_fetched_total", credentials_fetched, "Good credentials answers"),
    COUNTER("credentials_failed_total", credentials_failed, "Credentials fetches that failed"),
    COUNTER("leases_taken_free_total", leases_taken_free, "Leases taken that nobody held"),
    COUNTER("leases_taken_over_total", leases_taken_expired,
            "Leases taken over from a holder that did not renew them"),
    COUNTER("leases_lost_total", leases_lost, "Leases that could not be renewed in time"),
    COUNTER("leases_given_total", leases_given,
            "Leases given away: released, offered, or at the end"),
    COUNTER("takeover_redelivered_total", takeover_redelivered,
            "Commands fetched after a take-over that the former holder had fetched: those it sent "
            "and did not settle are sent twice"),
    COUNTER("health_events_published_total", health_published, "Health events stored"),
    AGENT_COUNTER("binds_total", IPC_STAT_BINDS_OK, "Successful binds"),
    AGENT_COUNTER("binds_refused_total", IPC_STAT_BINDS_REFUSED, "Refused binds"),
    AGENT_COUNTER("bind_auth_failures_total", IPC_STAT_AUTH_FAILURES,
                  "Binds refused for wrong credentials"),
    AGENT_COUNTER("submit_sent_total", IPC_STAT_SUBMITS_SENT, "submit_sm handed to a socket"),
    AGENT_COUNTER("submit_late_responses_total", IPC_STAT_LATE_RESPONSES,
                  "Responses after their time-out"),
    AGENT_COUNTER("submit_stray_responses_total", IPC_STAT_STRAY_RESPONSES,
                  "Responses to nothing that was asked"),
    AGENT_COUNTER("submit_expired_total", IPC_STAT_SUBMITS_EXPIRED,
                  "submit_sm not sent since they were too old at the socket"),
    AGENT_COUNTER("submit_known_total", IPC_STAT_SUBMITS_KNOWN,
                  "Submits answered from the ledger instead of sent again"),
    AGENT_COUNTER("deliver_sm_received_total", IPC_STAT_DELIVERS_RECEIVED,
                  "deliver_sm and data_sm"),
    AGENT_COUNTER("deliver_sm_busy_total", IPC_STAT_DELIVERS_BUSY,
                  "Of these, answered with the busy status"),
    AGENT_COUNTER("protocol_errors_total", IPC_STAT_PROTOCOL_ERRORS,
                  "Malformed or unexpected PDUs from the MNO"),
    AGENT_COUNTER("alert_notifications_total", IPC_STAT_ALERT_NOTIFICATIONS,
                  "alert_notification PDUs"),
    AGENT_GAUGE("tps_peak", IPC_STAT_TPS_PEAK,
                "Most submit_sm in any one-second window since the agent started"),
    AGENT_GAUGE("tps_pacer_limit", IPC_STAT_PACER_LIMIT, "The limit the pacer obeys, per second"),
    AGENT_COUNTER("tps_leases_used_total", IPC_STAT_TOKENS_BORROWED,
                  "Leased tokens with which a submit_sm was sent"),
    AGENT_COUNTER("tps_leases_lost_total", IPC_STAT_TOKENS_LOST,
                  "Leased tokens that could not be used in time"),
    AGENT_GAUGE("submit_queue_length", IPC_STAT_QUEUED, "Submits waiting for pacer or window"),
    AGENT_GAUGE("window_used", IPC_STAT_WINDOW_USED, "Unanswered submit_sm, all binds"),
    AGENT_GAUGE("deliver_sm_held", IPC_STAT_DELIVERS_HELD, "Unanswered deliver_sm, all binds"),
    AGENT_GAUGE("ledger_entries_used", IPC_STAT_LEDGER_USED, "Submits not yet settled"),
};

static void write_tps_limit(struct page *p, const char *name, const struct mno *op)
{
    sample(p, name, op, tps_view(p->m->tps, op).limit);
}

static void write_tps_share(struct page *p, const char *name, const struct mno *op)
{
    sample(p, name, op, tps_view(p->m->tps, op).share);
}

static void write_tps_effective(struct page *p, const char *name, const struct mno *op)
{
    sample(p, name, op, tps_view(p->m->tps, op).effective);
}

static void write_tps_instances(struct page *p, const char *name, const struct mno *op)
{
    sample(p, name, op, tps_view(p->m->tps, op).instances);
}

static void write_lease_size(struct page *p, const char *name, const struct mno *op)
{
    sample(p, name, op, tps_view(p->m->tps, op).lease_size);
}

static void write_leased(struct page *p, const char *name, const struct mno *op)
{
    sample(p, name, op, tps_view(p->m->tps, op).leased);
}

static void write_lent(struct page *p, const char *name, const struct mno *op)
{
    sample(p, name, op, tps_view(p->m->tps, op).lent);
}

static void write_accepted(struct page *p, const char *name, const struct mno *op)
{
    sample(p, name, op, tps_view(p->m->tps, op).accepted);
}

static void write_lease_slots(struct page *p, const char *name, const struct mno *op)
{
    sample(p, name, op, leases_count(op));
}

static void write_consumer_trouble(struct page *p, const char *name, const struct mno *op)
{
    sample(p, name, op, management_mt_of(p->m, op).trouble != NULL);
}

static void write_lease_held(struct page *p, const char *name, const struct mno *op)
{
    sample(p, name, op, leases_held(op));
}

static void write_slow_downs(struct page *p, const char *name, const struct mno *op)
{
    sample(p, name, op, tps_view(p->m->tps, op).throttled_total);
}

static void write_turn_wait(struct page *p, const char *name, const struct mno *op)
{
    const struct metrics_label labels[] = {operator_label(op)};
    metrics_histogram(p->out, name, labels, ARRAY_LEN(labels), &op->turn_wait);
}

static void write_token_wait(struct page *p, const char *name, const struct mno *op)
{
    static const double bounds[] = {IPC_TOKEN_WAIT_BOUNDS};
    const struct metrics_label labels[] = {operator_label(op)};
    struct histogram h;
    histogram_init(&h, bounds, ARRAY_LEN(bounds));
    for (size_t i = 0; i < IPC_TOKEN_WAIT_BUCKETS; i++) {
        h.buckets[i] = op->stats[IPC_STAT_TOKEN_WAITS + i];
        h.count += h.buckets[i];
    }
    h.sum = (double)op->stats[IPC_STAT_TOKEN_WAIT_US] / 1e6;
    metrics_histogram(p->out, name, labels, ARRAY_LEN(labels), &h);
}

static void write_limiter(struct page *p, const char *name, const struct mno *op)
{
    enum limiter current = management_mt_of(p->m, op).limiter;
    for (int i = 0; i < LIMITER_COUNT; i++)
        labelled(p, name, op, "reason", limiter_names[i], (enum limiter)i == current);
}

static void write_stream_pending(struct page *p, const char *name, const struct mno *op)
{
    sample(p, name, op, management_mt_of(p->m, op).pending);
}

static void write_here(struct page *p, const char *name, const struct mno *op)
{
    struct management_mt mt = management_mt_of(p->m, op);
    labelled(p, name, op, "stage", "fetched", mt.fetched);
    labelled(p, name, op, "stage", "at_agent", mt.in_flight);
    labelled(p, name, op, "stage", "unsettled", mt.unsettled);
}

static void write_tls_expiry(struct page *p, const char *name, const struct mno *op)
{
    for (size_t i = 0; i < OPERATOR_MAX_ROWS; i++) {
        const struct operator_session *row = &op->rows[i];
        if (!row->present || !row->tls_expiry_ms)
            continue;
        char bind[8];
        snprintf(bind, sizeof(bind), "%u", row->bind);
        const struct metrics_label labels[] = {
            operator_label(op), {"bind", bind}, {"bind_mode", ipc_bind_mode_name(row->bind_mode)}};
        metrics_double(p->out, name, labels, ARRAY_LEN(labels),
                       (double)row->tls_expiry_ms / 1000.0);
    }
}

static void write_dialects(struct page *p, const char *name, const struct mno *op)
{
    struct correlation_dialect d = correlations_dialect(p->m->correlations, op);
    for (int i = 0; i < MESSAGE_ID_DIALECTS; i++) {
        labelled(p, name, op, "dialect", message_id_dialect_name((enum message_id_dialect)i),
                 d.seen[i]);
    }
}

static void write_refused_ids(struct page *p, const char *name, const struct mno *op)
{
    struct correlation_dialect d = correlations_dialect(p->m->correlations, op);
    labelled(p, name, op, "reason", "ambiguous", d.ambiguous);
    labelled(p, name, op, "reason", "other_destination", d.other_destination);
}

static void write_ours(struct page *p)
{
    write_scalars(p, our_scalars, ARRAY_LEN(our_scalars));
    each_operator(p, PREFIX "tps_limit", "gauge", "The contract's submit_sm per second",
                  write_tps_limit);
    each_operator(p, PREFIX "tps_share", "gauge", "This instance's part of it, per second",
                  write_tps_share);
    each_operator(p, PREFIX "tps_effective", "gauge",
                  "The share, less while the operator refuses, and what was leased from others",
                  write_tps_effective);
    each_operator(p, PREFIX "tps_instances", "gauge", "Instances that share the limit",
                  write_tps_instances);
    each_operator(p, PREFIX "tps_lease_size", "gauge",
                  "Tokens in the last lease from other instances", write_lease_size);
    each_operator(p, PREFIX "tps_leased_total", "counter", "Tokens leased from other instances",
                  write_leased);
    each_operator(p, PREFIX "tps_lent_total", "counter", "Tokens offered to other instances",
                  write_lent);
    each_operator(p, PREFIX "tps_accepted", "gauge",
                  "What the operator accepted in the last full second, beside tps_limit",
                  write_accepted);
    each_operator(p, PREFIX "lease_held", "gauge",
                  "Binds whose lease this instance holds; 0 with static assignment",
                  write_lease_held);
    each_operator(p, PREFIX "lease_slots", "gauge",
                  "Binds of the operator, each with a lease; 0 with static assignment",
                  write_lease_slots);
    each_operator(p, PREFIX "consumer_trouble", "gauge",
                  "1: the operator's commands can't be fetched, /ready says why",
                  write_consumer_trouble);
    each_operator(p, PREFIX "tps_slow_downs_total", "counter",
                  "Times the operator slowed us down below the contract", write_slow_downs);
    each_operator(p, PREFIX "token_wait_seconds", "histogram",
                  "How long the lack of a token alone held a submit_sm back", write_token_wait);
    each_operator(p, PREFIX "turn_wait_seconds", "histogram",
                  "From fetching a command to writing its submit_sm, for its token or a place",
                  write_turn_wait);
    each_operator(p, PREFIX "not_sending", "gauge", "1 at what keeps the operator from sending",
                  write_limiter);
    each_operator(p, PREFIX "commands_in_stream", "gauge", "Commands in the stream, as last heard",
                  write_stream_pending);
    each_operator(p, PREFIX "commands_here", "gauge", "Commands in the bridge by stage",
                  write_here);
    each_operator(p, PREFIX "tls_peer_expiry_timestamp_seconds", "gauge",
                  "When the MNO's certificate ends", write_tls_expiry);
    each_operator(p, PREFIX "dlr_dialect_total", "counter",
                  "Correlated receipts by how the id was spelt", write_dialects);
    each_operator(p, PREFIX "dlr_id_refused_total", "counter", "Correlations that were not taken",
                  write_refused_ids);
}

/* --- ours: the process --- */

static void one(struct page *p, const char *name, const char *type, const char *help, double value)
{
    family(p, name, type, help);
    metrics_double(p->out, name, NULL, 0, value);
}

static void write_lag(struct page *p)
{
    const struct {
        struct metrics_label program;
        const struct loop_lag *lag;
    } rows[] = {{{"program", "bridge"}, p->m->lag}, {{"program", "agent"}, p->m->agent_lag}};
    family(p, PREFIX "loop_lag_seconds", "histogram",
           "The longest turn of a program's event loop in each second");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        metrics_histogram(p->out, PREFIX "loop_lag_seconds", &rows[i].program, 1,
                          &rows[i].lag->seconds);
    family(p, PREFIX "loop_lag_max_seconds", "gauge", "The longest turn since the bridge's start");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        metrics_double(p->out, PREFIX "loop_lag_max_seconds", &rows[i].program, 1,
                       rows[i].lag->max);
}

static void write_process(struct page *p)
{
    const struct management_options *m = p->m;
    struct dlr_view dlr = dlr_view(m->dlr);
    int64_t rtt_ns = redis_round_trip_ns(m->redis);
    one(p, PREFIX "agent_attached", "gauge", "1: the session-agent is attached",
        agent_link_is_attached(m->link));
    one(p, PREFIX "nats_connected", "gauge", "1: NATS is connected", jetstream_is_connected(m->js));
    one(p, PREFIX "redis_connected", "gauge", "1: Redis is connected",
        redis_is_connected(m->redis));
    one(p, PREFIX "redis_round_trip_seconds", "gauge", "Of the last answered command",
        rtt_ns < 0 ? 0 : (double)rtt_ns / 1e9);
    one(p, PREFIX "redis_outstanding", "gauge", "Unanswered Redis commands",
        (double)redis_outstanding(m->redis));
    one(p, PREFIX "jetstream_queued", "gauge", "Commands queued for the sender thread",
        (double)jetstream_queued(m->js));
    one(p, PREFIX "jetstream_unstored", "gauge", "Publishes without their PubAck",
        (double)jetstream_unstored(m->js));
    one(p, PREFIX "correlations_pending", "gauge", "Correlations that Redis has not confirmed",
        (double)correlations_pending(m->correlations));
    one(p, PREFIX "dlr_under_way", "gauge", "deliver_sm being worked on", (double)dlr.under_way);
    one(p, PREFIX "dlr_parked", "gauge", "Of these, waiting for their correlation",
        (double)dlr.parked);
    one(p, PREFIX "health_events_pending", "gauge", "Health events without their PubAck",
        (double)health_events_pending(m->health_events));
    one(p, PREFIX "log_lines_dropped_total", "counter", "Log lines that stdout could not take",
        (double)log_dropped_lines());
    family(p, PREFIX "build_info", "gauge", "Always 1");
    const struct metrics_label labels[] = {{"version", SMPP_CONNECTOR_VERSION},
                                           {"instance", m->instance_id}};
    metrics_u64(p->out, PREFIX "build_info", labels, ARRAY_LEN(labels), 1);
}

void management_metrics(const struct management_options *m, struct http_answer *answer_r)
{
    struct page p = {.m = m, .out = &answer_r->body};
    answer_r->status = 200;
    answer_r->content_type = "text/plain; version=0.0.4; charset=utf-8";
    write_contract(&p);
    write_ours(&p);
    write_process(&p);
    write_lag(&p);
}
