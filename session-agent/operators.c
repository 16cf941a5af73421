/* The set of operators, and the once-a-turn work on those that changed. */
#include <stdlib.h>

#include "common/map.h"

#include "session-agent/departed.h"
#include "session-agent/operators.h"
#include "session-agent/submits.h"

struct operators {
    struct agent_context *ctx;
    struct map *by_id;
    struct list all;
    struct list work;
    struct departed *departed;
    struct loop_hook hook;
};

static void remove_if_over(struct operators *set, struct agent_operator *op)
{
    if (!op->dropped || !operator_is_over(op))
        return;
    map_remove(set->by_id, op->id, sizeof(op->id));
    list_remove(&op->link);
    list_remove(&op->work);
    set->ctx->last_health_number = max_u64(set->ctx->last_health_number, op->health.last_number);
    departed_keep(set->departed, op->id, &op->health, clock_mono());
    leases_forget(set->ctx->leases, op->id);
    operator_destroy(&op);
}

static void work(void *arg)
{
    struct operators *set = arg;
    LIST_FOREACH (it, &set->work) {
        struct agent_operator *op = LIST_ENTRY(it, struct agent_operator, work);
        list_remove(&op->work);
        operator_work(op);
        remove_if_over(set, op);
    }
}

struct operators *operators_create(struct agent_context *ctx)
{
    struct operators *set = xcalloc(1, sizeof(*set));
    set->ctx = ctx;
    set->by_id = map_create();
    list_init(&set->all);
    list_init(&set->work);
    set->departed = departed_create();
    set->hook = (struct loop_hook){.fn = work, .arg = set};
    return set;
}

void operators_destroy(struct operators **set_ptr)
{
    struct operators *set = *set_ptr;
    if (!set)
        return;
    loop_cancel_hook(set->ctx->loop, &set->hook);
    LIST_FOREACH (it, &set->all) {
        struct agent_operator *op = LIST_ENTRY(it, struct agent_operator, link);
        list_remove(&op->link);
        list_remove(&op->work);
        operator_destroy(&op);
    }
    departed_destroy(&set->departed);
    map_destroy(&set->by_id);
    free(set);
    *set_ptr = NULL;
}

struct agent_operator *operators_find(const struct operators *set,
                                      const uint8_t id[IPC_OPERATOR_ID_SIZE])
{
    return map_get(set->by_id, id, IPC_OPERATOR_ID_SIZE);
}

void operators_declare(struct operators *set, struct operator_config *config)
{
    struct agent_operator *op = operators_find(set, config->id);
    struct operator_leases *leases = leases_of(set->ctx->leases, config->id);
    if (op) {
        operator_retune(op, config);
        return;
    }
    op = operator_create(set->ctx, set, config, leases);
    map_put(set->by_id, op->id, sizeof(op->id), op);
    list_append(&set->all, &op->link);
    operator_touch(op);
}

void operators_drop(struct operators *set, const uint8_t id[IPC_OPERATOR_ID_SIZE],
                    const char *reason)
{
    struct agent_operator *op = operators_find(set, id);
    if (!op)
        return;
    op->dropped = true;
    operator_end(op, reason);
}

void operators_each(struct operators *set, void (*fn)(struct agent_operator *op, void *arg),
                    void *arg)
{
    LIST_FOREACH (it, &set->all) {
        fn(LIST_ENTRY(it, struct agent_operator, link), arg);
    }
}

static void list_departed(const uint8_t operator_id[IPC_OPERATOR_ID_SIZE],
                          const struct health_transition *t, void *arg)
{
    operator_tell_transition(arg, operator_id, t);
}

static void list_one(struct agent_operator *op, void *arg)
{
    (void)arg;
    operator_list(op);
}

/* What was dropped comes first: it may have been declared anew meanwhile. */
void operators_list(struct operators *set)
{
    departed_each(set->departed, clock_mono(), list_departed, set->ctx);
    operators_each(set, list_one, NULL);
}

void operators_health_done(struct operators *set, const uint8_t id[IPC_OPERATOR_ID_SIZE],
                           uint64_t number)
{
    struct agent_operator *op = operators_find(set, id);
    if (op)
        health_done(&op->health, number);
    departed_done(set->departed, id, number);
}

bool operators_are_over(const struct operators *set)
{
    LIST_FOREACH (it, (struct list *)&set->all) {
        if (!operator_is_over(LIST_ENTRY(it, struct agent_operator, link)))
            return false;
    }
    return true;
}

void operators_schedule(struct operators *set, struct agent_operator *op)
{
    if (list_empty(&op->work)) {
        list_append(&set->work, &op->work);
        loop_at_turn_end(set->ctx->loop, &set->hook);
    }
}
