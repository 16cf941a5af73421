/* When traffic goes to the backup operator and when it comes back, and the copies themselves. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/str.h"

#include "bridge/failover.h"
#include "bridge/mt_consumer.h"
#include "bridge/mt_settle.h"

#define STEADY_PART 10  /* of FAILOVER_AFTER_MS */
#define STUCK_MS 10000  /* a stream's leader may be changing */
#define OFFERED_MS 2000 /* for a bind that another instance could not have */

static const char *backup_text(const struct mno *op, char out[UUID_TEXT_SIZE])
{
    struct uuid id;
    memcpy(id.octets, op->backup_id, UUID_SIZE);
    uuid_format(&id, out);
    return out;
}

/* --- begin and end --- */

static void tell_agent(struct mt_operator *mo, bool begin)
{
    char backup[UUID_TEXT_SIZE];
    struct agent_link *link = mo->path->with.link;
    struct ipc_failover record = {.begin = begin};
    memcpy(record.operator_id, mo->op->id, sizeof(record.operator_id));
    ipc_put_failover(agent_link_begin(link), &record);
    agent_link_end(link);
    mo->op->failed_over = begin;
    memset(mo->copies_to, 0, sizeof(mo->copies_to));
    mo->backup_has_pulls = false; /* to be asked for anew, another time */
    log_warn(begin ? "traffic goes to the backup operator" : "traffic comes back from the backup",
             LOG_STR("operatorId", mo->op->id_text),
             LOG_STR("backupOperatorId", backup_text(mo->op, backup)));
}

/* A session of ours, where we serve it (our own pulls wait even while it is unbound); else another
 * instance's waiting pulls. */
static bool backup_is_served(const struct mt_operator *mo)
{
    const struct mno *backup = operators_find(mo->path->with.operators, mo->op->backup_id);
    if (backup && operators_is_served(backup))
        return operators_can_transmit(backup) && !backup->failed_over;
    return mo->backup_has_pulls;
}

/* What waits here, or was given to the agent and not yet handed to a socket. */
static void copy_waiting(struct mt_operator *mo)
{
    static const enum mt_stage stages[] = {MT_READY_PRIORITY, MT_READY, MT_AT_AGENT, MT_WAITING};
    for (size_t i = 0; i < ARRAY_LEN(stages); i++) {
        LIST_FOREACH (item, &mo->stages[stages[i]]) {
            struct mt *mt = LIST_ENTRY(item, struct mt, link);
            if (!failover_wants(mt))
                continue;
            mt->end = MT_END_COPIED;
            mt_settle_end(mt);
        }
    }
}

static void begin_when_due(struct mt_operator *mo, mono_t now)
{
    bool due = mono_diff_ms(now, mo->unable_since) >= mo->op->settings.failover_after_ms;
    if (!due || !mo->op->has_backup || memcmp(mo->op->backup_id, mo->op->id, UUID_SIZE) == 0)
        return;
    if (backup_is_served(mo))
        tell_agent(mo, true);
    else
        mt_consumer_ask_backup(mo);
}

static uint32_t copies_under_way(const struct mt_operator *mo)
{
    uint32_t count = 0;
    static const enum mt_stage stages[] = {MT_CLOSING, MT_REPORTING, MT_RECALLED};
    for (size_t i = 0; i < ARRAY_LEN(stages); i++) {
        LIST_FOREACH (item, &mo->stages[stages[i]]) {
            const struct mt *mt = LIST_ENTRY(item, struct mt, link);
            count += mt->end == MT_END_COPIED && !failover_is_stuck(mt);
        }
    }
    return count;
}

/* A bind that comes and goes can't be relied on: it is back when it has stood for a while. */
static bool is_steady(const struct mt_operator *mo, mono_t now)
{
    return mo->able_since.ns &&
           mono_diff_ms(now, mo->able_since) >= mo->op->settings.failover_after_ms / STEADY_PART;
}

/* A failover that a former bridge began goes to the backup there is now. */
static void note_backup(struct mt_operator *mo)
{
    static const uint8_t none[IPC_OPERATOR_ID_SIZE];
    if (mo->op->failed_over && memcmp(mo->copies_to, none, sizeof(none)) == 0)
        memcpy(mo->copies_to, mo->op->backup_id, sizeof(none));
}

/* Else it was withdrawn or exchanged: another one must first be known to be served. */
static bool backup_is_the_same(const struct mt_operator *mo)
{
    return mo->op->has_backup &&
           memcmp(mo->copies_to, mo->op->backup_id, sizeof(mo->copies_to)) == 0;
}

void failover_look(struct mt_operator *mo)
{
    mono_t now = loop_now(mo->path->with.loop);
    if (!mo->path->listed)
        return;
    if (operators_can_transmit(mo->op)) {
        if (!mo->able_since.ns)
            mo->able_since = now;
        if (is_steady(mo, now))
            mo->unable_since = (mono_t){0};
        return;
    }
    mo->able_since = (mono_t){0};
    if (mo->unable_since.ns)
        return;
    mo->unable_since = now;
    mo->backup_has_pulls = false;
}

void failover_taken(struct mt_operator *mo, bool was_offered)
{
    int64_t after_ms = mo->op->settings.failover_after_ms;
    int64_t spent_ms = was_offered && after_ms > OFFERED_MS ? after_ms - OFFERED_MS : 0;
    mo->able_since = (mono_t){0};
    mo->unable_since = mono_add_ms(loop_now(mo->path->with.loop), -spent_ms);
    mo->backup_has_pulls = false;
}

