/* The table of operators: found by id, by tag, or in order of configuration. */
#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "common/str.h"

#include "bridge/operators.h"

const char *const limiter_names[] = {
    "empty", "tokens", "window", "unbound", "throttled", "redis", "paused",
};
ASSERT_ARRAY_LEN(limiter_names, LIMITER_COUNT);

static const double submit_bounds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                       0.25,  0.5,    1,     2.5,  5,     10,   30};
static const double wait_bounds[] = {0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300};

struct operators {
    struct map *by_id;
    struct mno **ordered; /* count of them */
    size_t count;
    struct mno **tagged; /* tag_count of them; NULL: free again */
    size_t tag_count;
    size_t size; /* of both arrays */
};

struct operators *operators_create(void)
{
    struct operators *ops = xcalloc(1, sizeof(*ops));
    ops->by_id = map_create();
    return ops;
}

static void free_operator(struct mno *op)
{
    operator_settings_free(&op->settings);
    free(op);
}

void operators_destroy(struct operators **ops_ptr)
{
    struct operators *ops = *ops_ptr;
    if (!ops)
        return;
    for (size_t i = 0; i < ops->count; i++)
        free_operator(ops->ordered[i]);
    map_destroy(&ops->by_id);
    free(ops->ordered);
    free(ops->tagged);
    free(ops);
    *ops_ptr = NULL;
}

struct mno *operators_find(const struct operators *ops, const uint8_t id[IPC_OPERATOR_ID_SIZE])
{
    return map_get(ops->by_id, id, IPC_OPERATOR_ID_SIZE);
}

struct mno *operators_find_text(const struct operators *ops, const char *id_text)
{
    struct uuid id;
    if (!uuid_parse(id_text, strlen(id_text), &id))
        return NULL;
    return operators_find(ops, id.octets);
}

struct mno *operators_by_tag(const struct operators *ops, uint32_t tag)
{
    return tag < ops->tag_count ? ops->tagged[tag] : NULL;
}

size_t operators_count(const struct operators *ops)
{
    return ops->count;
}

struct mno *operators_at(const struct operators *ops, size_t index)
{
    return index < ops->count ? ops->ordered[index] : NULL;
}

static uint32_t free_tag(struct operators *ops)
{
    for (size_t i = 0; i < ops->tag_count; i++) {
        if (!ops->tagged[i])
            return (uint32_t)i;
    }
    return (uint32_t)ops->tag_count++;
}

static void make_room(struct operators *ops)
{
    if (ops->tag_count < ops->size)
        return;
    ops->size = ops->size ? ops->size * 2 : 16;
    ops->ordered = xrealloc(ops->ordered, ops->size * sizeof(struct mno *));
    ops->tagged = xrealloc(ops->tagged, ops->size * sizeof(struct mno *));
}

struct mno *operators_put(struct operators *ops, struct operator_settings *settings)
{
    struct mno *op = operators_find(ops, settings->id.octets);
    if (op) {
        operator_settings_free(&op->settings);
        op->settings = *settings;
        *settings = (struct operator_settings){0};
        return op;
    }
    make_room(ops);
    op = xcalloc(1, sizeof(*op));
    memcpy(op->id, settings->id.octets, sizeof(op->id));
    uuid_format(&settings->id, op->id_text);
    op->settings = *settings;
    *settings = (struct operator_settings){0};
    op->tag = free_tag(ops);
    histogram_init(&op->submit_duration, submit_bounds, ARRAY_LEN(submit_bounds));
    histogram_init(&op->turn_wait, wait_bounds, ARRAY_LEN(wait_bounds));
    ops->tagged[op->tag] = op;
    ops->ordered[ops->count++] = op;
    map_put(ops->by_id, op->id, sizeof(op->id), op);
    return op;
}

void operators_remove(struct operators *ops, struct mno **op_ptr)
{
    struct mno *op = *op_ptr;
    for (size_t i = 0; i < ops->count; i++) {
        if (ops->ordered[i] != op)
            continue;
        memmove(&ops->ordered[i], &ops->ordered[i + 1],
                (ops->count - i - 1) * sizeof(struct mno *));
        ops->count--;
        break;
    }
    ops->tagged[op->tag] = NULL;
    map_remove(ops->by_id, op->id, sizeof(op->id));
    free_operator(op);
    *op_ptr = NULL;
}

