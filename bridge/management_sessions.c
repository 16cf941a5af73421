/*
 * /sessions: the contract's six keys, one row per bind; an operator of which the agent has shown no
 * bind yet is one row, DISCONNECTED. /sessions/{operatorId}: what an engineer wants at 3 a.m.
 */
#include "proto/smpp_status.h"

#include "bridge/management_page.h"

static void emit_time_or_null(struct json_emit *e, const char *key, int64_t ms)
{
    if (ms)
        json_emit_member_time(e, key, ms);
    else
        json_emit_member_null(e, key);
}

static void emit_text_or_null(struct json_emit *e, const char *key, const char *text)
{
    json_emit_member_string(e, key, text && text[0] ? text : NULL);
}

static void emit_identity(struct json_emit *e, const struct mno *op)
{
    json_emit_member_string(e, "operatorId", op->id_text);
    json_emit_member_string(e, "operatorName", operators_name(op));
}

static void emit_row(struct json_emit *e, const struct mno *op, const struct operator_session *row)
{
    json_emit_object_begin(e);
    emit_identity(e, op);
    json_emit_member_string(e, "state", ipc_session_state_name(row->state));
    json_emit_member_string(e, "bindMode", ipc_bind_mode_name(row->bind_mode));
    emit_time_or_null(e, "lastBoundAt", row->last_bound_ms);
    json_emit_member_uint(e, "reconnectAttempts", row->reconnect_attempts);
    json_emit_object_end(e);
}

static void emit_rows(struct json_emit *e, const struct mno *op)
{
    size_t rows = 0;
    for (size_t i = 0; i < OPERATOR_MAX_ROWS; i++) {
        if (op->rows[i].present) {
            emit_row(e, op, &op->rows[i]);
            rows++;
        }
    }
    if (rows || !operators_is_served(op))
        return;
    const struct operator_session never = {
        .state = IPC_SESSION_DISCONNECTED,
        .bind_mode = op->bind_mode ? op->bind_mode : IPC_BIND_TRANSCEIVER,
    };
    emit_row(e, op, &never);
}

void management_sessions(const struct management_options *m, struct http_answer *answer_r)
{
    struct json_emit e = json_emit_growable();
    json_emit_object_begin(&e);
    json_emit_key(&e, "sessions");
    json_emit_array_begin(&e);
    for (size_t i = 0; i < operators_count(m->operators); i++)
        emit_rows(&e, operators_at(m->operators, i));
    json_emit_array_end(&e);
    json_emit_object_end(&e);
    management_json(&e, 200, answer_r);
}

/* --- one operator --- */

static void emit_refusal(struct json_emit *e, const struct operator_session *s)
{
    if (!s->refused_status) {
        json_emit_member_null(e, "lastRefusal");
        return;
    }
    char code[SMPP_STATUS_TEXT_SIZE];
    smpp_status_format(s->refused_status, code);
    json_emit_key(e, "lastRefusal");
    json_emit_object_begin(e);
    json_emit_member_string(e, "status", code);
    json_emit_member_string(e, "name", smpp_status_get(s->refused_status).name);
    emit_time_or_null(e, "at", s->refused_ms);
    json_emit_object_end(e);
}

static void emit_round_trip(struct json_emit *e, uint32_t us)
{
    if (!us) {
        json_emit_member_null(e, "enquireLinkRoundTripMs");
        return;
    }
    json_emit_key(e, "enquireLinkRoundTripMs");
    json_emit_fixed3(e, us);
}

static void emit_bind(struct json_emit *e, const struct operator_session *s)
{
    json_emit_object_begin(e);
    json_emit_member_uint(e, "bind", s->bind);
    json_emit_member_string(e, "bindMode", ipc_bind_mode_name(s->bind_mode));
    json_emit_member_string(e, "state", ipc_session_state_name(s->state));
    emit_text_or_null(e, "phase", s->phase);
    emit_time_or_null(e, "since", s->since_ms);
    emit_text_or_null(e, "reason", s->reason);
    emit_time_or_null(e, "lastBoundAt", s->last_bound_ms);
    json_emit_member_uint(e, "reconnectAttempts", s->reconnect_attempts);
    emit_refusal(e, s);
    json_emit_member_uint(e, "windowLimit", s->window_limit);
    json_emit_member_uint(e, "windowUsed", s->window_used);
    emit_round_trip(e, s->enquire_rtt_us);
    json_emit_member_uint(e, "bytesSent", s->bytes_sent);
    json_emit_member_uint(e, "bytesReceived", s->bytes_received);
    json_emit_member_uint(e, "scInterfaceVersion", s->sc_interface_version);
    emit_text_or_null(e, "peer", s->peer);
    emit_text_or_null(e, "tls", s->tls);
    emit_text_or_null(e, "tlsPeer", s->tls_peer);
    emit_time_or_null(e, "tlsPeerExpiresAt", s->tls_expiry_ms);
    json_emit_object_end(e);
}

