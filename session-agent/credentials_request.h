/*
 * One question to the bridge for an operator's credentials, and its answer. The password comes
 * sealed for this one question and is opened into locked memory (proto/README.md, "The password").
 */
#ifndef SESSION_AGENT_CREDENTIALS_REQUEST_H
#define SESSION_AGENT_CREDENTIALS_REQUEST_H

#include "common/secret.h"
#include "proto/ipc.h"
#include "session-agent/agent_context.h"
#include "session-agent/crypto.h"

struct credentials {
    char host[256];
    uint16_t port;
    char system_id[65];
    enum ipc_bind_mode bind_mode;
    uint32_t tps_limit;
    uint8_t backup_operator_id[IPC_OPERATOR_ID_SIZE]; /* all zero: none */
    uint8_t digest[CRYPTO_DIGEST_SIZE]; /* keyed, over all that a bind needs, password included */
    struct secret *password;            /* ends with NUL */
};

/* Wipes the password. */
void credentials_destroy(struct credentials **credentials);

struct credentials_request;

/* The answer: credentials, which are the callee's to destroy, or NULL with a reason. The request is
 * over then and may be destroyed inside the callback. Never runs inside of a call of the owner. */
typedef void (*credentials_answer)(void *arg, struct credentials *credentials, const char *error);

/* Asks at once if a bridge is attached, else when one is, and again should the answer stay away. */
struct credentials_request *credentials_request_create(struct agent_context *ctx,
                                                       const uint8_t operator_id[16],
                                                       credentials_answer answer,
                                                       void *arg) MUST_CHECK;
/* Wipes the private key; harmless at any time. */
void credentials_request_destroy(struct credentials_request **request);

/* A bridge was attached: what is unanswered is asked again, with new keys. */
void credentials_request_ask_all(struct agent_context *ctx);
/* The bridge's record; one whose number is unknown (withdrawn, or of an earlier attachment) is
 * ignored. */
void credentials_request_take_answer(struct agent_context *ctx,
                                     const struct ipc_credentials *record);

#endif
