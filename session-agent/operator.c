/* One operator: keeps its binds in line with what was declared, and tells the bridge what changed.
 */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/str.h"

#include "session-agent/operator.h"
#include "session-agent/operators.h"
#include "session-agent/submits.h"

static void on_lease_look(void *arg)
{
    operator_touch(arg);
}

struct agent_operator *operator_create(struct agent_context *ctx, struct operators *set,
                                       struct operator_config *config,
                                       const struct operator_leases *leases)
{
    struct agent_operator *op = xcalloc(1, sizeof(*op));
    op->ctx = ctx;
    op->set = set;
    op->config = config;
    op->leases = leases;
    op->health.last_number = ctx->last_health_number;
    timer_init(&op->lease_look, ctx->loop, on_lease_look, op);
    memcpy(op->id, config->id, sizeof(op->id));
    list_init(&op->link);
    list_init(&op->work);
    const uint8_t *b = op->id;
    snprintf(op->id_text, sizeof(op->id_text),
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
    op->submits = submits_create(op);
    op->state_changed = true;
    log_info("operator is declared", LOG_STR("operatorId", op->id_text),
             LOG_STR("name", config->name));
    return op;
}

void operator_destroy(struct agent_operator **op_ptr)
{
    struct agent_operator *op = *op_ptr;
    if (!op)
        return;
    INVARIANT(operator_is_over(op));
    timer_stop(&op->lease_look);
    submits_destroy(&op->submits);
    health_free(&op->health);
    operator_config_destroy(&op->config);
    free(op->credentials.host);
    free(op->slots);
    free(op);
    *op_ptr = NULL;
}

void operator_retune(struct agent_operator *op, struct operator_config *config)
{
    bool binds_alike = operator_config_binds_alike(op->config, config);
    op->state_changed |= op->config->paused != config->paused;
    operator_config_destroy(&op->config);
    op->config = config;
    if (op->dropped && !op->ctx->draining) { /* removed and wanted again before it was gone */
        op->dropped = false;
        op->ending = false;
    }
    submits_retune(op->submits);
    for (uint32_t i = 0; i < op->slot_count; i++) {
        if (op->slots[i])
            bind_slot_retune(op->slots[i], binds_alike);
    }
    operator_touch(op);
}

void operator_end(struct agent_operator *op, const char *reason)
{
    if (!op->ending)
        log_info("operator ends", LOG_STR("operatorId", op->id_text), LOG_STR("reason", reason));
    op->ending = true;
    submits_give_back(op->submits);
    for (uint32_t i = 0; i < op->slot_count; i++) {
        if (op->slots[i])
            bind_slot_end(op->slots[i], reason);
    }
    operator_touch_because(op, reason);
}

void operator_check_drained(struct agent_operator *op)
{
    for (uint32_t i = 0; i < op->slot_count; i++) {
        struct bind_slot *slot = op->slots[i];
        if (slot && slot->main)
            session_check_drained(slot->main);
        if (slot && slot->receiver)
            session_check_drained(slot->receiver);
    }
}

void operator_rebind(struct agent_operator *op, int bind, const char *reason)
{
    for (uint32_t i = 0; i < op->slot_count; i++) {
        if (op->slots[i] && (bind == OPERATOR_ALL_BINDS || op->slots[i]->number == bind))
            bind_slot_rebind(op->slots[i], reason);
    }
    operator_touch_because(op, reason);
}

void operator_cut(struct agent_operator *op, const char *reason)
{
    op->ending = true;
    for (uint32_t i = 0; i < op->slot_count; i++) {
        if (op->slots[i])
            bind_slot_cut(op->slots[i], reason);
    }
    operator_touch_because(op, reason);
}

bool operator_is_over(const struct agent_operator *op)
{
    return op->ending && op->slot_count == 0;
}

/* Takes over `host`. */
static void set_credentials(struct agent_operator *op, struct operator_credentials credentials)
{
    free(op->credentials.host);
    op->credentials = credentials;
    submits_cap(op->submits, credentials.tps_limit);
    op->state_changed = true;
    operator_touch(op);
}

void operator_set_credentials(struct agent_operator *op, const struct credentials *credentials)
{
    struct operator_credentials c = {
        .host = xstrdup(credentials->host),
        .port = credentials->port,
        .bind_mode = credentials->bind_mode,
        .tps_limit = credentials->tps_limit,
        .at_ms = clock_wall_ms(),
    };
    memcpy(c.backup_operator_id, credentials->backup_operator_id, sizeof(c.backup_operator_id));
    set_credentials(op, c);
}

void operator_set_contract(struct agent_operator *op, const struct ipc_contract *record)
{
    struct operator_credentials c = {
        .host = xmalloc(record->host.len + 1),
        .port = record->port,
        .bind_mode = record->bind_mode,
        .tps_limit = record->tps_limit,
        .at_ms = record->at_ms,
    };
    str_copy(c.host, record->host.len + 1, (const char *)record->host.data, record->host.len);
    memcpy(c.backup_operator_id, record->backup_operator_id, sizeof(c.backup_operator_id));
    set_credentials(op, c);
}

void operator_touch(struct agent_operator *op)
{
    operators_schedule(op->set, op);
}

void operator_touch_because(struct agent_operator *op, const char *reason)
{
    str_copy(op->reason, sizeof(op->reason), reason, strlen(reason));
    operator_touch(op);
}

bool operator_is_able(const struct agent_operator *op)
{
    for (uint32_t i = 0; i < op->slot_count; i++) {
        if (op->slots[i] && bind_slot_is_able(op->slots[i]))
            return true;
    }
    return false;
}

/* --- what is told --- */

static void tell_state(struct agent_operator *op)
{
    const struct operator_credentials *c = &op->credentials;
    struct ipc_operator_state record = {
        .health = (uint8_t)op->health.status,
        .failed_over = op->health.failed_over,
        .credentials_ms = c->at_ms,
        .port = c->port,
        .bind_mode = (uint8_t)c->bind_mode,
        .tps_limit = c->tps_limit,
        .paused = op->config->paused,
    };
    if (c->host)
        record.host = (struct bytes){(const uint8_t *)c->host, strlen(c->host)};
    memcpy(record.operator_id, op->id, sizeof(record.operator_id));
    memcpy(record.backup_operator_id, c->backup_operator_id, sizeof(record.backup_operator_id));
    bridge_link_send_operator_state(op->ctx->link, &record);
    op->state_changed = false;
}

static uint32_t credit(const struct agent_operator *op)
{
    uint32_t slots = 0;
    for (uint32_t i = 0; i < op->slot_count && !op->ending; i++) {
        if (op->slots[i] && bind_slot_can_submit(op->slots[i]))
            slots += 2 * op->config->window_size;
    }
    return slots;
}

static void tell_credit(struct agent_operator *op)
{
    struct ipc_credit record = {.slots = credit(op)};
    memcpy(record.operator_id, op->id, sizeof(record.operator_id));
    bridge_link_send_credit(op->ctx->link, &record);
    op->credit_told = record.slots;
    if (record.slots > op->credit_ceiling)
        op->credit_ceiling = record.slots;
}

void operator_tell_transition(struct agent_context *ctx,
                              const uint8_t operator_id[IPC_OPERATOR_ID_SIZE],
                              const struct health_transition *t)
{
    struct ipc_health record = {
        .number = t->number,
        .status = (uint8_t)t->status,
        .previous = (uint8_t)t->previous,
        .at_ms = t->at_ms,
        .reason = {(const uint8_t *)t->reason, strlen(t->reason)},
    };
    memcpy(record.operator_id, operator_id, sizeof(record.operator_id));
    memcpy(record.agent_instance, ctx->instance, sizeof(record.agent_instance));
    bridge_link_send_health(ctx->link, &record);
}

void operator_tell_stats(struct agent_operator *op, bool always)
{
    uint64_t *stats = op->stats;
    uint8_t values[IPC_STATS_COUNT * 8];
    submits_stats(op->submits, stats);
    stats[IPC_STAT_WINDOW_USED] = stats[IPC_STAT_DELIVERS_HELD] = 0;
    for (uint32_t i = 0; i < op->slot_count; i++) {
        const struct session *both[] = {op->slots[i]->main, op->slots[i]->receiver};
        for (size_t k = 0; k < ARRAY_LEN(both); k++) {
            stats[IPC_STAT_WINDOW_USED] += both[k] ? session_window_used(both[k]) : 0;
            stats[IPC_STAT_DELIVERS_HELD] += both[k] ? session_delivers_held(both[k]) : 0;
        }
    }
    if (!always && memcmp(stats, op->stats_told, sizeof(op->stats)) == 0)
        return;
    memcpy(op->stats_told, stats, sizeof(op->stats));
    struct buf_writer w = buf_writer(values, sizeof(values));
    for (size_t i = 0; i < IPC_STATS_COUNT; i++)
        buf_put_u64(&w, stats[i]);
    struct ipc_stats record = {.values = {values, sizeof(values)}};
    memcpy(record.operator_id, op->id, sizeof(record.operator_id));
    bridge_link_send_stats(op->ctx->link, &record);
}

static void list_slot(struct bind_slot *slot)
{
    struct session *both[] = {slot->main, slot->receiver};
    for (size_t k = 0; k < ARRAY_LEN(both); k++) {
        if (!both[k])
            continue;
        session_tell(both[k], true);
        session_list_delivers(both[k]);
    }
}

void operator_list(struct agent_operator *op)
{
    op->credit_ceiling = 0;
    tell_state(op);
    tell_credit(op);
    for (uint32_t i = 0; i < op->slot_count; i++)
        list_slot(op->slots[i]);
    for (size_t i = 0; i < op->health.count; i++)
        operator_tell_transition(op->ctx, op->id, &op->health.kept[i]);
    operator_tell_stats(op, true);
}

/* --- once a turn --- */

static void reap_slots(struct agent_operator *op)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < op->slot_count; i++) {
        struct bind_slot *slot = op->slots[i];
        if (bind_slot_reap(slot)) {
            bind_slot_destroy(&slot);
        } else {
            op->slots[kept++] = slot;
        }
    }
    op->slot_count = kept;
}

