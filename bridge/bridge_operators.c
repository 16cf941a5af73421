/*
 * The configured operators: read, compared with what there is, declared to the agent. Nothing is
 * unbound by absence; an operator that left a valid configuration is dropped by name.
 */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

#include "bridge/bridge_parts.h"

/* --- to the agent --- */

static void put_operator(struct bridge *b, const struct mno *op)
{
    uint8_t pair_on[OPERATOR_SETTINGS_MAX_PAIR_ON * 4];
    struct ipc_operator record = operator_settings_record(&op->settings, pair_on);
    record.paused = op->paused;
    bridge_leases_send(b, op);
    ipc_put_operator(agent_link_begin(b->link), &record);
    agent_link_end(b->link);
}

static void put_begin(struct bridge *b)
{
    ipc_put_declare(agent_link_begin(b->link),
                    &(struct ipc_declare){.log_level = (uint8_t)b->settings.log_level});
    agent_link_end(b->link);
}

static void put_end(struct bridge *b)
{
    ipc_put_declare_end(agent_link_begin(b->link), &(struct ipc_declare_end){});
    agent_link_end(b->link);
}

void bridge_operators_declare_one(struct bridge *b, const struct mno *op)
{
    put_begin(b);
    put_operator(b, op);
    put_end(b);
}

void bridge_operators_declare(struct bridge *b)
{
    if (!b->attached)
        return;
    put_begin(b);
    for (size_t i = 0; i < operators_count(b->operators); i++) {
        const struct mno *op = operators_at(b->operators, i);
        if (operators_is_served(op))
            put_operator(b, op);
    }
    put_end(b);
}

void bridge_operators_send_drop(struct bridge *b, const struct mno *op, const char *reason)
{
    struct ipc_drop drop = {.reason = {(const uint8_t *)reason, strlen(reason)}};
    memcpy(drop.operator_id, op->id, sizeof(drop.operator_id));
    ipc_put_drop(agent_link_begin(b->link), &drop);
    agent_link_end(b->link);
}

void bridge_operators_drop(struct bridge *b, struct mno *op, const char *reason)
{
    op->dropping = true;
    op->unconfigured = false;
    log_info("an operator is dropped", LOG_STR("operatorId", op->id_text),
             LOG_STR("reason", reason));
    mt_path_operator_dropping(b->mt, op);
    bridge_operators_send_drop(b, op, reason);
}

/* --- what there is --- */

static struct mno *add(struct bridge *b, struct operator_settings *settings, bool unconfigured)
{
    struct mno *op = operators_put(b->operators, settings);
    op->unconfigured = unconfigured;
    op->standby = b->leases && !unconfigured;
    op->voice = op->standby ? VOICE_UNSURE : VOICE_OURS;
    mt_path_operator_added(b->mt, op);
    if (op->standby)
        leases_operator_changed(b->leases, op);
    else
        tps_operator_added(b->tps, op);
    return op;
}

struct mno *bridge_operators_known(struct bridge *b, const uint8_t id[IPC_OPERATOR_ID_SIZE])
{
    struct mno *op = operators_find(b->operators, id);
    if (op)
        return op;
    struct operator_settings settings;
    bridge_settings_operator_defaults(&b->settings, &settings);
    memcpy(settings.id.octets, id, sizeof(settings.id.octets));
    op = add(b, &settings, true);
    log_warn("the agent holds an operator that is not configured: its binds stay, nothing is "
             "fetched for it",
             LOG_STR("operatorId", op->id_text));
    return op;
}

static void remove_operator(struct bridge *b, struct mno *op)
{
    log_info("an operator is gone", LOG_STR("operatorId", op->id_text));
    mt_path_operator_gone(b->mt, op);
    dlr_operator_gone(b->dlr, op);
    tps_operator_gone(b->tps, op);
    if (b->leases)
        leases_operator_gone(b->leases, op);
    lease_rivals_operator_gone(op);
    credentials_operator_gone(b->credentials, op);
    operators_remove(b->operators, &op);
}

bool bridge_operators_has_rows(const struct mno *op)
{
    for (size_t i = 0; i < op->row_end; i++) {
        if (op->rows[i].present)
            return true;
    }
    return false;
}

void bridge_operators_sweep(struct bridge *b)
{
    for (size_t i = operators_count(b->operators); i > 0; i--) {
        struct mno *op = operators_at(b->operators, i - 1);
        if (op->dropping && !bridge_operators_has_rows(op) && mt_path_operator_is_idle(op))
            remove_operator(b, op);
    }
}

/* --- from the configuration --- */

/* True when the agent has to be told. */
static bool apply_one(struct bridge *b, struct operator_settings *settings)
{
    struct mno *op = operators_find(b->operators, settings->id.octets);
    if (!op) {
        op = add(b, settings, false);
        log_info("an operator is added", LOG_STR("operatorId", op->id_text),
                 LOG_STR("operatorName", operators_name(op)));
        return true;
    }
    bool was_known = operators_is_configured(op);
    op->dropping = op->unconfigured = false;
    if (!was_known && b->leases)
        op->standby = leases_held(op) == 0;
    if (was_known && operator_settings_equal(&op->settings, settings))
        return false;
    operators_put(b->operators, settings);
    log_info("an operator's settings changed", LOG_STR("operatorId", op->id_text));
    if (b->leases)
        leases_operator_changed(b->leases, op);
    mt_path_operator_changed(b->mt, op);
    tps_limit_changed(b->tps, op);
    return true;
}

static bool is_in(const struct operator_settings_list *list, const struct mno *op)
{
    for (size_t i = 0; i < list->count; i++) {
        if (memcmp(list->items[i].id.octets, op->id, sizeof(op->id)) == 0)
            return true;
    }
    return false;
}

static void apply(struct bridge *b, struct operator_settings_list *list)
{
    bool changed = false;
    for (size_t i = operators_count(b->operators); i > 0; i--) {
        struct mno *op = operators_at(b->operators, i - 1);
        if (operators_is_configured(op) && !is_in(list, op))
            bridge_operators_drop(b, op, "it is no longer configured");
    }
    for (size_t i = 0; i < list->count; i++)
        changed = apply_one(b, &list->items[i]) || changed;
    operator_settings_list_free(list);
    if (changed)
        bridge_operators_declare(b);
}

int bridge_operators_load(struct bridge *b, char *error_r, size_t error_size)
{
    struct operator_settings_list list;
    if (bridge_settings_operators(&b->settings, &list, error_r, error_size) != 0)
        return -1;
    apply(b, &list);
    return 0;
}

void bridge_operators_reload(struct bridge *b)
{
    char error[512];
    if (bridge_operators_load(b, error, sizeof(error)) != 0)
        log_error("the operators are not reloaded; what was in force stays",
                  LOG_STR("reason", error));
}