static void emit_credentials(struct json_emit *e, const struct management_options *m,
                             const struct mno *op)
{
    struct uuid backup;
    char backup_text[UUID_TEXT_SIZE];
    memcpy(backup.octets, op->backup_id, UUID_SIZE);
    uuid_format(&backup, backup_text);
    json_emit_key(e, "credentials");
    json_emit_object_begin(e);
    emit_time_or_null(e, "fetchedAt", op->credentials_ms);
    emit_text_or_null(e, "lastError",
                      m->credentials ? credentials_trouble(m->credentials, op) : NULL);
    emit_text_or_null(e, "host", op->host);
    json_emit_member_uint(e, "port", op->port);
    json_emit_member_string(e, "bindMode",
                            op->bind_mode ? ipc_bind_mode_name(op->bind_mode) : NULL);
    if (op->has_credentials)
        json_emit_member_uint(e, "tpsLimit", op->tps_limit);
    else
        json_emit_member_null(e, "tpsLimit");
    json_emit_member_string(e, "backupOperatorId", op->has_backup ? backup_text : NULL);
    json_emit_object_end(e);
}

static void emit_tps(struct json_emit *e, const struct management_options *m, const struct mno *op)
{
    struct tps_view v = tps_view(m->tps, op);
    json_emit_key(e, "tps");
    json_emit_object_begin(e);
    json_emit_member_uint(e, "limit", v.limit);
    json_emit_member_uint(e, "instances", v.instances);
    json_emit_member_bool(e, "shareKnown", v.share_known);
    json_emit_member_uint(e, "share", v.share);
    json_emit_member_uint(e, "effective", v.effective);
    json_emit_member_uint(e, "accepted", v.accepted);
    json_emit_member_uint(e, "leaseSize", v.lease_size);
    json_emit_member_uint(e, "leased", v.leased);
    json_emit_member_uint(e, "lent", v.lent);
    json_emit_member_bool(e, "throttled", v.throttled);
    json_emit_member_uint(e, "slowDowns", v.throttled_total);
    json_emit_member_bool(e, "redisTrusted", v.redis_trusted);
    json_emit_member_uint(e, "pacer", op->stats[IPC_STAT_PACER_LIMIT]);
    json_emit_member_uint(e, "current", op->stats[IPC_STAT_TPS_CURRENT]);
    json_emit_member_uint(e, "peak", op->stats[IPC_STAT_TPS_PEAK]);
    json_emit_object_end(e);
}

static void emit_traffic(struct json_emit *e, const struct management_options *m,
                         const struct mno *op)
{
    struct management_mt mt = management_mt_of(m, op);
    json_emit_member_string(e, "notSendingBecause", limiter_names[mt.limiter]);
    json_emit_key(e, "commands");
    json_emit_object_begin(e);
    json_emit_member_uint(e, "inStream", mt.pending);
    json_emit_member_uint(e, "fetched", mt.fetched);
    json_emit_member_uint(e, "atAgent", mt.in_flight);
    json_emit_member_uint(e, "queuedAtAgent", op->stats[IPC_STAT_QUEUED]);
    json_emit_member_uint(e, "windowUsed", op->stats[IPC_STAT_WINDOW_USED]);
    json_emit_member_uint(e, "unsettled", mt.unsettled);
    json_emit_member_uint(e, "unknownOutcomes", op->counters.submit_unknown);
    emit_text_or_null(e, "consumerTrouble", mt.trouble);
    json_emit_object_end(e);
    json_emit_member_uint(e, "bytesSent", op->stats[IPC_STAT_BYTES_SENT]);
    json_emit_member_uint(e, "bytesReceived", op->stats[IPC_STAT_BYTES_RECEIVED]);
}

