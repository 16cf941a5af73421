/*
 * SUBMITs within two bounds: slots of the operator (CREDIT) and entries of the ledger. All segments
 * of a message have their entries before the first one goes; they go in order as slots allow.
 */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

#include "bridge/mt_command.h"
#include "bridge/mt_credit.h"
#include "bridge/mt_encode.h"
#include "bridge/mt_ledger.h"
#include "bridge/mt_references.h"
#include "bridge/mt_settle.h"
#include "bridge/mt_submit.h"

/* --- receipts that may come any moment --- */

uint16_t *mt_submit_expected(const struct mt_path *path, const struct mno *op,
                             uint64_t destination_digest)
{
    uint64_t hash = (destination_digest ^ op->tag) * UINT64_C(0x9e3779b97f4a7c15);
    return &path->expected[hash >> 50];
}
_Static_assert(MT_EXPECTED_SIZE == 1 << 14, "the 14 highest bits of the hash choose");

void mt_submit_expect(struct mt *mt)
{
    uint16_t *counter = mt_submit_expected(mt->owner->path, mt->owner->op, mt->destination_digest);
    if (mt->is_expected || *counter == UINT16_MAX)
        return;
    mt->is_expected = true;
    ++*counter;
}

void mt_submit_unexpect(struct mt *mt)
{
    if (mt->is_expected)
        --*mt_submit_expected(mt->owner->path, mt->owner->op, mt->destination_digest);
    mt->is_expected = false;
}

/* --- room --- */

bool mt_can_submit(const struct mt_operator *mo)
{
    const struct mt_path *path = mo->path;
    /* What was begun is finished before an operator is given to another instance. */
    bool may = operators_is_served(mo->op) || mo->op->release == RELEASE_SETTLING;
    return path->listed && !path->stopping && !mo->op->paused && may && !mo->op->failed_over &&
           mo->slots > mo->without_outcome;
}

/* --- sending --- */

static void put_submit(struct mt *mt, struct mt_segment *segment, struct bytes body)
{
    struct mt_path *path = mt->owner->path;
    struct context context = mt_context(mt, segment);
    uint8_t packed[CONTEXT_MAX];
    size_t packed_len;
    if (!context_encode(&context, packed, sizeof(packed), &packed_len))
        panic("a context does not fit");
    struct ipc_submit submit = {
        .key = mt->key,
        .segments = mt->segment_count,
        .lane = mt->lane,
        .not_after_ms = mt->not_after_ms,
        .context = {packed, packed_len},
        .body = body,
    };
    submit.key.segment = segment->number;
    submit.key.attempt = segment->attempt;
    memcpy(submit.operator_id, mt->owner->op->id, sizeof(submit.operator_id));
    ipc_put_submit(agent_link_begin(path->with.link), &submit);
    agent_link_end(path->with.link);
    mt_set_segment_state(segment, SEGMENT_OUT);
}

static void count_segments(struct mt *mt)
{
    struct operator_counters *counters = &mt->owner->op->counters;
    if (mt->segment_count > 1 && mt->strategy == 1)
        counters->segments_csms += mt->segment_count;
    else if (mt->strategy == 2)
        counters->segments_tlv += mt->segment_count;
}

/* Sends what is NEW of it as far as there are slots. −1: it can't be encoded. */
static int send_segments(struct mt *mt, const struct command *command, char *error_r,
                         size_t error_size)
{
    struct mt_operator *mo = mt->owner;
    for (size_t i = 0; i < mt->segment_count; i++) {
        struct mt_segment *segment = &mt->segments[i];
        struct bytes body;
        if (segment->state != SEGMENT_NEW)
            continue;
        if (!mt_can_submit(mo))
            return 0;
        if (mt_encode_body(mo->path->encoder, mt, command, segment->number, &body, error_r,
                           error_size) != 0)
            return -1;
        put_submit(mt, segment, body);
    }
    return 0;
}

static uint64_t reference_key(const struct command *command)
{
    return context_destination_digest(command->to.text, strlen(command->to.text));
}

/* Why a command waits on; else it was sent (in part) or has ended. */
enum sent { SENT, NO_ROOM };

static enum sent send_command(struct mt *mt, const struct command *command)
{
    struct mt_operator *mo = mt->owner;
    char error[256];
    bool is_new = mt->segment_count == 0;
    uint32_t reference =
        mt_references_next(mo->path->references, reference_key(command), clock_wall_ms());
    if (is_new)
        mt->concat_ref = (uint16_t)reference;
    if (mt_encode_command(mo->path->encoder, mt, command, error, sizeof(error)) != 0) {
        mt->end = MT_END_INVALID;
        mt_set_reason(mt, error);
        mt_settle_end(mt);
        return SENT;
    }
    if (!mt_ledger_reserve(mt, mt->segment_count)) {
        if (is_new)
            mt_forget_segments(mt);
        return NO_ROOM;
    }
    if (is_new) {
        if (mt->segment_count > 1)
            mt_references_take(mo->path->references, reference_key(command), reference);
        mo->segments_x16 = mt_credit_mean_x16(mo->segments_x16, mt->segment_count);
        count_segments(mt);
    }
    mt_submit_expect(mt);
    if (send_segments(mt, command, error, sizeof(error)) == 0)
        return SENT;
    mt->end = MT_END_INVALID;
    mt_set_reason(mt, error);
    mt_settle_end(mt);
    return SENT;
}