static bool has_slot(const struct agent_operator *op, uint8_t number)
{
    for (uint32_t i = 0; i < op->slot_count; i++) {
        if (op->slots[i]->number == number)
            return true;
    }
    return false;
}

/* As many binds as declared; one too many ends, and a number comes back only when it is free. */
static void align_slots(struct agent_operator *op)
{
    for (uint32_t i = 0; i < op->slot_count; i++) {
        if (op->slots[i]->number >= op->config->binds && !op->slots[i]->ending)
            bind_slot_end(op->slots[i], "fewer binds are declared");
    }
    for (uint32_t n = 0; n < op->config->binds && !op->ending; n++) {
        if (has_slot(op, (uint8_t)n) || !leases_allows(op->leases, (uint8_t)n, clock_boot()))
            continue;
        op->slots = xrealloc(op->slots, (op->slot_count + 1) * sizeof(struct bind_slot *));
        op->slots[op->slot_count] = NULL;
        struct bind_slot *slot = bind_slot_create(op, (uint8_t)n);
        op->slots[op->slot_count++] = slot;
    }
}

/* --- leases --- */

bool operator_has_lease(const struct agent_operator *op)
{
    return leases_allows_any(op->leases, clock_boot());
}

static void end_lapsed(struct bind_slot *slot, mono_t now, mono_t *look)
{
    static const char why[] = "its lease has ended";
    switch (leases_judge(slot->op->leases, slot->number, slot->ending, now, look)) {
    case LEASES_KEEP:
        break;
    case LEASES_UNBIND:
        if (!slot->ending)
            bind_slot_end(slot, why);
        break;
    case LEASES_CUT:
        bind_slot_lapse(slot, why);
        break;
    }
}