/* --- what the agent tells --- */

/* A bind has two places: the second is for the receiver, which may be half of a pair. */
static struct operator_session *row_of(struct mno *op, uint8_t bind, uint8_t bind_mode)
{
    size_t index = (size_t)bind * 2 + (bind_mode == IPC_BIND_RECEIVER);
    return index < OPERATOR_MAX_ROWS ? &op->rows[index] : NULL;
}

static void copy_text(char *out, size_t size, struct bytes text)
{
    str_copy(out, size, (const char *)text.data, text.len);
}

void operators_note_session(struct mno *op, const struct ipc_session *s)
{
    struct operator_session *row = row_of(op, s->bind, s->bind_mode);
    if (!row)
        return;
    size_t end = (size_t)(row - op->rows) + 1;
    op->row_end = (uint8_t)(end > op->row_end ? end : op->row_end);
    row->present = true;
    row->bind = s->bind;
    row->bind_mode = s->bind_mode;
    row->state = s->state;
    row->since_ms = s->since_ms;
    row->last_bound_ms = s->last_bound_ms;
    row->reconnect_attempts = s->reconnect_attempts;
    row->window_limit = s->window_limit;
    row->window_used = s->window_used;
    row->refused_status = s->refused_status;
    row->enquire_rtt_us = s->enquire_rtt_us;
    row->sc_interface_version = s->sc_interface_version;
    row->tls_expiry_ms = s->tls_expiry_ms;
    row->refused_ms = s->refused_ms;
    row->bytes_sent = s->bytes_sent;
    row->bytes_received = s->bytes_received;
    copy_text(row->phase, sizeof(row->phase), s->phase);
    copy_text(row->peer, sizeof(row->peer), s->peer);
    copy_text(row->tls, sizeof(row->tls), s->tls);
    copy_text(row->tls_peer, sizeof(row->tls_peer), s->tls_peer);
    copy_text(row->reason, sizeof(row->reason), s->reason);
}

void operators_note_session_gone(struct mno *op, const struct ipc_session_gone *s)
{
    struct operator_session *row = row_of(op, s->bind, s->bind_mode);
    if (row && row->present && row->bind_mode == s->bind_mode)
        *row = (struct operator_session){0};
}

void operators_note_state(struct mno *op, const struct ipc_operator_state *s)
{
    static const uint8_t none[IPC_OPERATOR_ID_SIZE];
    op->health = s->health;
    op->failed_over = s->failed_over != 0;
    if (s->credentials_ms < op->credentials_ms)
        return; /* an agent that does not know CONTRACT, or not this one yet */
    op->has_credentials = s->credentials_ms != 0;
    op->credentials_ms = s->credentials_ms;
    op->port = s->port;
    op->bind_mode = s->bind_mode;
    op->tps_limit = s->tps_limit;
    op->has_backup = memcmp(s->backup_operator_id, none, sizeof(none)) != 0;
    if (op->has_backup)
        memcpy(op->backup_id, s->backup_operator_id, sizeof(op->backup_id));
    copy_text(op->host, sizeof(op->host), s->host);
}

void operators_note_stats(struct mno *op, const struct ipc_stats *s)
{
    struct buf_reader r = buf_reader(s->values.data, s->values.len);
    for (size_t i = 0; i < IPC_STATS_COUNT && buf_left(&r) >= 8; i++)
        op->stats[i] = buf_get_u64(&r);
}

bool operators_is_configured(const struct mno *op)
{
    return !op->dropping && !op->unconfigured;
}

bool operators_is_served(const struct mno *op)
{
    return operators_is_configured(op) && !op->standby && op->release == RELEASE_NONE;
}

bool operators_can_transmit(const struct mno *op)
{
    if (op->health != IPC_HEALTH_BOUND && op->health != IPC_HEALTH_FAILBACK)
        return false; /* also while the transmitter of a pair stands without its receiver */
    for (size_t i = 0; i < op->row_end; i++) {
        const struct operator_session *row = &op->rows[i];
        bool bound = row->state == IPC_SESSION_BOUND || row->state == IPC_SESSION_FAILBACK;
        if (row->present && bound && row->bind_mode != IPC_BIND_RECEIVER)
            return true;
    }
    return false;
}

const char *operators_name(const struct mno *op)
{
    return op->settings.name ? op->settings.name : op->id_text;
}
