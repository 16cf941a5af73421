/*
 * All of the agent's OpenSSL: opening the sealed password, recognising changed credentials, and TLS
 * between two memory buffers (transport.c owns the socket). Errors are texts for people.
 */
#ifndef SESSION_AGENT_CRYPTO_H
#define SESSION_AGENT_CRYPTO_H

#include "common/base.h"
#include "common/secret.h"

/* --- the password (proto/README.md, "The password") --- */

#define CRYPTO_KEY_SIZE 32
#define CRYPTO_SEAL_OVERHEAD 28 /* nonce 12, tag 16 */

/* The X25519 key pair of one CREDENTIALS_WANTED; the private half is in locked memory. */
struct crypto_box;

/* Makes a pair and tells its public half. */
struct crypto_box *crypto_box_create(uint8_t public_key_r[CRYPTO_KEY_SIZE]) MUST_CHECK;
/* Wipes the private half. */
void crypto_box_destroy(struct crypto_box **box);
/* The password as a secret that ends with NUL: it is secret_size() − 1 octets long, maybe 0. −1:
 * not sealed for this request, cut short, or a NUL within. */
int crypto_box_open(const struct crypto_box *box, const uint8_t ephemeral_key[CRYPTO_KEY_SIZE],
                    const uint8_t operator_id[16], uint64_t request, struct bytes sealed,
                    struct secret **password_r, char *error_r, size_t error_size) MUST_CHECK;

/* --- recognising a change --- */

#define CRYPTO_DIGEST_SIZE 32

/* HMAC-SHA256 over the parts (each with its length) under a key that is random per process: equal
 * parts, equal digest; nothing is learnt from it outside. */
void crypto_digest(const struct bytes *parts, size_t count, uint8_t digest_r[CRYPTO_DIGEST_SIZE]);

/* --- TLS --- */

/* All texts may be NULL or empty. */
struct crypto_tls_settings {
    const char *ca_file;   /* empty: the system's */
    const char *cert_file; /* with key_file: our certificate, with its chain */
    const char *key_file;
    const char *server_name; /* required: name or IP address that the certificate must be for */
    uint16_t min_version;    /* 0x0303 (also when 0) or 0x0304 */
};

struct crypto_tls;

/* A client that verifies. The files are read here, again whenever they changed. −1: which file, and
 * why. */
int crypto_tls_create(const struct crypto_tls_settings *settings, struct crypto_tls **tls_r,
                      char *error_r, size_t error_size) MUST_CHECK;
void crypto_tls_destroy(struct crypto_tls **tls);

enum crypto_tls_state {
    CRYPTO_TLS_HANDSHAKE,
    CRYPTO_TLS_OPEN,
    CRYPTO_TLS_ENDED,  /* the peer said close_notify */
    CRYPTO_TLS_FAILED, /* crypto_tls_error() says why */
};
enum crypto_tls_state crypto_tls_state(const struct crypto_tls *tls);
const char *crypto_tls_error(const struct crypto_tls *tls);

/* Begins the handshake: there is output afterwards. */
void crypto_tls_start(struct crypto_tls *tls);
/* Takes bytes from the wire and hands plaintext to `plain` (valid during the call; false: stop, and
 * the engine is not touched any more). There may be output afterwards, in every state. False: the
 * callback said so. */
bool crypto_tls_feed(struct crypto_tls *tls, const uint8_t *data, size_t len,
                     bool (*plain)(void *arg, const uint8_t *data, size_t len),
                     void *arg) MUST_CHECK;
/* Encrypts in state OPEN; the output holds all of it. −1: the state is FAILED now. */
int crypto_tls_write(struct crypto_tls *tls, const uint8_t *data, size_t len) MUST_CHECK;
/* Says close_notify if it can. */
void crypto_tls_finish(struct crypto_tls *tls);

/* What is to go over the wire, as a view; then drop it. */
struct bytes crypto_tls_output(const struct crypto_tls *tls);
void crypto_tls_output_taken(struct crypto_tls *tls);

/* Once open. "TLSv1.3 TLS_AES_256_GCM_SHA384"; wall ms at which the peer's certificate ends. */
void crypto_tls_describe(const struct crypto_tls *tls, char *out, size_t size);
int64_t crypto_tls_peer_expiry_ms(const struct crypto_tls *tls);
/* Subject of the peer's certificate, RFC 2253, cut; the caller frees it. NULL: it has none. */
#define CRYPTO_TLS_SUBJECT_MAX 159
char *crypto_tls_peer_subject(const struct crypto_tls *tls) MUST_CHECK;

#endif
