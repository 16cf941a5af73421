/* Every command_status with what it means for the message and for a bind: smpp_status.def as a
 * table. */
#ifndef PROTO_SMPP_STATUS_H
#define PROTO_SMPP_STATUS_H

#include "common/base.h"

/* What a refused submit_sm calls for; an operator's settings may say otherwise per status. */
enum smpp_status_class {
    SMPP_STATUS_OK,
    SMPP_STATUS_RETRY,     /* again later, with back-off */
    SMPP_STATUS_THROTTLE,  /* slow the session down, then again; never counts as an attempt */
    SMPP_STATUS_PERMANENT, /* this message will never be taken */
    SMPP_STATUS_SESSION,   /* the bind is no good: bind anew, then again */
};

/* What a refused bind calls for. */
enum smpp_bind_verdict {
    SMPP_BIND_OK,
    SMPP_BIND_CREDENTIALS,   /* wrong or locked: slow retries and an alarm, or the MNO bans us */
    SMPP_BIND_ALREADY_BOUND, /* it still holds our old session: wait for minutes, not seconds */
    SMPP_BIND_TRANSIENT,     /* the usual reconnect back-off */
    SMPP_BIND_UNSUPPORTED,   /* this kind of bind is not offered: use transmitter + receiver */
};

/* No operator's limit: as many attempts as the settings allow. */
#define SMPP_STATUS_ATTEMPTS_ANY UINT8_MAX
/* A status nobody has described is worth this many attempts in all. */
#define SMPP_STATUS_ATTEMPTS_UNKNOWN 3

struct smpp_status {
    uint32_t code;
    const char *name; /* "ESME_RTHROTTLED"; "vendor" for 0x400-0x4FF, "unknown" for the rest */
    enum smpp_status_class class;
    enum smpp_bind_verdict bind;
    uint8_t max_attempts; /* cap for class RETRY, or SMPP_STATUS_ATTEMPTS_ANY */
};

/* Never fails: what the table lacks is RETRY with a cap, and vendor codes are PERMANENT. */
struct smpp_status smpp_status_get(uint32_t code) MUST_CHECK;

/* "0x58", "0x00000058" (the interface's form) or "88". */
bool smpp_status_parse(const char *s, size_t len, uint32_t *code_r) MUST_CHECK;
/* "0x00000058" */
#define SMPP_STATUS_TEXT_SIZE 11
void smpp_status_format(uint32_t code, char out[SMPP_STATUS_TEXT_SIZE]);

/* The words of the setting statusClasses: retry, throttle, permanent, session. */
const char *smpp_status_class_name(enum smpp_status_class class);
bool smpp_status_class_parse(const char *s, size_t len, enum smpp_status_class *class_r) MUST_CHECK;

#endif
