/* SmsDispatchCommand: read, checked and refused with a reason that a person can act on. */
#ifndef PROTO_COMMANDS_H
#define PROTO_COMMANDS_H

#include "common/base.h"
#include "proto/address.h"
#include "proto/json.h"
#include "proto/split.h"
#include "proto/uuid.h"

#define COMMAND_BINARY_MAX 35700 /* octets of dataHex: 255 segments of 140 */

/* Views point into what was parsed, or into `json`, which the command owns. */
struct command {
    struct json *json; /* NULL: the command was plain */
    struct uuid message_id;
    struct uuid operator_id;
    struct bytes account_id; /* as it came; empty when absent */
    struct address to;
    struct address from;
    struct bytes text; /* well-formed UTF-8; empty with binary */
    bool has_binary;   /* dataHex instead of text */
    struct bytes binary;
    uint8_t data_coding; /* of binary */
    enum split_request encoding;
    bool flash;
    bool payload_wanted; /* longMessageStrategy TLV */
    bool has_expires_at, has_scheduled_at;
    int64_t expires_at_ms, scheduled_at_ms; /* unix */
    /* What the command sets wins over what is inferred and over the operator's settings; -1: not
     * set. */
    int priority;                                   /* 0..3 */
    int registered_delivery;                        /* 0..31 */
    int source_ton, source_npi, dest_ton, dest_npi; /* `to` and `from` hold the inferred ones */
    struct bytes tlvs;                              /* encoded; empty when none */
    /* Whether some TON or NPI was given is visible above; `to` and `from` hold the inferred ones.
     */
    uint8_t *owned; /* memory behind binary and tlvs */
};

/* Why a command can never be sent. */
enum command_fault {
    COMMAND_OK,
    COMMAND_NOT_JSON,       /* too large, ill-formed, no object */
    COMMAND_MISSING_FIELD,  /* an indispensable one */
    COMMAND_INVALID_FIELD,  /* one that cannot be honoured as it is */
    COMMAND_WRONG_OPERATOR, /* operatorId is not the subject's */
};
const char *
command_fault_name(enum command_fault fault); /* "invalid_field", for metrics and logs */

/* On COMMAND_OK the caller ends with commands_clear(), until which `data` has to stay; otherwise
 * *command_r is empty and `error` names the field and what is wrong with it, never the text or a
 * number. `operator_id` is the subject's. */
enum command_fault commands_parse(const char *data, size_t len, const struct uuid *operator_id,
                                  struct command *command_r, char *error,
                                  size_t error_size) MUST_CHECK;
void commands_clear(struct command *command);

/* Whatever can still be read of a command that was refused, from bytes that need not be JSON, so
 * that its end can be reported. Looks at the members of the outermost object only. */
struct command_traces {
    bool has_message_id;
    struct uuid message_id;
    bool has_operator_id;
    struct uuid operator_id;
};
void commands_find_traces(const char *data, size_t len, struct command_traces *traces_r);

#endif
