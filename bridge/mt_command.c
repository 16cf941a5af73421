/* Parses a command and decides until when it may be sent. */
#include <stdio.h>
#include <string.h>

#include "bridge/mt_command.h"

static void keep(struct mt *mt, const void *data, size_t len)
{
    if (mt->raw != data)
        mt_keep_raw(mt, data, len);
}

static void note_message_id(struct mt *mt, const struct uuid *id)
{
    memcpy(mt->message_id, id->octets, sizeof(mt->message_id));
    mt->message_id_known = true;
}

static void refuse(struct mt *mt, const void *data, size_t len, enum command_fault fault,
                   const char *error)
{
    struct command_traces traces;
    commands_find_traces(data, len, &traces);
    if (traces.has_message_id)
        note_message_id(mt, &traces.message_id);
    char reason[320];
    snprintf(reason, sizeof(reason), "%s: %s", command_fault_name(fault), error);
    mt->end = MT_END_INVALID;
    mt_set_reason(mt, reason);
    keep(mt, data, len);
}

static int64_t not_after(const struct mt *mt, const struct command *command)
{
    if (command->has_expires_at)
        return command->expires_at_ms;
    int64_t stored_ms = (int64_t)(mt->key.time_ns / NS_PER_MS);
    return stored_ms + mt->owner->path->with.settings->max_command_age_s * 1000;
}

bool mt_command_read(struct mt *mt, const void *data, size_t len, struct command *command)
{
    struct uuid operator_id;
    char error[256];
    memcpy(operator_id.octets, mt->owner->op->id, UUID_SIZE);
    enum command_fault fault =
        commands_parse(data, len, &operator_id, command, error, sizeof(error));
    if (fault != COMMAND_OK) {
        refuse(mt, data, len, fault, error);
        return false;
    }
    note_message_id(mt, &command->message_id);
    mt->not_after_ms = not_after(mt, command);
    mt->destination_digest = correlation_address_digest(command->to.text);
    mt->lane = command->priority >= 2;
    if (clock_wall_ms() < mt->not_after_ms)
        return true;
    mt_set_expired(mt);
    keep(mt, data, len);
    commands_clear(command);
    return false;
}
