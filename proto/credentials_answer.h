/* The answer of operator-management-service with an operator's SMPP credentials. */
#ifndef PROTO_CREDENTIALS_ANSWER_H
#define PROTO_CREDENTIALS_ANSWER_H

#include "common/base.h"
#include "proto/json.h"
#include "proto/smpp_bind.h"
#include "proto/uuid.h"

#define CREDENTIALS_ANSWER_LIMIT 16384u /* bytes */
#define CREDENTIALS_HOST_SIZE 256
#define CREDENTIALS_TPS_MAX 100000

enum bind_mode { BIND_TRANSCEIVER = 1, BIND_TRANSMITTER = 2, BIND_RECEIVER = 3 };
const char *bind_mode_name(enum bind_mode mode); /* "TRANSCEIVER" */
bool bind_mode_parse(const char *s, size_t len, enum bind_mode *mode_r) MUST_CHECK;

struct credentials_answer {
    struct uuid operator_id;
    char host[CREDENTIALS_HOST_SIZE]; /* a name or address, IPv6 without brackets */
    uint16_t port;
    char system_id[SMPP_BIND_CREDENTIAL_MAX + 1];
    uint32_t tps_limit; /* 0: send nothing */
    enum bind_mode bind_mode;
    bool has_backup;
    struct uuid backup_operator_id;
    struct bytes password; /* a view into `json`, 0 to 64 octets */
    struct json *json;     /* owned */
};

/* operatorId has to be the one asked for. -1 with a reason that names the field and quotes nothing;
 * then *answer_r is empty and the parsed texts are wiped; what the parser frees on its way is wiped
 * too once json_wipe_always() was called. The body itself is the caller's to wipe. */
int credentials_answer_parse(const char *data, size_t len, const struct uuid *operator_id,
                             struct credentials_answer *answer_r, char *error,
                             size_t error_size) MUST_CHECK;
/* Wipes the password and what was around it; ends every successful parse, as soon as the password
 * was sealed. */
void credentials_answer_wipe(struct credentials_answer *answer);

#endif