static enum mt_stage waiting_stage(const struct mt *mt)
{
    return mt->lane ? MT_READY_PRIORITY : MT_READY;
}

/* Those before it in its lane; it is on the list of lane 0 itself. */
static bool others_wait(const struct mt *mt)
{
    const struct mt_operator *mo = mt->owner;
    INVARIANT(mt->stage == MT_READY);
    return mo->counts[MT_SENDING] > 0 || mo->counts[MT_READY_PRIORITY] > 0 ||
           (!mt->lane && mo->counts[MT_READY] > 1);
}

void mt_submit_take(struct mt *mt, const struct command *command, const void *data, size_t len)
{
    if (others_wait(mt) || !mt_can_submit(mt->owner) || send_command(mt, command) == NO_ROOM) {
        mt_keep_raw(mt, data, len);
        mt_move(mt, waiting_stage(mt));
        return;
    }
    if (mt->end) { /* it could not be encoded; mt_settle_end() has begun its end */
        if (!mt->raw)
            mt_keep_raw(mt, data, len);
        return;
    }
    bool all = mt_count_segments(mt, SEGMENT_NEW) == 0;
    if (!all)
        mt_keep_raw(mt, data, len);
    mt_move(mt, all ? MT_AT_AGENT : MT_SENDING);
}

void mt_submit_resume(struct mt *mt, const void *data, size_t len)
{
    mt_keep_raw(mt, data, len);
    mt->recalled = false;
    mt_move(mt, mt_count_segments(mt, SEGMENT_NEW) == mt->segment_count ? waiting_stage(mt)
                                                                        : MT_SENDING);
}

/* One that waits, from its kept text. False: there is no room for it. */
static bool send_waiting(struct mt *mt)
{
    struct command command;
    if (!mt_command_read(mt, mt->raw, mt->raw_len, &command)) {
        mt_settle_end(mt);
        return true;
    }
    enum sent sent = send_command(mt, &command);
    commands_clear(&command);
    if (sent == NO_ROOM)
        return false;
    if (mt->end)
        return true;
    if (mt_count_segments(mt, SEGMENT_NEW) > 0) {
        if (mt->stage != MT_SENDING)
            mt_move(mt, MT_SENDING);
        return false;
    }
    mt_drop_raw(mt);
    mt_move(mt, MT_AT_AGENT);
    mt_settle_advance(mt); /* others of its segments may have their outcome already */
    return true;
}

static bool send_list(struct mt_operator *mo, enum mt_stage stage)
{
    LIST_FOREACH (item, &mo->stages[stage]) {
        if (!mt_can_submit(mo) || !send_waiting(LIST_ENTRY(item, struct mt, link)))
            return false;
    }
    return true;
}

void mt_submit_work(struct mt_operator *mo)
{
    if (send_list(mo, MT_SENDING) && send_list(mo, MT_READY_PRIORITY))
        send_list(mo, MT_READY);
}

/* --- what is not to be sent any more --- */

static void expire_list(struct mt_operator *mo, enum mt_stage stage, int64_t now_ms)
{
    LIST_FOREACH (item, &mo->stages[stage]) {
        struct mt *mt = LIST_ENTRY(item, struct mt, link);
        if (now_ms < mt->not_after_ms)
            continue;
        mt_set_expired(mt);
        mt_settle_end(mt);
    }
}

void mt_submit_expire(struct mt_operator *mo)
{
    int64_t now_ms = clock_wall_ms();
    expire_list(mo, MT_READY_PRIORITY, now_ms);
    expire_list(mo, MT_READY, now_ms);
    expire_list(mo, MT_SENDING, now_ms);
}

static void give_back_list(struct mt_operator *mo, enum mt_stage stage)
{
    LIST_FOREACH (item, &mo->stages[stage]) {
        struct mt *mt = LIST_ENTRY(item, struct mt, link);
        /* Whether the NAK arrives does not matter: AckWait brings the message back as well. */
        if (!jetstream_nak_after(mo->path->with.js, mt->ack_subject,
                                 mo->path->stopping ? MT_REST_WHILE_STOPPING_NS : 0))
            log_debug("a command is left to its AckWait", LOG_STR("operatorId", mo->op->id_text));
        mt_destroy(&mt);
    }
}

void mt_submit_give_back(struct mt_operator *mo)
{
    give_back_list(mo, MT_READY_PRIORITY);
    give_back_list(mo, MT_READY);
}