/* What is queued goes to whoever holds the lease next, by way of JetStream. */
static void obey_leases(struct agent_operator *op)
{
    if (!leases_is_leased(op->leases))
        return;
    mono_t now = clock_boot(), look = {INT64_MAX};
    for (uint32_t i = 0; i < op->slot_count; i++)
        end_lapsed(op->slots[i], now, &look);
    if (!leases_allows_any(op->leases, now))
        submits_give_back(op->submits);
    if (look.ns == INT64_MAX)
        timer_stop(&op->lease_look);
    else
        timer_start_at(&op->lease_look, mono_add_ns(clock_mono(), mono_diff_ns(look, now)));
}

static void note_transition(struct agent_operator *op, const struct health_transition *t)
{
    if (!t)
        return;
    log_info("operator's health changed", LOG_STR("operatorId", op->id_text),
             LOG_STR("from", ipc_health_name(t->previous)),
             LOG_STR("to", ipc_health_name(t->status)), LOG_STR("reason", t->reason));
    operator_tell_transition(op->ctx, op->id, t);
    op->state_changed = true;
}

static void update_health(struct agent_operator *op)
{
    note_transition(op, health_set_able(&op->health, operator_is_able(op), op->attempt_failed,
                                        clock_wall_ms(), op->reason));
}

void operator_credentials_refused(struct agent_operator *op, const char *reason)
{
    note_transition(op, health_set_refused(&op->health, clock_wall_ms(), reason));
}

void operator_set_failed_over(struct agent_operator *op, bool begin)
{
    note_transition(op, health_set_failed_over(&op->health, begin, clock_wall_ms()));
    op->state_changed = true;
    operator_touch(op);
}

void operator_work(struct agent_operator *op)
{
    obey_leases(op);
    reap_slots(op);
    align_slots(op);
    update_health(op);
    submits_pump(op->submits);
    for (uint32_t i = 0; i < op->slot_count; i++) {
        if (op->slots[i]->main)
            session_tell(op->slots[i]->main, false);
        if (op->slots[i]->receiver)
            session_tell(op->slots[i]->receiver, false);
    }
    if (credit(op) != op->credit_told)
        tell_credit(op);
    if (op->state_changed)
        tell_state(op);
}
