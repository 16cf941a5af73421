/* The bridge's records, one handler each. */
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/str.h"

#include "proto/uuid.h"

#include "session-agent/bridge_records.h"
#include "session-agent/operators.h"
#include "session-agent/session.h"
#include "session-agent/submits.h"

typedef bool handler(struct bridge_records *r, struct bytes body, char *error_r, size_t error_size);

static bool malformed(char *error_r, size_t error_size)
{
    snprintf(error_r, error_size, "malformed");
    return false;
}

static const char *reason_text(struct bytes reason, char *out, size_t size)
{
    str_copy(out, size, (const char *)reason.data, reason.len);
    return out;
}

#define HANDLER(name)                                                                              \
    static bool on_##name(struct bridge_records *r, struct bytes body, char *error_r,              \
                          size_t error_size)
/* Decodes into `record` or ends the pipe. */
#define DECODE(name)                                                                               \
    struct ipc_##name record;                                                                      \
    if (!ipc_get_##name(body, &record))                                                            \
    return malformed(error_r, error_size)

HANDLER(declare)
{
    DECODE(declare);
    leases_declare(r->ctx->leases);
    if (record.log_level <= LOG_DEBUG)
        log_set_level((enum log_level)record.log_level);
    return true;
}

/* It costs only that operator, which stays as it was: the others of the declaration can send. */
static void refuse_operator(const struct ipc_operator *record, const char *why)
{
    struct uuid id;
    char text[UUID_TEXT_SIZE];
    memcpy(id.octets, record->operator_id, UUID_SIZE);
    uuid_format(&id, text);
    log_error("what the bridge declares of an operator is refused", LOG_STR("operatorId", text),
              LOG_STR("reason", why));
}

HANDLER(operator)
{
    DECODE(operator);
    struct operator_config *config = operator_config_create(&record, error_r, error_size);
    if (!config) {
        refuse_operator(&record, error_r);
        return true;
    }
    if (r->ctx->draining)
        operator_config_destroy(&config);
    else
        operators_declare(r->operators, config);
    return true;
}

HANDLER(declare_end)
{
    DECODE(declare_end);
    (void)r;
    return true;
}

HANDLER(lease)
{
    DECODE(lease);
    if (!leases_set(r->ctx->leases, &record)) {
        snprintf(error_r, error_size, "bind %u", record.bind);
        return false;
    }
    struct agent_operator *op = operators_find(r->operators, record.operator_id);
    if (op)
        operator_touch(op);
    return true;
}

HANDLER(drop)
{
    DECODE(drop);
    char reason[201];
    operators_drop(r->operators, record.operator_id,
                   reason_text(record.reason, reason, sizeof(reason)));
    return true;
}

HANDLER(rebind)
{
    DECODE(rebind);
    char reason[201];
    struct agent_operator *op = operators_find(r->operators, record.operator_id);
    int bind = record.bind_plus_1 ? record.bind_plus_1 - 1 : OPERATOR_ALL_BINDS;
    if (op)
        operator_rebind(op, bind, reason_text(record.reason, reason, sizeof(reason)));
    return true;
}

HANDLER(pace)
{
    DECODE(pace);
    struct agent_operator *op = operators_find(r->operators, record.operator_id);
    if (op)
        submits_pace(op->submits, record.per_second);
    return true;
}

HANDLER(lend)
{
    DECODE(lend);
    struct agent_operator *op = operators_find(r->operators, record.operator_id);
    if (op)
        submits_lend(op->submits, &record);
    return true;
}

HANDLER(grant)
{
    DECODE(grant);
    struct agent_operator *op = operators_find(r->operators, record.operator_id);
    if (op)
        submits_grant(op->submits, &record);
    return true;
}

HANDLER(submit)
{
    DECODE(submit);
    if (record.key.segment == 0 || record.segments == 0 || record.key.segment > record.segments) {
        snprintf(error_r, error_size, "segment %u of %u", record.key.segment, record.segments);
        return false;
    }
    struct agent_operator *op = operators_find(r->operators, record.operator_id);
    return submits_take(r->ctx, op, &record, error_r, error_size);
}

HANDLER(retry)
{
    DECODE(retry);
    submits_retry(r->ctx, &record);
    return true;
}

HANDLER(close)
{
    DECODE(close);
    submits_close(r->ctx, &record);
    return true;
}

HANDLER(settled)
{
    DECODE(settled);
    submits_settle(r->ctx, &record.key);
    return true;
}

HANDLER(deliver_done)
{
    DECODE(deliver_done);
    struct deliver *d = deliver_hold_find(r->ctx->holds, record.id);
    if (d) /* else its hold is over: the MNO repeats it */
        session_answer_deliver(d->bind->owner, d, record.status);
    return true;
}

HANDLER(credentials)
{
    DECODE(credentials);
    credentials_request_take_answer(r->ctx, &record);
    return true;
}

HANDLER(contract)
{
    DECODE(contract);
    struct agent_operator *op = operators_find(r->operators, record.operator_id);
    bool usable = record.host.len && record.port && record.bind_mode >= IPC_BIND_TRANSCEIVER &&
                  record.bind_mode <= IPC_BIND_RECEIVER;
    if (op && usable)
        operator_set_contract(op, &record);
    return true;
}

HANDLER(health_done)
{
    DECODE(health_done);
    operators_health_done(r->operators, record.operator_id, record.number);
    return true;
}

HANDLER(failover)
{
    DECODE(failover);
    struct agent_operator *op = operators_find(r->operators, record.operator_id);
    if (op)
        operator_set_failed_over(op, record.begin != 0);
    return true;
}

HANDLER(ack_floor)
{
    DECODE(ack_floor);
    if (!ledger_set_floor(r->ctx->ledger, record.operator_id, record.stream, record.sequence))
        log_warn("the ledger has no room for another ack floor", LOG_UINT("stream", record.stream));
    return true;
}

static handler *const handlers[IPC_TYPE_COUNT] = {
    [IPC_DECLARE] = on_declare,
    [IPC_OPERATOR] = on_operator,
    [IPC_DECLARE_END] = on_declare_end,
    [IPC_LEASE] = on_lease,
    [IPC_DROP] = on_drop,
    [IPC_REBIND] = on_rebind,
    [IPC_PACE] = on_pace,
    [IPC_LEND] = on_lend,
    [IPC_GRANT] = on_grant,
    [IPC_SUBMIT] = on_submit,
    [IPC_RETRY] = on_retry,
    [IPC_CLOSE] = on_close,
    [IPC_SETTLED] = on_settled,
    [IPC_DELIVER_DONE] = on_deliver_done,
    [IPC_CREDENTIALS] = on_credentials,
    [IPC_CONTRACT] = on_contract,
    [IPC_HEALTH_DONE] = on_health_done,
    [IPC_FAILOVER] = on_failover,
    [IPC_ACK_FLOOR] = on_ack_floor,
};

bool bridge_records_handle(struct bridge_records *r, unsigned type, struct bytes body,
                           char *error_r, size_t error_size)
{
    if (type >= IPC_TYPE_COUNT || !handlers[type])
        return true; /* of a newer minor version */
    return handlers[type](r, body, error_r, error_size);
}

static void list_floor(const uint8_t operator_id[16], uint64_t stream, uint64_t sequence, void *arg)
{
    struct agent_context *ctx = arg;
    struct ipc_ack_floor record = {.stream = stream, .sequence = sequence};
    memcpy(record.operator_id, operator_id, sizeof(record.operator_id));
    bridge_link_send_ack_floor(ctx->link, &record);
}

/* What the ledger holds may be of operators that nobody has declared to this process yet. */
void bridge_records_list(struct bridge_records *r)
{
    struct ipc_home home;
    memcpy(home.home, r->ctx->home, sizeof(home.home));
    bridge_link_send_home(r->ctx->link, &home);
    operators_list(r->operators);
    submits_list(r->ctx);
    ledger_each_floor(r->ctx->ledger, list_floor, r->ctx);
    bridge_link_send_list_end(r->ctx->link, &(struct ipc_list_end){});
    credentials_request_ask_all(r->ctx);
}