static void end_when_due(struct mt_operator *mo)
{
    if (copies_under_way(mo) > 0)
        return;
    mo->is_ending = false;
    tell_agent(mo, false);
    mt_touch(mo);
}

void failover_tick(struct mt_operator *mo)
{
    mono_t now = loop_now(mo->path->with.loop);
    failover_look(mo);
    if (mo->path->stopping || !operators_is_served(mo->op))
        return;
    if (!mo->op->failed_over && !operators_can_transmit(mo->op))
        begin_when_due(mo, now);
    note_backup(mo);
    mo->is_ending = mo->op->failed_over && (is_steady(mo, now) || !backup_is_the_same(mo));
    if (mo->is_ending) {
        end_when_due(mo);
    } else if (mo->op->failed_over) {
        copy_waiting(mo);
        mt_touch(mo);
    }
}

/* --- copies --- */

/* Nothing of it may have reached the MNO, but for what is unknown and would be sent again here. */
static bool is_untouched(const struct mt *mt)
{
    size_t fresh = mt_count_segments(mt, SEGMENT_NEW) + mt_count_segments(mt, SEGMENT_OUT);
    int64_t now_ms = clock_wall_ms();
    for (size_t i = 0; i < mt->segment_count; i++) {
        const struct mt_segment *s = &mt->segments[i];
        fresh += s->state == SEGMENT_UNKNOWN && mt_settle_has_rested(s, now_ms);
    }
    return fresh == mt->segment_count;
}

bool failover_may_copy(const struct mt *mt)
{
    return mt->owner->op->has_backup && mt_count_segments(mt, SEGMENT_DONE) == 0 &&
           mt_count_segments(mt, SEGMENT_STORING) == 0 &&
           mt_count_segments(mt, SEGMENT_UNSTORED) == 0;
}

bool failover_wants(const struct mt *mt)
{
    const struct mt_operator *mo = mt->owner;
    return mo->op->failed_over && !mo->is_ending && backup_is_the_same(mo) && !mt->end &&
           !mt->has_original_operator && is_untouched(mt);
}

bool failover_is_stuck(const struct mt *mt)
{
    if (mt->end != MT_END_COPIED)
        return false;
    if (!mt->publish)
        return mt_settle_is_text_missing(mt);
    return jetstream_publish_troubled_ms(mt->owner->path->with.js, mt->publish) >= STUCK_MS;
}

/* Steps over a JSON string that begins at `p`; the document is well-formed. */
static const char *skip_string(const char *p)
{
    for (p++; *p != '"'; p++)
        p += *p == '\\';
    return p + 1;
}

static const char *skip_blank(const char *p)
{
    return p + strspn(p, " \t\r\n");
}

/* The character at *p, which may be written as \u and four digits. */
static int next_char(const char **p)
{
    int value = 0;
    if ((*p)[0] != '\\' || (*p)[1] != 'u')
        return *(*p)++;
    for (size_t i = 2; i < 6; i++)
        value = value << 4 | str_hex_digit((*p)[i]);
    *p += 6;
    return value;
}

static bool is_operator_id(const char *string)
{
    const char *p = string + 1;
    for (const char *name = "operatorId"; *name; name++) {
        if (next_char(&p) != *name)
            return false;
    }
    return *p == '"';
}

/* The opening quote of the outermost operatorId's value; `json` ends with NUL. */
static const char *find_operator_id(const char *json)
{
    int depth = 0;
    for (const char *p = json; *p;) {
        if (*p == '"') {
            const char *end = skip_string(p);
            const char *next = skip_blank(end);
            if (depth == 1 && *next == ':' && is_operator_id(p))
                return skip_blank(next + 1);
            p = end;
            continue;
        }
        depth += *p == '{' || *p == '[';
        depth -= *p == '}' || *p == ']';
        p++;
    }
    return NULL;
}

char *failover_rewrite(const char *json, size_t len, const char *operator_id, size_t *len_r)
{
    char *copy = xmalloc(len + 1);
    memcpy(copy, json, len);
    copy[len] = 0;
    const char *value = find_operator_id(copy);
    if (!value || *value != '"') {
        free(copy);
        return NULL;
    }
    const char *rest = skip_string(value);
    size_t head = (size_t)(value - copy), tail = len - (size_t)(rest - copy);
    char *out = xmalloc(head + strlen(operator_id) + 3 + tail);
    int written = snprintf(out, head + strlen(operator_id) + 3 + tail, "%.*s\"%s\"%s", (int)head,
                           copy, operator_id, rest);
    *len_r = (size_t)written;
    free(copy);
    return out;
}

struct jetstream_publish *failover_publish(const struct mt *mt, jetstream_stored *stored, void *arg)
{
    const struct mno *op = mt->owner->op;
    char backup[UUID_TEXT_SIZE], subject[64], msg_id[128];
    size_t len;
    backup_text(op, backup);
    char *json = failover_rewrite((const char *)mt->raw, mt->raw_len, backup, &len);
    INVARIANT(json); /* it was parsed before */
    snprintf(subject, sizeof(subject), "smpp.operator.%s", backup);
    snprintf(msg_id, sizeof(msg_id), "failover:%s:%" PRIu64 ":%" PRIu64, op->id_text,
             mt->key.sequence, mt->key.time_ns);
    const struct jetstream_header headers[] = {
        {FAILOVER_HEADER, op->id_text},
        {"traceparent", mt->traceparent},
    };
    struct jetstream_publish *p =
        jetstream_publish(mt->owner->path->with.js, subject, msg_id, headers,
                          *mt->traceparent ? 2 : 1, json, len, stored, arg);
    free(json);
    return p;
}
