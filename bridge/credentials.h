/*
 * CREDENTIALS_WANTED → GET {url}/internal/operators/{operatorId}/smpp-credentials over mTLS →
 * CREDENTIALS, the password sealed to the agent's key. Each fetch re-reads token and TLS files;
 * nothing is cached. An answer's limits go into the operator at once.
 */
#ifndef BRIDGE_CREDENTIALS_H
#define BRIDGE_CREDENTIALS_H

#include "bridge/agent_link.h"
#include "bridge/https_client.h"
#include "bridge/operators.h"
#include "bridge/tps.h"

struct credentials;

/* Strings must live as long as the credentials. */
struct credentials_options {
    struct loop *loop;
    struct agent_link *link;
    struct https_client *client;
    struct operators *operators;
    struct tps *tps;
    const char *url; /* OPERATOR_MGMT_URL */
    const char *ca_file, *cert_file, *key_file;
    const char *token, *token_file; /* the file wins */
    int64_t refresh_ms;             /* CREDENTIALS_REFRESH_MS; 0: only when asked */
};

struct credentials *credentials_create(const struct credentials_options *options) MUST_CHECK;
void credentials_destroy(struct credentials **c);
void credentials_set_refresh_ms(struct credentials *c, int64_t refresh_ms);

void credentials_wanted(struct credentials *c, const struct ipc_credentials_wanted *record);
/* The agent is gone: its requests are cancelled. */
void credentials_forget(struct credentials *c);
void credentials_operator_gone(struct credentials *c, const struct mno *op);

/* One answer, for --check-config --connect: `done` runs once with NULL or what went wrong. */
typedef void credentials_checked(void *arg, const char *error);
void credentials_check(struct credentials *c, const struct mno *op, credentials_checked *done,
                       void *arg);

/* Why the last fetch of the operator failed; NULL: it did not, or there was none. */
const char *credentials_trouble(const struct credentials *c, const struct mno *op);

#endif