static void emit_receipts(struct json_emit *e, const struct management_options *m,
                          const struct mno *op)
{
    struct correlation_dialect d = correlations_dialect(m->correlations, op);
    json_emit_key(e, "receipts");
    json_emit_object_begin(e);
    json_emit_member_uint(e, "held", op->stats[IPC_STAT_DELIVERS_HELD]);
    json_emit_member_uint(e, "published", op->counters.dlr_published);
    json_emit_member_uint(e, "notCorrelated", op->counters.dlr_correlation_not_found);
    json_emit_member_uint(e, "givenUp", op->counters.dlr_given_up);
    json_emit_key(e, "messageIds");
    json_emit_object_begin(e);
    json_emit_member_string(e, "dialect", d.is_learnt ? message_id_dialect_name(d.learnt) : NULL);
    json_emit_member_bool(e, "pinned", op->settings.message_id_format != MESSAGE_ID_FORMAT_AUTO);
    json_emit_key(e, "seen");
    json_emit_object_begin(e);
    for (int i = 0; i < MESSAGE_ID_DIALECTS; i++)
        json_emit_member_uint(e, message_id_dialect_name((enum message_id_dialect)i), d.seen[i]);
    json_emit_object_end(e);
    json_emit_member_uint(e, "ambiguous", d.ambiguous);
    json_emit_member_uint(e, "otherDestination", d.other_destination);
    json_emit_object_end(e);
    json_emit_object_end(e);
}

static const char *const lease_states[] = {
    [LEASE_UNKNOWN] = "unknown",
    [LEASE_FREE] = "free",
    [LEASE_OTHERS] = "others",
    [LEASE_HELD] = "held",
};

/* A moment of this machine's clock as wall time, as good as that is. */
static void emit_moment(struct json_emit *e, const char *key, mono_t at)
{
    emit_time_or_null(e, key, at.ns ? clock_wall_ms() + mono_diff_ms(at, clock_boot()) : 0);
}

static void emit_leases(struct json_emit *e, const struct management_options *m,
                        const struct mno *op)
{
    if (!m->leases)
        return;
    json_emit_member_bool(e, "standby", op->standby);
    json_emit_key(e, "leases");
    json_emit_array_begin(e);
    for (size_t i = 0; i < leases_count(op); i++) {
        struct leases_view v = leases_view(m->leases, op, (uint8_t)i);
        json_emit_object_begin(e);
        json_emit_member_uint(e, "bind", i);
        json_emit_member_string(e, "state", lease_states[v.state]);
        emit_text_or_null(e, "holder", v.holder);
        emit_moment(e, "heldSince", v.state == LEASE_HELD ? v.since : (mono_t){0});
        emit_moment(e, "expiresAt", v.until);
        json_emit_object_end(e);
    }
    json_emit_array_end(e);
}

void management_session_detail(const struct management_options *m, const struct mno *op,
                               struct http_answer *answer_r)
{
    struct json_emit e = json_emit_growable();
    json_emit_object_begin(&e);
    emit_identity(&e, op);
    json_emit_member_string(&e, "health", op->health ? ipc_health_name(op->health) : NULL);
    json_emit_member_bool(&e, "failedOver", op->failed_over);
    json_emit_member_bool(&e, "paused", op->paused);
    json_emit_member_bool(&e, "dropping", op->dropping);
    json_emit_member_bool(&e, "configured", !op->unconfigured);
    json_emit_member_bool(&e, "agentAttached", agent_link_is_attached(m->link));
    emit_leases(&e, m, op);
    emit_credentials(&e, m, op);
    emit_tps(&e, m, op);
    emit_traffic(&e, m, op);
    emit_receipts(&e, m, op);
    json_emit_key(&e, "binds");
    json_emit_array_begin(&e);
    for (size_t i = 0; i < OPERATOR_MAX_ROWS; i++) {
        if (op->rows[i].present)
            emit_bind(&e, &op->rows[i]);
    }
    json_emit_array_end(&e);
    json_emit_object_end(&e);
    management_json(&e, 200, answer_r);
}
